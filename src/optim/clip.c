/* Floor 6. Keeping gradients small, as torch.nn.utils.clip_grad_norm_ and clip_grad_value_. */
#include <math.h>

#include "facula/ops_reduce.h"
#include "optimizer.h"

static bool check_list(fac_tensor_list params)
{
    if (!params.items && params.count) return fac__null_error("params.items"), false;
    if (!params.items && fac__self()->error) return false; /* what is left of a failed call */
    for (int64_t i = 0; i < params.count; i++)
        if (!params.items[i]) return fac__null_error("params.items[i]"), false;
    return true;
}

/* The norm of the norms of all gradients; a tensor of the first one's dtype, the scope's. *count tells how many
 * gradients there are. */
static fac_tensor *total_norm(fac_tensor_list params, double p, int64_t *count)
{
    *count = 0;
    fac_tensor *norms = NULL;
    int64_t stride = 1;
    for (int64_t i = 0; i < params.count; i++) {
        fac_tensor *g = params.items[i]->grad;
        if (!g) continue;
        fac__grad_read(params.items[i]);
        if (!norms) norms = fac__own(fac__new((fac_dtype)g->dtype, 1, &params.count));
        fac_tensor *norm = norms ? fac_vector_norm(g, .p = p) : NULL;
        fac_tensor *at = norm ? fac__own(fac__new_view(norms, 0, NULL, NULL, (*count)++)) : NULL;
        if (!at || !fac__copy_into(at, norm)) return NULL;
    }
    if (!norms) return NULL;
    return fac_vector_norm(fac__own(fac__new_view(norms, 1, count, &stride, 0)), .p = p);
}

/* What PyTorch multiplies by: max_norm / (norm + 1e-6), at most 1; NaN stays. */
static fac_tensor *clip_factor(fac_tensor *norm, double max_norm)
{
    fac_tensor *factor = fac_mul_scalar(fac_reciprocal(fac_add_scalar(norm, 1e-6)), max_norm);
    return fac_clamp(factor, -INFINITY, 1);
}

static bool scale_all(fac_tensor_list params, fac_tensor *factor)
{
    for (int64_t i = 0; i < params.count; i++)
        if (params.items[i]->grad && !fac_mul_(params.items[i]->grad, factor)) return false;
    return true;
}

double fac_clip_grad_norm__with(fac_tensor_list params, double max_norm, fac_clip_grad_norm_options options)
{
    FAC__OP("clip_grad_norm_");
    if (!check_list(params)) return NAN;
    double result = NAN;
    fac_no_grad
        fac_scope {
            int64_t count;
            fac_tensor *norm = total_norm(params, options.norm_type, &count);
            if (!norm) {
                if (count == 0 && !fac__self()->error) result = 0;
                break;
            }
            /* In a step that is captured nobody can look. */
            double total = fac__recording_now() && !options.error_if_nonfinite ? NAN : fac_item(norm);
            if (options.error_if_nonfinite && !isfinite(total)) {
                char text[48];
                fac__runtime_error(
                    "The total norm of order %s for gradients from `parameters` is non-finite, so it cannot be "
                    "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
                    "`error_if_nonfinite=False`",
                    fac__float_text(options.norm_type, text));
                break;
            }
            if (scale_all(params, clip_factor(norm, max_norm))) result = total;
        }
    return result;
}

bool fac_clip_grad_value_(fac_tensor_list params, double clip_value)
{
    FAC__OP("clip_grad_value_");
    if (!check_list(params)) return false;
    bool ok = true;
    fac_no_grad
        fac_scope
            for (int64_t i = 0; ok && i < params.count; i++)
                if (params.items[i]->grad) ok = fac_clamp_(params.items[i]->grad, -clip_value, clip_value) != NULL;
    return ok;
}
