/* Floor 4. Second names that PyTorch has for functions, each line one. The build reads this list for fac_call too, which
 * knows "absolute", "special.expit" and "true_divide_" by it. */
#ifndef FACULA_ALIASES_H
#define FACULA_ALIASES_H

/* ---- element by element ---------------------------------------------------------------------------------------- */

#define fac_absolute fac_abs
#define fac_absolute_ fac_abs_
#define fac_arccos fac_acos
#define fac_arccos_ fac_acos_
#define fac_arccosh fac_acosh
#define fac_arccosh_ fac_acosh_
#define fac_arcsin fac_asin
#define fac_arcsin_ fac_asin_
#define fac_arcsinh fac_asinh
#define fac_arcsinh_ fac_asinh_
#define fac_arctan fac_atan
#define fac_arctan_ fac_atan_
#define fac_arctanh fac_atanh
#define fac_arctanh_ fac_atanh_
#define fac_negative fac_neg
#define fac_negative_ fac_neg_
#define fac_fix fac_trunc
#define fac_fix_ fac_trunc_
#define fac_arctan2 fac_atan2
#define fac_arctan2_ fac_atan2_
#define fac_multiply fac_mul
#define fac_multiply_ fac_mul_
#define fac_multiply_scalar fac_mul_scalar
#define fac_multiply_scalar_ fac_mul_scalar_
#define fac_divide fac_div
#define fac_divide_ fac_div_
#define fac_divide_scalar fac_div_scalar
#define fac_divide_scalar_ fac_div_scalar_
#define fac_greater fac_gt
#define fac_greater_ fac_gt_
#define fac_greater_scalar fac_gt_scalar
#define fac_greater_scalar_ fac_gt_scalar_
#define fac_greater_equal fac_ge
#define fac_greater_equal_ fac_ge_
#define fac_greater_equal_scalar fac_ge_scalar
#define fac_greater_equal_scalar_ fac_ge_scalar_
#define fac_less fac_lt
#define fac_less_ fac_lt_
#define fac_less_scalar fac_lt_scalar
#define fac_less_scalar_ fac_lt_scalar_
#define fac_less_equal fac_le
#define fac_less_equal_ fac_le_
#define fac_less_equal_scalar fac_le_scalar
#define fac_less_equal_scalar_ fac_le_scalar_
#define fac_not_equal fac_ne
#define fac_not_equal_ fac_ne_
#define fac_not_equal_scalar fac_ne_scalar
#define fac_not_equal_scalar_ fac_ne_scalar_
#define fac_true_divide fac_div
#define fac_true_divide_ fac_div_
#define fac_true_divide_scalar fac_div_scalar
#define fac_true_divide_scalar_ fac_div_scalar_
#define fac_subtract fac_sub
#define fac_subtract_ fac_sub_
#define fac_subtract_scalar fac_sub_scalar
#define fac_subtract_scalar_ fac_sub_scalar_
#define fac_clip fac_clamp
#define fac_clip_ fac_clamp_
#define fac_clip_tensor fac_clamp_tensor

/* ---- shape and joining -------------------------------------------------------------------------------------------- */

#define fac_concat fac_cat
#define fac_concatenate fac_cat
#define fac_row_stack fac_vstack
#define fac_moveaxis fac_movedim
#define fac_swapdims fac_transpose

/* ---- matrices ----------------------------------------------------------------------------------------------------- */

#define fac_ger fac_outer
#define fac_linalg_matmul fac_matmul
#define fac_det fac_linalg_det
#define fac_slogdet fac_linalg_slogdet
#define fac_inverse fac_linalg_inv
#define fac_matrix_power fac_linalg_matrix_power
#define fac_linalg_matrix_exp fac_matrix_exp
#define fac_orgqr fac_linalg_householder_product

/* ---- samples ------------------------------------------------------------------------------------------------------ */

#define fac_trapz fac_trapezoid
#define fac_trapz_x fac_trapezoid_x

/* ---- special ------------------------------------------------------------------------------------------------------ */

#define fac_special_digamma fac_digamma
#define fac_special_erf fac_erf
#define fac_special_erfc fac_erfc
#define fac_special_erfinv fac_erfinv
#define fac_special_exp2 fac_exp2
#define fac_special_expit fac_sigmoid
#define fac_special_expm1 fac_expm1
#define fac_special_gammainc fac_igamma
#define fac_special_gammaincc fac_igammac
#define fac_special_gammaln fac_lgamma
#define fac_special_i0 fac_i0
#define fac_special_log1p fac_log1p
#define fac_special_log_softmax fac_log_softmax
#define fac_special_logit fac_logit
#define fac_special_logsumexp fac_logsumexp
#define fac_special_multigammaln fac_mvlgamma
#define fac_special_polygamma fac_polygamma
#define fac_special_psi fac_digamma
#define fac_special_round fac_round
#define fac_special_sinc fac_sinc
#define fac_special_softmax fac_softmax
#define fac_special_xlogy fac_xlogy
#define fac_special_xlogy_scalar fac_xlogy_scalar

#endif
