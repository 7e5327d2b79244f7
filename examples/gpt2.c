/* Trains GPT-2 on one batch of words: from random weights, or from a checkpoint in the format of llm.c
 * (https://github.com/karpathy/llm.c, gpt2_124M.bin). It shows what a step takes and that the loss falls. */
#include <argp.h>
#include <errno.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "arguments.h"

/* ---- options ------------------------------------------------------------------------------------------------ */

/* As llm.c trains it. */
static fac_gpt2_options without_dropout(void)
{
    return FAC_OPTIONS(fac_gpt2_options, .embd_pdrop = 0, .attn_pdrop = 0, .resid_pdrop = 0);
}

static struct {
    const char *checkpoint;
    fac_gpt2_options model;
    long steps, batch, length, threads;
    uint64_t seed;
    double lr;
    bool capture;
} options = {.steps = 10, .batch = 4, .length = 64, .lr = 1e-4};

enum { KEY_TINY = 1, KEY_CAPTURE };

static const struct argp_option option_list[] = {
    {"steps", 'n', "N", 0, "steps of training (10)", 0},
    {"batch", 'b', "N", 0, "sequences a batch (4)", 0},
    {"length", 'l', "N", 0, "words a sequence (64)", 0},
    {"lr", 'r', "F", 0, "learning rate of AdamW (0.0001)", 0},
    {"seed", 's', "N", 0, "seed of the random numbers (0)", 0},
    {"checkpoint", 'c', "FILE", 0, "begin with the weights in this file, of llm.c's format, version 3 or 5", 0},
    {"tiny", KEY_TINY, NULL, 0, "a model of two small layers and 64 words, to try the program", 0},
    {"capture", KEY_CAPTURE, NULL, 0, "record the first step and replay it from then on", 0},
    {"threads", 't', "N", 0, "threads to use (all cores)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'n': options.steps = (long)whole(state, arg, 1, 1000000000); break;
    case 'b': options.batch = (long)whole(state, arg, 1, 1000000); break;
    case 'l': options.length = (long)whole(state, arg, 1, 1000000); break;
    case 'r': options.lr = learning_rate(state, arg); break;
    case 's': options.seed = (uint64_t)whole(state, arg, 0, INT64_MAX); break;
    case 'c': options.checkpoint = arg; break;
    case 't': options.threads = (long)whole(state, arg, 1, 1000); break;
    case KEY_TINY:
        options.model.vocab_size = 64;
        options.model.n_positions = 32;
        options.model.n_embd = 16;
        options.model.n_layer = options.model.n_head = 2;
        break;
    case KEY_CAPTURE: options.capture = true; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- checkpoints of llm.c ----------------------------------------------------------------------------------- */

/* 256 little-endian int32: magic, version, positions, words, layers, heads, channels, words with padding; then the weights,
 * as float32 (version 3) or bfloat16 (version 5), the embeddings first, then each kind for all layers, then ln_f. */
enum { HEADER = 256, MAGIC = 20240326 };

typedef struct checkpoint {
    const char *path;
    FILE *file;
    fac_gpt2_options model;
    int64_t padded_words;
    int element; /* bytes of a weight */
} checkpoint;

static bool refuse(const checkpoint *c, const char *why)
{
    fac_raise(FAC_ERROR_IO, "%s: %s", c->path, why);
    return false;
}

/* How many bytes a file of these sizes has. */
static int64_t bytes_of(const checkpoint *c)
{
    int64_t channels = c->model.n_embd, layer = 12 * channels * channels + 13 * channels;
    int64_t weights = (c->padded_words + c->model.n_positions + 2) * channels + c->model.n_layer * layer;
    return HEADER * 4 + weights * c->element;
}

/* Opens it and reads its sizes, which are believed only if the file is as long as they say. */
static bool checkpoint_open(checkpoint *c, const char *path)
{
    unsigned char bytes[HEADER * 4];
    int64_t head[8];
    *c = (checkpoint){.path = path, .file = fopen(path, "rb")};
    if (!c->file) return refuse(c, strerror(errno));
    if (fread(bytes, 1, sizeof bytes, c->file) != sizeof bytes)
        return refuse(c, ferror(c->file) ? strerror(errno) : "it is too short for a checkpoint");
    for (int i = 0; i < 8; i++)
        head[i] = (int32_t)((uint32_t)bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 |
                            (uint32_t)bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24);
    if (head[0] != MAGIC) return refuse(c, "it is no checkpoint of llm.c: its first number is another");
    if (head[1] != 3 && head[1] != 5) return refuse(c, "its version is neither 3 (float32) nor 5 (bfloat16)");
    c->element = head[1] == 3 ? 4 : 2;
    c->model = without_dropout();
    c->model.n_positions = head[2];
    c->model.vocab_size = head[3];
    c->model.n_layer = head[4];
    c->model.n_head = head[5];
    c->model.n_embd = head[6];
    c->padded_words = head[7];
    for (int i = 2; i < 8; i++) /* so that their products fit an int64 */
        if (head[i] < 1 || head[i] > (i == 4 || i == 5 ? 10000 : i == 6 ? 1000000 : 100000000))
            return refuse(c, "its sizes make no sense");
    if (c->padded_words < c->model.vocab_size || c->model.n_embd % c->model.n_head != 0)
        return refuse(c, "its sizes do not fit each other");
    struct stat status;
    if (fstat(fileno(c->file), &status) != 0) return refuse(c, strerror(errno));
    if (status.st_size != bytes_of(c)) return refuse(c, "it is not as long as its sizes say");
    return true;
}

/* The next n weights to `to`, or nowhere if that is NULL. */
static bool next_weights(checkpoint *c, float *to, int64_t n)
{
    unsigned char bytes[1 << 14];
    const int64_t most = (int64_t)sizeof bytes / c->element;
    for (int64_t done = 0; done < n;) {
        int64_t now = n - done < most ? n - done : most;
        if (fread(bytes, (size_t)c->element, (size_t)now, c->file) != (size_t)now)
            return refuse(c, "it could not be read to its end");
        for (int64_t i = 0; to && i < now; i++) {
            const unsigned char *b = bytes + i * c->element;
            uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8;
            bits = c->element == 2 ? bits << 16 : bits | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
            memcpy(to + done + i, &bits, sizeof bits);
        }
        done += now;
    }
    return true;
}

/* llm.c's matrices lie [out, in], the model's [in, out]. */
static bool next_parameter(checkpoint *c, fac_tensor *parameter, bool transposed)
{
    bool good = false;
    fac_no_grad
        fac_scope {
            fac_tensor *t = transposed ? fac_empty(FAC_SHAPE(fac_size(parameter, 1), fac_size(parameter, 0)))
                                       : parameter;
            good = t && next_weights(c, fac_data(t), fac_numel(t)) && (!transposed || fac_copy_(parameter, fac_t(t)));
        }
    return good;
}

/* The weights of a model of the checkpoint's sizes. Of a block's parameters both have this order: ln_1, attn.c_attn, attn.c_proj,
 * ln_2, mlp.c_fc, mlp.c_proj, each a weight and a bias. */
static bool checkpoint_load(checkpoint *c, fac_module *model)
{
    enum { KINDS = 12 };
    fac_tensor_list p = fac_parameters(model);
    if (!p.items) return false;
    bool good = next_parameter(c, p.items[0], false) &&
                next_weights(c, NULL, (c->padded_words - c->model.vocab_size) * c->model.n_embd) &&
                next_parameter(c, p.items[1], false);
    for (int64_t kind = 0; kind < KINDS; kind++)
        for (int64_t layer = 0; layer < c->model.n_layer; layer++) {
            fac_tensor *parameter = p.items[2 + layer * KINDS + kind];
            good = good && next_parameter(c, parameter, fac_dim(parameter) == 2);
        }
    return good && next_parameter(c, p.items[p.count - 2], false) && next_parameter(c, p.items[p.count - 1], false);
}

/* ---- training ----------------------------------------------------------------------------------------------- */

static fac_tensor *learn(fac_module *model, fac_optimizer *optimizer, fac_tensor *words, fac_tensor *next)
{
    fac_tensor *loss = fac_cross_entropy(fac_flatten(fac_forward(model, words), 0, 1), fac_flatten(next, 0, 1));
    fac_zero_grad(optimizer);
    fac_backward(loss);
    fac_step(optimizer);
    return loss;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The same batch in each step, so that the model learns it by heart. */
static void train(fac_module *model, fac_optimizer *optimizer, fac_tensor *words, fac_tensor *next)
{
    double *times = calloc((size_t)options.steps, sizeof *times);
    fac_plan *plan = NULL;
    fac_tensor *loss = NULL;
    for (long step = 0; times && step < options.steps && !fac_error(); step++)
        fac_scope {
            double start = now(), value;
            if (options.capture)
                fac_capture(&plan)
                    loss = fac_keep(learn(model, optimizer, words, next));
            else
                loss = learn(model, optimizer, words, next);
            value = fac_item(loss);
            times[step] = now() - start;
            if (!fac_error()) printf("step %ld loss %.6f  %.1f ms\n", step + 1, value, 1e3 * times[step]);
        }
    if (times && !fac_error()) {
        qsort(times, (size_t)options.steps, sizeof *times, ascending);
        double median = times[options.steps / 2];
        printf("%.1f ms a step, %.0f words a second\n", 1e3 * median,
               (double)(options.batch * options.length) / median);
    }
    if (options.capture) fac_release(loss);
    fac_plan_free(plan);
    free(times);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {option_list, parse, NULL, "Trains GPT-2 on one batch of random words.",
                                     NULL,        NULL,  NULL};
    options.model = without_dropout();
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line is seen as soon as it is written, through a pipe too */
    if (options.threads) fac_set_num_threads((int)options.threads);

    checkpoint from = {0};
    fac_module *model = NULL;
    fac_optimizer *optimizer = NULL;
    if (options.checkpoint && checkpoint_open(&from, options.checkpoint)) options.model = from.model;
    if (!fac_error()) {
        fac_manual_seed(options.seed);
        model = fac_gpt2_with(options.model);
        if (model && options.checkpoint) checkpoint_load(&from, model);
    }
    if (!fac_error()) {
        printf("GPT-2 of %lld parameters in %lld layers, batches of %ld x %ld\n", (long long)fac_num_parameters(model),
               (long long)options.model.n_layer, options.batch, options.length);
        optimizer = fac_adamw(fac_parameters(model), .lr = options.lr, .weight_decay = 0);
        fac_dims shape = FAC_SHAPE(options.batch, options.length);
        fac_tensor *words = fac_randint(0, options.model.vocab_size, shape);
        train(model, optimizer, words, fac_randint(0, options.model.vocab_size, shape));
    }

    if (from.file) fclose(from.file);
    fac_optimizer_free(optimizer);
    fac_module_free(model);
    return fac_error() ? 1 : 0;
}
