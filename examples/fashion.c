/* Trains an image classifier on Fashion-MNIST, MNIST, or any other four idx files of 28x28 images in ten classes. */
#include <argp.h>
#include <errno.h>
#include <facula/facula.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arguments.h"

/* ---- the networks ------------------------------------------------------------------------------------------- */

static fac_module *mlp(void)
{
    return fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(784, 256), fac_nn_relu(), fac_nn_linear(256, 128),
                             fac_nn_relu(), fac_nn_linear(128, 10));
}

static fac_module *lenet(void)
{
    return fac_lenet();
}

static fac_module *cnn(void)
{
    return fac_nn_sequential(fac_nn_conv2d(1, 32, 3), fac_nn_relu(), fac_nn_conv2d(32, 64, 3), fac_nn_relu(),
                             fac_nn_max_pool2d(2), fac_nn_flatten(), fac_nn_linear(9216, 128), fac_nn_relu(),
                             fac_nn_linear(128, 10));
}

static fac_optimizer *adam(fac_module *model, double lr)
{
    return fac_adam(fac_parameters(model), .lr = lr);
}

static fac_optimizer *sgd(fac_module *model, double lr)
{
    return fac_sgd(fac_parameters(model), .lr = lr, .momentum = 0.9);
}

static const struct recipe {
    const char *name;
    fac_module *(*model)(void);
    fac_optimizer *(*optimizer)(fac_module *, double lr);
    double lr;
} recipes[] = {{"mlp", mlp, adam, 1e-3}, {"lenet", lenet, sgd, 0.01}, {"cnn", cnn, sgd, 0.01}};

/* ---- options ------------------------------------------------------------------------------------------------ */

static struct {
    const char *data, *save;
    const struct recipe *recipe;
    long epochs, steps, batch, log_every, threads;
    uint64_t seed;
    double lr; /* below 0: the recipe's */
    bool sequential, capture, watch;
    int port;
} options = {.data = "/usr/share/datasets/fashion-mnist",
             .recipe = &recipes[0],
             .epochs = 3,
             .batch = 64,
             .lr = -1,
             .port = 6060};

static const struct argp_option option_list[] = {
    {"data", 'd', "DIR", 0, "folder of the four idx files, plain or .gz (/usr/share/datasets/fashion-mnist)", 0},
    {"model", 'm', "NAME", 0, "mlp (trained by Adam), lenet or cnn (by SGD with momentum) (mlp)", 0},
    {"epochs", 'e', "N", 0, "rounds through all training images (3)", 0},
    {"steps", 'n', "N", 0, "stop after so many batches", 0},
    {"batch", 'b', "N", 0, "images a batch (64)", 0},
    {"lr", 'l', "F", 0, "learning rate (0.001 for mlp, else 0.01)", 0},
    {"seed", 's', "N", 0, "seed of the random numbers (0)", 0},
    {"sequential", 'q', NULL, 0, "batches in the order of the file, not shuffled", 0},
    {"capture", 'c', NULL, 0, "record the first step and replay it: the same numbers, sooner", 0},
    {"watch", 'w', NULL, 0, "show the training in the browser, to be steered there; keep it in runs/", 0},
    {"port", 'p', "N", 0, "of the browser's page (6060; 0: any that is free)", 0},
    {"log-every", 'k', "N", 0, "print the loss of every N-th step, no bar", 0},
    {"save", 'o', "FILE", 0, "write the trained weights, as safetensors", 0},
    {"threads", 't', "N", 0, "threads to use (all cores)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'd': options.data = arg; break;
    case 'm':
        options.recipe = NULL;
        for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
            if (!strcmp(arg, recipes[i].name)) options.recipe = &recipes[i];
        if (!options.recipe) argp_error(state, "there is no model '%s': mlp, lenet or cnn", arg);
        break;
    case 'e': options.epochs = (long)whole(state, arg, 1, 1000000000); break;
    case 'n': options.steps = (long)whole(state, arg, 1, 1000000000); break;
    case 'b': options.batch = (long)whole(state, arg, 1, 1000000000); break;
    case 'l': options.lr = learning_rate(state, arg); break;
    case 's': options.seed = (uint64_t)whole(state, arg, 0, INT64_MAX); break;
    case 'c': options.capture = true; break;
    case 'q': options.sequential = true; break;
    case 'w': options.watch = true; break;
    case 'p': options.port = (int)whole(state, arg, 0, 65535); break;
    case 'k': options.log_every = (long)whole(state, arg, 1, 1000000000); break;
    case 'o': options.save = arg; break;
    case 't': options.threads = (long)whole(state, arg, 1, 1000); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- progress ----------------------------------------------------------------------------------------------- */

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

/* A line with a bar that is drawn over itself on a terminal, a line now and then elsewhere. */
static void show_progress(long epoch, int64_t done, int64_t all, double loss, double started)
{
    static double last;
    bool terminal = isatty(STDOUT_FILENO);
    double t = now(), part = (double)done / (double)all;
    if (done == 1 && !terminal) last = t;
    if (t - last < (terminal ? 0.1 : 10) && !(terminal && done == all)) return;
    last = t;

    char line[200], bar[] = "..............................";
    memset(bar, '#', (size_t)(part * (double)strlen(bar)));
    int n = snprintf(line, sizeof line, "epoch %ld  %3.0f %%  loss %.4f  %.0f s left", epoch, 100 * part, loss,
                     (t - started) * (1 - part) / part);
    if (terminal) {
        snprintf(line + n, sizeof line - (size_t)n, "  [%s]", bar);
        printf("\r%-*.*s", terminal_width() - 1, terminal_width() - 1, line);
    } else
        puts(line);
    fflush(stdout);
}

static void clear_progress(void)
{
    if (isatty(STDOUT_FILENO)) printf("\r%*s\r", terminal_width() - 1, "");
}

/* ---- watching ----------------------------------------------------------------------------------------------- */

/* The run that shows the training, if that is asked for; NULL, else and after errors. */
static fac_run *watch(fac_module *model, fac_optimizer *optimizer, fac_loader *train)
{
    static const char *const clothes[] = {"T-shirt", "trousers", "pullover", "dress", "coat",
                                          "sandal",  "shirt",    "sneaker",  "bag",   "ankle boot"};
    if (!options.watch || fac_error()) return NULL;
    int64_t steps = options.epochs * fac_loader_count(train);
    if (options.steps && options.steps < steps) steps = options.steps;
    fac_run *run = fac_run_open(options.recipe->name, .steps = steps, .progress = !options.log_every);
    fac_run_note(run, "data", options.data);
    fac_run_module(run, model);
    fac_run_optimizer(run, optimizer);
    fac_run_drawing(run, model, 28, 28);
    if (strstr(options.data, "fashion")) fac_run_classes(run, clothes, 10);
    fac_run_serve(run, .port = options.port);
    return run;
}

/* ---- training ----------------------------------------------------------------------------------------------- */

/* How many of the predictions name the right class. */
static int64_t count_right(fac_tensor *logits, fac_tensor *y)
{
    return fac_item_int(fac_sum(fac_eq(fac_argmax(logits, .dim = 1), y)));
}

typedef struct tally {
    double loss;
    int64_t right, images, steps;
} tally;

typedef struct trainer {
    fac_module *model;
    fac_optimizer *optimizer;
    fac_run *run;              /* NULL: nobody watches */
    fac_tensor *logits, *loss; /* of the last step */
    /* of captured steps: the plan, the tensors that it reads, and those it writes */
    fac_plan *plan;
    fac_tensor *x, *y, *plan_logits, *plan_loss;
} trainer;

static void train_step(trainer *t, fac_tensor *x, fac_tensor *y)
{
    t->logits = fac_forward(t->model, x);
    t->loss = fac_cross_entropy(t->logits, y);
    fac_zero_grad(t->optimizer);
    fac_backward(t->loss);
    fac_step(t->optimizer);
}

/* A replay works on the tensors that were captured, so a batch is copied into them. A batch of another size, as the last one
 * often is, is trained on without. */
static void captured_step(trainer *t, fac_tensor *x, fac_tensor *y)
{
    if (!t->x) {
        t->x = fac_keep(fac_clone(x));
        t->y = fac_keep(fac_clone(y));
    }
    if (fac_size(x, 0) != fac_size(t->x, 0)) {
        train_step(t, x, y);
        return;
    }
    fac_copy_(t->x, x);
    fac_copy_(t->y, y);
    fac_capture(&t->plan) {
        train_step(t, t->x, t->y);
        t->plan_logits = fac_keep(t->logits); /* the block runs once */
        t->plan_loss = fac_keep(t->loss);
    }
    t->logits = t->plan_logits;
    t->loss = t->plan_loss;
}

static void trainer_free(trainer *t)
{
    fac_run_close(t->run);
    fac_plan_free(t->plan);
    fac_release(t->plan_logits);
    fac_release(t->plan_loss);
    fac_release(t->x);
    fac_release(t->y);
}

/* One round through the training images; false when the limit of steps is reached, somebody pressed stop, or something
 * failed. */
static bool train_epoch(long epoch, trainer *t, fac_loader *loader, tally *sum, long *step)
{
    double started = now();
    long batches = fac_loader_count(loader);
    if (options.steps && options.steps - *step < batches) batches = options.steps - *step;
    fac_train(t->model, true);
    *sum = (tally){0};
    fac_for_batch(loader, x, y) {
        if (!fac_run_step(t->run, *step + 1)) return false;
        if (options.capture)
            captured_step(t, x, y);
        else
            train_step(t, x, y);
        if (fac_error()) return false;

        double value = fac_item(t->loss);
        int64_t right = count_right(t->logits, y), images = fac_size(y, 0);
        ++*step;
        sum->loss += value;
        sum->right += right;
        sum->images += images;
        sum->steps++;
        fac_run_log(t->run, "loss/train", *step, value);
        fac_run_log(t->run, "accuracy/train", *step, (double)right / (double)images);
        if (options.log_every && *step % options.log_every == 0)
            printf("step %ld loss %.6f\n", *step, value);
        else if (!options.log_every && !t->run)
            show_progress(epoch, sum->steps, batches, value, started);
        if (*step == options.steps) return false;
    }
    return !fac_error();
}

/* The share of test images that are classified right. */
static double test_accuracy(trainer *t, fac_loader *loader, long step)
{
    int64_t right = 0, images = 0;
    double loss = 0;
    fac_eval(t->model);
    fac_no_grad
        fac_for_batch(loader, x, y) {
            fac_tensor *logits = fac_forward(t->model, x);
            right += count_right(logits, y);
            images += fac_size(y, 0);
            if (!t->run) continue;
            loss += fac_item(fac_cross_entropy(logits, y, .reduction = FAC_SUM));
            fac_run_evaluate(t->run, step, x, y, logits);
        }
    double accuracy = images ? (double)right / (double)images : 0;
    fac_run_log(t->run, "loss/validation", step, loss / (double)images);
    fac_run_log(t->run, "accuracy/validation", step, accuracy);
    return accuracy;
}

static void run(trainer *t, fac_loader *train, fac_loader *test)
{
    long step = 0;
    double accuracy = 0;
    bool more = true;
    for (long epoch = 1; epoch <= options.epochs && more; epoch++) {
        tally sum;
        double started = now();
        more = train_epoch(epoch, t, train, &sum, &step);
        if (!t->run) clear_progress();
        if (fac_error()) return;
        if (sum.steps)
            fac_run_print(t->run, "epoch %ld/%ld  loss %.4f  accuracy %.2f %%  %.1f s\n", epoch, options.epochs,
                          sum.loss / (double)sum.steps, 100 * (double)sum.right / (double)sum.images, now() - started);
        if (t->run || !more || epoch == options.epochs) accuracy = test_accuracy(t, test, step);
    }
    if (!fac_error()) fac_run_print(t->run, "test accuracy %.2f %%\n", 100 * accuracy);
}

/* Better to know before the training than after it. */
static bool can_save(const char *path)
{
    char *copy = strdup(path);
    int fd = open(path, O_WRONLY);
    bool can = fd >= 0 || (copy && errno == ENOENT && access(dirname(copy), W_OK) == 0);
    if (!can) fprintf(stderr, "'%s' cannot be written: %s. Give another file to --save.\n", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(copy);
    return can;
}

static void save(fac_module *model)
{
    fac_state *state = fac_state_dict(model);
    if (fac_save(state, options.save)) printf("saved %s\n", options.save);
    fac_state_free(state);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list, parse, NULL, "Trains an image classifier on Fashion-MNIST, MNIST or files like theirs.",
        NULL,        NULL,  NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line is seen as soon as it is written, through a pipe too */
    if (options.save && !can_save(options.save)) return 1;
    if (options.threads) fac_set_num_threads((int)options.threads);

    fac_dataset *train_set = fac_idx_dataset(options.data, true), *test_set = fac_idx_dataset(options.data, false);
    if (!train_set || !test_set)
        fprintf(stderr,
                "There is no usable data in %s. On Debian and Ubuntu the package dataset-fashion-mnist has it;\n"
                "or say with --data where the four idx files are.\n",
                options.data);

    fac_manual_seed(options.seed);
    fac_module *model = options.recipe->model();
    fac_optimizer *optimizer = options.recipe->optimizer(model, options.lr >= 0 ? options.lr : options.recipe->lr);
    fac_loader *train = fac_data_loader(train_set, .batch_size = options.batch, .shuffle = !options.sequential);
    fac_generator *apart =
        fac_generator_new(0); /* so that testing between the epochs changes nothing of the training */
    fac_loader *test = fac_data_loader(test_set, .batch_size = 1000, .generator = apart);
    trainer t = {.model = model, .optimizer = optimizer, .run = watch(model, optimizer, train)};
    if (!fac_error()) {
        fac_module_print(model);
        run(&t, train, test);
    }
    if (!fac_error() && options.save) save(model);
    if (!fac_error()) fac_run_wait(t.run);

    trainer_free(&t);
    fac_loader_free(train);
    fac_loader_free(test);
    fac_generator_free(apart);
    fac_dataset_free(train_set);
    fac_dataset_free(test_set);
    fac_optimizer_free(optimizer);
    fac_module_free(model);
    return fac_error() ? 1 : 0;
}
