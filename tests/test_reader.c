/* Reading runs: curves of any length in bounded memory that lose no extreme, and files that are damaged or hostile. */
#define _GNU_SOURCE
#include "testing.h"

#include "core/text.h"
#include "http_client.h" /* seconds_now */
#include "run_files.h"
#include "watch/points.h"
#include "watch/reader.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

static char folder[] = "/tmp/test_reader-XXXXXX";
static char path[64];

static int write_points(const point_file *f)
{
    file_write(path, f->p, (size_t)f->n * sizeof *f->p);
    return open(path, O_RDONLY);
}

static uint64_t seed;
static double random_number(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(seed >> 11) / 9007199254740992.0;
}

static json_t *as_json(const char *name, const fac__buckets *b, int buckets)
{
    fac__text t = {0};
    fac__buckets_write(&t, name, b, buckets);
    json_error_t error;
    json_t *json = json_loads(t.p, 0, &error);
    if (!json) fail_msg("no JSON: %s: %.300s", error.text, t.p);
    fac__text_drop(&t);
    return json;
}

static double number_at(json_t *curve, const char *key, size_t i)
{
    json_t *n = json_array_get(json_object_get(curve, key), i);
    return json_is_null(n) ? NAN : json_number_value(n);
}

static size_t length(json_t *curve, const char *key)
{
    return json_array_size(json_object_get(curve, key));
}

static void test_small_curves(void **state)
{
    point_file f = {0};
    point_name(&f, 0, "loss/train");
    point_value(&f, 0, 1, 0.75, 100.5);
    point_name(&f, 1, "a name of exactly thirty-two byte");
    point_value(&f, 1, 1, -3, 101);
    point_value(&f, 0, 2, 0.1, 102);
    point_value(&f, 0, 3, NAN, 103);
    point_value(&f, 0, 4, -INFINITY, 104);
    point_value(&f, 0, 5, 1e300, 105);
    point_add(&f, 100); /* the file is longer than what is in it */
    int fd = write_points(&f);
    fac__reader r = {.started = 100};
    assert_true(fac__reader_read(&r, fd, 1000));
    assert_false(r.behind);
    assert_int_equal(r.records, f.n - 100);
    assert_int_equal(r.values, 6);
    assert_int_equal(r.damaged, 0);
    assert_int_equal(r.step, 5);
    assert_int_equal(r.count, 2);
    assert_int_equal(fac__reader_find(&r, "a name of exactly thirty-two byte"), 1);
    assert_int_equal(fac__reader_find(&r, "loss"), -1);
    json_t *c = as_json("loss/train", &r.curves[0].whole, 100);
    char *text = json_dumps(c, JSON_SORT_KEYS);
    assert_string_equal(text, "{\"count\": 5, \"last\": 1.0000000000000001e300, \"name\": \"loss/train\", "
                              "\"odd\": [[3, \"nan\"], [4, \"-inf\"]], \"reduced\": false, \"steps\": [1, 2, 3, 4, 5], "
                              "\"times\": [0.5, 2, 3, 4, 5], \"values\": [0.75, 0.10000000000000001, null, null, "
                              "1.0000000000000001e300]}");
    free(text);
    json_decref(c);
    fac__reader_drop(&r);
    close(fd);
    free(f.p);
}

/* What `b` shows in so many buckets is true of these values: the same first and last, least and greatest with their steps, the
 * same mean, in the order in which they came. */
static void check_true(const fac__buckets *b, int buckets, const double *values, const int64_t *steps, int64_t n)
{
    json_t *c = as_json("x", b, buckets);
    size_t points = length(c, "steps");
    assert_int_equal(json_integer_value(json_object_get(c, "count")), n);
    assert_int_equal(length(c, "values"), points);
    assert_int_equal(length(c, "times"), points);
    assert_true(points <= 2 * (size_t)buckets + 2);
    int64_t at = 0;
    double counted = 0, sum = 0, expected = 0;
    bool reduced = json_is_true(json_object_get(c, "reduced"));
    for (size_t i = 0; i < points; i++) {
        double value = number_at(c, "values", i);
        int64_t step = (int64_t)number_at(c, "steps", i);
        while (at < n && !(steps[at] == step && fabs(values[at] - value) <= 1e-8 * fabs(value)))
            at++;
        if (at == n)
            fail_msg("of %lld in %d buckets: point %zu, %g at step %lld, is not there, or not in this order",
                     (long long)n, buckets, i, value, (long long)step);
        if (!reduced) continue;
        counted += number_at(c, "counts", i);
        sum += number_at(c, "counts", i) * number_at(c, "means", i);
    }
    int64_t least = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (values[i] < values[least]) least = i;
        if (values[i] > values[most]) most = i;
        expected += values[i];
    }
    bool has_least = false, has_most = false;
    for (size_t i = 0; i < points; i++) {
        has_least |= (int64_t)number_at(c, "steps", i) == steps[least] &&
                     fabs(number_at(c, "values", i) - values[least]) < 1e-6;
        has_most |= (int64_t)number_at(c, "steps", i) == steps[most] &&
                    fabs(number_at(c, "values", i) - values[most]) < 1e-6;
    }
    assert_true(has_least && has_most);
    assert_int_equal(number_at(c, "steps", 0), steps[0]);
    assert_int_equal(number_at(c, "steps", points - 1), steps[n - 1]);
    if (reduced) {
        assert_true(fabs(counted - (double)n) <= 2); /* the first and the last may count twice */
        assert_true(fabs(sum - expected) <= 1e-6 * fabs(expected) + 2 * fabs(values[most]) + 2 * fabs(values[least]));
    }
    json_decref(c);
}

static void test_no_extreme_is_lost(void **state)
{
    static const int64_t sizes[] = {1, 2, 3, 7, 199, 200, 201, 999, 8191, 8192, 8193, 20000, 100003};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t n = sizes[s];
        double *values = malloc((size_t)n * sizeof *values);
        int64_t *steps = malloc((size_t)n * sizeof *steps);
        seed = (uint64_t)n;
        fac__buckets b = {.most = FAC__READER_CURVE};
        for (int64_t i = 0; i < n; i++) {
            values[i] = sin((double)i * 0.001) + random_number();
            if (random_number() < 0.001) values[i] = 100 * random_number() - 50; /* peaks of one value */
            steps[i] = 10 * i;
            fac__seen v = {.step = steps[i], .record = i, .value = values[i], .time = (float)i};
            assert_true(fac__buckets_add(&b, &v));
            assert_true(b.count <= FAC__READER_CURVE);
        }
        for (int buckets = 2; buckets <= 5000; buckets = buckets * 3 + 1)
            check_true(&b, buckets, values, steps, n);
        fac__buckets_limit(&b, 64);
        check_true(&b, 1000, values, steps, n);
        check_true(&b, 10, values, steps, n);
        fac__buckets_drop(&b);
        free(values);
        free(steps);
    }
}

/* Three curves, one with a value a step and two with fewer, whose steps begin anew at a third: as of a loop that was resumed. */
static int64_t step_of(int64_t i, int64_t n)
{
    return i < n / 3 ? i : i - n / 6;
}

static point_file long_run(int64_t n)
{
    point_file f = {0};
    point_name(&f, 0, "loss/train");
    point_name(&f, 1, "loss/validation");
    seed = 7;
    for (int64_t i = 0; i < n; i++) {
        point_value(&f, 0, step_of(i, n), random_number() + (i == n / 2 ? 10 : 0), 1000 + (double)i * 0.01);
        if (i % 10 == 3) point_value(&f, 1, step_of(i, n), -random_number(), 1000 + (double)i * 0.01);
        if (i == 1000) point_name(&f, 2, "learning rate");
        if (i >= 1000 && i % 100 == 0) point_value(&f, 2, i, 0.1, 1000 + (double)i * 0.01);
    }
    return f;
}

static void same_json(const fac__buckets *a, const fac__buckets *b, int buckets)
{
    json_t *x = as_json("x", a, buckets), *y = as_json("x", b, buckets);
    assert_true(json_equal(x, y));
    json_decref(x);
    json_decref(y);
}

static void test_in_pieces(void **state)
{
    point_file f = long_run(100000);
    int fd = write_points(&f), part = open(path, O_RDWR);
    fac__reader whole = {.started = 1000}, r = {.started = 1000};
    assert_true(fac__reader_read(&whole, fd, INT64_MAX));
    assert_int_equal(whole.records, f.n);
    /* It grows by pieces of any size, which need not end with a record. */
    seed = 3;
    size_t bytes = 0, all = (size_t)f.n * sizeof *f.p;
    while (bytes < all) {
        size_t next = bytes + 1 + (size_t)(random_number() * 40000);
        if (next > all) next = all;
        assert_return_code(ftruncate(part, (off_t)next), 0);
        assert_int_equal(pwrite(part, (char *)f.p + bytes, next - bytes, (off_t)bytes), next - bytes);
        bytes = next;
        r.collects = random_number() < 0.5;
        int64_t before = r.records;
        assert_true(fac__reader_read(&r, part, 5000));
        assert_true(r.records - before < 5000 + 40000);
        if (random_number() < 0.5) fac__reader_told(&r);
        for (int i = 0; i < r.count; i++)
            assert_true(r.curves[i].fresh.count <= FAC__READER_FRESH);
    }
    do
        assert_true(fac__reader_read(&r, part, 5000));
    while (r.behind);
    assert_int_equal(r.records, whole.records);
    assert_int_equal(r.values, whole.values);
    assert_int_equal(r.damaged, 0);
    for (int i = 0; i < 3; i++)
        same_json(&r.curves[i].whole, &whole.curves[i].whole, 300);
    fac__reader_drop(&r);
    fac__reader_drop(&whole);
    close(fd);
    close(part);
    free(f.p);
}

static void test_zoom(void **state)
{
    enum { N = 60000 };
    point_file f = long_run(N);
    int fd = write_points(&f);
    fac__reader r = {.started = 1000};
    assert_true(fac__reader_read(&r, fd, INT64_MAX));
    static const int64_t ranges[][2] = {
        {0, N},     {N / 2, N / 2},     {N / 2 - 3, N / 2 + 3}, {1234, 5678},       {N / 6, N / 3},
        {-100, 10}, {N - 5, INT64_MAX}, {INT64_MIN, INT64_MAX}, {N * 2, INT64_MAX}, {100, 50}};
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        for (int curve = -1; curve < 3; curve++) {
            fac__buckets out[3] = {{.most = 400}, {.most = 400}, {.most = 400}},
                         want[3] = {{.most = 400}, {.most = 400}, {.most = 400}};
            assert_true(fac__reader_zoom(&r, fd, curve, ranges[k][0], ranges[k][1], out));
            for (int64_t i = 0; i < f.n; i++) {
                const fac__point *p = &f.p[i];
                if (p->kind == FAC__NAME) i++;
                if (p->kind != FAC__VALUE || (curve >= 0 && p->curve != (uint32_t)curve)) continue;
                fac__seen v = {.step = p->step, .record = i, .value = p->value, .time = (float)(p->time - 1000)};
                if (p->step >= ranges[k][0] && p->step <= ranges[k][1]) fac__buckets_add(&want[p->curve], &v);
            }
            for (int i = 0; i < 3; i++) {
                assert_int_equal(out[i].values, want[i].values);
                same_json(&out[i], &want[i], 100);
                fac__buckets_drop(&out[i]);
                fac__buckets_drop(&want[i]);
            }
        }
    }
    fac__reader_drop(&r);
    close(fd);
    free(f.p);
}

static void test_damaged(void **state)
{
    point_file f = {0};
    point_name(&f, 0, "good");
    point_value(&f, 0, 1, 1, 0);
    point_value(&f, 1, 1, 1, 0);          /* of no curve */
    point_value(&f, UINT32_MAX, 1, 1, 0); /* nor this */
    point_name(&f, 0, "again 0");
    point_name(&f, 7, "not the next");
    point_name(&f, 1, "good"); /* is there */
    point_name(&f, 1, "\xff\xfe");
    point_name(&f, 1, "line\nend");
    point_name(&f, 1, "zero");
    memcpy(f.p + f.n - 1, "ze\0o", 4);
    point_add(&f, 1)->kind = 3;
    point_add(&f, 1)->kind = UINT32_MAX;
    *point_add(&f, 1) = (fac__point){.kind = FAC__NAME, .curve = 1, .bytes = 0};
    *point_add(&f, 1) = (fac__point){.kind = FAC__NAME, .curve = 1, .bytes = UINT32_MAX};
    *point_add(&f, 1) = (fac__point){.kind = FAC__NAME, .curve = 1, .bytes = 101};
    point_value(&f, 0, INT64_MIN, -1, NAN);
    point_value(&f, 0, INT64_MAX, 1, 1e300);
    int fd = write_points(&f);
    fac__reader r = {0};
    assert_true(fac__reader_read(&r, fd, 1000));
    assert_int_equal(r.records, f.n);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.values, 3);
    assert_int_equal(r.damaged, 13);
    json_t *c = as_json("good", &r.curves[0].whole, 10);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(c, "steps"), 1)), INT64_MIN);
    json_decref(c);
    fac__reader_drop(&r);
    close(fd);

    /* A name that is not there whole. */
    f.n = 0;
    point_name(&f, 0, "a name that takes two records or more");
    f.n--;
    fd = write_points(&f);
    assert_true(fac__reader_read(&r, fd, 1000));
    assert_int_equal(r.records, 0);
    fac__reader_drop(&r);
    close(fd);

    /* Noise, in which the kinds are often right. */
    for (uint64_t k = 1; k <= 300; k++) {
        seed = k;
        f.n = 0;
        point_add(&f, 3000);
        for (size_t i = 0; i < 3000 * sizeof *f.p; i++)
            ((unsigned char *)f.p)[i] = (unsigned char)(random_number() * 256);
        for (int i = 0; i < 3000; i++) {
            if (random_number() < 0.8) f.p[i].kind = 1 + (uint32_t)(random_number() * 2);
            if (random_number() < 0.8) f.p[i].curve = (uint32_t)(random_number() * 8);
            if (random_number() < 0.8 && f.p[i].kind == FAC__NAME) f.p[i].bytes = 1 + (uint32_t)(random_number() * 120);
        }
        point_name(&f, 0, "x");
        memmove(f.p + 2, f.p, 2998 * sizeof *f.p);
        memcpy(f.p, f.p + f.n - 2, 2 * sizeof *f.p);
        fd = write_points(&f);
        fac__reader noisy = {0};
        assert_true(fac__reader_read(&noisy, fd, INT64_MAX));
        assert_true(noisy.count >= 1);
        fac__buckets out[FAC__CURVES] = {{0}};
        for (int i = 0; i < noisy.count; i++) {
            out[i].most = 20;
            json_decref(as_json(noisy.curves[i].name, &noisy.curves[i].whole, 5));
        }
        assert_true(fac__reader_zoom(&noisy, fd, -1, -1000, INT64_MAX, out));
        for (int i = 0; i < noisy.count; i++)
            fac__buckets_drop(&out[i]);
        fac__reader_drop(&noisy);
        close(fd);
    }
    free(f.p);
}

static void test_many_curves(void **state)
{
    point_file f = {0};
    char name[32];
    for (uint32_t i = 0; i < FAC__CURVES + 10; i++) {
        snprintf(name, sizeof name, "curve %u", i);
        point_name(&f, i, name);
        for (int k = 0; k < 500; k++)
            point_value(&f, i, k, k, 0);
    }
    int fd = write_points(&f);
    fac__reader r = {0};
    assert_true(fac__reader_read(&r, fd, INT64_MAX));
    assert_int_equal(r.count, FAC__CURVES);
    assert_int_equal(r.values, FAC__CURVES * 500);
    assert_int_equal(r.damaged, 10 * 501);
    int buckets = 0;
    for (int i = 0; i < r.count; i++) {
        buckets += r.curves[i].whole.count;
        assert_true(r.curves[i].whole.values == 500 && r.curves[i].whole.last.value == 499);
    }
    assert_true(buckets <= FAC__READER_RUN);
    assert_true(fac__reader_bytes(&r) < 20 << 20);
    fac__reader_drop(&r);
    close(fd);
    free(f.p);
}

static void test_memory_runs_out(void **state)
{
    point_file f = long_run(3000);
    int fd = write_points(&f);
    fac__reader whole = {.started = 1000};
    assert_true(fac__reader_read(&whole, fd, INT64_MAX));
    fac_error_handler usual = fac_set_error_handler(NULL);
    for (int64_t n = 1;; n++) {
        fac__reader r = {.started = 1000};
        fac__alloc_fail_at(n);
        bool good = fac__reader_read(&r, fd, INT64_MAX);
        fac__alloc_fail_at(0);
        if (!good) assert_non_null(fac_error());
        fac_clear_error();
        assert_true(fac__reader_read(&r, fd, INT64_MAX)); /* goes on where it was */
        assert_int_equal(r.values, whole.values);
        for (int i = 0; i < 3; i++)
            same_json(&r.curves[i].whole, &whole.curves[i].whole, 100);
        fac__reader_drop(&r);
        if (good) break;
        assert_true(n < 1000);
    }
    fac_set_error_handler(usual);
    fac__reader_drop(&whole);
    close(fd);
    free(f.p);
}

/* ---- while it is written ------------------------------------------------------------------------------------- */

enum { WRITTEN = 300000 };
static atomic_bool done;

static void *write_along(void *points)
{
    fac__points_name(points, 0, "loss");
    for (int64_t i = 0; i < WRITTEN; i++)
        fac__points_value(points, 0, i, (double)i * 0.5, 1000 + (double)i);
    atomic_store(&done, true);
    return NULL;
}

static void test_while_it_is_written(void **state)
{
    unlink(path);
    fac__points points;
    assert_true(fac__points_create(&points, path));
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_along, &points), 0);
    int fd = open(path, O_RDONLY), reads = 0;
    fac__reader r = {.started = 1000};
    for (bool last = false; !last;) {
        last = atomic_load(&done);
        assert_true(fac__reader_read(&r, fd, INT64_MAX));
        reads++;
        if (!r.count || !r.curves[0].whole.values) continue;
        const fac__buckets *b = &r.curves[0].whole;
        assert_int_equal(b->last.step, b->values - 1);
        assert_true(b->last.value == (double)b->last.step * 0.5);
    }
    pthread_join(writer, NULL);
    assert_int_equal(r.values, WRITTEN);
    assert_int_equal(r.damaged, 0);
    const fac__buckets *b = &r.curves[0].whole; /* all of them were whole */
    double sum = 0;
    for (int i = 0; i < b->count; i++)
        sum += b->items[i].sum;
    assert_true(sum == 0.25 * WRITTEN * (WRITTEN - 1.0));
    fac__reader_drop(&r);
    close(fd);
    fac__points_close(&points);
}

/* ---- how long it takes --------------------------------------------------------------------------------------- */

static void test_speed(void **state)
{
    enum { N = 900000, BUCKETS = 1000 };
    point_file f = long_run(N); /* about a million values */
    int fd = write_points(&f);
    fac__reader r = {.started = 1000};
    double begin = seconds_now();
    assert_true(fac__reader_read(&r, fd, INT64_MAX));
    double read_time = seconds_now() - begin;
    fac__text t = {0};
    begin = seconds_now();
    for (int k = 0; k < 20; k++) /* as of 20 runs */
        for (int i = 0; i < r.count; i++)
            fac__buckets_write(&t, r.curves[i].name, &r.curves[i].whole, BUCKETS / r.count);
    double write_time = seconds_now() - begin;
    size_t bytes = t.n;
    fac__text_drop(&t);
    begin = seconds_now();
    fac__buckets out[3] = {{.most = 4 * BUCKETS}, {.most = 4 * BUCKETS}, {.most = 4 * BUCKETS}};
    assert_true(fac__reader_zoom(&r, fd, -1, N / 10, N, out));
    for (int i = 0; i < 3; i++)
        fac__buckets_write(&t, "x", &out[i], BUCKETS);
    double zoom_time = seconds_now() - begin;
    fac__text_drop(&t);
    print_message("[          ] %lld values: read in %.1f ms, 20 overviews (%.1f MB of JSON) in %.1f ms, a zoom in "
                  "%.1f ms; %.1f MB kept\n",
                  (long long)r.values, read_time * 1e3, (double)bytes / 1e6, write_time * 1e3, zoom_time * 1e3,
                  (double)fac__reader_bytes(&r) / 1e6);
    assert_true(fac__reader_bytes(&r) < 8 << 20);
    for (int i = 0; i < 3; i++)
        fac__buckets_drop(&out[i]);
    fac__reader_drop(&r);
    close(fd);
    free(f.p);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/points", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_curves),    cmocka_unit_test(test_no_extreme_is_lost),
        cmocka_unit_test(test_in_pieces),       cmocka_unit_test(test_zoom),
        cmocka_unit_test(test_damaged),         cmocka_unit_test(test_many_curves),
        cmocka_unit_test(test_memory_runs_out), cmocka_unit_test(test_while_it_is_written),
        cmocka_unit_test(test_speed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(folder);
    return failed;
}
