/* The playground's training: its states, points and numbers, what changes on the way, and the programs that it prints, which are compiled
 * and run. */
#define _GNU_SOURCE
#include "testing.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "play_points.h"
#include "play_program.h"
#include "play_room.h"

static play_training training; /* some are too large for the stack */
static play_look look;

static play_state state_of(const char *text)
{
    play_state s;
    char why[200] = "";
    if (!play_state_parse(&s, text, why, sizeof why)) fail_msg("%s: %s", text, why);
    return s;
}

static void begin(const char *text)
{
    play_state s = state_of(text);
    assert_true(play_begin(&training, &s));
}

static void epochs(int n)
{
    for (int i = 0; i < n; i++)
        assert_true(play_epoch(&training));
    assert_true(play_score_now(&training));
}

static int end(void **state)
{
    play_end(&training);
    return 0;
}

/* ---- states ------------------------------------------------------------------------------------------------- */

static void test_states_come_back(void **state)
{
    static const char *const texts[] = {
        "set=xor&n=200&noise=0.1&test=20&sample=0&net=5&act=relu&seed=42&loss=mse&opt=sgd&lr=0.01&decay=0&batch=0&stop="
        "1000&"
        "speed=100",
        "set=spirals&n=997&noise=0.123456789&test=0&sample=4294967295&net=&act=identity&seed=1&loss=hinge&opt=rmsprop&"
        "lr=1e-07&"
        "decay=0.001&batch=1000&stop=1000000000000&speed=1000000000",
        "set=own&n=4&noise=1&test=90&sample=7&net=16,1,16,1,16,1&act=leaky_relu&seed=0&loss=bce&opt=momentum&lr=100&"
        "decay=10&batch=1&"
        "stop=0&speed=0&own=-10,10,0;0.333333333333333,1e-09,1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        play_state s = state_of(texts[i]);
        char *again = play_state_print(&s);
        assert_string_equal(again, texts[i]);
        free(again);
    }
    play_state standard = play_state_default();
    char *text = play_state_print(&standard);
    assert_string_equal(text, texts[0]);
    free(text);
    standard = state_of("");
    text = play_state_print(&standard);
    assert_string_equal(text, texts[0]);
    free(text);
}

static void test_bad_states_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"set", "'set' is not key=value"},
        {"set=", "set: there is no ''"},
        {"set=xor&", "'' is not key=value"},
        {"layers=1", "there is no 'layers' in a state"},
        {"set=xor&set=xor", "set: is there twice"},
        {"set=XOR", "set: there is no 'XOR'"},
        {"act=gelu", "act: there is no 'gelu'"},
        {"net=1,1,1,1,1,1,1", "net: there are more than 6 layers"},
        {"net=17", "net: '17' is not a number from 1 to 16"},
        {"net=0", "net: '0' is not a number from 1 to 16"},
        {"net=8,", "net: '' is not a number from 1 to 16"},
        {"net=1.5", "net: '1.5' is not a whole number from 1 to 16"},
        {"n=1001", "n: '1001' is not a number from 4 to 1000"},
        {"n=1e2", "n: '1e2' is not a whole number"},
        {"n=200&own=0,0,1;0,0,0&set=moons&n=200", "n: is there twice"},
        {"lr=nan", "lr: 'nan' is not a number from 0 to 100"},
        {"lr=inf", "lr: 'inf' is not a number"},
        {"lr=0x10", "lr: '0x10' is not a number"},
        {"lr=-1", "lr: '-1' is not a number"},
        {"lr=1e999", "lr: '1e999' is not a number"},
        {"lr= 1", "lr: ' 1' is not a number"},
        {"lr=1.0.0", "lr: '1.0.0' is not a number"},
        {"lr=", "lr: '' is not a number"},
        {"lr=0.00000000000000000000000000000000000001", "lr: "},
        {"seed=-1", "seed: '-1' is not a number"},
        {"seed=4294967296", "seed: '4294967296' is not a number from 0 to 4.29497e+09"},
        {"own=1,2", "own: a point is x,y,0 or x,y,1"},
        {"own=1,2,1,1", "own: a point is x,y,0 or x,y,1"},
        {"own=1,2,2", "own: '2' is not a number from 0 to 1"},
        {"own=11,2,1", "own: '11' is not a number from -10 to 10"},
        {"own=1,2,1;", "own: a point is"},
        {"set=moons&n=1000&own=0,0,1", "there are more than 1000 points"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        play_state s;
        char why[200] = "";
        if (play_state_parse(&s, bad[i][0], why, sizeof why)) fail_msg("taken: %s", bad[i][0]);
        if (!strstr(why, bad[i][1])) fail_msg("%s: expected: %s\ngot: %s", bad[i][0], bad[i][1], why);
    }
    /* One point too many, and a key that is too long to be shown whole. */
    char *many = NULL;
    size_t bytes;
    FILE *f = open_memstream(&many, &bytes);
    fputs("set=own&own=0,0,0", f);
    for (int i = 0; i < PLAY_POINTS; i++)
        fputs(";0,0,1", f);
    fclose(f);
    play_state s;
    char why[200];
    assert_false(play_state_parse(&s, many, why, sizeof why));
    assert_non_null(strstr(why, "own: there are more than 1000 points"));
    memset(many, 'k', bytes);
    assert_false(play_state_parse(&s, many, why, sizeof why));
    many[bytes - 1] = '=';
    assert_false(play_state_parse(&s, many, why, sizeof why));
    free(many);
}

/* ---- points ------------------------------------------------------------------------------------------------- */

static void free_points(fac_tensor *x[2], fac_tensor *y[2])
{
    for (int k = 0; k < 2; k++) {
        fac_release(x[k]);
        fac_release(y[k]);
    }
}

static void test_sets(void **state)
{
    for (int set = PLAY_CLOUD; set < PLAY_OWN; set++) {
        char text[100];
        snprintf(text, sizeof text, "set=%s&n=300&test=30&noise=0.05&sample=1&own=0.25,0.5,1", play_sets[set]);
        play_state s = state_of(text);
        fac_tensor *x[2], *y[2], *again_x[2], *again_y[2];
        assert_true(play_make_points(&s, x, y));
        assert_int_equal(fac_size(x[0], 0), 211);
        assert_int_equal(fac_size(x[1], 0), 90);
        assert_int_equal(fac_size(y[0], 0), 211);
        assert_int_equal(fac_size(y[1], 0), 90);
        assert_true(fac_at(x[0], FAC_DIMS(210, 0)) == 0.25 && fac_at(x[0], FAC_DIMS(210, 1)) == 0.5);
        assert_true(fac_at(y[0], FAC_DIMS(210, 0)) == 1);
        double ones = fac_item(fac_sum(y[0])) + fac_item(fac_sum(y[1]));
        assert_true(ones > 120 && ones < 180);
        assert_true(fac_item(fac_max(fac_abs(x[0]))) < 1.5);

        assert_true(play_make_points(&s, again_x, again_y));
        assert_true(fac_equal(x[0], again_x[0]) && fac_equal(x[1], again_x[1]));
        free_points(again_x, again_y);
        s.sample = 2;
        assert_true(play_make_points(&s, again_x, again_y));
        assert_false(fac_equal(x[0], again_x[0]));
        free_points(again_x, again_y);
        free_points(x, y);
    }
}

static void test_without_points(void **state)
{
    begin("set=own&net=3");
    epochs(5);
    assert_int_equal(training.story.epoch, 0);
    assert_true(play_look_now(&training, &look));
    assert_true(isnan(training.score.loss[0]) && isnan(training.score.loss[1]));
}

/* ---- training ----------------------------------------------------------------------------------------------- */

static void test_the_lesson(void **state)
{
    begin("seed=0");
    epochs(1000);
    assert_int_equal(training.line_count, 10);
    const play_line *last = &training.lines[9];
    char loss[20];
    snprintf(loss, sizeof loss, "%.4f", last->loss);
    assert_string_equal(loss, "0.1645"); /* PyTorch's */
    assert_int_equal(last->epoch, 1000);
    assert_int_equal(last->of, 1000);
    assert_true(training.score.accuracy[0] == 75 && isnan(training.score.accuracy[1]));

    assert_true(play_look_now(&training, &look));
    int dead = 0;
    for (int i = 0; i < 5; i++)
        dead += look.neurons[0][i].dead;
    assert_int_equal(dead, 3); /* as the lesson says */

    begin("seed=42");
    epochs(1000);
    snprintf(loss, sizeof loss, "%.4f", training.lines[9].loss);
    assert_string_equal(loss, "0.0054");
    assert_true(training.score.accuracy[0] == 100);
}

/* The corners of XOR: cells of the surface at (0, 0), (0, 1), (1, 0), (1, 1). */
static void test_the_surface_is_the_network(void **state)
{
    begin("net=8&act=tanh&lr=0.1&seed=5&stop=0");
    assert_true(play_look_now(&training, &look));
    play_look before = look;
    epochs(3000);
    assert_true(play_look_now(&training, &look));
    assert_memory_not_equal(before.surface, look.surface, sizeof look.surface);
    const int near = PLAY_GRID / 4, far = 3 * PLAY_GRID / 4; /* 0 and 1, of -0.5 to 1.5 */
    assert_true(look.surface[far * PLAY_GRID + near] < 16384);
    assert_true(look.surface[near * PLAY_GRID + near] > 49152);
    assert_true(look.surface[far * PLAY_GRID + far] > 49152);
    assert_true(look.surface[near * PLAY_GRID + far] < 16384);
    assert_int_equal(look.cells, PLAY_GRID / 2);
}

static void test_curves_stay_short(void **state)
{
    begin("stop=0");
    assert_int_equal(training.mark_count, 1);
    epochs(20000);
    assert_true(training.mark_count >= PLAY_MARKS / 2 && training.mark_count <= PLAY_MARKS);
    for (int i = 0; i < training.mark_count; i++)
        assert_int_equal(training.marks[i].epoch, i * training.mark_every);
    assert_true(training.marks[0].score.loss[0] > 0.2);
    assert_int_equal(training.line_count, PLAY_LINES); /* 8000, 9000, 10000, 20000 are the last */
    assert_int_equal(training.lines[PLAY_LINES - 1].epoch, 20000);
    assert_int_equal(training.lines[PLAY_LINES - 2].epoch, 10000);
    assert_int_equal(training.lines[PLAY_LINES - 3].epoch, 9000);
}

static void test_changes_on_the_way(void **state)
{
    begin("set=circles&net=4&lr=0");
    double weight = play_weights(&training, 0)[0];
    epochs(10);
    assert_true(play_weights(&training, 0)[0] == weight);
    play_state s = state_of("set=circles&net=4&lr=0.1&speed=0&stop=50");
    assert_true(play_change_to(&training, &s));
    epochs(10);
    assert_int_equal(training.story.epoch, 20);
    assert_true(play_weights(&training, 0)[0] != weight);
    assert_int_equal(training.story.change_count, 1);

    s.width[0] = 5;
    assert_true(play_change_to(&training, &s));
    assert_int_equal(training.story.epoch, 0);
    assert_int_equal(training.story.change_count, 0);

    assert_true(play_set_weight(&training, 0, 4, 1, 0.25));
    assert_true(play_set_weight(&training, 1, 0, -1, 0.5));
    assert_true(play_weights(&training, 0)[9] == 0.25f && play_biases(&training, 1)[0] == 0.5f);
    assert_false(play_set_weight(&training, 2, 0, 0, 1));
    assert_false(play_set_weight(&training, 0, 5, 0, 1));
    assert_false(play_set_weight(&training, 0, 0, 2, 1));
    assert_false(play_set_weight(&training, -1, 0, 0, 1));
    assert_false(play_set_weight(&training, 0, -1, 0, 1));
    assert_false(play_set_weight(&training, 0, 0, -2, 1));

    epochs(1);
    for (int i = 0; i < 2 * PLAY_CHANGES; i++) {
        s.lr = 0.1 + i;
        assert_true(play_change_to(&training, &s));
    }
    assert_int_equal(training.story.change_count, 3); /* in one place the last one counts */
    assert_false(training.story.changes_lost);
    for (int i = 0; i < PLAY_CHANGES; i++) {
        s.lr = 0.001 * i;
        epochs(1);
        assert_true(play_change_to(&training, &s));
    }
    assert_true(training.story.changes_lost);
}

static void test_too_long_a_step(void **state)
{
    begin("lr=3&stop=0");
    for (int i = 0; i < 10000 && !training.diverged; i++)
        epochs(1);
    assert_true(training.diverged);
    assert_true(play_look_now(&training, &look));
}

static void test_without_memory(void **state)
{
    fac_set_error_handler(NULL);
    play_state s = state_of("set=moons&net=3,2&batch=7");
    for (int64_t n = 1;; n++) {
        fac__alloc_fail_at(n);
        bool ok = play_begin(&training, &s) && play_epoch(&training) && play_look_now(&training, &look);
        fac__alloc_fail_at(0);
        assert_true(ok == !fac_error());
        fac_clear_error();
        if (ok) break;
        assert_true(n < 100000);
    }
    fac_set_error_handler(fac_default_error_handler);
}

/* ---- programs ----------------------------------------------------------------------------------------------- */

/* Builds the program that the training's story gives, runs it, and wants it to end with the same scores. */
static void check_program(const char *folder)
{
    char *text = play_program(&training.story), path[200], command[1000], line[200], want[2][100];
    assert_non_null(text);
    snprintf(path, sizeof path, "%s/program.c", folder);
    FILE *f = fopen(path, "w");
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command, "%s -Wall -Wextra -Werror %s %s -lm -o %s/program && %s/program", FAC_TEST_CC,
             path, FAC_TEST_LINK, folder, folder);
    const char *names[] = {"learnt from", "tested with"};
    for (int k = 0; k < 2; k++)
        snprintf(want[k], sizeof want[k], "%s: loss %.6f, accuracy %.2f %%\n", names[k], training.score.loss[k],
                 training.score.accuracy[k]);
    int found = 0, lines = 0;
    f = popen(command, "r");
    while (fgets(line, sizeof line, f)) {
        long epoch, of;
        double loss;
        for (int k = 0; k < 2; k++)
            if (!strcmp(line, want[k])) found++;
        if (sscanf(line, "Epoch [%ld/%ld], Loss: %lf", &epoch, &of, &loss) != 3) continue;
        char ours[20], theirs[20];
        snprintf(ours, sizeof ours, "%.4f", training.lines[lines].loss);
        snprintf(theirs, sizeof theirs, "%.4f", loss);
        assert_int_equal(epoch, training.lines[lines++].epoch);
        assert_string_equal(theirs, ours);
    }
    if (pclose(f) != 0 || found != (training.x[1] ? 2 : 1) || lines != training.line_count)
        fail_msg("expected: %s%s\nfrom this program:\n%s", want[0], training.x[1] ? want[1] : "", text);
    free(text);
}

static void test_programs_do_the_same(void **state)
{
    char folder[] = "/tmp/fac-playground-XXXXXX", command[100];
    assert_non_null(mkdtemp(folder));
    static const char *const texts[] = {
        "seed=0&stop=300",
        "set=cloud&net=3,4&act=tanh&loss=bce&opt=adam&n=50",
        "set=spirals&net=16,2&act=sigmoid&loss=hinge&opt=rmsprop&batch=7&decay=0.001&noise=0.0312345&n=61&test=33",
        "set=moons&net=&opt=momentum&own=0.5,0.25,1;-1,1,0;0.1,0.2,0;0.3,-1.234,1;1,1,1;0,0,0;1,1,0&n=20&test=50",
        "set=gaussians&net=2&act=leaky_relu&test=0&sample=9&n=30&batch=30",
        "set=own&net=2,1,2,1,2,1&act=identity&loss=hinge&own=0,0,0;1,1,1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        begin(texts[i]);
        epochs(300);
        check_program(folder);
    }
    /* With changes on the way, the first before all and the last behind all epochs. */
    begin("set=circles&n=40&net=3&batch=9");
    assert_true(play_set_weight(&training, 0, 1, 1, 0.75));
    epochs(10);
    play_state s = state_of("set=circles&n=40&net=3&batch=0&lr=0.05&decay=0.01");
    assert_true(play_change_to(&training, &s));
    epochs(10);
    s.batch = 5;
    s.decay = 0;
    assert_true(play_change_to(&training, &s));
    assert_true(play_set_weight(&training, 1, 0, -1, -0.125));
    epochs(80);
    s.lr = 1;
    assert_true(play_change_to(&training, &s));
    check_program(folder);

    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* ---- the room ----------------------------------------------------------------------------------------------- */

static play_room *room;
static play_story story;

/* Asks, again while there is no room; the version of a state. */
static unsigned ask(int what, const char *state)
{
    play_state s = state ? state_of(state) : play_state_default();
    play_request request = {.what = what, .state = &s};
    for (int i = 0; i < 20000; i++) {
        if (play_room_ask(room, &request)) return request.version;
        usleep(1000);
    }
    fail_msg("there was no room for 20 seconds");
    return 0;
}

/* What is to be seen now, as JSON that must be well formed. */
static json_t *seen(play_topic topic)
{
    unsigned none = 0;
    char *text = NULL;
    for (int i = 0; i < 1000 && !(text = play_room_text(room, topic, &none)); i++)
        usleep(1000);
    assert_non_null(text);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("%s: %s", error.text, text);
    free(text);
    return root;
}

/* Waits until the member of what is seen is this number (-1: null, a truth: 1 or 0). */
static void wait_for(play_topic topic, const char *name, double wanted)
{
    double is = NAN;
    for (int i = 0; i < 20000; i++) {
        json_t *root = seen(topic);
        const json_t *member = json_object_get(root, name);
        is = json_is_null(member) ? -1 : json_is_boolean(member) ? json_is_true(member) : json_number_value(member);
        json_decref(root);
        if (is == wanted) return;
        usleep(1000);
    }
    fail_msg("%s is %g, not %g", name, is, wanted);
}

static void *flood(void *count)
{
    play_state s = state_of("set=own&own=0,0,0;1,1,1&net=3&stop=0&speed=0");
    for (int i = 0; i < 3000; i++) {
        s.lr = i % 7 * 0.1;
        s.layers = i % 3;
        s.width[1] = 2;
        play_request request = {.what = i % 6, .state = &s, .layer = i % 4, .to = i % 5, .from = i % 3 - 1, .value = i};
        *(int *)count += play_room_ask(room, &request);
        if (i % 50 == 0) usleep(1000);
    }
    return NULL;
}

static void test_room(void **state)
{
    room = play_room_open();
    assert_non_null(room);
    wait_for(PLAY_TOPIC_LOOK, "epoch", 0);
    play_room_watched(room, true);
    ask(PLAY_ASK_STATE, "net=8&act=tanh&lr=0.1&seed=5&stop=2000&speed=0");
    ask(PLAY_ASK_PLAY, NULL);
    wait_for(PLAY_TOPIC_LOOK, "epoch", 2000);
    wait_for(PLAY_TOPIC_STATE, "playing", 0);
    json_t *look = seen(PLAY_TOPIC_LOOK);
    const json_t *score = json_object_get(look, "score");
    assert_true(json_number_value(json_array_get(json_object_get(score, "accuracy"), 0)) == 100);
    json_decref(look);
    play_room_story(room, &story);
    assert_int_equal(story.epoch, 2000);
    ask(PLAY_ASK_STEP, NULL);
    wait_for(PLAY_TOPIC_LOOK, "epoch", 2001);
    ask(PLAY_ASK_RESET, NULL);
    wait_for(PLAY_TOPIC_LOOK, "epoch", 0);

    /* At its own pace: 100 epochs take a second, neither a tenth of it nor ten. */
    ask(PLAY_ASK_STATE, "net=8&stop=50&speed=100");
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    ask(PLAY_ASK_PLAY, NULL);
    wait_for(PLAY_TOPIC_LOOK, "epoch", 50);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds = (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
    assert_true(seconds > 0.3 && seconds < 10);

    /* Numbers beyond all bounds are null, and it stops. */
    ask(PLAY_ASK_STATE, "lr=3&stop=0&speed=0");
    ask(PLAY_ASK_PLAY, NULL);
    wait_for(PLAY_TOPIC_LOOK, "diverged", 1);
    wait_for(PLAY_TOPIC_STATE, "playing", 0);
    json_decref(seen(PLAY_TOPIC_CURVE));

    /* Much at once, from two threads, which it may refuse but not lose. */
    pthread_t threads[2];
    int counts[2] = {0, 0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, flood, &counts[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(counts[0] > 0 && counts[1] > 0);
    wait_for(PLAY_TOPIC_STATE, "version",
             ask(PLAY_ASK_STATE, "set=spirals&net=16,16,16,16,16,16&n=1000&test=50&speed=0&stop=0"));
    ask(PLAY_ASK_PLAY, NULL);
    wait_for(PLAY_TOPIC_STATE, "playing", 1);
    json_t *points = seen(PLAY_TOPIC_POINTS);
    assert_int_equal(json_array_size(json_object_get(points, "train")), 500);
    assert_int_equal(json_array_size(json_object_get(points, "test")), 500);
    json_decref(points);
    json_decref(seen(PLAY_TOPIC_LOOK));
    play_room_close(room); /* while it plays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_come_back),
        cmocka_unit_test(test_bad_states_are_refused),
        cmocka_unit_test(test_sets),
        cmocka_unit_test_teardown(test_without_points, end),
        cmocka_unit_test_teardown(test_the_lesson, end),
        cmocka_unit_test_teardown(test_the_surface_is_the_network, end),
        cmocka_unit_test_teardown(test_curves_stay_short, end),
        cmocka_unit_test_teardown(test_changes_on_the_way, end),
        cmocka_unit_test_teardown(test_too_long_a_step, end),
        cmocka_unit_test_teardown(test_without_memory, end),
        cmocka_unit_test_teardown(test_programs_do_the_same, end),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
