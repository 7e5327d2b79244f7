/* The generator against what PyTorch draws (tests/data/random.txt, made by tests/record/record_random.py), its state,
 * and its errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/draws.h"
#include "core/memory.h"
#include "core/tensor_impl.h"

/* Runs the recorded call; false when there is no such operation. */
static bool call(const char *op, fac_dtype dtype, void *out, int64_t n, const char *a, const char *b)
{
    static fac_generator given;
    double x = atof(a), y = atof(b);
    if (!strcmp(op, "uniform"))
        fac__random_uniform(NULL, dtype, out, n, x, y);
    else if (!strcmp(op, "normal"))
        fac__random_normal(NULL, dtype, out, n, x, y);
    else if (!strcmp(op, "exponential"))
        fac__random_exponential(NULL, dtype, out, n, x);
    else if (!strcmp(op, "full"))
        fac__random_full(NULL, dtype, out, n);
    else if (!strcmp(op, "integers"))
        fac__random_integers(NULL, dtype, out, n, atoll(a), atoll(b));
    else if (!strcmp(op, "permutation"))
        fac__random_permutation(NULL, dtype, out, n);
    else if (!strcmp(op, "bernoulli"))
        fac__random_bernoulli(NULL, dtype, out, n, x);
    else if (!strncmp(op, "bernoulli_", 10)) {
        fac_dtype p_dtype = fac_dtype_from_name(op + 10);
        char *p = malloc((size_t)n * 8);
        for (int64_t i = 0; i < n; i++)
            if (p_dtype == FAC_FLOAT32)
                ((float *)(void *)p)[i] = (float)i / (float)n;
            else
                ((double *)(void *)p)[i] = (double)i / (double)n;
        fac__random_bernoulli_tensor(NULL, dtype, out, p_dtype, p, n);
        free(p);
    } else if (!strncmp(op, "loader", 6)) {
        fac_generator *g = atoi(a) < 0 ? NULL : &given;
        if (g && !strcmp(b, "0")) fac_generator_seed(g, (uint64_t)atoi(a));
        fac__random_loader_order(g, op[6] == '1', out, n);
        fac__random_loader_end(g, op[6] == '1', n);
    } else
        return false;
    return true;
}

static uint64_t bits(const char *p, size_t size)
{
    uint64_t v = 0;
    memcpy(&v, p, size);
    return v;
}

/* Values that went through log, sin and cos of the C library may be off by a little. */
static bool near(fac_dtype dtype, uint64_t a, uint64_t b)
{
    int64_t far = (int64_t)(a - b);
    return a == b || (fac_dtype_is_floating(dtype) && far >= -4 && far <= 4);
}

static void check_line(char *line)
{
    char op[32], name[16], a[32], b[32], hash[32];
    long long n;
    unsigned long long seed;
    int used = 0;
    if (sscanf(line, "seed %llu", &seed) == 1) {
        fac_manual_seed(seed);
        return;
    }
    assert_int_equal(sscanf(line, "%31s %15s %lld %31s %31s : %31s%n", op, name, &n, a, b, hash, &used), 6);
    fac_dtype dtype = fac_dtype_from_name(name);
    size_t size = fac_dtype_size(dtype);
    assert_true(size > 0);
    char *out = malloc((size_t)n * size);
    assert_true(call(op, dtype, out, n, a, b));
    char *p = line + used;
    for (int64_t i = 0; i < n; i++) {
        if (n > 16 && i == 8) i = n - 8;
        uint64_t want = strtoull(p, &p, 16), got = bits(out + (size_t)i * size, size);
        if (hash[0] == '-' ? near(dtype, want, got) : want == got) continue;
        fail_msg("%.70s…: element %lld is %llx", line, (long long)i, (unsigned long long)got);
    }
    if (hash[0] != '-') {
        uint64_t h = 0xcbf29ce484222325u;
        for (size_t i = 0; i < (size_t)n * size; i++)
            h = (h ^ (uint8_t)out[i]) * 0x100000001b3u;
        if (h != strtoull(hash, NULL, 16)) fail_msg("%.70s…: the values between differ", line);
    }
    free(out);
}

static void test_recorded(void **context)
{
    FILE *f = fopen(FAC_TEST_DATA "/random.txt", "r");
    assert_non_null(f);
    char line[1024];
    int lines = 0;
    while (fgets(line, sizeof line, f)) {
        check_line(line);
        lines++;
    }
    fclose(f);
    assert_true(lines > 1000);
}

static void test_state_resumes(void **context)
{
    double a[7], b[7];
    float c[700], d[700];
    fac_scope {
        fac_manual_seed(3);
        fac__random_normal(NULL, FAC_FLOAT64, a, 7, 0, 1); /* leaves a normal waiting */
        fac_tensor *state = fac_generator_get_state(NULL);
        assert_non_null(state);
        assert_int_equal(fac_dtype_of(state), FAC_UINT8);
        fac__random_normal(NULL, FAC_FLOAT64, a, 7, 0, 1);
        fac__random_uniform(NULL, FAC_FLOAT32, c, 700, 0, 1);

        fac_generator *g = fac_generator_new(99);
        assert_true(fac_generator_set_state(g, state));
        assert_int_equal(fac_generator_initial_seed(g), 3);
        fac__random_normal(g, FAC_FLOAT64, b, 7, 0, 1);
        fac__random_uniform(g, FAC_FLOAT32, d, 700, 0, 1);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(c, d, sizeof c);
        fac_generator_seed(g, 3); /* seeding forgets the waiting normal */
        fac_manual_seed(3);
        fac__random_normal(g, FAC_FLOAT64, a, 7, 0, 1);
        fac__random_normal(NULL, FAC_FLOAT64, b, 7, 0, 1);
        assert_memory_equal(a, b, sizeof a);
        fac_generator_free(g);
    }
}

static void test_raw_draws(void **context)
{
    fac_generator *g = fac_generator_new(5489);
    for (int i = 0; i < 9999; i++)
        fac_generator_random(g);
    assert_int_equal(fac_generator_random(g), 4123659995u); /* the 10000th of mt19937, as in the C++ standard */
    fac_generator_seed(g, 1);
    uint32_t high = fac_generator_random(g), low = fac_generator_random(g);
    fac_generator_seed(g, 1);
    assert_true(fac_generator_random64(g) == (((uint64_t)high << 32) | low));
    fac_generator_free(g);
    fac_generator_free(NULL);
    fac_generator_free(fac_default_generator());
    fac_manual_seed(12);
    assert_int_equal(fac_generator_initial_seed(NULL), 12);
}

static void refused(fac_tensor *state, fac_error_code code)
{
    uint32_t before = (fac_manual_seed(4), fac_generator_random(NULL));
    fac_manual_seed(4);
    assert_false(fac_generator_set_state(NULL, state));
    assert_int_equal(fac_get_error_code(), code);
    fac_clear_error();
    assert_int_equal(fac_generator_random(NULL), before);
}

static void test_bad_states(void **context)
{
    fac_scope {
        refused(NULL, FAC_ERROR_TYPE);
        fac_tensor *state = fac_generator_get_state(NULL);
        int64_t n = fac_numel(state);
        refused(fac__own(fac__new(FAC_UINT8, 1, &(int64_t){n - 1})), FAC_ERROR_RUNTIME);
        refused(fac__own(fac__new(FAC_INT8, 1, &n)), FAC_ERROR_TYPE);
        ((char *)fac_data(state))[0] ^= 1;
        refused(state, FAC_ERROR_RUNTIME);
        ((char *)fac_data(state))[0] ^= 1;
        ((uint32_t *)fac_data(state))[7] = FAC__MT_WORDS + 1;
        refused(state, FAC_ERROR_RUNTIME);
    }
}

static void test_failed_allocations(void **context)
{
    fac__alloc_fail_at(1);
    assert_null(fac_generator_new(0));
    assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
    fac_clear_error();
    for (int n = 1;; n++) {
        fac__alloc_fail_at(n);
        fac_tensor *state = NULL;
        fac_scope
            state = fac_keep(fac_generator_get_state(NULL));
        fac__alloc_fail_at(0);
        if (state) {
            fac_release(state);
            break;
        }
        assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_clear_error();
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded), /* first: it looks at the seed of a fresh process */
        cmocka_unit_test(test_state_resumes), cmocka_unit_test(test_raw_draws),
        cmocka_unit_test(test_bad_states),    cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
