/* Floor 4: products of matrices and vectors.
 *
 * Both factors must have one dtype; all ten are fine. float16 and bfloat16 add up in float, integers wrap around,
 * bool is "or of and". Any strides do: a transposed view is multiplied as it lies, without a copy. Products of floats
 * follow fac__k_gemm's order of additions (src/backend/gemm.h). Results are new tensors of the innermost scope; NULL
 * after an error. */
#ifndef FACULA_OPS_MATMUL_H
#define FACULA_OPS_MATMUL_H

#include "facula/ops_join.h"

FAC_BEGIN

/* torch.matmul: by the dimensions of the two
 *   [n] [n]            dot product, 0-d
 *   [n, k] [k]         matrix and vector
 *   [k] [k, m]         vector and matrix
 *   [n, k] [k, m]      two matrices
 *   [..., n, k] [..., k, m]   batches of them; what stands for ... is broadcast; a vector on either side counts as a
 *                             matrix with one row (left) or one column (right), which goes from the result
 * Sizes that do not fit: "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)". */
FAC_API fac_tensor *fac_matmul(fac_tensor *self, fac_tensor *other);

/* The special cases, which do not broadcast: [n, k] [k, m]; [b, n, k] [b, k, m]; [n, k] [k]; [n] [n]. */
FAC_API fac_tensor *fac_mm(fac_tensor *self, fac_tensor *mat2);
FAC_API fac_tensor *fac_bmm(fac_tensor *self, fac_tensor *mat2);
FAC_API fac_tensor *fac_mv(fac_tensor *self, fac_tensor *vec);
FAC_API fac_tensor *fac_dot(fac_tensor *self, fac_tensor *tensor);
FAC_API fac_tensor *fac_vdot(fac_tensor *self, fac_tensor *other);
/* [n] [m] -> [n, m], every product; ger is its old name. */
FAC_API fac_tensor *fac_outer(fac_tensor *self, fac_tensor *vec2);

/* x w^T + b, the layer of torch.nn.Linear: x [..., in], w [out, in], b [out] or NULL -> [..., out]. The bias goes
 * into the product's own pass over the result. */
FAC_API fac_tensor *fac_linear(fac_tensor *input, fac_tensor *weight, fac_tensor *bias);
/* x1^T A x2 + b: x1 [..., n], x2 [..., m], A [out, n, m], b [out] or NULL -> [..., out]. */
FAC_API fac_tensor *fac_bilinear(fac_tensor *input1, fac_tensor *input2, fac_tensor *weight, fac_tensor *bias);

/* beta * self + alpha * product; self is broadcast to the result. With beta = 0 self is not read (NaNs in it do not
 * spread). addmm [n, k] [k, m]; addmv [n, k] [k]; addr [n] [m] -> [n, m]; baddbmm [b, n, k] [b, k, m]; addbmm the same,
 * summed over b -> [n, m]. */
typedef struct fac_addmm_options {
    double beta, alpha; /* 1, 1 */
} fac_addmm_options;
static inline fac_addmm_options fac_addmm_options_defaults(void)
{
    fac_addmm_options o;
    o.beta = o.alpha = 1;
    return o;
}
FAC_API fac_tensor *fac_addmm_with(fac_tensor *self, fac_tensor *mat1, fac_tensor *mat2, fac_addmm_options options);
FAC_API fac_tensor *fac_addmv_with(fac_tensor *self, fac_tensor *mat, fac_tensor *vec, fac_addmm_options options);
FAC_API fac_tensor *fac_addr_with(fac_tensor *self, fac_tensor *vec1, fac_tensor *vec2, fac_addmm_options options);
FAC_API fac_tensor *fac_addbmm_with(fac_tensor *self, fac_tensor *batch1, fac_tensor *batch2,
                                    fac_addmm_options options);
FAC_API fac_tensor *fac_baddbmm_with(fac_tensor *self, fac_tensor *batch1, fac_tensor *batch2,
                                     fac_addmm_options options);
#define fac_addmm(x, a, b, ...) fac_addmm_with(x, a, b, FAC_OPTIONS(fac_addmm_options, __VA_ARGS__))
#define fac_addmv(x, a, b, ...) fac_addmv_with(x, a, b, FAC_OPTIONS(fac_addmm_options, __VA_ARGS__))
#define fac_addr(x, a, b, ...) fac_addr_with(x, a, b, FAC_OPTIONS(fac_addmm_options, __VA_ARGS__))
#define fac_addbmm(x, a, b, ...) fac_addbmm_with(x, a, b, FAC_OPTIONS(fac_addmm_options, __VA_ARGS__))
#define fac_baddbmm(x, a, b, ...) fac_baddbmm_with(x, a, b, FAC_OPTIONS(fac_addmm_options, __VA_ARGS__))

/* ---- sums over named dimensions (contract.c) ------------------------------------------------------------------ */

/* Sums of products over the last dimension of both; a 0-d tensor multiplies. */
FAC_API fac_tensor *fac_inner(fac_tensor *self, fac_tensor *other);
/* Sums over pairs of dimensions, dims_self[i] of self with dims_other[i] of other; the rest of self, then of other,
 * stay. */
FAC_API fac_tensor *fac_tensordot(fac_tensor *self, fac_tensor *other, fac_dims dims_self, fac_dims dims_other);
/* Sums over the last n dimensions of self and the first n of other: torch.tensordot(a, b, dims=n). */
FAC_API fac_tensor *fac_tensordot_n(fac_tensor *self, fac_tensor *other, int n);
/* Einstein's notation: fac_einsum("bij,bjk->bik", a, b). Letters a-z and A-Z name dimensions, a repeated one in an
 * operand takes its diagonal; those not behind "->" are summed (without "->": those that occur twice; the rest in
 * alphabetical order); "..." stands for any dims, which broadcast. Operands are contracted from left to right, each
 * pair by bmm. */
FAC_API fac_tensor *fac_einsum_list(const char *equation, fac_tensor_list tensors);
#define fac_einsum(equation, ...) fac_einsum_list(equation, FAC_TENSORS(__VA_ARGS__))
/* Product of two or more matrices in the order of fewest multiplications; the first and the last may be vectors. */
FAC_API fac_tensor *fac_multi_dot(fac_tensor_list tensors);
FAC_API fac_tensor *fac_chain_matmul(fac_tensor_list matrices);
/* Kronecker product. */
FAC_API fac_tensor *fac_kron(fac_tensor *self, fac_tensor *other);
/* Sums of products along dim; self and other broadcast. torch.linalg.vecdot. */
FAC_API fac_tensor *fac_vecdot(fac_tensor *self, fac_tensor *other, int64_t dim);

FAC_END
#endif
