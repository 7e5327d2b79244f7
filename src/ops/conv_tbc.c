/* Floor 4. Convolution of sequences whose first dimension is time (facula/ops_conv.h). */
#include "facula/ops_conv.h"
#include "facula/ops_view.h"
#include "op.h"

static bool check(const fac_tensor *x, const fac_tensor *weight, const fac_tensor *bias)
{
    const char *wrong = NULL;
    if (x->ndim != 3)
        wrong = "Input must have 3 dims: time, batch, in_channel";
    else if (weight->ndim != 3)
        wrong = "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.";
    else if (bias->ndim != 1)
        wrong = "Bias must be 1-D";
    else if (x->shape[2] != weight->shape[1])
        wrong = "Input dim 2 (input channels) is not == dim 1 in the weight tensor";
    else if (weight->shape[2] != bias->shape[0])
        wrong = "Bias size must equal dim 2 in the weight tensor (output channels).";
    return wrong ? fac__runtime_error("%s", wrong), false : true;
}

fac_tensor *fac_conv_tbc(fac_tensor *self, fac_tensor *weight, fac_tensor *bias, int64_t pad)
{
    FAC__OP("conv_tbc");
    FAC__NEED(self);
    FAC__NEED(weight);
    FAC__NEED(bias);
    if (!check(self, weight, bias)) return NULL;
    fac_tensor *x = fac_permute(self, FAC_DIMS(1, 2, 0)), *w = fac_permute(weight, FAC_DIMS(2, 1, 0));
    fac_tensor *y = fac_conv1d(x, w, bias, .padding = pad);
    return y ? fac_contiguous(fac_permute(y, FAC_DIMS(2, 0, 1))) : NULL;
}

FAC__CALL(conv_tbc, R(fac_conv_tbc(T(0), T(1), T(2), I(3))))

const fac__op fac__ops_conv_tbc[] = {
    {"conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", conv_tbc,
     "Convolution over time of [time, batch, channels], with a weight [kernel, in, out]."},
    {0},
};
