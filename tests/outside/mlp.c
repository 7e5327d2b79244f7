/* The least that a program with a network does: it builds a multilayer perceptron and trains it. tests/check_static_size
 * measures what of the library it has in it. */
#include <facula/facula.h>

#include <stdio.h>

typedef struct {
    fac_module base;
    fac_module *layer1, *layer2;
} mlp;

static fac_tensor *mlp_forward(fac_module *self, fac_tensor *x)
{
    mlp *net = (mlp *)self;
    return fac_forward(net->layer2, fac_relu(fac_forward(net->layer1, x)));
}

static const fac_module_type mlp_type = {.name = "MLP", .size = sizeof(mlp), .forward = mlp_forward};

int main(void)
{
    fac_manual_seed(0);
    mlp *net = fac_module_new(&mlp_type);
    if (!net) return 1;
    fac_add_child(net, layer1, fac_nn_linear(2, 16));
    fac_add_child(net, layer2, fac_nn_linear(16, 2));
    fac_module *model = fac_module_ready(net);
    fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.5);
    float points[64][2];
    int64_t classes[64];
    for (int i = 0; i < 64; i++) {
        points[i][0] = (float)(i % 8) / 4 - 1;
        points[i][1] = (float)(i / 8) / 4 - 1;
        classes[i] = (points[i][0] > 0) != (points[i][1] > 0);
    }
    fac_tensor *x = fac_from_array(points, FAC_FLOAT32, FAC_SHAPE(64, 2));
    fac_tensor *y = fac_from_array(classes, FAC_INT64, FAC_SHAPE(64));
    double first = 0, last = 0;
    for (int step = 0; step < 300; step++)
        fac_scope {
            fac_tensor *loss = fac_cross_entropy(fac_forward(model, x), y);
            fac_zero_grad(sgd);
            fac_backward(loss);
            fac_step(sgd);
            last = fac_item(loss);
            if (step == 0) first = last;
        }
    printf("the loss goes from %.3f to %.3f\n", first, last);
    fac_optimizer_free(sgd);
    fac_module_free(model);
    return fac_error() || !(last < first / 2);
}
