/* Threads: what must hold when they cannot be had, after a fork, and when their number changes during work. */
#define _GNU_SOURCE /* sched_setaffinity */
#include "testing.h"

#include "backend/kernel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static fac_tensor *some_work(void)
{
    fac_tensor *x = fac_arange(0, 600 * 600, 1, .dtype = FAC_FLOAT32);
    x = fac_reshape(fac_cos(x), FAC_SHAPE(600, 600));
    fac_tensor *images =
        fac_reshape(fac_narrow(fac_flatten(x, 0, -1), 0, 0, 16 * 4 * 32 * 32), FAC_SHAPE(16, 4, 32, 32));
    fac_tensor *weight = fac_reshape(fac_narrow(fac_flatten(x, 0, -1), 0, 0, 8 * 4 * 3 * 3), FAC_SHAPE(8, 4, 3, 3));
    fac_tensor *y = fac_conv2d(images, weight, NULL, .padding = 1);
    return fac_add(fac_add(fac_sum(fac_matmul(x, x)), fac_sum(fac_sort(x, .dim = 1))), fac_sum(fac_exp(y)));
}

/* Runs body in a child, which has 20 seconds, and returns its exit status; -1 for a signal. */
static int in_child(int (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(body());
    }
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static double expected;

static int works(void)
{
    int result = 1;
    fac_scope
        result = fac_item(some_work()) == expected && !fac_error() ? 0 : 1;
    return result;
}

static int takes_three(void)
{
    setenv("OMP_NUM_THREADS", "3,2", 1);
    return fac_get_num_threads() == 3 ? 0 : 1;
}

static int takes_its_cores(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    setenv("OMP_NUM_THREADS", "many", 1);
    return !sched_setaffinity(0, sizeof one, &one) && fac_get_num_threads() == 1 ? 0 : 1;
}

/* Before this process has looked itself. */
static void test_how_many(void **state)
{
    (void)state;
    assert_int_equal(in_child(takes_three), 0);
    assert_int_equal(in_child(takes_its_cores), 0);
}

/* Little memory is left for the stacks of threads: before there is a pool, so this test is the first. */
static int works_without_threads(void)
{
#ifdef FAC_TEST_SANITIZE
    return 77; /* sanitizers need room for themselves */
#endif
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld", &pages) != 1) return 77;
    fclose(f);
    rlim_t room = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20);
    if (setrlimit(RLIMIT_AS, &(struct rlimit){room, room})) return 77;
    return fac_set_num_threads(100) ? works() : 1;
}

static void test_no_threads_to_be_had(void **state)
{
    (void)state;
    fac_set_num_threads(1);
    fac_scope
        expected = fac_item(some_work());
    assert_false(isnan(expected));
    int status = in_child(works_without_threads);
    assert_true(status == 0 || status == 77);
}

static void test_more_threads_than_work(void **state)
{
    (void)state;
    assert_true(fac_set_num_threads(INT32_MAX));
    assert_int_equal(fac_get_num_threads(), 1024);
    assert_int_equal(works(), 0);
    fac_scope { /* memory for the threads that can work at it, not for all */
        int64_t most = 3 * (int64_t)sizeof(int64_t) * 400000;
        fac_tensor *x = fac_zeros(FAC_SHAPE(400000));
        fac_empty_cache();
        int64_t before = fac_memory().used + fac_memory().cached;
        assert_non_null(fac_sort(x));
        assert_true(fac_memory().used + fac_memory().cached - before < 8 * most);
    }
}

static void test_fork(void **state)
{
    (void)state;
    fac_set_num_threads(3);
    assert_int_equal(works(), 0);
    assert_int_equal(in_child(works), 0);
    assert_int_equal(works(), 0);
}

static void *work_and_work(void *failed)
{
    for (int i = 0; i < 10; i++)
        *(int *)failed += works();
    return NULL;
}

/* One has the pool, the others work alone. */
static void test_many_have_work(void **state)
{
    (void)state;
    fac_set_num_threads(3);
    pthread_t threads[4];
    int failed[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_and_work, &failed[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
}

enum { ITEMS = 1000, GRAIN = 7 };

static void count_up(void *context, int64_t begin, int64_t end)
{
    bool as_asked = begin % GRAIN == 0 && (end - begin == GRAIN || end == ITEMS);
    if (!as_asked || fac__thread_index() < 0 || fac__thread_index() >= fac__threads()) return;
    for (int64_t i = begin; i < end; i++)
        atomic_fetch_add(&((atomic_int *)context)[i], 1);
}

/* Each chunk is done once, whether helpers are awake, sleep, or are more or fewer than before. */
static void test_chunks_are_done_once(void **state)
{
    (void)state;
    static atomic_int counts[ITEMS];
    enum { ROUNDS = 3000 };
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 500 == 0) assert_true(fac_set_num_threads(i / 500 % 3 * 2 + 1));
        if (i % 100 == 0) usleep(300);
        fac__settle_threads();
        fac__parallel(ITEMS, GRAIN, count_up, counts);
    }
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(counts[i], ROUNDS);
}

/* More than can be taken one by one. */
enum { MANY = 200001 };

static void count_one(void *context, int64_t begin, int64_t end)
{
    if (end - begin == 1) atomic_fetch_add(&((atomic_uchar *)context)[begin], 1);
}

static void test_many_chunks(void **state)
{
    (void)state;
    static atomic_uchar counts[MANY];
    for (int threads = 1; threads < 5; threads++) {
        assert_true(fac_set_num_threads(threads));
        fac__parallel(MANY, 1, count_one, counts);
    }
    for (int i = 0; i < MANY; i++)
        assert_int_equal(counts[i], 4);
}

static atomic_bool stop;

static void *change_number(void *unused)
{
    for (int i = 0; !atomic_load(&stop); i++)
        fac_set_num_threads(1 + i % 7);
    return unused;
}

static void test_number_changes_during_work(void **state)
{
    (void)state;
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, change_number, NULL), 0);
    int failed = 0;
    for (int i = 0; i < 20; i++)
        failed += works();
    atomic_store(&stop, true);
    pthread_join(other, NULL);
    assert_int_equal(failed, 0);
}

enum { DRAWERS = 4, DRAWS = 300000 };

static void *draw(void *out)
{
    for (int i = 0; i < DRAWS; i++)
        ((uint32_t *)out)[i] = fac_generator_random(NULL);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    return (*(const uint32_t *)a > *(const uint32_t *)b) - (*(const uint32_t *)a < *(const uint32_t *)b);
}

/* Together they get the numbers that one would get. */
static void test_default_generator_is_shared(void **state)
{
    (void)state;
    static uint32_t together[DRAWERS * DRAWS], alone[DRAWERS * DRAWS];
    pthread_t drawers[DRAWERS];
    fac_manual_seed(3);
    for (int i = 0; i < DRAWERS; i++)
        assert_int_equal(pthread_create(&drawers[i], NULL, draw, together + i * DRAWS), 0);
    for (int i = 0; i < DRAWERS; i++)
        pthread_join(drawers[i], NULL);
    fac_manual_seed(3);
    for (int i = 0; i < DRAWERS; i++)
        draw(alone + i * DRAWS);
    qsort(together, DRAWERS * DRAWS, sizeof *together, by_value);
    qsort(alone, DRAWERS * DRAWS, sizeof *alone, by_value);
    assert_memory_equal(together, alone, sizeof alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_many),
        cmocka_unit_test(test_no_threads_to_be_had),
        cmocka_unit_test(test_more_threads_than_work),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_many_have_work),
        cmocka_unit_test(test_chunks_are_done_once),
        cmocka_unit_test(test_many_chunks),
        cmocka_unit_test(test_number_changes_during_work),
        cmocka_unit_test(test_default_generator_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
