/* Steering a run as a server does it, through the memory of its control file: numbers, buttons, pausing, stopping, drawings,
 * waiting at the end. And what is shown in a terminal. */
#define _GNU_SOURCE
#include "watching.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "watch/progress.h"

static fac_run *begin(const char *name)
{
    fac_run *run = fac_run_open(name, .progress = false, .tensorboard = false);
    assert_non_null(run);
    return run;
}

/* The control file, mapped once more, as another process has it. */
static fac__control *control_of(const fac_run *run)
{
    char path[300];
    snprintf(path, sizeof path, "%s/control", fac_run_path(run));
    int fd = open(path, O_RDWR);
    fac__control *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(c, MAP_FAILED);
    close(fd);
    assert_true(c->magic == FAC__CONTROL_MAGIC && c->size == sizeof *c);
    return c;
}

static void end(fac_run *run, fac__control *c)
{
    assert_true(fac_run_close(run));
    munmap(c, sizeof *c);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static bool within(_Atomic uint32_t *field, uint32_t value)
{
    for (int i = 0; i < 5000; i++, pause_ms(1))
        if (atomic_load(field) == value) return true;
    return false;
}

static void ask(fac__knob *knob, double wanted)
{
    atomic_store(&knob->wanted, wanted);
    atomic_fetch_add(&knob->asked, 1);
}

/* ---- numbers and buttons ------------------------------------------------------------------------------------- */

static void test_knobs(void **state)
{
    (void)state;
    fac_run *run = begin("knobs");
    fac__control *c = control_of(run);
    double size = 0.5, other = 7;
    bool pressed = false;
    fac_module *model = fac_nn_linear(2, 2), *second = fac_nn_linear(2, 2);
    fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.25);
    assert_true(fac_add_param_group(sgd, fac_parameters(second), .lr = 0.5));
    assert_true(fac_run_number(run, "size", &size, -1, 2) && fac_run_button(run, "reset", &pressed));
    assert_true(fac_run_optimizer(run, sgd) && fac_run_number(run, "other", &other, 0, 1));
    assert_int_equal(atomic_load(&c->knobs), 4);
    assert_string_equal(c->knob[2].name, "learning rate");
    assert_true(c->knob[1].is_button && !c->knob[0].is_button && c->knob[0].least == -1 && c->knob[0].most == 2);
    assert_true(c->knob[0].value == 0.5 && c->knob[2].value == 0.25 && c->knob[3].value == 7);

    assert_true(fac_run_step(run, 1));
    assert_true(size == 0.5 && !pressed);
    ask(&c->knob[0], 1.5);
    ask(&c->knob[1], 0);
    ask(&c->knob[2], 0.125);
    assert_true(size == 0.5 && !pressed); /* not before the next step */
    assert_true(fac_run_step(run, 2));
    assert_true(size == 1.5 && pressed && fac_lr(sgd) == 0.125 && other == 7);
    assert_true(fac_group_option(sgd, 1, "lr") == 0.25); /* twice the first one's, as before */
    assert_true(c->knob[0].taken == 1 && c->knob[0].value == 1.5 && c->knob[2].value == 0.125);
    pressed = false;
    assert_true(fac_run_step(run, 3) && !pressed);

    const double wanted[] = {5, -INFINITY, NAN, INFINITY}, becomes[] = {2, -1, -1, 2};
    for (int i = 0; i < 4; i++) {
        c->knob[0].most = 1000; /* what others write there does not count */
        ask(&c->knob[0], wanted[i]);
        ask(&c->knob[2], NAN);
        assert_true(fac_run_step(run, 4 + i) && size == becomes[i] && c->knob[0].taken == (uint32_t)i + 2);
    }
    assert_true(fac_lr(sgd) == 0.125);

    /* What the loop itself changes is shown, if not at once. */
    size = 0.75;
    fac_set_lr(sgd, 0.5);
    for (int i = 0; i < 20; i++, pause_ms(10))
        fac_run_step(run, 100 + i);
    assert_true(c->knob[0].value == 0.75 && c->knob[2].value == 0.5);

    expect_error(fac_run_number(run, "size", &size, 0, 1), "there is a control 'size' already");
    expect_error(fac_run_number(run, "", &size, 0, 1), "1 to 47 bytes");
    expect_error(fac_run_number(run, "x", &size, 1, 0), "from 1 to 0");
    expect_error(fac_run_number(run, "x", &size, 0, INFINITY), "finite");
    expect_error(fac_run_number(run, "x", &size, NAN, 1), "finite");
    expect_error(fac_run_number(run, "x", NULL, 0, 1), "must not be NULL");
    expect_error(fac_run_button(run, NULL, &pressed), "must not be NULL");
    expect_error(fac_run_optimizer(run, NULL), "must not be NULL");
    char name[16];
    for (int i = 4; i < FAC__CONTROLS; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_true(fac_run_number(run, name, &other, 0, 1));
    }
    expect_error(fac_run_button(run, "more", &pressed), "one control more than the 32");
    end(run, c);
    fac_optimizer_free(sgd);
    fac_module_free(model);
    fac_module_free(second);
}

/* ---- pausing and stopping ------------------------------------------------------------------------------------ */

typedef struct steerer {
    fac__control *c;
    const char *wrong;
} steerer;

static bool stays(fac__control *c, int64_t step)
{
    for (int i = 0; i < 50; i++, pause_ms(1))
        if (atomic_load(&c->step) != step || !atomic_load(&c->waiting)) return false;
    return true;
}

static void *steer(void *context)
{
    steerer *s = context;
    fac__control *c = s->c;
    while (atomic_load(&c->step) < 100)
        pause_ms(1);
    atomic_fetch_add(&c->steps_asked, 5); /* while it runs they mean nothing */
    pause_ms(200);
    atomic_store(&c->paused, 1);
    if (!within(&c->waiting, 1)) return s->wrong = "it does not pause", NULL;
    int64_t step = atomic_load(&c->step), beat = atomic_load(&c->beat);
    if (!stays(c, step)) s->wrong = "it goes on while it is paused";
    if (atomic_load(&c->beat) <= beat) s->wrong = "its heart does not beat";
    for (int i = 1; i <= 3 && !s->wrong; i++) {
        atomic_fetch_add(&c->steps_asked, 1);
        for (int k = 0; k < 5000 && atomic_load(&c->step) == step; k++)
            pause_ms(1);
        if (!within(&c->waiting, 1) || !stays(c, ++step)) s->wrong = "a single step is not one step";
    }
    atomic_store(&c->paused, 0);
    if (!within(&c->waiting, 0)) s->wrong = "it does not go on";
    while (atomic_load(&c->step) < step + 100)
        pause_ms(1);
    atomic_store(&c->paused, 1); /* stopping ends a pause */
    if (!within(&c->waiting, 1)) s->wrong = "it does not pause again";
    atomic_store(&c->stop, 1);
    return NULL;
}

static void test_pause(void **state)
{
    (void)state;
    fac_run *run = begin("pause");
    steerer s = {control_of(run), NULL};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, steer, &s), 0);
    int64_t step = 1;
    while (fac_run_step(run, step)) {
        pause_ms(1);
        step++;
    }
    pthread_join(thread, NULL);
    if (s.wrong) fail_msg("%s", s.wrong);
    assert_true(step > 200 && run->waited > 0.15);
    assert_false(fac_run_step(run, step));
    assert_true(fac_run_wait(run)); /* which is over at once */
    end(run, s.c);
    char *text = whole_file("runs/pause/run.json", NULL);
    assert_non_null(strstr(text, "\"outcome\": \"stopped\""));
    free(text);
}

/* ---- drawings ------------------------------------------------------------------------------------------------ */

static uint32_t draw(fac__control *c, int pixels, int first)
{
    for (int i = 0; i < pixels; i++)
        c->drawing.pixels[i] = (uint8_t)(first + 5 * i);
    return atomic_fetch_add(&c->drawing.asked, 1) + 1;
}

static void test_drawing(void **state)
{
    (void)state;
    fac_run *run = begin("drawing");
    fac__control *c = control_of(run);
    fac_manual_seed(3);
    fac_module *model = fac_nn_sequential(fac_nn_flatten(), fac_nn_dropout(.p = 0.5), fac_nn_linear(12, 5));
    fac_module_list layers = fac_children(model);
    fac_eval(layers.items[2]); /* some are in evaluation mode already */
    assert_int_equal(draw(c, 12, 7), 1);
    assert_true(fac_run_step(run, 1) && c->drawing.answered == 0); /* nobody takes drawings yet */
    assert_true(fac_run_drawing(run, model, 3, 4));
    assert_true(c->drawing.height == 3 && c->drawing.width == 4);

    fac_scope {
        fac_tensor *before = fac_generator_get_state(NULL);
        assert_int_equal(draw(c, 12, 7), 2);
        c->drawing.height = 64; /* what others write there does not count */
        assert_true(fac_run_step(run, 2));
        assert_true(c->drawing.answered == 2 && c->drawing.classes == 5);
        /* Drawing changes nothing of the training. */
        assert_true(fac_item_int(fac_all(fac_eq(before, fac_generator_get_state(NULL)))));
        assert_true(model->training && layers.items[1]->training && !layers.items[2]->training);
        assert_true(fac_is_grad_enabled() && !fac_error());

        fac_tensor *x = fac_div_scalar(
            fac_add_scalar(fac_mul_scalar(fac_arange(FAC_SCALAR(0.0), FAC_SCALAR(12.0), FAC_SCALAR(1.0)), 5), 7), 255);
        fac_tensor *y = fac_softmax(fac_forward(layers.items[2], x), -1, FAC_FLOAT32);
        fac_tensor *got = fac_from_array(c->drawing.answer, FAC_FLOAT32, FAC_SHAPE(5));
        check_close(got, fac_detach(y), 1e-6);
    }

    /* A module that cannot: the training does not hear of it, and there are no more drawings. */
    fac_set_error_handler(NULL);
    fac_module *wrong = fac_nn_linear(99, 5);
    assert_true(fac_run_drawing(run, wrong, 2, 2));
    draw(c, 4, 0);
    assert_true(fac_run_step(run, 3) && !fac_error());
    assert_true(c->drawing.answered == 3 && c->drawing.classes == 0 && c->drawing.height == 0);
    fac_set_error_handler(fac_default_error_handler);

    expect_error(fac_run_drawing(run, model, 65, 1), "1 to 64, not 65 and 1");
    expect_error(fac_run_drawing(run, model, 0, 1), "1 to 64, not 0 and 1");
    end(run, c);
    fac_module_free(model);
    fac_module_free(wrong);
}

/* ---- waiting at the end -------------------------------------------------------------------------------------- */

static void *draw_and_stop(void *context)
{
    steerer *s = context;
    if (!within(&s->c->waiting, 1)) s->wrong = "it does not wait";
    uint32_t asked = draw(s->c, 4, 9);
    if (!within(&s->c->drawing.answered, asked) || s->c->drawing.classes != 3) s->wrong = "no answer";
    if (!atomic_load(&s->c->waiting)) s->wrong = "it waits no more";
    atomic_store(&s->c->stop, 1);
    return NULL;
}

static void *interrupt(void *context)
{
    steerer *s = context;
    if (!within(&s->c->waiting, 1)) s->wrong = "it does not wait";
    pause_ms(30);
    kill(getpid(), SIGINT);
    return NULL;
}

static void test_wait(void **state)
{
    (void)state;
    fac_module *model = fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(4, 3));
    void *(*const enders[])(void *) = {draw_and_stop, interrupt};
    for (int i = 0; i < 2; i++) {
        fac_run *run = begin("wait");
        steerer s = {control_of(run), NULL};
        assert_true(fac_run_step(run, 1) && fac_run_drawing(run, model, 2, 2));
        assert_true(fac_run_wait(run)); /* at once, where nobody is served */
        run->serving = (struct fac__serving *)run;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, enders[i], &s), 0);
        assert_true(fac_run_wait(run));
        pthread_join(thread, NULL);
        if (s.wrong) fail_msg("%s", s.wrong);
        run->serving = NULL;
        struct sigaction now;
        sigaction(SIGINT, NULL, &now);
        assert_ptr_equal(now.sa_handler, SIG_DFL);
        char path[100];
        snprintf(path, sizeof path, "%s/run.json", fac_run_path(run));
        char *text = whole_file(path, NULL); /* the training was over before */
        assert_non_null(strstr(text, "\"outcome\": \"finished\""));
        free(text);
        end(run, s.c);
    }
    fac_module_free(model);
}

/* ---- the terminal -------------------------------------------------------------------------------------------- */

/* Columns that a text takes, without colours. */
static int columns(const char *text)
{
    int count = 0;
    for (; *text; text++) {
        if (*text == '\033')
            text += strcspn(text, "mK");
        else
            count += (*text & 0xc0) != 0x80;
    }
    return count;
}

static void test_line(void **state)
{
    (void)state;
    fac_run *run = fac_run_open("line", .steps = 1000, .progress = true);
    fac__progress *p = run->progress;
    fac_run_log(run, "accuracy/train", 380, 0.5);
    fac_run_log(run, "loss/train", 380, 0.25);
    fac_run_log(run, "loss/validation", 380, 0.125);
    fac_run_log(run, "lossless", 380, 9);
    for (int i = 0; i < run->curves.count; i++)
        run->curves.items[i].shown = run->curves.items[i].last;
    run->step = 380;
    *p = (fac__progress){.rate = 10, .each = 1};
    fac__text t = {0};
    fac__progress_line(run, 0, &t);
    assert_string_equal(t.p, "line  380/1000  38 %  10/s  1 min 02 s left  loss 0.25 (validation 0.125)  accuracy 0.5");
    fac__text_drop(&t);

    for (int i = 0; i < 20; i++)
        p->trail[p->trail_count++] = i == 10 ? NAN : pow(2, -i / 3.0);
    for (int kind = 0; kind < 8; kind++)
        for (int width = 0; width < 200; width++) {
            p->terminal = true;
            p->utf8 = kind & 1;
            p->colour = kind & 2;
            run->steps = kind & 4 ? 1000 : 0;
            fac__progress_line(run, width, &t);
            assert_true(columns(t.p) <= width);
            bool bar = strstr(t.p, p->utf8 ? "━" : "#"), plot = strstr(t.p, "▇");
            if (width >= 80) assert_int_equal(bar, run->steps > 0);
            if (width >= 110) assert_int_equal(plot, p->utf8);
            if (width < 40) assert_true(!bar && !plot);
            assert_true(p->colour || !strchr(t.p, '\033'));
            fac__text_drop(&t);
        }
    assert_true(fac_run_close(run));
}

/* What a run of half a second writes to standard error where that is a terminal of 100 columns. */
static char *shown_in_terminal(const char *term, const char *no_color, bool wide)
{
    int screen = posix_openpt(O_RDWR | O_NOCTTY), before = dup(STDERR_FILENO);
    assert_true(screen >= 0 && grantpt(screen) == 0 && unlockpt(screen) == 0);
    int tty = open(ptsname(screen), O_RDWR | O_NOCTTY);
    assert_int_equal(ioctl(tty, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = wide ? 200 : 60}), 0);
    setenv("TERM", term, 1);
    setenv("NO_COLOR", no_color, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    fcntl(screen, F_SETFL, O_NONBLOCK);
    dup2(tty, STDERR_FILENO);
    fac_run *run = fac_run_open("terminal", .steps = 25);
    char *text = calloc(1, 1 << 16), *to = text;
    for (int i = 1; i <= 25 && run; i++, pause_ms(20)) {
        fac_run_step(run, i);
        fac_run_log(run, "loss/train", i, 1.0 / i);
        if (i == 15) fac_run_print(run, "%s", "");
        ssize_t n = read(screen, to, (size_t)(text + (1 << 16) - 1 - to));
        if (n > 0) to += n;
    }
    if (run) fac_run_close(run);
    dup2(before, STDERR_FILENO);
    ssize_t n = read(screen, to, (size_t)(text + (1 << 16) - 1 - to));
    assert_true(run && n > 0);
    close(before);
    close(tty);
    close(screen);
    return text;
}

static void test_terminal(void **state)
{
    (void)state;
    char *text = shown_in_terminal("xterm", "", true);
    assert_true(strstr(text, "\rterminal") && strstr(text, "━") && strstr(text, "▁") && strstr(text, "\033[36m"));
    assert_non_null(strstr(text, "\r\033[Kterminal")); /* cleared for the last line */
    assert_non_null(strstr(text, "  25 steps in "));
    free(text);
    text = shown_in_terminal("xterm", "1", false);
    assert_true(strstr(text, "\rterminal") && !strstr(text, "\033[3"));
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"))
        assert_true(columns(line) < 60);
    free(text);
    text = shown_in_terminal("dumb", "", true);
    assert_true(!strchr(text, '\033') && !strstr(text, "left")); /* it is too short for a line */
    assert_non_null(strstr(text, "  25 steps in "));
    free(text);
}

static void test_plain_lines(void **state)
{
    (void)state;
    int before = dup(STDERR_FILENO), file = open("lines", O_RDWR | O_CREAT | O_TRUNC, 0666);
    dup2(file, STDERR_FILENO);
    fac_run *run = fac_run_open("plain", .steps = 40);
    for (int i = 1; i <= 30; i++) {
        if (i % 10 == 0) {
            run->progress->drawn -= 10; /* so much time has passed */
            run->progress->begun -= 10;
            run->due = 0;
        }
        fac_run_log(run, "loss", i, i);
        fac_run_step(run, i);
    }
    fac_run_close(run);
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    char *text = whole_file("lines", NULL);
    const char *const lines[] = {"plain  10/40  25 %  ", "plain  20/40  50 %  1.0/s  20 s left  loss 15.5\n",
                                 "plain  30/40  75 %  1.0/s  10 s left  loss 25.5\n", "plain  30 steps in 30 s  "};
    const char *at = text;
    for (int i = 0; i < 4; i++) {
        if (strncmp(at, lines[i], strlen(lines[i])) != 0) fail_msg("line %d of:\n%s", i, text);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, 0);
    free(text);
}

int main(void)
{
    unsetenv("NO_COLOR");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knobs),       cmocka_unit_test(test_pause), cmocka_unit_test(test_drawing),
        cmocka_unit_test(test_wait),        cmocka_unit_test(test_line),  cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_plain_lines),
    };
    return cmocka_run_group_tests(tests, watching_begin, watching_end);
}
