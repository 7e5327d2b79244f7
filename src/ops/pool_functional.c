/* Floor 4. torch.nn.functional's pooling by name, where it is not ATen's: sizes may be None, and indices come where they
 * are asked for. C programs call the functions of facula/ops_conv.h. */
#include "facula/ops_conv.h"
#include "op.h"

/* A list with Nones among its numbers. */
static fac_dims sizes_of(const fac_value *v)
{
    bool wrong = v->kind == FAC_VALUE_SCALAR && v->v.scalar.kind != FAC_INT64;
    for (int64_t d = 0; v->kind == FAC_VALUE_LIST && d < v->v.list.count; d++) {
        const fac_value *one = &v->v.list.items[d];
        wrong = wrong ||
                !(one->kind == FAC_VALUE_NONE || (one->kind == FAC_VALUE_SCALAR && one->v.scalar.kind != FAC_FLOAT64));
    }
    if (wrong) fac__type_error("output_size must be integers, or None");
    if (v->kind != FAC_VALUE_LIST) return fac__value_dims(v);
    fac_dims sizes = {.n = (int)v->v.list.count};
    for (int d = 0; d < sizes.n && d < FAC_MAX_DIMS; d++) {
        const fac_value *one = &v->v.list.items[d];
        sizes.d[d] = one->kind == FAC_VALUE_SCALAR ? fac_scalar_to_int(one->v.scalar) : FAC_SAME_SIZE;
    }
    return sizes;
}
#define IF_ASKED(asked, call)                                                                                          \
    R2(indices, call);                                                                                                 \
    if (!(asked)) count = 1
#define FUNCTIONAL_CALLS(spatial)                                                                                      \
    FAC__CALL(functional_max##spatial,                                                                                 \
              IF_ASKED(B(6), fac_max_pool##spatial##d(T(0), L(1), .strides = L(2), .paddings = L(3),                   \
                                                      .dilations = L(4), .ceil_mode = B(5), .indices = &indices)))     \
    FAC__CALL(sized_avg##spatial, R((fac_adaptive_avg_pool##spatial##d)(T(0), sizes_of(&args[1]))))                    \
    FAC__CALL(sized_both##spatial,                                                                                     \
              R2(indices, (fac_adaptive_max_pool##spatial##d)(T(0), sizes_of(&args[1]), &indices)))                    \
    FAC__CALL(sized_max##spatial,                                                                                      \
              IF_ASKED(B(2), (fac_adaptive_max_pool##spatial##d)(T(0), sizes_of(&args[1]), &indices)))
FUNCTIONAL_CALLS(1)
FUNCTIONAL_CALLS(2)
FUNCTIONAL_CALLS(3)

/* clang-format off */
#define FUNCTIONAL_ROWS(spatial)                                                                                       \
    {"max_pool" #spatial "d.functional(Tensor input, int[" #spatial "] kernel_size, int[" #spatial "]? stride=None, "  \
     "int[" #spatial "] padding=0, int[" #spatial "] dilation=1, bool ceil_mode=False, bool return_indices=False) -> " \
     "(Tensor, Tensor)",                                                                                               \
     functional_max##spatial, "Maximum of each window, and where it is."},                                             \
    {"adaptive_avg_pool" #spatial "d.functional(Tensor input, any[" #spatial "] output_size) -> Tensor",               \
     sized_avg##spatial, "Averages to a given size; None keeps the input's."},                                         \
    {"adaptive_max_pool" #spatial "d_with_indices(Tensor input, any[" #spatial "] output_size, "                       \
     "bool return_indices=False) -> (Tensor, Tensor)",                                                                 \
     sized_both##spatial, "Maxima to a given size, and where they are."},                                              \
    {"adaptive_max_pool" #spatial "d.functional(Tensor input, any[" #spatial "] output_size, "                         \
     "bool return_indices=False) -> (Tensor, Tensor)",                                                                 \
     sized_max##spatial, "Maxima to a given size, and where they are; None keeps the input's size."}
/* clang-format on */

const fac__op fac__ops_pool_functional[] = {
    FUNCTIONAL_ROWS(1),
    FUNCTIONAL_ROWS(2),
    FUNCTIONAL_ROWS(3),
    {0},
};
