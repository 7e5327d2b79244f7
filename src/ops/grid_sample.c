/* Floor 4. Images at the places of a grid, and grids (facula/ops_image.h). */
#include <string.h>

#include "backend/grid.h"
#include "facula/ops_create.h"
#include "facula/ops_image.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_view.h"
#include "once.h"
#include "plain.h"
#include "tracing.h"

/* ---- the kernels -------------------------------------------------------------------------------------------------- */

static void set_sizes(fac__grid_args *a, const fac_tensor *x, const fac_tensor *grid)
{
    a->spatial = x->ndim - 2;
    a->n = x->shape[0];
    a->c = x->shape[1];
    a->points = 1;
    for (int d = 0; d < 3; d++)
        a->in[d] = d < 3 - a->spatial ? 1 : x->shape[x->ndim - 3 + d];
    for (int d = 1; d <= a->spatial; d++)
        a->points *= grid->shape[d];
    a->dtype = fac__compute_type((fac_dtype)x->dtype);
}

static fac_tensor *sample(fac__grid_args a, fac_tensor *x, fac_tensor *grid)
{
    fac_dims shape = fac_dims_make(2, x->shape);
    for (int d = 1; d <= a.spatial; d++)
        shape.d[shape.n++] = grid->shape[d];
    fac_tensor *px = fac__plain(x, a.dtype), *pg = fac__plain(grid, a.dtype);
    fac_tensor *y = px && pg ? fac__own(fac__new(a.dtype, shape.n, shape.d)) : NULL;
    if (!y) return NULL;
    a.x = fac__data(px);
    a.grid = fac__data(pg);
    a.y = fac__data(y);
    if (y->numel) FAC__LAUNCH(fac__k_grid, a);
    return fac__plain(y, (fac_dtype)x->dtype);
}

static void sample_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac__grid_args a = *(const fac__grid_args *)n->params;
    const char *name = a.spatial == 2 ? "aten::grid_sampler_2d_backward" : "aten::grid_sampler_3d_backward";
    fac_tensor *x = fac__saved(n, 0), *grid = fac__saved(n, 1), *g = gy[0], *d[2] = {NULL, NULL};
    if (!x || !grid) return;
    fac_tensor *px = fac__plain(x, a.dtype), *pgrid = fac__plain(grid, a.dtype), *pg = fac__plain(g, a.dtype);
    for (int i = 0; i < 2; i++)
        if (fac__wants(n, i) && !(d[i] = fac__own(fac__new_like(i ? grid : x, a.dtype)))) return;
    if (!px || !pgrid || !pg) return;
    a.x = fac__data(px);
    a.grid = fac__data(pgrid);
    a.dy = fac__data(pg);
    a.dx = d[0] ? fac__data(d[0]) : NULL;
    a.dgrid = d[1] ? fac__data(d[1]) : NULL;
    FAC__LAUNCH(fac__k_grid_backward, a);
    for (int i = 0; i < 2; i++)
        if (d[i]) gx[i] = FAC__ONCE(name, fac_keep(d[i]), g, x, grid);
}

/* ---- grid_sample -------------------------------------------------------------------------------------------------- */

static bool check(const fac_tensor *x, const fac_tensor *grid, fac__grid_mode mode)
{
    const char *xs = fac__shape_text(x->ndim, x->shape), *gs = fac__shape_text(grid->ndim, grid->shape);
    if ((x->ndim != 4 && x->ndim != 5) || grid->ndim != x->ndim)
        return fac__runtime_error("grid_sampler(): expected %dD input and grid with same number of dimensions, but got "
                                  "input with sizes %s and grid with sizes %s",
                                  x->ndim == 4 ? 4 : 5, xs, gs),
               false;
    if (x->shape[0] != grid->shape[0])
        return fac__runtime_error("grid_sampler(): expected grid and input to have same batch size, but got input with "
                                  "sizes %s and grid with sizes %s",
                                  xs, gs),
               false;
    if (grid->shape[grid->ndim - 1] != x->ndim - 2)
        return fac__runtime_error("grid_sampler(): expected grid to have size %d in last dimension, but got grid with "
                                  "sizes %s",
                                  x->ndim - 2, gs),
               false;
    for (int d = 2; d < x->ndim; d++)
        if (!x->shape[d])
            return fac__runtime_error(
                       "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
                       "sizes %s with dimension %d being empty",
                       xs, d),
                   false;
    if (mode == FAC__GRID_CUBIC && x->ndim == 5)
        return fac__runtime_error("grid_sampler(): bicubic interpolation only supports 4D input"), false;
    if (x->dtype != grid->dtype)
        return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)x->dtype),
                                  fac__dtype_word((fac_dtype)grid->dtype)),
               false;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("grid_sampler_%dd_cpu not implemented for %s", x->ndim - 2,
                                  fac__dtype_word((fac_dtype)x->dtype)),
               false;
    return true;
}

static fac_tensor *grid_sample(fac_tensor *x, fac_tensor *grid, int64_t mode, int64_t padding, bool align_corners)
{
    FAC__OP("grid_sampler");
    FAC__NEED(x);
    FAC__NEED(grid);
    if (mode < FAC__GRID_LINEAR || mode > FAC__GRID_CUBIC || padding < FAC__GRID_ZEROS ||
        padding > FAC__GRID_REFLECTION)
        return fac__runtime_error("grid_sampler(): interpolation and padding modes are numbers from 0 to 2");
    fac__grid_args a = {
        .mode = (fac__grid_mode)mode, .padding = (fac__grid_padding)padding, .align_corners = align_corners};
    if (!check(x, grid, a.mode)) return NULL;
    set_sizes(&a, x, grid);
    fac__node *n = fac__record(a.spatial == 2 ? "GridSampler2DBackward0" : "GridSampler3DBackward0", sample_backward, 1,
                               2, sizeof a, x, grid);
    if (n && !n->failed) *(fac__grid_args *)n->params = a;
    fac__save(n, 0, x);
    fac__save(n, 1, grid);
    fac_tensor *y = NULL;
    fac_scope {
        y = fac_keep(sample(a, x, grid));
    }
    return fac__result(n, y);
}

/* The place of a word among three; -1 where it is none of them. */
static int64_t among(const char *word, const char *const *words)
{
    for (int i = 0; word && i < 3; i++)
        if (!strcmp(word, words[i])) return i;
    return -1;
}

fac_tensor *fac_grid_sample_with(fac_tensor *input, fac_tensor *grid, fac_grid_options options)
{
    static const char *const modes[] = {"bilinear", "nearest", "bicubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    FAC__OP("grid_sample");
    int64_t mode = among(options.mode, modes), padding = among(options.padding_mode, paddings);
    if (mode < 0)
        return fac__value_error(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but "
            "got: '%s'",
            options.mode ? options.mode : "");
    if (padding < 0)
        return fac__value_error("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
                                "'reflection', but got: '%s'",
                                options.padding_mode ? options.padding_mode : "");
    FAC__TRACE_IF(input && grid, "grid_sample.functional", FAC__ARG(input), FAC__ARG(grid), FAC__ARG(modes[mode]),
                  FAC__ARG(paddings[padding]), FAC__ARG(options.align_corners));
    return grid_sample(input, grid, mode, padding, options.align_corners);
}

/* ---- affine_grid -------------------------------------------------------------------------------------------------- */

/* n numbers from -1 to 1: the middles of n elements whose edges, or whose outermost middles, are there. */
static fac_tensor *middles(int64_t n, bool align_corners, fac_dtype dtype)
{
    if (n <= 1) return fac_zeros(FAC_DIMS(n), .dtype = dtype);
    fac_tensor *ends = fac_linspace(-1, 1, n, .dtype = dtype);
    return align_corners ? ends : fac_div_scalar(fac_mul_scalar(ends, n - 1), n);
}

/* x, y (and z) and 1 for each place: [1, places, spatial + 1]. */
static fac_tensor *base_grid(const int64_t *size, int spatial, bool align_corners, fac_dtype dtype)
{
    fac_tensor *parts[4];
    int64_t places = 1;
    fac_dims shape = {.n = spatial};
    for (int d = 0; d < spatial; d++) {
        places *= size[d];
        shape.d[d] = size[d];
    }
    for (int s = 0; s <= spatial; s++) {
        int d = spatial - 1 - s;
        fac_dims one = {.n = spatial};
        for (int k = 0; k < spatial; k++)
            one.d[k] = k == d ? size[d] : 1;
        fac_tensor *along = d < 0 ? fac_ones(one, .dtype = dtype)
                                  : fac_reshape(middles(size[d], align_corners, dtype), one);
        parts[s] = fac_expand(along, shape);
        if (!parts[s]) return NULL;
    }
    return fac_reshape(fac_stack((fac_tensor_list){parts, spatial + 1}, -1), FAC_DIMS(1, places, spatial + 1));
}

fac_tensor *fac_affine_grid(fac_tensor *theta, fac_dims size, bool align_corners)
{
    FAC__OP("affine_grid");
    FAC__NEED(theta);
    if (!fac_dtype_is_floating((fac_dtype)theta->dtype))
        return fac__value_error("Expected theta to have floating point type, but got torch.%s",
                                fac_dtype_name((fac_dtype)theta->dtype));
    int shown = size.n < 0 ? 0 : size.n > FAC_MAX_DIMS ? FAC_MAX_DIMS : size.n, spatial = size.n - 2;
    if (spatial != 2 && spatial != 3)
        return fac__value_error(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            "Got size %s.",
            fac__shape_text(shown, size.d));
    if (theta->ndim != 3 || theta->shape[1] != spatial || theta->shape[2] != spatial + 1)
        return fac__value_error("Expected a batch of %dD affine matrices of shape Nx%dx%d for size %s. Got %s.",
                                spatial, spatial, spatial + 1, fac__shape_text(shown, size.d),
                                fac__shape_text(theta->ndim, theta->shape));
    fac_dims shape = {.n = spatial + 2};
    shape.d[0] = size.d[0];
    shape.d[spatial + 1] = spatial;
    for (int d = 0; d < size.n; d++) {
        if (size.d[d] <= 0)
            return fac__value_error("Expected non-zero, positive output size. Got %s", fac__shape_text(shown, size.d));
        if (d >= 2) shape.d[d - 1] = size.d[d];
    }
    if (theta->shape[0] != size.d[0])
        return fac__runtime_error("Expected size for first two dimensions of batch2 tensor to be: [%lld, %d] but got: "
                                  "[%lld, %d].",
                                  (long long)size.d[0], spatial + 1, (long long)theta->shape[0], spatial + 1);
    fac_tensor *base = base_grid(size.d + 2, spatial, align_corners, (fac_dtype)theta->dtype);
    fac_tensor *grid = base ? fac_matmul(base, fac_transpose(theta, 1, 2)) : NULL;
    return grid ? fac_reshape(grid, shape) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(functional,
          R(fac_grid_sample(T(0), T(1), .mode = STR(2), .padding_mode = STR(3), .align_corners = GIVEN(4) && B(4))))
FAC__CALL(sampler, R(grid_sample(T(0), T(1), I(2), I(3), B(4))))
FAC__CALL(affine, R(fac_affine_grid(T(0), L(1), GIVEN(2) && B(2))))

#define SAMPLER "(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
const fac__op fac__ops_grid_sample[] = {
    {"grid_sample.functional(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', bool? "
     "align_corners=None) -> Tensor",
     functional, "The input at the places that a grid names."},
    {"grid_sampler" SAMPLER, sampler, "The input at the places that a grid names."},
    {"grid_sampler_2d" SAMPLER, sampler, "An image at the places that a grid names."},
    {"grid_sampler_3d" SAMPLER, sampler, "A volume at the places that a grid names."},
    {"affine_grid.functional(Tensor theta, int[] size, bool? align_corners=None) -> Tensor", affine,
     "The places that an affine map takes an image's elements from."},
    {"affine_grid_generator(Tensor theta, int[] size, bool align_corners) -> Tensor", affine,
     "The places that an affine map takes an image's elements from."},
    {0},
};
