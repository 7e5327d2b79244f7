/* Floor 4. Questions about tensors and dtypes, by name only: C has functions of its own for them (facula/tensor.h,
 * facula/base.h). */
#include "facula/ops_pointwise.h"
#include "op.h"

/* What is asked of no tensor has no answer. */
#define ASK(id, answer) FAC__CALL(id, if (!T(0)) return (void)fac__null_error("self"), 0; RS(answer))
#define YES(condition) fac_scalar_bool(condition)

static fac_scalar only_element(fac_tensor *t)
{
    if (t->numel != 1)
        return fac__runtime_error("a Tensor with %lld elements cannot be converted to Scalar", (long long)t->numel),
               fac_scalar_none();
    if (fac_dtype_is_floating((fac_dtype)t->dtype))
        return fac_scalar_float(fac__load_double((fac_dtype)t->dtype, fac__host(t)));
    int64_t v = fac__load_int((fac_dtype)t->dtype, fac__host(t));
    return t->dtype == FAC_BOOL ? fac_scalar_bool(v != 0) : fac_scalar_int(v);
}

static fac_scalar is_nonzero(fac_tensor *t)
{
    if (t->numel != 1)
        return fac__runtime_error("Boolean value of Tensor with %s is ambiguous",
                                  t->numel ? "more than one value" : "no values"),
               fac_scalar_none();
    return fac_scalar_bool(fac_scalar_to_double(only_element(t)) != 0);
}

ASK(numel, fac_scalar_int(T(0)->numel))
ASK(storage_offset, fac_scalar_int(T(0)->offset))
ASK(size, fac_scalar_int(fac_size(T(0), (int)I(1))))
ASK(item, only_element(T(0)))
ASK(nonzero, is_nonzero(T(0)))
ASK(contiguous, YES(T(0)->contiguous))
ASK(floating, YES(fac_dtype_is_floating((fac_dtype)T(0)->dtype)))
ASK(is_signed, YES(T(0)->dtype != FAC_BOOL && T(0)->dtype != FAC_UINT8))
ASK(no, YES(false))
FAC__CALL(same_size, if (!T(0) || !T(1)) return (void)fac__null_error("self"), 0; RS(YES(fac__same_shape(T(0), T(1)))))

static int64_t stride(const fac_tensor *t, int64_t dim)
{
    int d = fac__wrap_dim(dim, t->ndim);
    return d < 0 ? -1 : t->ndim ? t->strides[d] : 1;
}
ASK(stride_of, fac_scalar_int(stride(T(0), I(1))))

/* ---- dtypes -------------------------------------------------------------------------------------------------- */

#define RD(expression) (results[count++] = (fac_value){.kind = FAC_VALUE_DTYPE, .v.dtype = expression})

static fac_dtype result_type(fac__arg a, fac__arg b)
{
    return fac__result_type(2, (fac__arg[]){a, b});
}

FAC__CALL(result_tensors, if (!T(0) || !T(1)) return (void)fac__null_error("tensor"), 0;
          RD(result_type(fac__tensor_arg(T(0)), fac__tensor_arg(T(1)))))
FAC__CALL(result_scalar, if (!T(0)) return (void)fac__null_error("tensor"), 0;
          RD(result_type(fac__tensor_arg(T(0)), fac__scalar_arg(S(1)))))
FAC__CALL(result_of_scalar, if (!T(1)) return (void)fac__null_error("tensor"), 0;
          RD(result_type(fac__scalar_arg(S(0)), fac__tensor_arg(T(1)))))
FAC__CALL(result_scalars, RD(result_type(fac__scalar_arg(S(0)), fac__scalar_arg(S(1)))))
FAC__CALL(promote, RD(fac_promote_types(DT(0), DT(1))))
FAC__CALL(can_cast, RS(YES(fac__can_cast(DT(0), DT(1)))))

/* ---- copies with other contents -------------------------------------------------------------------------------- */

FAC__CALL(fill_scalar, fac_tensor *t = fac_clone(T(0)); R(t ? (fac_fill_)(t, S(1)) : NULL))
FAC__CALL(copy, fac_tensor *t = fac_clone(T(0)); R(t ? fac_copy_(t, T(1)) : NULL))

/* clang-format off */
const fac__op fac__ops_inquiries[] = {
    {"numel(Tensor self) -> int", numel, "How many elements."},
    {"sym_numel(Tensor self) -> int", numel, "How many elements."},
    {"size.int(Tensor self, int dim) -> int", size, "Size of a dimension."},
    {"sym_size.int(Tensor self, int dim) -> int", size, "Size of a dimension."},
    {"stride.int(Tensor self, int dim) -> int", stride_of, "How far apart neighbours in dim lie, in elements."},
    {"sym_stride.int(Tensor self, int dim) -> int", stride_of, "How far apart neighbours in dim lie, in elements."},
    {"sym_storage_offset(Tensor self) -> int", storage_offset, "Where the first element lies in the storage."},
    {"sym_is_contiguous(Tensor self, MemoryFormat memory_format=None) -> bool", contiguous, "Whether elements lie in a row."},
    {"item(Tensor self) -> Scalar", item, "The only element as a number."},
    {"_local_scalar_dense(Tensor self) -> Scalar", item, "The only element as a number."},
    {"is_nonzero(Tensor self) -> bool", nonzero, "Whether the only element is not 0."},
    {"is_same_size(Tensor self, Tensor other) -> bool", same_size, "Whether shapes are equal."},
    {"is_floating_point(Tensor self) -> bool", floating, "Whether elements are floats."},
    {"is_signed(Tensor self) -> bool", is_signed, "Whether elements may be negative."},
    {"is_complex(Tensor self) -> bool", no, "False: there are no complex tensors."},
    {"is_conj(Tensor self) -> bool", no, "False: there are no complex tensors."},
    {"is_neg(Tensor self) -> bool", no, "False: negation is done where it is asked for."},
    {"result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType", result_tensors, "The dtype of arithmetic with both."},
    {"result_type.Scalar(Tensor tensor, Scalar other) -> ScalarType", result_scalar, "The dtype of arithmetic with both."},
    {"result_type.Scalar_Tensor(Scalar scalar, Tensor tensor) -> ScalarType", result_of_scalar, "The dtype of arithmetic with both."},
    {"result_type.Scalar_Scalar(Scalar scalar1, Scalar scalar2) -> ScalarType", result_scalars, "The dtype of arithmetic with both."},
    {"promote_types(ScalarType type1, ScalarType type2) -> ScalarType", promote, "The smallest dtype for both."},
    {"can_cast(ScalarType from_, ScalarType to) -> bool", can_cast, "Whether results of one dtype go into another in place."},
    {"fill.Scalar(Tensor self, Scalar value) -> Tensor", fill_scalar, "self's shape and dtype, all value."},
    {"fill.Tensor(Tensor self, Tensor value) -> Tensor", copy, "self's shape and dtype, all value."},
    {"copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor", copy, "src in self's shape and dtype."},
    {0},
};
/* clang-format on */
