/* Floor 4. Windows as columns and back (facula/ops_conv.h). im2col copies a strided view of the padded
 * input; col2im adds columns into such views, one for each place in the kernel. Each is the other's derivative. */
#include "facula/ops_conv.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"
#include "tracing.h"
#include "window.h"

typedef struct windows {
    int64_t n, c, in[3], kernel[3], stride[3], pad[3], dilation[3], out[3]; /* the first of three is not used */
} windows;

static int64_t count(const windows *w)
{
    return w->out[1] * w->out[2];
}

/* An empty image [n, c, height, width] with its padding around. */
static fac_tensor *padded(const windows *w, fac_dtype dtype)
{
    int64_t shape[4] = {w->n, w->c, w->in[1] + 2 * w->pad[1], w->in[2] + 2 * w->pad[2]};
    fac_tensor *t = fac__own(fac__new(dtype, 4, shape));
    return t && fac__fill_into(t, fac_scalar_int(0)) ? t : NULL;
}

static fac_tensor *inside(const windows *w, fac_tensor *padded)
{
    int64_t shape[4] = {w->n, w->c, w->in[1], w->in[2]};
    return fac__own(fac__new_view(padded, 4, shape, padded->strides, w->pad[1] * padded->strides[2] + w->pad[2]));
}

/* All windows of a padded image: [n, c, kernel height, kernel width, windows down, windows across]. */
static fac_tensor *all_windows(const windows *w, fac_tensor *padded)
{
    int64_t row = padded->strides[2];
    int64_t shape[6] = {w->n, w->c, w->kernel[1], w->kernel[2], w->out[1], w->out[2]};
    int64_t strides[6] = {padded->strides[0], padded->strides[1], w->dilation[1] * row,
                          w->dilation[2],     w->stride[1] * row, w->stride[2]};
    return fac__own(fac__new_view(padded, 6, shape, strides, 0));
}

static fac_tensor *to_columns(const windows *w, fac_tensor *x);
static fac_tensor *to_image(const windows *w, fac_tensor *columns);

static void to_columns_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = to_image(n->params, gy[0]);
}

static void to_image_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = to_columns(n->params, gy[0]);
}

static fac__node *record(const char *name, fac__backward_fn backward, const windows *w, fac_tensor *x)
{
    fac__node *n = fac__record(name, backward, 1, 0, sizeof *w, x);
    if (n && !n->failed) *(windows *)n->params = *w;
    return n;
}

static fac_tensor *to_columns(const windows *w, fac_tensor *x)
{
    fac__node *n = record("Im2ColBackward0", to_columns_backward, w, x);
    int64_t shape[3] = {w->n, w->c * w->kernel[1] * w->kernel[2], count(w)};
    fac_tensor *y = fac__new((fac_dtype)x->dtype, 3, shape);
    bool ok = y != NULL;
    if (ok && y->numel) {
        fac_scope {
            fac_tensor *image = padded(w, (fac_dtype)x->dtype), *middle = image ? inside(w, image) : NULL;
            fac_tensor *from = middle && fac__copy_into(middle, x) ? all_windows(w, image) : NULL;
            int64_t strides[6];
            if (from) fac__contiguous_strides(6, from->shape, strides);
            fac_tensor *to = from ? fac__own(fac__new_view(y, 6, from->shape, strides, 0)) : NULL;
            ok = to && fac__copy_into(to, from);
        }
    }
    if (!ok) fac_release(y), y = NULL;
    return fac__result(n, y);
}

/* One place in the kernel of all windows: [n, c, windows down, windows across]. */
static fac_tensor *one_place(fac_tensor *all, int64_t h, int64_t w)
{
    int64_t shape[4] = {all->shape[0], all->shape[1], all->shape[4], all->shape[5]};
    int64_t strides[4] = {all->strides[0], all->strides[1], all->strides[4], all->strides[5]};
    return fac__own(fac__new_view(all, 4, shape, strides, all->offset + h * all->strides[2] + w * all->strides[3]));
}

static bool add_windows(const windows *w, fac_tensor *image, fac_tensor *columns)
{
    static const fac__program add = {2, 0, 1, 1, {2}, {{FAC__ROW_add_plain, {0, 1}}}};
    fac_tensor *to = all_windows(w, image);
    int64_t strides[6];
    if (to) fac__contiguous_strides(6, to->shape, strides);
    fac_tensor *from = to ? fac__own(fac__new_view(columns, 6, to->shape, strides, columns->offset)) : NULL;
    for (int64_t h = 0; from && h < w->kernel[1]; h++)
        for (int64_t v = 0; v < w->kernel[2]; v++) {
            fac_tensor *a = one_place(to, h, v), *b = a ? one_place(from, h, v) : NULL;
            if (!b || !fac__run_program(&add, fac__compute_type((fac_dtype)a->dtype), 4, a->shape,
                                        (fac_tensor *[]){a, b}, NULL, &a))
                return false;
        }
    return from != NULL;
}

static fac_tensor *to_image(const windows *w, fac_tensor *columns)
{
    fac__node *n = record("Col2ImBackward0", to_image_backward, w, columns);
    int64_t shape[4] = {w->n, w->c, w->in[1], w->in[2]};
    fac_tensor *y = fac__new((fac_dtype)columns->dtype, 4, shape);
    bool ok = y != NULL;
    if (ok && y->numel) {
        fac_scope {
            fac_tensor *image = padded(w, (fac_dtype)y->dtype), *plain = fac__plain(columns, (fac_dtype)y->dtype);
            ok = image && plain && (!columns->numel || add_windows(w, image, plain)) &&
                 fac__copy_into(y, inside(w, image));
        }
    }
    if (!ok) fac_release(y), y = NULL;
    return fac__result(n, y);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static bool take_numbers(windows *w, fac_dims kernel, const fac_conv_options *o)
{
    if (!fac__window_list("kernel_size", kernel, 0, 2, 1, w->kernel) ||
        !fac__window_list("stride", o->strides, o->stride, 2, 1, w->stride) ||
        !fac__window_list("padding", o->paddings, o->padding, 2, 0, w->pad) ||
        !fac__window_list("dilation", o->dilations, o->dilation, 2, 1, w->dilation))
        return false;
    const struct {
        const char *name;
        const int64_t *v;
        int64_t least;
    } numbers[] = {
        {"kernel size", w->kernel, 1}, {"dilation", w->dilation, 1}, {"padding", w->pad, 0}, {"stride", w->stride, 1}};
    for (int i = 0; i < 4; i++)
        if (numbers[i].v[1] < numbers[i].least || numbers[i].v[2] < numbers[i].least)
            return fac__runtime_error("%s should be %s, but got %s", numbers[i].name,
                                      numbers[i].least ? "greater than zero" : "non-negative",
                                      fac__window_text(2, numbers[i].v, ", ")),
                   false;
    return true;
}

static bool count_windows(windows *w)
{
    for (int d = 1; d < 3; d++) {
        int64_t room = w->in[d] + 2 * w->pad[d] - w->dilation[d] * (w->kernel[d] - 1) - 1;
        w->out[d] = room < 0 ? 0 : room / w->stride[d] + 1;
    }
    if (w->out[1] > 0 && w->out[2] > 0)
        return fac__shape_numel(6, (int64_t[]){w->n, w->c, w->kernel[1], w->kernel[2], w->out[1], w->out[2]}) >= 0;
    return fac__runtime_error("Given input with spatial size (%s), kernel_size=(%s), dilation=(%s), padding=(%s), "
                              "calculated shape of the "
                              "array of sliding blocks as (%s), but its components must be at least one.",
                              fac__window_text(2, w->in, ", "), fac__window_text(2, w->kernel, ", "),
                              fac__window_text(2, w->dilation, ", "), fac__window_text(2, w->pad, ", "),
                              fac__shape_text(2, w->out + 1)),
           false;
}

static fac_tensor *im2col(fac_tensor *x, fac_dims kernel, const fac_conv_options *o)
{
    windows w;
    bool batch = x->ndim == 4;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("\"im2col_out_cpu\" not implemented for '%s'", fac__dtype_word((fac_dtype)x->dtype));
    if ((x->ndim != 3 && x->ndim != 4) || !x->shape[x->ndim - 3] || !x->shape[x->ndim - 2] || !x->shape[x->ndim - 1])
        return fac__runtime_error(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            "input, but got: %s",
            fac__shape_text(x->ndim, x->shape));
    w.n = batch ? x->shape[0] : 1;
    w.c = x->shape[batch];
    w.in[1] = x->shape[batch + 1];
    w.in[2] = x->shape[batch + 2];
    if (!take_numbers(&w, kernel, o) || !count_windows(&w)) return NULL;
    fac_tensor *images = batch ? x : fac_unsqueeze(x, 0), *y = images ? to_columns(&w, images) : NULL;
    return y && !batch ? fac_squeeze_dim(y, 0) : y;
}

static fac_tensor *col2im(fac_tensor *x, fac_dims size, fac_dims kernel, const fac_conv_options *o)
{
    windows w;
    bool batch = x->ndim == 3;
    if ((x->ndim != 2 && x->ndim != 3) || !x->shape[x->ndim - 2] || !x->shape[x->ndim - 1])
        return fac__runtime_error(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
            "for input, but got: %s",
            fac__shape_text(x->ndim, x->shape));
    if (!fac__window_list("output_size", size, 0, 2, 1, w.in) || !take_numbers(&w, kernel, o)) return NULL;
    if (w.in[1] < 1 || w.in[2] < 1)
        return fac__runtime_error("output_size should be greater than zero, but got %s",
                                  fac__window_text(2, w.in, ", "));
    int64_t rows = x->shape[batch], taps = w.kernel[1] * w.kernel[2];
    w.n = batch ? x->shape[0] : 1;
    w.c = rows / taps;
    if (rows % taps)
        return fac__runtime_error(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            "input.size(1)=%lld and kernel_size=(%s).",
            (long long)rows, fac__window_text(2, w.kernel, ", "));
    if (!count_windows(&w)) return NULL;
    if (x->shape[batch + 1] != count(&w))
        return fac__runtime_error(
            "Given output_size=(%s), kernel_size=(%s), dilation=(%lld, %lld), padding=(%lld, %lld), stride=(%lld, "
            "%lld), expected size of input's dimension 2 to match the calculated number of sliding blocks %lld * "
            "%lld = %lld, but got input.size(2)=%lld.",
            fac__window_text(2, w.in, ", "), fac__window_text(2, w.kernel, ", "), (long long)w.dilation[1],
            (long long)w.dilation[2], (long long)w.pad[1], (long long)w.pad[2], (long long)w.stride[1],
            (long long)w.stride[2], (long long)w.out[1], (long long)w.out[2], (long long)count(&w),
            (long long)x->shape[batch + 1]);
    fac_tensor *columns = batch ? x : fac_unsqueeze(x, 0), *y = columns ? to_image(&w, columns) : NULL;
    return y && !batch ? fac_squeeze_dim(y, 0) : y;
}

/* Dilation, padding and stride as a trace is told them. */
#define LIST(many, one) (many).n < 0 ? fac_dims_one(one) : (many)
#define LISTS(o) LIST((o).dilations, (o).dilation), LIST((o).paddings, (o).padding), LIST((o).strides, (o).stride)

fac_tensor *fac_im2col_with(fac_tensor *input, fac_dims kernel, fac_conv_options options)
{
    FAC__OP("im2col");
    FAC__NEED(input);
    fac_dims numbers[] = {LISTS(options)};
    FAC__TRACE("im2col", FAC__ARG(input), FAC__ARG(&kernel), FAC__ARG(&numbers[0]), FAC__ARG(&numbers[1]),
               FAC__ARG(&numbers[2]));
    return im2col(input, kernel, &options);
}

fac_tensor *fac_col2im_with(fac_tensor *input, fac_dims output_size, fac_dims kernel, fac_conv_options options)
{
    FAC__OP("col2im");
    FAC__NEED(input);
    fac_dims numbers[] = {LISTS(options)};
    FAC__TRACE("col2im", FAC__ARG(input), FAC__ARG(&output_size), FAC__ARG(&kernel), FAC__ARG(&numbers[0]),
               FAC__ARG(&numbers[1]), FAC__ARG(&numbers[2]));
    return col2im(input, output_size, kernel, &options);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(im2col_, R(fac_im2col(T(0), L(1), .dilations = L(2), .paddings = L(3), .strides = L(4))))
FAC__CALL(col2im_, R(fac_col2im(T(0), L(1), L(2), .dilations = L(3), .paddings = L(4), .strides = L(5))))

#define REST ", int[2] dilation, int[2] padding, int[2] stride) -> Tensor"
#define FUNCTIONAL_REST ", int[2] dilation=1, int[2] padding=0, int[2] stride=1) -> Tensor"
const fac__op fac__ops_fold[] = {
    {"im2col(Tensor self, int[2] kernel_size" REST, im2col_, "Windows as columns: torch.nn.functional.unfold."},
    {"unfold.functional(Tensor input, int[2] kernel_size" FUNCTIONAL_REST, im2col_, "Windows as columns."},
    {"col2im(Tensor self, int[2] output_size, int[2] kernel_size" REST, col2im_, "Columns added up as windows: fold."},
    {"fold(Tensor input, int[2] output_size, int[2] kernel_size" FUNCTIONAL_REST, col2im_,
     "Columns added up as windows."},
    {0},
};
