/* Floor 4. Views as new tensors, by name: torch.permute_copy is permute, then clone. C programs write both. */
#include "facula/autograd.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "shaping.h"

/* The pieces of a list, each copied. */
static fac_tensor_list copied(fac_tensor_list views)
{
    fac_tensor_list list = views.items ? fac__list_new(views.count) : fac__no_list;
    for (int64_t i = 0; i < views.count && list.items; i++)
        if (!(list.items[i] = fac_clone(views.items[i]))) return fac__no_list;
    return list;
}

#define COPY(id, view) FAC__CALL(id, R(fac_clone(view)))
COPY(alias, T(0))
COPY(detach, fac_detach(T(0)))
COPY(view, fac_view(T(0), L(1)))
COPY(view_dtype, fac_view_dtype(T(0), DT(1)))
COPY(expand, fac_expand(T(0), L(1)))
COPY(permute, fac_permute(T(0), L(1)))
COPY(transpose, fac_transpose(T(0), (int)I(1), (int)I(2)))
COPY(t, fac_t(T(0)))
COPY(squeeze, fac_squeeze(T(0)))
COPY(squeeze_dim, fac_squeeze_dim(T(0), (int)I(1)))
COPY(unsqueeze, fac_unsqueeze(T(0), (int)I(1)))
COPY(select, fac_select(T(0), (int)I(1), I(2)))
COPY(slice, fac_slice(T(0), (int)I(1), IO(2), IO(3), I(4)))
COPY(diagonal, fac_diagonal(T(0), I(1), (int)I(2), (int)I(3)))
COPY(unfold, fac_unfold(T(0), (int)I(1), I(2), I(3)))
COPY(as_strided, fac_as_strided(T(0), L(1), L(2), IO(3)))
FAC__CALL(unbind, RL(copied(fac_unbind(T(0), (int)I(1)))))
FAC__CALL(split, RL(copied(fac_split(T(0), I(1), (int)I(2)))))
FAC__CALL(split_sizes, RL(copied(fac_split_sizes(T(0), L(1), (int)I(2)))))

#define DOC "The view as a new tensor."

/* clang-format off */
const fac__op fac__ops_view_copies[] = {
    {"alias_copy(Tensor self) -> Tensor", alias, DOC},
    {"detach_copy(Tensor self) -> Tensor", detach, DOC},
    {"view_copy(Tensor self, int[] size) -> Tensor", view, DOC},
    {"view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor", view_dtype, DOC},
    {"expand_copy(Tensor self, int[] size, *, bool implicit=False) -> Tensor", expand, DOC},
    {"permute_copy(Tensor self, int[] dims) -> Tensor", permute, DOC},
    {"transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor", transpose, DOC},
    {"t_copy(Tensor self) -> Tensor", t, DOC},
    {"squeeze_copy(Tensor self) -> Tensor", squeeze, DOC},
    {"squeeze_copy.dim(Tensor self, int dim) -> Tensor", squeeze_dim, DOC},
    {"unsqueeze_copy(Tensor self, int dim) -> Tensor", unsqueeze, DOC},
    {"select_copy.int(Tensor self, int dim, int index) -> Tensor", select, DOC},
    {"slice_copy.Tensor(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor", slice, DOC},
    {"diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", diagonal, DOC},
    {"unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor", unfold, DOC},
    {"as_strided_copy(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", as_strided, DOC},
    {"unbind_copy.int(Tensor self, int dim=0) -> Tensor[]", unbind, DOC},
    {"split_copy.Tensor(Tensor self, int split_size, int dim=0) -> Tensor[]", split, DOC},
    {"split_with_sizes_copy(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]", split_sizes, DOC},
    {0},
};
/* clang-format on */
