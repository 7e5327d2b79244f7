/* Floor 4. Interpolation by its modes, and ATen's operators for it (facula/ops_image.h). */
#include <math.h>
#include <string.h>

#include "facula/ops_conv.h"
#include "facula/ops_image.h"
#include "resampling.h"

/* ---- torch.nn.functional ------------------------------------------------------------------------------------------ */

enum { ANY = 0, AREA = -1 };
static const struct mode {
    const char *name;
    int kind, spatial; /* of how many dimensions; ANY: 1 to 3 */
} modes[] = {{"nearest", FAC__NEAREST, ANY},
             {"nearest-exact", FAC__NEAREST_EXACT, ANY},
             {"area", AREA, ANY},
             {"linear", FAC__LINEAR, 1},
             {"bilinear", FAC__LINEAR, 2},
             {"trilinear", FAC__LINEAR, 3},
             {"bicubic", FAC__CUBIC, 2}};

static const struct mode *mode_named(const char *name)
{
    for (size_t i = 0; name && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(modes[i].name, name)) return &modes[i];
    return NULL;
}

static fac_tensor *area(fac_tensor *x, fac_dims size)
{
    return x->ndim == 3   ? fac_adaptive_avg_pool1d(x, size)
           : x->ndim == 4 ? fac_adaptive_avg_pool2d(x, size)
                          : fac_adaptive_avg_pool3d(x, size);
}

static fac_tensor *interpolate(fac_tensor *x, const fac_interpolate_options *o)
{
    FAC__OP("interpolate");
    FAC__NEED(x);
    const struct mode *mode = mode_named(o->mode);
    int spatial = x->ndim - 2;
    fac_dims size = o->size;
    double scales[3] = {o->scale_d, o->scale_h, o->scale_w};
    bool by_factors = false, recompute = o->recompute_scale_factor;
    for (int d = 0; d < 3; d++) {
        if (scales[d] == 0) scales[d] = o->scale_factor;
        by_factors = by_factors || scales[d] != 0;
    }
    if (mode && (mode->kind < FAC__LINEAR) && o->align_corners)
        return fac__value_error(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | "
            "bicubic | trilinear");
    if ((size.n >= 0) == by_factors)
        return fac__value_error(by_factors ? "only one of size or scale_factor should be defined"
                                           : "either size or scale_factor should be defined");
    if (recompute && !by_factors)
        return fac__value_error("recompute_scale_factor is not meaningful with an explicit size.");
    if (!mode || spatial < 1 || spatial > 3)
        return fac__type_error(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got %dD) for the modes: nearest "
            "| linear | bilinear | bicubic | trilinear | area | nearest-exact (got %s)",
            x->ndim, o->mode ? o->mode : "none");
    if (mode->spatial != ANY && mode->spatial != spatial)
        return fac__type_error("Got %dD input, but %s mode needs %dD input", x->ndim, mode->name, mode->spatial + 2);
    if (size.n >= 0 && size.n != 1 && size.n != spatial)
        return fac__value_error("Input and output must have the same number of spatial dimensions, but got input with "
                                "spatial dimensions of %s and output size of %s.",
                                fac__shape_text(spatial, x->shape + 2),
                                fac__shape_text(size.n > FAC_MAX_DIMS ? FAC_MAX_DIMS : size.n, size.d));
    if (o->antialias && (mode->kind < FAC__LINEAR || spatial != 2))
        return fac__value_error("Anti-alias option is only supported for bilinear and bicubic modes");
    for (int d = 1; size.n == 1 && d < spatial; d++)
        size.d[d] = size.d[0];
    if (size.n >= 0) size.n = spatial;
    const double *factors = by_factors ? scales + 3 - spatial : NULL;
    if (factors && (recompute || mode->kind == AREA)) {
        size.n = spatial;
        for (int d = 0; d < spatial; d++) {
            double scaled = floor((double)x->shape[2 + d] * factors[d]);
            size.d[d] = fabs(scaled) < 0x1p62 ? (int64_t)scaled : 0;
        }
        factors = NULL;
    }
    if (mode->kind == AREA) return area(x, size);
    fac__resampling r = {.kind = (fac__resample_kind)mode->kind,
                         .align_corners = o->align_corners,
                         .antialias = o->antialias,
                         .spatial = spatial};
    return fac__resample(x, r, size, factors);
}

fac_tensor *fac_interpolate_with(fac_tensor *input, fac_interpolate_options options)
{
    return interpolate(input, &options);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* Numbers of a list, at most 3; how many there are. */
static int64_t numbers_of(const fac_value *v, double *out)
{
    int64_t n = v->kind == FAC_VALUE_INTS ? v->v.ints.count : v->kind == FAC_VALUE_LIST ? v->v.list.count : -1;
    for (int64_t i = 0; i < n && i < 3; i++) {
        const fac_value *one = v->kind == FAC_VALUE_LIST ? &v->v.list.items[i] : NULL;
        out[i] = !one                            ? (double)v->v.ints.items[i]
                 : one->kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(one->v.scalar)
                                                 : NAN;
    }
    return n;
}

/* args: input, size, scale_factor; mode and align_corners as the function has them. */
static fac_tensor *functional(const fac_value *args, const char *mode, const fac_value *align, bool recompute,
                              bool antialias)
{
    fac_interpolate_options o = fac_interpolate_options_defaults();
    double factors[3];
    int64_t n = numbers_of(&args[2], factors);
    o.size = L(1);
    int64_t listed = args[1].kind == FAC_VALUE_INTS ? args[1].v.ints.count : n; /* a list of one is no number */
    if (T(0) && listed >= 0 && listed != T(0)->ndim - 2)
        return fac__value_error("Input and %s must have the same number of spatial dimensions, but got input with %d "
                                "spatial dimensions and a list of %lld.",
                                n >= 0 ? "scale_factor" : "output", T(0)->ndim - 2, (long long)listed);
    if (n > 0 && n <= 3) {
        double *const to[] = {&o.scale_d, &o.scale_h, &o.scale_w};
        for (int64_t i = 0; i < n; i++)
            *to[3 - n + i] = factors[i];
    } else if (GIVEN(2)) {
        if (args[2].kind != FAC_VALUE_SCALAR) return fac__type_error("scale_factor must be a number or several");
        if (GIVEN(1)) return fac__value_error("only one of size or scale_factor should be defined");
        o.scale_factor = F(2);
    }
    o.mode = mode;
    o.recompute_scale_factor = recompute;
    o.antialias = antialias;
    if (align && align->kind != FAC_VALUE_NONE) {
        const struct mode *m = mode_named(mode);
        o.align_corners = fac_scalar_to_int(align->v.scalar) ||
                          (m && m->kind < FAC__LINEAR); /* given where it may not be */
    }
    return interpolate(T(0), &o);
}

static const fac_value aligned = {.kind = FAC_VALUE_SCALAR, .v.scalar = {.kind = FAC_BOOL, .v.i = 1}};
FAC__CALL(interpolate_, R(functional(args, STR(3), &args[4], B(5), B(6))))
FAC__CALL(upsample_, R(functional(args, STR(3), &args[4], false, false)))
FAC__CALL(nearest_, R(functional(args, "nearest", NULL, false, false)))
FAC__CALL(bilinear_, R(functional(args, "bilinear", &aligned, false, false)))

/* ATen's: input, size, align_corners if the kind has it, and factors: one for each dimension, or a list of them. */
static fac_tensor *aten(const fac_value *args, fac__resample_kind kind, int spatial, bool antialias, bool listed)
{
    FAC__OP("upsample");
    fac_tensor *x = T(0);
    FAC__NEED(x);
    fac__resampling r = {.kind = kind, .spatial = spatial, .antialias = antialias};
    int at = 2;
    if (kind >= FAC__LINEAR) r.align_corners = B(at), at++;
    fac_dims size = L(1);
    double factors[3] = {0};
    int64_t n = listed ? numbers_of(&args[at], factors) : spatial;
    for (int d = 0; !listed && d < spatial; d++)
        if (GIVEN(at + d)) factors[d] = F(at + d);
    if (listed && (n >= 0) == (size.n >= 0))
        return fac__runtime_error("Must specify exactly one of output_size and scale_factors");
    if (x->ndim != spatial + 2)
        return fac__runtime_error("It is expected input_size equals to %d, but got size %d", spatial + 2, x->ndim);
    if (size.n == 1 && !listed)
        while (size.n < spatial)
            size.d[size.n++] = size.d[0];
    if (size.n >= 0 && size.n != spatial)
        return fac__runtime_error("It is expected output_size equals to %d, but got size %d", spatial, size.n);
    if (n >= 0 && n != spatial)
        return fac__runtime_error("It is expected scale_factors equals to %d, but got size %lld", spatial,
                                  (long long)n);
    return fac__resample(x, r, size, n >= 0 ? factors : NULL);
}
#define CALLS(id, kind, spatial, antialias)                                                                            \
    FAC__CALL(id, R(aten(args, kind, spatial, antialias, false)))                                                      \
    FAC__CALL(id##_listed, R(aten(args, kind, spatial, antialias, true)))
CALLS(nearest1, FAC__NEAREST, 1, false)
CALLS(nearest2, FAC__NEAREST, 2, false)
CALLS(nearest3, FAC__NEAREST, 3, false)
CALLS(exact1, FAC__NEAREST_EXACT, 1, false)
CALLS(exact2, FAC__NEAREST_EXACT, 2, false)
CALLS(exact3, FAC__NEAREST_EXACT, 3, false)
CALLS(linear1, FAC__LINEAR, 1, false)
CALLS(linear2, FAC__LINEAR, 2, false)
CALLS(linear3, FAC__LINEAR, 3, false)
CALLS(cubic2, FAC__CUBIC, 2, false)
CALLS(linear2_aa, FAC__LINEAR, 2, true)
CALLS(cubic2_aa, FAC__CUBIC, 2, true)

#define ROWS(name, id, n, align, factors, doc)                                                                         \
    {name "(Tensor self, int[" n "] output_size" align factors ") -> Tensor", id, doc},                                \
    {                                                                                                                  \
        name ".vec(Tensor input, int[]? output_size" align ", float[]? scale_factors) -> Tensor", id##_listed, doc     \
    }
#define ALIGN ", bool align_corners"
#define FACTORS_1 ", float? scales=None"
#define FACTORS_2 ", float? scales_h=None, float? scales_w=None"
#define FACTORS_3 ", float? scales_d=None, float? scales_h=None, float? scales_w=None"
#define NEAREST "Another size, each element the nearest."
#define EXACT "Another size, each element the nearest to its middle."
#define LINEAR "Another size, elements between those around."
#define CUBIC "Another size, elements on cubic curves through those around."
#define SMOOTH "Another size, elements averaged over all that they cover."

const fac__op fac__ops_upsample[] = {
    {"interpolate.functional(Tensor input, int[1]? size=None, any? scale_factor=None, str mode='nearest', bool? "
     "align_corners=None, bool? recompute_scale_factor=None, bool antialias=False) -> Tensor",
     interpolate_, "Another size, by a mode's name."},
    {"upsample.functional(Tensor input, int[1]? size=None, any? scale_factor=None, str mode='nearest', bool? "
     "align_corners=None) -> Tensor",
     upsample_, "The same as interpolate."},
    {"upsample_nearest.functional(Tensor input, int[1]? size=None, any? scale_factor=None) -> Tensor", nearest_,
     NEAREST},
    {"upsample_bilinear.functional(Tensor input, int[1]? size=None, any? scale_factor=None) -> Tensor", bilinear_,
     "interpolate(mode='bilinear', align_corners=True)."},
    ROWS("upsample_nearest1d", nearest1, "1", "", FACTORS_1, NEAREST),
    ROWS("upsample_nearest2d", nearest2, "2", "", FACTORS_2, NEAREST),
    ROWS("upsample_nearest3d", nearest3, "3", "", FACTORS_3, NEAREST),
    ROWS("_upsample_nearest_exact1d", exact1, "1", "", FACTORS_1, EXACT),
    ROWS("_upsample_nearest_exact2d", exact2, "2", "", FACTORS_2, EXACT),
    ROWS("_upsample_nearest_exact3d", exact3, "3", "", FACTORS_3, EXACT),
    ROWS("upsample_linear1d", linear1, "1", ALIGN, FACTORS_1, LINEAR),
    ROWS("upsample_bilinear2d", linear2, "2", ALIGN, FACTORS_2, LINEAR),
    ROWS("upsample_trilinear3d", linear3, "3", ALIGN, FACTORS_3, LINEAR),
    ROWS("upsample_bicubic2d", cubic2, "2", ALIGN, FACTORS_2, CUBIC),
    ROWS("_upsample_bilinear2d_aa", linear2_aa, "2", ALIGN, FACTORS_2, SMOOTH),
    ROWS("_upsample_bicubic2d_aa", cubic2_aa, "2", ALIGN, FACTORS_2, SMOOTH),
    {0},
};
