/* Runs as folders: what they may be called, and that everything logged is there, in `points` and for TensorBoard, after a normal
 * end, a kill -9, and with a disk that is full. */
#define _GNU_SOURCE
#include "watching.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "core/memory.h"
#include "core/text.h"
#include "watch/json_text.h"
#include "watch/names.h"
#include "watch/run.h"

#define quiet_run(name, ...) fac_run_open(name, .progress = false __VA_OPT__(, ) __VA_ARGS__)

/* ---- names --------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    char longest[FAC__RUN_NAME + 2];
    memset(longest, 'x', sizeof longest);
    longest[FAC__RUN_NAME + 1] = 0;
    const char *const bad[] = {"", ".", "..", "../x", ".hidden", "a/b", "a b", "a\n", "ä", "a\\b", "a:b", longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(fac__run_name_ok(bad[i]));
        expect_error(fac_run_open(bad[i]), "cannot be the name of a run");
    }
    assert_false(fac__run_name_ok(NULL));
    assert_int_not_equal(access("runs", F_OK), 0); /* nothing was made */
    expect_error(quiet_run("x", .dir = ""), "cannot be made");
    expect_error(quiet_run("x", .dir = NULL), "argument 'options.dir' must not be NULL");
    expect_error(quiet_run("x", .steps = -1), "not -1");
    expect_error(quiet_run("x", .dir = "/proc/none"), "/proc/none: cannot be made: No such file or directory");

    longest[FAC__RUN_NAME] = 0;
    char second[FAC__RUN_NAME + 1];
    snprintf(second, sizeof second, "%.*s-2", FAC__RUN_NAME - 2, longest);
    fac_run *a = quiet_run(longest), *b = quiet_run(longest);
    assert_string_equal(fac_run_name(a), longest);
    assert_string_equal(fac_run_name(b), second); /* no longer than the longest */
    assert_true(fac_run_close(a) && fac_run_close(b));

    const char *names[] = {"xor", "xor-2", "xor-3"};
    for (int i = 0; i < 3; i++) {
        fac_run *run = quiet_run("xor", .dir = "some/where/runs");
        assert_string_equal(fac_run_name(run), names[i]);
        assert_true(!strncmp(fac_run_path(run), "some/where/runs/xor", 19));
        assert_true(fac_run_close(run));
    }
    fac_run *now = quiet_run(NULL);
    assert_int_equal(strlen(fac_run_name(now)), strlen("2026-11-29-142501"));
    assert_true(fac_run_close(now));

    assert_true(fac__label_ok("loss/träining ✓", 100) && fac__label_ok("x", 1));
    const char *const labels[] = {"", "a\n", "a\x7f", "\xc2\x80", "\xff", "a\xc3", "\xe0\x80\x80", "\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        assert_false(fac__label_ok(labels[i], 100));
    assert_false(fac__label_ok("xy", 1));
}

/* ---- points -------------------------------------------------------------------------------------------------- */

static double value_of(int i)
{
    return i % 1000 == 7 ? NAN : i % 1000 == 8 ? -INFINITY : i * 0.125;
}

static void check_values_of(const read_curve *c, const char *name, int begin, int by, int64_t count)
{
    assert_string_equal(c->name, name);
    assert_int_equal(c->count, count);
    for (int64_t i = 0; i < count; i++) {
        double want = value_of(begin + (int)i * by), got = c->points[i].value;
        assert_int_equal(c->points[i].step, begin + i * by);
        assert_true(got == want || (isnan(got) && isnan(want)));
    }
}

static void test_points(void **state)
{
    (void)state;
    enum { MANY = 400000 }; /* several pieces of the file */
    static read_points r;
    double begun = (double)time(NULL);
    fac_run *run = quiet_run("points");
    char name[FAC__CURVE_NAME + 1] = "loss/train"; /* one address, two texts */
    for (int i = 0; i < MANY; i++) {
        strcpy(name, i % 2 ? "loss/validation" : "loss/train");
        assert_true(fac_run_log(run, name, i, value_of(i)));
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "curve %0*d", i % 90 + 5, i);
        assert_true(fac_run_log(run, name, -i, i));
    }
    /* All is there while the run goes on; the file is longer, and locked. */
    assert_true(points_of("runs/points/points", &r));
    assert_int_equal(r.values, MANY + 500);
    points_free(&r);
    int fd = open("runs/points/points", O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
    assert_true(fac_run_close(run));
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);

    struct stat info;
    assert_true(points_of("runs/points/points", &r) && stat("runs/points/points", &info) == 0);
    assert_int_equal(info.st_size, r.records * (int64_t)sizeof(fac__point));
    assert_int_equal(r.count, 502);
    check_values_of(&r.curves[0], "loss/train", 0, 2, MANY / 2);
    check_values_of(&r.curves[1], "loss/validation", 1, 2, MANY / 2);
    assert_true(r.curves[501].points[0].value == 499 && r.curves[501].points[0].step == -499);
    for (int i = 0; i < r.count; i++)
        assert_true(r.curves[i].points[0].time > begun - 1 && r.curves[i].points[0].time < begun + 100);
    points_free(&r);
}

/* A name of several records where the first piece of the file ends: wherever that is. */
static void test_name_at_border(void **state)
{
    (void)state;
    static read_points r;
    for (int before = 4085; before < 4100; before++) {
        char name[FAC__CURVE_NAME + 1], path[300];
        memset(name, 'x', sizeof name - 1);
        name[FAC__CURVE_NAME] = 0;
        fac_run *run = quiet_run("border", .tensorboard = false);
        for (int i = 0; i < before; i++)
            assert_true(fac_run_log(run, "a", i, i));
        assert_true(fac_run_log(run, name, -7, -7) && fac_run_log(run, "a", before, before));
        snprintf(path, sizeof path, "%s/points", fac_run_path(run));
        assert_true(points_of(path, &r) && r.count == 2 && r.curves[0].count == before + 1);
        assert_string_equal(r.curves[1].name, name);
        assert_true(r.curves[1].count == 1 && r.curves[1].points[0].value == -7);
        points_free(&r);
        assert_true(fac_run_close(run));
    }
}

static void test_curves(void **state)
{
    (void)state;
    fac_run *run = quiet_run("curves");
    char name[200];
    memset(name, 'x', sizeof name);
    name[FAC__CURVE_NAME + 1] = 0;
    expect_error(fac_run_log(run, name, 1, 1), "1 to 100 bytes of UTF-8");
    expect_error(fac_run_log(run, "", 1, 1), "1 to 100 bytes of UTF-8");
    expect_error(fac_run_log(run, "a\nb", 1, 1), "1 to 100 bytes of UTF-8");
    expect_error(fac_run_log(run, NULL, 1, 1), "argument 'name' must not be NULL");
    for (int i = 0; i < FAC__CURVES; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_true(fac_run_log(run, name, i, i));
    }
    expect_error(fac_run_log(run, "one more", 1, 1), "one curve more than the 1000");
    for (int i = 0; i < FAC__CURVES; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_true(fac_run_log(run, name, i, -i));
    }
    assert_true(fac_run_close(run));
    static read_points r;
    assert_true(points_of("runs/curves/points", &r));
    assert_int_equal(r.count, FAC__CURVES);
    for (int i = 0; i < FAC__CURVES; i++) {
        assert_int_equal(atoi(r.curves[i].name), i);
        assert_true(r.curves[i].count == 2 && r.curves[i].points[0].value == i && r.curves[i].points[1].value == -i);
    }
    points_free(&r);
}

/* ---- a sudden end -------------------------------------------------------------------------------------------- */

static void test_kill(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fac_run *run = quiet_run("killed");
        for (int i = 0;; i++) {
            if (!fac_run_log(run, i % 3 ? "a" : "b", i, i) || (i == 250000 && write(ready[1], "x", 1) != 1)) _exit(1);
            if (i >= 250000 && write(ready[1], &i, sizeof i) != sizeof i)
                _exit(1); /* what the reader is told is there */
        }
    }
    close(ready[1]);
    char begun;
    assert_int_equal(read(ready[0], &begun, 1), 1);
    int last = 0, next;
    for (int i = 0; i < 1000 && read(ready[0], &next, sizeof next) == sizeof next; i++)
        last = next;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(ready[0], &next, sizeof next) == sizeof next) /* that was logged before the kill, too */
        last = next;
    close(ready[0]);

    static read_points r;
    assert_true(points_of("runs/killed/points", &r));
    assert_true(last > 250000 && r.values > last);
    assert_true(r.values <= last + 2); /* one may have been logged and not told */
    for (int64_t i = 0; i < r.values; i++) {
        const read_curve *c = &r.curves[i % 3 ? 1 : 0]; /* "b" came first */
        int64_t at = i % 3 ? i - i / 3 - 1 : i / 3;
        assert_true(c->points[at].step == i && c->points[at].value == (double)i);
    }
    points_free(&r);
    int fd = open("runs/killed/points", O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0); /* it has ended */
    close(fd);
}

/* ---- a full disk --------------------------------------------------------------------------------------------- */

static int errors;

static void count_error(fac_error_code code, const char *op, const char *message, const char *file, int line)
{
    errors += code != FAC_OK && strstr(message, "File too large");
}

/* The limit of a file's size stands for a disk that is full: the same calls fail, with EFBIG. */
static bool limit(int64_t bytes)
{
    signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)bytes, (rlim_t)bytes}) == 0;
}

static bool log_on_full_disk(void)
{
    fac_set_error_handler(count_error);
    fac_run *run = quiet_run("full", .tensorboard = false);
    need(run && limit(1 << 20));
    int64_t logged = 0;
    for (int i = 0; i < 100000; i++) {
        logged += fac_run_log(run, "loss", i, i);
        need(fac_run_step(run, i)); /* the training goes on */
        fac_clear_error();
    }
    need(errors == 1 && logged > 20000 && logged < (1 << 20) / 32);
    need(!fac_run_log(run, "another", 1, 1) && !fac_error());
    need(!fac_run_close(run));
    need(errors == 1);
    static read_points r;
    need(points_of("runs/full/points", &r) && r.values == logged);
    return true;
}

static bool everything_on_full_disk(void)
{
    fac_set_error_handler(count_error);
    fac_run *run = quiet_run("full");
    need(run);
    fac_module *model = fac_nn_linear(4, 3);
    fac_tensor *y = fac_zeros(FAC_SHAPE(5), .dtype = FAC_INT64), *o = fac_rand(FAC_SHAPE(5, 3));
    need(limit(100));
    need(!fac_run_module(run, model) && errors == 1); /* model.json */
    fac_clear_error();
    for (int i = 0; i < 10; i++) {
        need(fac_run_step(run, i) && fac_run_log(run, "loss", i, i) && fac_run_evaluate(run, i, NULL, y, o));
        fac_clear_error();
    }
    int before = errors;
    need(!fac_run_close(run));
    need(before >= 1 && fac_error()); /* evaluation.json, layers.jsonl, run.json and TensorBoard's: the first is told */
    fac_clear_error();
    fac_module_free(model);
    need(!quiet_run("none")); /* and none can be begun */
    need(access("runs/none", F_OK) != 0);
    return true;
}

static void test_full_disk(void **state)
{
    (void)state;
    assert_true(in_child(log_on_full_disk));
    assert_true(in_child(everything_on_full_disk));
}

/* ---- TensorBoard --------------------------------------------------------------------------------------------- */

static uint32_t crc32c(const uint8_t *p, size_t n) /* bit by bit, masked */
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

typedef struct event {
    double time;
    int64_t step;
    char text[200]; /* the version or the tag */
    float value;
} event;

static uint64_t varint(const uint8_t **p)
{
    uint64_t v = 0;
    int shift = 0;
    do
        v |= (uint64_t)(**p & 127) << shift;
    while (shift += 7, *(*p)++ & 128);
    return v;
}

/* Any protobuf message of the fields that an Event has, its parts included. */
static void read_message(const uint8_t *p, const uint8_t *end, event *e)
{
    while (p < end) {
        uint64_t key = varint(&p);
        if (key == 9) { /* wall_time */
            memcpy(&e->time, p, 8);
            p += 8;
        } else if (key == 16) /* step */
            e->step = (int64_t)varint(&p);
        else if (key == 21) { /* simple_value */
            memcpy(&e->value, p, 4);
            p += 4;
        } else { /* bytes */
            assert_int_equal(key & 7, 2);
            uint64_t n = varint(&p);
            assert_true(n <= (uint64_t)(end - p));
            bool text = key >> 3 == 3 || (key >> 3 == 1 && p[0] != 10); /* file_version, tag; not summary, value */
            if (text)
                memcpy(e->text, p, n), e->text[n] = 0;
            else
                read_message(p, p + n, e);
            p += n;
        }
    }
}

static char *events_file(const char *folder)
{
    static char path[600];
    path[0] = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));)
        if (!strncmp(e->d_name, "events.out.tfevents.", 20)) snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    closedir(d);
    return path;
}

static void test_tensorboard(void **state)
{
    (void)state;
    enum { EVENTS = 5000 };
    static const char *const names[] = {"loss/train", "lr", "accuracy/validierung ä"};
    fac_run *run = quiet_run("board");
    for (int i = 0; i < EVENTS; i++)
        assert_true(fac_run_log(run, names[i % 3], i == 4 ? -1 : i * INT64_C(1000003), i == 5 ? NAN : i / 3.0));
    assert_true(fac_run_close(run));
    size_t bytes = 0;
    uint8_t *file = (uint8_t *)whole_file(events_file("runs/board"), &bytes), *p = file;
    int count = -1;
    for (; p < file + bytes; count++) {
        uint64_t n;
        uint32_t sum;
        event e = {0};
        memcpy(&n, p, 8);
        memcpy(&sum, p + 8, 4);
        assert_int_equal(sum, crc32c(p, 8));
        assert_true(n < 200 && p + 16 + n <= file + bytes);
        memcpy(&sum, p + 12 + n, 4);
        assert_int_equal(sum, crc32c(p + 12, n));
        read_message(p + 12, p + 12 + n, &e);
        assert_true(e.time > 1e9);
        p += 16 + n;
        if (count < 0) {
            assert_string_equal(e.text, "brain.Event:2");
            continue;
        }
        assert_string_equal(e.text, names[count % 3]);
        assert_int_equal(e.step, count == 4 ? -1 : count * INT64_C(1000003));
        assert_true(count == 5 ? isnan(e.value) : e.value == (float)(count / 3.0));
    }
    assert_int_equal(count, EVENTS);
    free(file);

    run = quiet_run("no-board", .tensorboard = false);
    assert_true(fac_run_log(run, "x", 1, 1) && fac_run_close(run));
    assert_string_equal(events_file("runs/no-board"), "");
}

static void test_checksums(void **state)
{
    (void)state;
    uint8_t data[200];
    for (int i = 0; i < 200; i++)
        data[i] = (uint8_t)(i * 37 + 11);
    assert_int_equal(~fac__crc32c_portable(~0u, "123456789", 9),
                     0xe3069283); /* the check value of every list of CRCs */
    for (int at = 0; at < 8; at++)
        for (size_t n = 0; n <= 190; n++) {
            uint32_t crc = ~fac__crc32c_portable(~0u, data + at, n);
            assert_int_equal(fac__masked_crc32c(data + at, n), crc32c(data + at, n));
            assert_int_equal((crc >> 15 | crc << 17) + 0xa282ead8, crc32c(data + at, n));
        }
}

/* ---- run.json ------------------------------------------------------------------------------------------------ */

static json_t *read_json(const char *path)
{
    json_error_t error;
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!j) fail_msg("%s: %s", path, error.text);
    return j;
}

static void test_notes(void **state)
{
    (void)state;
    fac_run *run = quiet_run("notes", .steps = 70);
    json_t *j = read_json("runs/notes/run.json"), *notes;
    assert_int_equal(json_integer_value(json_object_get(j, "format")), 1);
    assert_string_equal(json_string_value(json_object_get(j, "name")), "notes");
    assert_int_equal(json_integer_value(json_object_get(j, "steps")), 70);
    assert_true(fabs(json_number_value(json_object_get(j, "started")) - (double)time(NULL)) < 100);
    assert_null(json_object_get(j, "ended"));
    assert_null(json_object_get(j, "outcome"));
    json_decref(j);

    assert_true(fac_run_note(run, "optimizer", "SGD") && fac_run_note(run, "a \"b\"", "1\n2\x01 \xff ä"));
    assert_true(fac_run_note(run, "optimizer", "Adam") && fac_run_step(run, 1));
    expect_error(fac_run_note(run, "", "x"), "a note's key");
    expect_error(fac_run_note(run, "x", NULL), "argument 'text' must not be NULL");
    j = read_json("runs/notes/run.json");
    notes = json_object_get(j, "notes");
    assert_int_equal(json_object_size(notes), 2);
    assert_string_equal(json_string_value(json_object_get(notes, "optimizer")), "Adam");
    assert_string_equal(json_string_value(json_object_get(notes, "a \"b\"")), "1\n2\x01 ? ä");
    json_decref(j);
    assert_true(fac_run_close(run));
    j = read_json("runs/notes/run.json");
    assert_string_equal(json_string_value(json_object_get(j, "outcome")), "stopped");
    assert_true(json_number_value(json_object_get(j, "ended")) >= json_number_value(json_object_get(j, "started")));
    json_decref(j);
}

/* ---- off, and out of memory ---------------------------------------------------------------------------------- */

static void test_off(void **state)
{
    (void)state;
    double number = 1;
    bool pressed = false;
    fac_module *model = fac_nn_linear(2, 2);
    fac_scope {
        fac_tensor *y = fac_zeros(FAC_SHAPE(5), .dtype = FAC_INT64), *o = fac_rand(FAC_SHAPE(5, 3));
        assert_true(fac_run_close(NULL) && fac_run_log(NULL, "x", 1, 1) && fac_run_note(NULL, "x", "y"));
        assert_true(fac_run_module(NULL, model) && fac_run_evaluate(NULL, 1, NULL, y, o));
        assert_true(fac_run_classes(NULL, (const char *[]){"a"}, 1) && fac_run_drawing(NULL, model, 28, 28));
        assert_true(fac_run_step(NULL, 1) && fac_run_number(NULL, "x", &number, 0, 1));
        assert_true(fac_run_optimizer(NULL, NULL) && fac_run_button(NULL, "x", &pressed) && fac_run_wait(NULL));
        assert_true(fac_run_print(NULL, "%s", "") && !fac_run_name(NULL) && !fac_run_path(NULL));
    }
    assert_null(fac_error());
    fac_module_free(model);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    fac_set_error_handler(NULL);
    fac_module *model = fac_nn_sequential(fac_nn_linear(6, 4), fac_nn_relu(), fac_nn_linear(4, 3));
    bool done = false;
    int64_t n = 1;
    for (; !done && n < 2000; n++)
        fac_scope {
            fac_tensor *x = fac_rand(FAC_SHAPE(5, 6)), *y = fac_zeros(FAC_SHAPE(5), .dtype = FAC_INT64);
            fac_tensor *o = fac_rand(FAC_SHAPE(5, 3)), *images = fac_rand(FAC_SHAPE(5, 4, 4));
            fac__alloc_fail_at(n);
            fac_run *run = fac_run_open("memory", .progress = n % 2);
            bool good = run != NULL;
            good &= fac_run_note(run, "a", "b") && fac_run_module(run, model);
            good &= fac_run_classes(run, (const char *[]){"a", "b"}, 2);
            for (int i = 0; i < 3; i++) {
                if (run) run->due = 0;
                good &= fac_run_step(run, i);
                if (i == 1) fac_forward(model, x);
                good &= fac_run_log(run, "loss", i, i);
                good &= fac_run_evaluate(run, i, images, y, o);
            }
            fac__alloc_fail_at(0);
            bool failed = fac_get_error_code() == FAC_ERROR_MEMORY;
            if (!run && fac_error()) assert_true(failed && access("runs/memory", F_OK) != 0); /* nothing is left */
            if (!good) assert_true(failed);
            done = !failed;
            fac_clear_error();
            if (run) assert_true(fac_run_close(run) || fac_get_error_code() == FAC_ERROR_MEMORY);
            fac_clear_error();
            assert_int_equal(system("rm -rf runs/memory"), 0);
        }
    assert_true(done && n > 20);
    fac_module_free(model);
    fac_set_error_handler(fac_default_error_handler);
}

/* ---- speed --------------------------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The best of several rounds, against bounds a few times as high as what a quiet machine takes (105 and 13 ns). */
static void test_speed(void **state)
{
    (void)state;
#ifdef FAC_TEST_SANITIZE
    skip();
#endif
    enum { ROUNDS = 10, CALLS = 100000 };
    static const char *const names[] = {"loss/train", "accuracy/train", "lr", "loss/validation"};
    fac_run *run = quiet_run("speed");
    double lr = 1, log = INFINITY, step = INFINITY;
    assert_true(fac_run_number(run, "lr", &lr, 0, 1));
    for (int r = 0; r < ROUNDS; r++) {
        double begun = seconds();
        for (int i = 0; i < CALLS; i++)
            fac_run_log(run, names[i & 3], i, i);
        log = fmin(log, seconds() - begun);
        begun = seconds();
        for (int i = 0; i < CALLS; i++)
            fac_run_step(run, i);
        step = fmin(step, seconds() - begun);
    }
    log *= 1e9 / CALLS;
    step *= 1e9 / CALLS;
    print_message("fac_run_log: %.0f ns, fac_run_step: %.1f ns\n", log, step);
    assert_true(log < 500 && step < 100);
    assert_true(fac_run_close(run));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_points),
        cmocka_unit_test(test_curves),        cmocka_unit_test(test_name_at_border),
        cmocka_unit_test(test_kill),          cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_tensorboard),   cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_notes),         cmocka_unit_test(test_off),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, watching_begin, watching_end);
}
