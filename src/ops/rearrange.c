/* Floor 4. Copies of a tensor's elements in another order or several times: flip, roll, rot90, repeat. */
#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "shaping.h"
#include "tracing.h"

/* A result that was computed with views, as a tensor of its own: the caller's. */
static fac_tensor *fresh(fac_tensor *t)
{
    return t ? fac__new_alias(t) : NULL;
}

/* ---- flip ---------------------------------------------------------------------------------------------------- */

static void flip_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = fac_flip(gy[0], *(const fac_dims *)n->params);
}

fac_tensor *fac_flip(fac_tensor *self, fac_dims dims)
{
    FAC__OP("flip");
    FAC__NEED(self);
    FAC__TRACE_IF(fac__dims_fit(dims), "flip", FAC__ARG(self), FAC__ARG(&dims));
    if (!fac__wrap_dims(&dims, self->ndim, "dim %d appears multiple times in the list of dims")) return NULL;
    fac_tensor *y = fac__new_like(self, (fac_dtype)self->dtype);
    if (!y) return NULL;
    if (y->numel) { /* a copy that reads backwards */
        fac__pointwise_args args = {.program = {.n_in = 1, .n_out = 1},
                                    .ndim = self->ndim,
                                    .compute = fac__compute_type((fac_dtype)self->dtype)};
        memcpy(args.shape, self->shape, (size_t)self->ndim * sizeof *self->shape);
        args.in[0] = fac__operand_of(self);
        args.out[0] = fac__operand_of(y);
        for (int i = 0; i < dims.n && self->ndim; i++) {
            int64_t *stride = &args.in[0].strides[dims.d[i]];
            args.in[0].data += (self->shape[dims.d[i]] - 1) * *stride * (int64_t)fac_dtype_size((fac_dtype)self->dtype);
            *stride = -*stride;
        }
        FAC__LAUNCH(fac__k_pointwise, args);
    }
    fac__node *n = fac__record("FlipBackward0", flip_backward, 1, 0, sizeof dims, self);
    if (n && n->params) *(fac_dims *)n->params = dims;
    return fac__result(n, y);
}

fac_tensor *fac_fliplr(fac_tensor *self)
{
    FAC__OP("fliplr");
    FAC__NEED(self);
    return self->ndim < 2 ? fac__runtime_error("Input must be >= 2-d.") : fac_flip(self, FAC_DIMS(1));
}

fac_tensor *fac_flipud(fac_tensor *self)
{
    FAC__OP("flipud");
    FAC__NEED(self);
    return self->ndim < 1 ? fac__runtime_error("Input must be >= 1-d.") : fac_flip(self, FAC_DIMS(0));
}

/* ---- roll ---------------------------------------------------------------------------------------------------- */

/* Each shifted dim has two pieces that change places; the pieces of several dims combine. */
static bool roll_pieces(fac_tensor *y, fac_tensor *x, const int64_t *shift)
{
    int rolled[FAC_MAX_DIMS], n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (shift[i]) rolled[n++] = i;
    for (unsigned piece = 0; piece < 1u << n; piece++) {
        int64_t shape[FAC_MAX_DIMS], from = x->offset, to = y->offset;
        memcpy(shape, x->shape, sizeof shape);
        for (int k = 0; k < n; k++) {
            int d = rolled[k];
            bool tail = piece >> k & 1; /* what leaves at the end and comes in at the start */
            shape[d] = tail ? shift[d] : x->shape[d] - shift[d];
            from += tail ? (x->shape[d] - shift[d]) * x->strides[d] : 0;
            to += tail ? 0 : shift[d] * y->strides[d];
        }
        fac_tensor *part = fac__new_view(x, x->ndim, shape, x->strides, from);
        fac_tensor *place = fac__new_view(y, x->ndim, shape, y->strides, to);
        bool ok = part && place && fac__copy_into(place, part);
        fac_release(part);
        fac_release(place);
        if (!ok) return false;
    }
    return true;
}

typedef struct roll_params {
    fac_dims shifts, dims;
} roll_params;

static void roll_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const roll_params *p = n->params;
    fac_dims back = p->shifts;
    for (int i = 0; i < back.n; i++)
        back.d[i] = -back.d[i];
    gx[0] = fac_roll(gy[0], back, p->dims);
}

static bool roll_args(const fac_tensor *x, fac_dims *shifts, fac_dims *dims, int64_t *shift)
{
    if (!fac__dims_fit(*shifts) || !fac__dims_fit(*dims)) return false;
    if (shifts->n == 0) return fac__runtime_error("`shifts` required"), false;
    if (shifts->n != dims->n && !(dims->n == 0 && shifts->n == 1))
        return fac__runtime_error("shifts and dimensions must align. shifts: %d, dims:%d", shifts->n, dims->n), false;
    if (dims->n && x->ndim == 0)
        return fac__index_error("Dimension specified as %lld but tensor has no dimensions", (long long)dims->d[0]),
               false;
    if (!fac__wrap_dims(dims, x->ndim, NULL)) return false;
    memset(shift, 0, FAC_MAX_DIMS * sizeof *shift);
    for (int i = 0; i < dims->n; i++) {
        int64_t size = x->shape[dims->d[i]];
        shifts->d[i] = size ? shifts->d[i] % size : 0;
        shift[dims->d[i]] = size ? (shift[dims->d[i]] + shifts->d[i] + size) % size : 0;
    }
    if (!dims->n) shifts->d[0] = x->numel ? shifts->d[0] % x->numel : 0;
    return true;
}

fac_tensor *fac_roll(fac_tensor *self, fac_dims shifts, fac_dims dims)
{
    FAC__OP("roll");
    FAC__NEED(self);
    FAC__TRACE_IF(fac__dims_fit(shifts) && fac__dims_fit(dims), "roll", FAC__ARG(self), FAC__ARG(&shifts),
                  FAC__ARG(&dims));
    int64_t shift[FAC_MAX_DIMS];
    if (!roll_args(self, &shifts, &dims, shift)) return NULL;
    fac_tensor *y = NULL;
    if (dims.n) {
        y = fac__new_like(self, (fac_dtype)self->dtype);
        if (y && y->numel && !roll_pieces(y, self, shift)) {
            fac_release(y);
            y = NULL;
        }
    } else {
        fac_scope
            fac_no_grad
                y = fresh(fac_reshape(fac_roll(fac_ravel(self), shifts, FAC_DIMS(0)), fac_shape(self)));
    }
    if (!y) return NULL;
    fac__node *n = fac__record("RollBackward0", roll_backward, 1, 0, sizeof(roll_params), self);
    if (n && n->params) *(roll_params *)n->params = (roll_params){shifts, dims};
    return fac__result(n, y);
}

/* ---- rot90 --------------------------------------------------------------------------------------------------- */

typedef struct rot_params {
    int64_t k;
    fac_dims dims;
} rot_params;

static void rot_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const rot_params *p = n->params;
    gx[0] = fac_rot90(gy[0], -p->k, p->dims);
}

static bool rot_args(const fac_tensor *x, fac_dims dims)
{
    if (dims.n != 2) return fac__runtime_error("expected total rotation dims == 2, but got dims = %d", dims.n), false;
    if (x->ndim < 2) return fac__runtime_error("expected total dims >= 2, but got total dims = %d", x->ndim), false;
    long long a = dims.d[0], b = dims.d[1];
    uint64_t apart = (uint64_t)a - (uint64_t)b, n = (uint64_t)x->ndim;
    if (a == b || apart == n || apart == -n)
        return fac__runtime_error("expected rotation dims to be different, but got dim0 = %lld and dim1 = %lld", a, b),
               false;
    if (a >= x->ndim || a < -x->ndim) return fac__runtime_error("Rotation dim0 out of range, dim0 = %lld", a), false;
    if (b >= x->ndim || b < -x->ndim) return fac__runtime_error("Rotation dim1 out of range, dim1 = %lld", b), false;
    return true;
}

fac_tensor *fac_rot90(fac_tensor *self, int64_t k, fac_dims dims)
{
    FAC__OP("rot90");
    FAC__NEED(self);
    if (!rot_args(self, dims)) return NULL;
    int64_t a = dims.d[0], b = dims.d[1];
    k = (k % 4 + 4) % 4;
    fac_tensor *y = NULL;
    fac_scope {
        fac_no_grad {
            switch (k) {
            case 0: y = fac_clone(self); break;
            case 1: y = fac_transpose(fac_flip(self, FAC_DIMS(b)), (int)a, (int)b); break;
            case 2: y = fac_flip(self, dims); break;
            default: y = fac_transpose(fac_flip(self, FAC_DIMS(a)), (int)a, (int)b);
            }
            y = fresh(y);
        }
    }
    if (!y) return NULL;
    fac__node *n = fac__record("Rot90Backward0", rot_backward, 1, 0, sizeof(rot_params), self);
    if (n && n->params) *(rot_params *)n->params = (rot_params){k, dims};
    return fac__result(n, y);
}

/* ---- repeat, tile -------------------------------------------------------------------------------------------- */

/* The result seen as the repeats and the input's sizes by turns: [r0, s0, r1, s1…], without repeats and sizes of 1, and
 * sizes that lie in a row in memory joined, which is as far as FAC_MAX_DIMS allows. */
typedef struct interleaved {
    int ndim;
    int64_t shape[FAC_MAX_DIMS], one[FAC_MAX_DIMS]; /* one: with 1 for every repeat */
    int64_t strides[FAC_MAX_DIMS];                  /* of the input, 0 for repeats */
} interleaved;

static bool add_turn(interleaved *l, int64_t size, int64_t one, int64_t stride)
{
    if (l->ndim == FAC_MAX_DIMS) return false;
    l->shape[l->ndim] = size;
    l->one[l->ndim] = one;
    l->strides[l->ndim++] = stride;
    return true;
}

/* strides NULL: of an input in a row. False where there are too many dimensions. */
static bool interleave(const int64_t *shape, const int64_t *strides, fac_dims repeats, interleaved *out)
{
    bool joins = false; /* the last dimension with the next one */
    out->ndim = 0;
    for (int i = 0; i < repeats.n; i++) {
        int64_t stride = strides ? strides[i] : 0;
        int last = out->ndim - 1;
        if (repeats.d[i] != 1) {
            if (!add_turn(out, repeats.d[i], 1, 0)) return false;
            joins = false;
        }
        if (shape[i] == 1) continue;
        if (joins && (!strides || out->strides[last] == shape[i] * stride)) {
            out->shape[last] *= shape[i];
            out->one[last] *= shape[i];
            out->strides[last] = stride;
        } else if (!add_turn(out, shape[i], shape[i], stride)) {
            return false;
        }
        joins = true;
    }
    return true;
}

typedef struct repeat_params {
    fac_dims shape, repeats; /* shape: of the input with leading ones, as many dims as repeats */
    int ndim;                /* of the input */
} repeat_params;

static void repeat_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const repeat_params *p = n->params;
    interleaved l;
    fac_tensor *g = gy[0];
    if (!interleave(p->shape.d, NULL, p->repeats, &l)) return;
    for (int i = 0; i < p->repeats.n; i++)
        if (p->repeats.d[i] == 0) { /* the result is empty */
            gx[0] = fac_zeros(fac_dims_make(p->ndim, p->shape.d + p->shape.n - p->ndim), .dtype = fac_dtype_of(g));
            return;
        }
    fac__meta one = {.dtype = (uint8_t)fac_dtype_of(g), .ndim = (int8_t)l.ndim};
    memcpy(one.shape, l.one, (size_t)l.ndim * sizeof *one.shape);
    g = fac_reshape(g, fac_dims_make(l.ndim, l.shape));
    g = g ? fac__grad_fit(g, &one) : NULL;
    gx[0] = g ? fac_reshape(g, fac_dims_make(p->ndim, p->shape.d + p->shape.n - p->ndim)) : NULL;
}

fac_tensor *fac_repeat(fac_tensor *self, fac_dims repeats)
{
    FAC__OP("repeat");
    FAC__NEED(self);
    if (!fac__dims_fit(repeats)) return NULL;
    FAC__TRACE("repeat", FAC__ARG(self), FAC__ARG(&repeats));
    int lead = repeats.n - self->ndim;
    if (lead < 0)
        return fac__runtime_error(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
    fac_dims shape = repeats, result = repeats, strides = repeats;
    for (int i = 0; i < repeats.n; i++) {
        shape.d[i] = i < lead ? 1 : self->shape[i - lead];
        strides.d[i] = i < lead ? 0 : self->strides[i - lead];
        if (__builtin_mul_overflow(shape.d[i], repeats.d[i], &result.d[i])) result.d[i] = INT64_MAX;
    }
    interleaved l;
    if (!interleave(shape.d, strides.d, repeats, &l)) { /* too many at once: half of them first; five always fit */
        fac_dims late = repeats;
        int all = 0, seen = 0;
        for (int i = 0; i < repeats.n; i++)
            all += repeats.d[i] != 1;
        for (int i = 0; i < repeats.n; i++)
            if (repeats.d[i] != 1) *(seen++ < all / 2 ? &late.d[i] : &repeats.d[i]) = 1;
        return fac_repeat(fac_repeat(fac_contiguous(self), late), repeats);
    }
    fac_tensor *y = fac__new((fac_dtype)self->dtype, result.n, result.d);
    if (!y) return NULL;
    if (y->numel) {
        int64_t plain[FAC_MAX_DIMS];
        fac__contiguous_strides(l.ndim, l.shape, plain);
        fac_tensor *place = fac__new_view(y, l.ndim, l.shape, plain, 0);
        fac_tensor *part = fac__new_view(self, l.ndim, l.shape, l.strides, self->offset);
        bool ok = place && part && fac__copy_into(place, part);
        fac_release(place);
        fac_release(part);
        if (!ok) return fac_release(y), NULL;
    }
    fac__node *n = fac__record("RepeatBackward0", repeat_backward, 1, 0, sizeof(repeat_params), self);
    if (n && n->params) *(repeat_params *)n->params = (repeat_params){shape, repeats, self->ndim};
    return fac__result(n, y);
}

fac_tensor *fac_tile(fac_tensor *self, fac_dims dims)
{
    FAC__OP("tile");
    FAC__NEED(self);
    if (!fac__dims_fit(dims)) return NULL;
    fac_dims repeats = {.n = dims.n > self->ndim ? dims.n : self->ndim};
    for (int i = 0; i < repeats.n; i++)
        repeats.d[i] = i < repeats.n - dims.n ? 1 : dims.d[i - (repeats.n - dims.n)];
    return fac_repeat(self, repeats);
}

/* ---- repeat_interleave --------------------------------------------------------------------------------------- */

/* i, repeats[i] times, for each i: an index; repeats has one element for each i or one for all. NULL after an error. */
static fac_tensor *repeated_index(fac_tensor *repeats, int64_t n, int64_t output_size)
{
    if (repeats->dtype != FAC_INT64 && repeats->dtype != FAC_INT32)
        return fac__runtime_error("\"repeat_interleave_cpu\" not implemented for '%s'",
                                  fac__dtype_word((fac_dtype)repeats->dtype));
    if (repeats->ndim > 1) return fac__runtime_error("repeats must be 0-dim or 1-dim tensor");
    if (repeats->numel != n && repeats->numel != 1)
        return fac__runtime_error("repeats must have the same size as input along dim");
    int64_t *times = fac__alloc((size_t)repeats->numel * sizeof *times + 1), total = 0;
    if (!times || !fac_to_array(repeats, FAC_INT64, times, repeats->numel)) return fac__free(times), NULL;
    fac_tensor *index = NULL;
    for (int64_t i = 0; i < n && total >= 0; i++) {
        int64_t t = times[repeats->numel == 1 ? 0 : i];
        if (t < 0) fac__runtime_error("repeats can not be negative");
        if (t < 0 || __builtin_add_overflow(total, t, &total)) {
            fac__runtime_error("the sum of repeats overflows");
            total = -1;
        }
    }
    if (total >= 0 && output_size != FAC_OPEN && output_size != total)
        fac__runtime_error("allocated size does not match required size");
    else if (total >= 0)
        index = fac_empty(FAC_SHAPE(total), .dtype = FAC_INT64);
    int64_t *out = fac_data(index);
    for (int64_t i = 0; i < n && index; i++)
        for (int64_t t = times[repeats->numel == 1 ? 0 : i]; t > 0; t--)
            *out++ = i;
    fac__free(times);
    return index;
}

static fac_tensor *repeat_interleave(fac_tensor *x, fac_tensor *repeats, int64_t dim, int64_t output_size)
{
    if (dim == FAC_OPEN) {
        x = fac_flatten(x, 0, -1);
        dim = 0;
    }
    if (!x || !repeats) return NULL;
    int at = fac__wrap_dim(dim, x->ndim);
    fac_tensor *index = at < 0 ? NULL : repeated_index(repeats, x->ndim ? x->shape[at] : 1, output_size);
    if (index && x->ndim == 0) x = fac_unsqueeze(x, 0);
    return index ? fac_index_select(x, at, index) : NULL;
}

fac_tensor *fac_repeat_interleave(fac_tensor *self, int64_t repeats, int64_t dim)
{
    FAC__OP("repeat_interleave");
    FAC__NEED(self);
    if (fac__tracing() && repeats >= 0 && self->ndim) { /* without a look at the number in a tensor */
        fac_tensor *x = dim == FAC_OPEN ? fac_reshape(self, FAC_DIMS(-1)) : self;
        int d = !x ? -1 : dim == FAC_OPEN ? 0 : fac__wrap_dim(dim, x->ndim);
        fac_dims wide = fac_shape(x), flat = wide;
        if (d < 0 || wide.n == FAC_MAX_DIMS) return NULL;
        memmove(wide.d + d + 2, wide.d + d + 1, (size_t)(wide.n - d - 1) * sizeof *wide.d);
        wide.d[d + 1] = repeats;
        wide.n++;
        flat.d[d] *= repeats;
        return fac_reshape(fac_expand(fac_unsqueeze(x, d + 1), wide), flat);
    }
    return repeat_interleave(self, fac_scalar_tensor(repeats, .dtype = FAC_INT64), dim, FAC_OPEN);
}

fac_tensor *fac_repeat_interleave_tensor(fac_tensor *self, fac_tensor *repeats, int64_t dim)
{
    FAC__OP("repeat_interleave");
    FAC__NEED(self);
    FAC__NEED(repeats);
    return repeat_interleave(self, repeats, dim, FAC_OPEN);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

static fac_tensor *interleave_index(fac_tensor *repeats, int64_t output_size)
{
    FAC__NEED(repeats);
    if (repeats->ndim != 1) return fac__runtime_error("repeat_interleave only accept 1D vector as repeat");
    return repeated_index(repeats, repeats->numel, output_size);
}

FAC__CALL(flip, R(fac_flip(T(0), L(1))))
FAC__CALL(fliplr, R(fac_fliplr(T(0))))
FAC__CALL(flipud, R(fac_flipud(T(0))))
FAC__CALL(roll, R(fac_roll(T(0), L(1), L(2))))
FAC__CALL(rot90, R(fac_rot90(T(0), I(1), L(2))))
FAC__CALL(repeat, R(fac_repeat(T(0), L(1))))
FAC__CALL(tile, R(fac_tile(T(0), L(1))))
FAC__CALL(interleave_tensor, R(interleave_index(T(0), IO(1))))
FAC__CALL(interleave_self_tensor, R(T(0) ? repeat_interleave(T(0), T(1), IO(2), IO(3)) : NULL))
FAC__CALL(interleave_self_int,
          R(T(0) ? repeat_interleave(T(0), fac_scalar_tensor(I(1), .dtype = FAC_INT64), IO(2), IO(3)) : NULL))

const fac__op fac__ops_rearrange[] = {
    {"flip(Tensor self, int[] dims) -> Tensor", flip, "Reversed along dims."},
    {"fliplr(Tensor self) -> Tensor", fliplr, "Reversed along dim 1."},
    {"flipud(Tensor self) -> Tensor", flipud, "Reversed along dim 0."},
    {"roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor", roll,
     "Shifted, what leaves at the end coming in at the start."},
    {"rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor", rot90, "Turned k times by 90 degrees."},
    {"repeat(Tensor self, int[] repeats) -> Tensor", repeat, "Copies side by side."},
    {"tile(Tensor self, int[] dims) -> Tensor", tile, "Copies side by side, missing repeats being 1."},
    {"repeat_interleave.Tensor(Tensor repeats, *, int? output_size=None) -> Tensor", interleave_tensor,
     "Each number i repeats[i] times."},
    {"repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
     interleave_self_tensor, "Each slice repeats[i] times in a row."},
    {"repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
     interleave_self_int, "Each slice repeats times in a row."},
    {0},
};
