/* Recurrent layers: results and gradients as PyTorch recorded them, the kernels against plain operations, modules, errors. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("rnn_ops.txt");
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
