/* The least that a program does which only runs a network that was trained elsewhere: run_mlp MODEL X Y loads a multilayer
 * perceptron, and prints how likely it is that the point (x, y) is of either class. tests/check_static_size measures what of
 * the library it has in it. */
#include <facula/facula.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: run_mlp MODEL X Y\n");
        return 2;
    }
    fac_module *model = fac_nn_sequential(fac_nn_linear(2, 16), fac_nn_relu(), fac_nn_linear(16, 2));
    fac_state *state = fac_safetensors_load(argv[1]);
    fac_load_state_dict(model, state);
    fac_state_free(state);
    float point[2] = {strtof(argv[2], NULL), strtof(argv[3], NULL)};
    fac_no_grad
        fac_scope {
            fac_tensor *x = fac_from_array(point, FAC_FLOAT32, FAC_SHAPE(1, 2));
            fac_tensor *y = fac_softmax(fac_forward(model, x), 1, FAC_DTYPE_NONE);
            const float *p = fac_data(y);
            if (p) printf("%.4f %.4f\n", p[0], p[1]);
        }
    fac_module_free(model);
    return fac_error() != 0;
}
