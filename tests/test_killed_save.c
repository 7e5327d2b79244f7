/* A program that is killed at any moment of a save, 200 times: the old file (or set of files) is there, or the new
 * one, whole. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "core/tensor_impl.h"
#include "file_bytes.h"

enum { TIMES = 200, PATHS = 4, TENSORS = 4, COUNT = 5000, SHARD = 2 * COUNT * sizeof(float) };

static fac_state *state_of(float value)
{
    static const char *const names[TENSORS] = {"a", "b", "c", "d"};
    fac_state *s = fac_state_new();
    for (int k = 0; k < TENSORS; k++) {
        fac_tensor *t = fac__new(FAC_FLOAT32, 1, (int64_t[]){COUNT});
        assert_true(s && t);
        for (int i = 0; i < COUNT; i++)
            ((float *)fac__host(t))[i] = value;
        assert_true(fac_state_set(s, names[k], t));
        fac_release(t);
    }
    return s;
}

/* All elements are the same. */
static float value_of(const char *path)
{
    fac_state *s = fac_load(path);
    if (!s) fail_msg("%s", fac_error());
    assert_int_equal(fac_state_count(s), TENSORS);
    float value = *(float *)fac_data(fac_state_tensor_at(s, 0));
    for (int k = 0; k < TENSORS; k++) {
        fac_tensor *t = fac_state_tensor_at(s, k);
        assert_int_equal(fac_numel(t), COUNT);
        const float *p = fac_data(t);
        for (int i = 0; i < COUNT; i++)
            assert_true(p[i] == value);
    }
    fac_state_free(s);
    return value;
}

static void killed(void **state)
{
    static const char *const paths[] = {"model.safetensors", "model.pt", "model.npz", "set.safetensors.index.json"};
    fac_state *states[2] = {state_of(1), state_of(2)};
    int seen[3] = {0};
    for (int k = 0; k < PATHS; k++)
        assert_true(fac_save(states[0], paths[k], .max_shard_size = SHARD));
    for (int i = 0; i < TIMES; i++) {
        const char *path = paths[i % PATHS];
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            for (int n = 1;; n++) {
                bool saved = fac_save(states[n % 2], path, .max_shard_size = SHARD);
                if (!saved || write(ready[1], "", 1) != 1) _exit(1);
            }
        /* After the first save, at a moment of one of the next. */
        char byte;
        assert_int_equal(read(ready[0], &byte, 1), 1);
        nanosleep(&(struct timespec){0, (i * 7919L) % 100 * 20000}, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(ready[0]);
        close(ready[1]);
        float value = value_of(path);
        assert_true(value == 1 || value == 2);
        seen[(int)value]++;
    }
    print_message("[          ] the file was the first %d times, the second %d times\n", seen[1], seen[2]);
    fac_state_free(states[0]);
    fac_state_free(states[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
