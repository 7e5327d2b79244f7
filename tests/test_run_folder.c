/* A folder of runs: what is listed of it, whatever lies there, and that nothing outside of it is read, renamed or deleted. */
#define _GNU_SOURCE
#include "watching.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "run_files.h"
#include "watch/run_control.h"
#include "watch/run_folder.h"

static void write_text(const char *path, const char *text)
{
    file_write(path, text, strlen(text));
}

/* runs/NAME with a run.json that began at this second, and three values. */
static void make_run(const char *name, int started, const char *more)
{
    char path[300], text[2000];
    mkdir("runs", 0777);
    snprintf(path, sizeof path, "runs/%s", name);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "runs/%s/run.json", name);
    snprintf(text, sizeof text,
             "{\"format\": 1, \"name\": \"%s\", \"started\": %d, \"steps\": 10, \"notes\": {\"a\": \"b\\n\"}%s}", name,
             started, more);
    write_text(path, text);
    point_file f = {0};
    point_name(&f, 0, "loss");
    for (int i = 1; i <= 3; i++)
        point_value(&f, 0, i, 1.0 / i, started + i);
    snprintf(path, sizeof path, "runs/%s/points", name);
    file_write(path, f.p, (size_t)f.n * sizeof *f.p);
    free(f.p);
}

static int start(void **state)
{
    (void)state;
    return system("rm -rf runs outside") | mkdir("runs", 0777);
}

static fac__folder open_runs(void)
{
    fac__folder f;
    assert_true(fac__folder_open(&f, "runs"));
    fac__folder_list(&f);
    fac__folder_refresh_all(&f, INT64_MAX);
    return f;
}

static void test_list(void **state)
{
    make_run("old", 1000, ", \"ended\": 1005.5, \"outcome\": \"finished\"");
    make_run("new", 3000, ", \"ended\": 3001, \"outcome\": \"anything\"");
    make_run("middle", 2000, "");
    fac__folder f = open_runs();
    assert_int_equal(f.count, 3);
    const char *order[] = {"new", "middle", "old"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(f.runs[i]->name, order[i]);
    fac__watched *run = fac__folder_find(&f, "old");
    assert_true(run->started == 1000 && run->ended == 1005.5 && run->steps == 10);
    assert_string_equal(run->outcome, "finished");
    assert_string_equal(run->notes, "{\"a\": \"b\\u000a\"}");
    assert_string_equal(fac__folder_find(&f, "new")->outcome, "");
    assert_int_equal(run->reader.values, 3);
    assert_int_equal(run->reader.step, 3);
    assert_false(run->live || run->has_model || run->has_evaluation || run->has_control);
    assert_null(fac__folder_find(&f, "none"));
    assert_null(fac__folder_find(&f, NULL));

    /* The folder changes. */
    make_run("newest", 4000, "");
    assert_return_code(system("rm -r runs/middle"), 0);
    make_run("old", 1000, ", \"ended\": 1007, \"outcome\": \"stopped\"");
    write_text("runs/old/model.json", "{}");
    write_text("runs/old/evaluation.json", "{\"step\": 77, \"count\": 1}");
    write_text("runs/new/evaluation.json", "{\"count\": 1, \"step\": 78}");
    write_text("runs/newest/evaluation.json", "{\"count\": 1, \"ste");
    fac__folder_list(&f);
    fac__folder_refresh_all(&f, INT64_MAX);
    assert_int_equal(f.count, 3);
    assert_string_equal(f.runs[0]->name, "newest");
    assert_true(fac__folder_find(&f, "old") == run);
    assert_string_equal(run->outcome, "stopped");
    assert_true(run->has_model && run->has_evaluation && run->evaluation == 77);
    assert_int_equal(fac__folder_find(&f, "newest")->evaluation, 0);

    /* It is made anew. */
    assert_return_code(system("mv runs outside"), 0);
    make_run("other", 1, "");
    fac__folder_list(&f);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.runs[0]->name, "other");
    assert_return_code(system("rm -r runs"), 0);
    fac__folder_list(&f);
    assert_int_equal(f.count, 0);
    fac__folder_close(&f);
    expect_error(fac__folder_open(&f, "runs"), "runs: no runs can be read there: No such file");
}

static void test_hostile(void **state)
{
    make_run("good", 1000, "");
    assert_return_code(mkdir("outside", 0777) | mkdir("runs/empty", 0777) | mkdir("runs/.hidden", 0777), 0);
    assert_return_code(
        system("cp -r runs/good runs/.hidden/good; cp -r runs/good 'runs/a b'; cp -r runs/good outside/secret"), 0);
    write_text("runs/file", "x");
    /* Links: of a run, of its run.json, of its files, and a fifo in the place of one. */
    assert_return_code(symlink("../outside/secret", "runs/link"), 0);
    assert_return_code(mkdir("runs/linked-json", 0777), 0);
    assert_return_code(symlink("../../outside/secret/run.json", "runs/linked-json/run.json"), 0);
    make_run("linked-files", 900, "");
    assert_return_code(system("cd runs/linked-files && rm points && ln -s ../../outside/secret/points points && "
                              "ln -s /etc/passwd model.json && ln -s /etc/passwd evaluation.json && mkfifo control && "
                              "mkdir layers.jsonl"),
                       0);
    make_run("fifo", 800, "");
    assert_return_code(system("cd runs/fifo && rm run.json && mkfifo run.json"), 0);
    /* run.json of all kinds; those that are nothing began when they were written. */
    static const char *const jsons[] = {"",
                                        "[",
                                        "null",
                                        "[1]",
                                        "{\"started\": \"x\", \"notes\": 3, \"steps\": -1, \"outcome\": 1}",
                                        "{\"started\": 1e999}",
                                        "{\"started\": -5, \"steps\": 1e300, \"notes\": {\"\\u0000\": \"a\"}}",
                                        "{\"notes\": {\"x\": {\"y\": 1}, \"z\": \"\\ud83d\\udd25\"}}"};
    char path[64];
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
        snprintf(path, sizeof path, "runs/json-%zu", i);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "runs/json-%zu/run.json", i);
        write_text(path, jsons[i]);
    }
    fac__folder f = open_runs();
    assert_int_equal(f.count, 2 + (int)(sizeof jsons / sizeof *jsons));
    for (int i = 0; i < f.count; i++) {
        fac__watched *run = f.runs[i];
        assert_true(run->started > 0);
        json_t *notes = json_loads(run->notes, 0, NULL);
        assert_true(json_is_object(notes));
        json_decref(notes);
    }
    fac__watched *run = fac__folder_find(&f, "linked-files");
    assert_int_equal(run->reader.values, 0);
    assert_false(run->has_model || run->has_evaluation || run->has_control || run->looks.lines);
    static const char *const names[] = {
        "..", ".", "", "link", "../outside/secret", "good/../../outside/secret", "/etc", "a b", "good/", "file"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t bytes;
        assert_int_equal(fac__folder_file(&f, names[i], "run.json", false), -1);
        assert_null(fac__folder_text(&f, names[i], "run.json", 1000, &bytes));
        char why[200];
        assert_int_equal(fac__folder_delete(&f, names[i], why), 404);
        assert_int_equal(fac__folder_rename(&f, names[i], "x", why), 404);
    }
    size_t bytes;
    errno = 0;
    assert_null(fac__folder_text(&f, "good", "run.json", 10, &bytes));
    assert_int_equal(errno, EFBIG);
    assert_return_code(access("outside/secret/run.json", R_OK), 0);
    fac__folder_close(&f);
}

static void test_rename(void **state)
{
    make_run("one", 1000, "");
    make_run("two", 2000, "");
    fac__folder f = open_runs();
    char why[200];
    assert_int_equal(fac__folder_rename(&f, "one", "two", why), 409);
    assert_string_equal(why, "there is something of that name already");
    static const char *const bad[] = {"", "..", "../x", "a/b", ".x", "a b", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fac__folder_rename(&f, "one", bad[i], why), 400);
    char longest[FAC__RUN_NAME + 2] = "";
    memset(longest, 'x', FAC__RUN_NAME + 1);
    assert_int_equal(fac__folder_rename(&f, "one", longest, why), 400);
    assert_int_equal(fac__folder_rename(&f, "none", "three", why), 404);
    assert_int_equal(fac__folder_rename(&f, "one", "three", why), 0);
    assert_null(fac__folder_find(&f, "one"));
    fac__watched *run = fac__folder_find(&f, "three");
    assert_non_null(run);
    fac__folder_refresh(&f, run, INT64_MAX);
    assert_int_equal(run->reader.values, 3);

    int fd = open("runs/two/points", O_RDWR);
    assert_return_code(flock(fd, LOCK_EX | LOCK_NB), 0); /* as the training holds it */
    assert_int_equal(fac__folder_rename(&f, "two", "four", why), 409);
    assert_string_equal(why, "two goes on: stop it first");
    assert_int_equal(fac__folder_delete(&f, "two", why), 409);
    assert_return_code(access("runs/two/points", R_OK), 0);
    close(fd);
    assert_int_equal(fac__folder_rename(&f, "two", "four", why), 0);
    fac__folder_close(&f);
}

static void test_delete(void **state)
{
    char why[200];
    make_run("gone", 1000, "");
    make_run("kept", 2000, "");
    make_run("linked", 3000, "");
    assert_return_code(
        system("cd runs/gone && touch layers.jsonl model.json evaluation.json control events.out.tfevents.1.host "
               "run.json.123-4.tmp evaluation.json.77-0.tmp"),
        0);
    mkdir("outside", 0777);
    write_text("outside/file", "x");
    assert_return_code(
        system("cd runs/linked && ln -s ../../outside/file model.json && rm points && ln -s ../../outside points"), 0);
    fac__folder f = open_runs();
    assert_int_equal(fac__folder_delete(&f, "gone", why), 0);
    assert_int_equal(access("runs/gone", F_OK), -1);
    assert_null(fac__folder_find(&f, "gone"));
    assert_int_equal(fac__folder_delete(&f, "gone", why), 404);
    assert_int_equal(fac__folder_delete(&f, "linked", why), 0); /* the links go, not what they lead to */
    assert_return_code(access("outside/file", R_OK), 0);

    /* What is not of a run is kept, and so is the run. */
    static const char *const others[] = {"notes.txt",          "run.json~", "pointsx",   "run.json.tmp",
                                         "run.json.12-3.tmpx", "..x",       "events.out"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char path[64];
        snprintf(path, sizeof path, "runs/kept/%s", others[i]);
        write_text(path, "x");
        assert_int_equal(fac__folder_delete(&f, "kept", why), 409);
        assert_non_null(strstr(why, others[i]));
        assert_return_code(access("runs/kept/run.json", R_OK) | access("runs/kept/points", R_OK) | unlink(path), 0);
    }
    assert_return_code(mkdir("runs/kept/model.json", 0777), 0);
    assert_int_equal(fac__folder_delete(&f, "kept", why), 500);
    assert_return_code(access("runs/kept/run.json", R_OK), 0);
    fac__folder_close(&f);
}

/* Curves of runs that nobody asks for are forgotten when they take too much, and come again when somebody does. */
static void test_memory(void **state)
{
    enum { RUNS = 30, VALUES = 130000 };
    char name[32], path[64];
    point_file f = {0};
    for (uint32_t c = 0; c < 8; c++) {
        snprintf(name, sizeof name, "curve %u", c);
        point_name(&f, c, name);
    }
    for (int i = 0; i < VALUES; i++)
        point_value(&f, (uint32_t)i % 8, i / 8, i, 0);
    for (int i = 0; i < RUNS; i++) {
        snprintf(name, sizeof name, "run-%d", i);
        make_run(name, 1000 + i, "");
        snprintf(path, sizeof path, "runs/%s/points", name);
        file_write(path, f.p, (size_t)f.n * sizeof *f.p);
    }
    fac__folder runs = open_runs();
    assert_true(runs.bytes <= FAC__FOLDER_MEMORY);
    int forgotten = 0;
    for (int i = 0; i < RUNS; i++) {
        fac__watched *run = runs.runs[i];
        forgotten += run->reader.forgot;
        assert_true(run->reader.count == 8 && run->reader.values == VALUES && run->is_known);
    }
    assert_true(forgotten > 0 && forgotten < RUNS);
    for (int i = 0; i < RUNS; i++) {
        int fd = fac__folder_points(&runs, runs.runs[i]);
        assert_true(fd >= 0);
        close(fd);
        assert_true(runs.bytes <= FAC__FOLDER_MEMORY);
        assert_int_equal(runs.runs[i]->reader.curves[7].whole.values, VALUES / 8);
    }
    fac__folder_close(&runs);
    free(f.p);
}

/* ---- control ------------------------------------------------------------------------------------------------- */

static void test_control(void **state)
{
    static fac__control c, r;
    c = (fac__control){.magic = FAC__CONTROL_MAGIC, .size = sizeof c};
    c.knobs = 3;
    strcpy(c.knob[0].name, "learning rate");
    strcpy(c.knob[1].name, "reset");
    strcpy(c.knob[2].name, "third");
    c.drawing.height = c.drawing.width = 28;
    c.drawing.asked = 41;
    c.steps_asked = UINT32_MAX;
    file_write("control", &c, sizeof c);
    int fd = open("control", O_RDWR);
    assert_true(fac__control_read(&r, fd) && fac__control_is_ours(fd));
    assert_int_equal(r.knobs, 3);
    uint8_t pixels[28 * 28];
    memset(pixels, 9, sizeof pixels);
    uint32_t asked = 0;
    assert_true(fac__control_pause(fd, true) && fac__control_step(fd, &r) && fac__control_stop(fd) &&
                fac__control_looked(fd, 12345) && fac__control_turn(fd, &r, 1, 0.5) &&
                fac__control_draw(fd, &r, pixels, &asked));
    assert_int_equal(asked, 42);
    fac__control expected = c;
    expected.paused = expected.stop = 1;
    expected.steps_asked = 0;
    expected.looked = 12345;
    expected.knob[1].wanted = 0.5;
    expected.knob[1].asked = 1;
    expected.drawing.asked = 42;
    memcpy(expected.drawing.pixels, pixels, sizeof pixels);
    assert_int_equal(pread(fd, &r, sizeof r, 0), sizeof r);
    assert_memory_equal(&r, &expected, sizeof r); /* nothing else has changed */

    /* What is in the file need not be true. */
    c.knobs = UINT32_MAX;
    memset(c.knob[2].name, 'x', sizeof c.knob[2].name); /* no end */
    c.drawing = (fac__drawing){.height = 65, .width = 28, .classes = UINT32_MAX};
    pwrite(fd, &c, sizeof c, 0);
    assert_true(fac__control_read(&r, fd));
    assert_int_equal(r.knobs, 2);
    assert_int_equal(r.drawing.height | r.drawing.width, 0);
    assert_int_equal(r.drawing.classes, FAC__ANSWER);
    c.size++;
    pwrite(fd, &c, sizeof c, 0);
    assert_false(fac__control_read(&r, fd));
    c.size--;
    c.magic++;
    pwrite(fd, &c, sizeof c, 0);
    assert_false(fac__control_read(&r, fd));
    c.magic--;
    pwrite(fd, &c, sizeof c, 0);
    assert_true(fac__control_read(&r, fd));
    for (off_t n = sizeof c - 1; n >= 0; n = n / 2 - !n) {
        assert_return_code(ftruncate(fd, n), 0);
        assert_false(fac__control_read(&r, fd));
    }
    close(fd);
}

/* ---- looks --------------------------------------------------------------------------------------------------- */

static json_t *looks_from(fac__looks *l, int fd, int64_t from)
{
    fac__text t = {0};
    fac__text_add(&t, "[", 1);
    fac__looks_write(&t, l, fd, from);
    fac__text_add(&t, "]", 1);
    json_t *json = json_loads(t.p, 0, NULL);
    if (!json) fail_msg("no JSON: %.300s", t.p);
    fac__text_drop(&t);
    return json;
}

static int64_t line_at(json_t *looks, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(looks, i), "step"));
}

static void test_looks(void **state)
{
    enum { LINES = 20000 };
    FILE *file = fopen("looks", "w");
    fac__looks l = {0};
    int fd = open("looks", O_RDONLY);
    assert_true(fac__looks_scan(&l, fd));
    assert_int_equal(l.lines, 0);
    json_decref(looks_from(&l, fd, 0));
    for (int i = 0; i < LINES; i++) {
        fprintf(file, "{\"step\": %d, \"text\": \"%*s\"}\n", i, i % 97 + 1, "x");
        if (i == 100 || i == 3000 || i == LINES - 1) {
            fprintf(file, "{\"not whole\": ");
            fflush(file);
            assert_true(fac__looks_scan(&l, fd));
            assert_int_equal(l.lines, i + 1);
            for (int64_t from = 0; from <= i; from += 1 + from / 3) {
                json_t *looks = looks_from(&l, fd, from);
                size_t n = json_array_size(looks);
                assert_true(n >= 1 && n <= FAC__LOOKS + 1);
                if (i + 1 - from <= FAC__LOOKS) assert_true(n == (size_t)(i + 1 - from) && line_at(looks, 0) == from);
                assert_true(n >= (i - from < FAC__LOOKS ? 1 : FAC__LOOKS / 3));
                assert_true(line_at(looks, 0) >= from && line_at(looks, 0) <= from + 200);
                for (size_t k = 1; k < n; k++)
                    assert_true(line_at(looks, k) > line_at(looks, k - 1));
                assert_int_equal(line_at(looks, n - 1), i);
                json_decref(looks);
            }
            json_t *none = looks_from(&l, fd, i + 1);
            assert_int_equal(json_array_size(none), 0);
            json_decref(none);
            fseek(file, -14, SEEK_CUR);
        }
    }
    fclose(file);
    close(fd);
    fac__looks_drop(&l);

    /* Lines that are none, and one that is too long. */
    file = fopen("looks", "w");
    fprintf(
        file,
        "\nnull\n[1]\n{\"step\": 1}\n{\"step\": \n{\"step\": 2}\xff\n{\"a\": \"\xff\"}\n{\"step\": 3, \"long\": \"");
    for (int i = 0; i < FAC__LOOK_BYTES; i++)
        fputc('x', file);
    fprintf(file, "\"}\n{\"step\": 4}\n");
    fclose(file);
    fd = open("looks", O_RDONLY);
    assert_true(fac__looks_scan(&l, fd));
    assert_int_equal(l.lines, 9);
    json_t *looks = looks_from(&l, fd, 0);
    assert_int_equal(json_array_size(looks), 2);
    assert_int_equal(line_at(looks, 0), 1);
    assert_int_equal(line_at(looks, 1), 4);
    json_decref(looks);
    fac__looks_drop(&l);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_list, start),
        cmocka_unit_test_setup(test_hostile, start),
        cmocka_unit_test_setup(test_rename, start),
        cmocka_unit_test_setup(test_delete, start),
        cmocka_unit_test_setup(test_memory, start),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests(tests, watching_begin, watching_end);
}
