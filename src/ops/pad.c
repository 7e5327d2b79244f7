/* Floor 4. Padding: with a number, or with what a border shows: its reflection, itself, or the other side. */
#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_view.h"
#include "shaping.h"
#include "tracing.h"

/* ---- with a number ------------------------------------------------------------------------------------------- */

static void constant_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_dims back = *(const fac_dims *)n->params;
    for (int i = 0; i < back.n; i++)
        back.d[i] = -back.d[i];
    gx[0] = fac_constant_pad_nd(gy[0], back, 0);
}

/* before and after for each dim of x; false with an error when a size would become negative. */
static bool pads_by_dim(const fac_tensor *x, fac_dims pad, int64_t *before, int64_t *shape)
{
    memset(before, 0, FAC_MAX_DIMS * sizeof *before);
    memcpy(shape, x->shape, (size_t)x->ndim * sizeof *shape);
    for (int i = 0; i < pad.n / 2; i++) {
        int d = x->ndim - 1 - i;
        before[d] = pad.d[2 * i];
        shape[d] += pad.d[2 * i] + pad.d[2 * i + 1];
        if (shape[d] < 0)
            return fac__runtime_error("The input size %lld, plus negative padding %lld and %lld, resulted in a "
                                      "negative output size, which "
                                      "is invalid. Check dimension %d of your input.",
                                      (long long)x->shape[d], (long long)pad.d[2 * i], (long long)pad.d[2 * i + 1], d),
                   false;
    }
    return true;
}

static bool pad_length(const fac_tensor *x, fac_dims pad)
{
    if (!fac__dims_fit(pad)) return false;
    if (pad.n % 2) return fac__runtime_error("Padding length must be divisible by 2"), false;
    if (pad.n / 2 > x->ndim) return fac__runtime_error("Padding length too large"), false;
    for (int i = 0; i < pad.n; i++)
        if (pad.d[i] > INT64_MAX / 16 || pad.d[i] < INT64_MIN / 16)
            return fac__runtime_error("padding by %lld is too much", (long long)pad.d[i]), false;
    return true;
}

fac_tensor *(fac_constant_pad_nd)(fac_tensor *self, fac_dims pad, fac_scalar value)
{
    FAC__OP("constant_pad_nd");
    FAC__NEED(self);
    int64_t before[FAC_MAX_DIMS], shape[FAC_MAX_DIMS], part[FAC_MAX_DIMS], from = self->offset, to = 0;
    FAC__TRACE_IF(fac__dims_fit(pad), "constant_pad_nd", FAC__ARG(self), FAC__ARG(&pad), FAC__ARG(value));
    if (!pad_length(self, pad) || !pads_by_dim(self, pad, before, shape) ||
        !fac__scalar_fits(value, (fac_dtype)self->dtype))
        return NULL;
    fac_tensor *y = fac__new((fac_dtype)self->dtype, self->ndim, shape);
    if (!y) return NULL;
    bool some = true, all = true; /* some of self is in y; nothing else is */
    for (int d = 0; d < self->ndim; d++) {
        int64_t first = before[d] < 0 ? -before[d] : 0,
                last = shape[d] - before[d]; /* the range of self's indices in y */
        if (last > self->shape[d]) last = self->shape[d];
        part[d] = last - first;
        some &= part[d] > 0;
        all &= part[d] == shape[d];
        from += first * self->strides[d];
        to += (before[d] > 0 ? before[d] : 0) * y->strides[d];
    }
    bool ok = (some && all) || fac__fill_into(y, value);
    if (ok && some) {
        fac_tensor *source = fac__new_view(self, self->ndim, part, self->strides, from);
        fac_tensor *place = fac__new_view(y, self->ndim, part, y->strides, to);
        ok = source && place && fac__copy_into(place, source);
        fac_release(source);
        fac_release(place);
    }
    if (!ok) return fac_release(y), NULL;
    fac__node *n = fac__record("ConstantPadNdBackward0", constant_backward, 1, 0, sizeof pad, self);
    if (n && n->params) *(fac_dims *)n->params = pad;
    return fac__result(n, y);
}

/* ---- by an index --------------------------------------------------------------------------------------------- */

typedef enum border { REFLECT, REPLICATE, CIRCULAR } border;

typedef struct border_params {
    border mode;
    fac_dims pad, shape; /* shape: the input's */
} border_params;

/* Where the padded dimension's elements come from. Circular pads go round what negative ones leave. */
static fac_tensor *border_index(border mode, int64_t size, int64_t before, int64_t after)
{
    fac_tensor *index = fac_empty(FAC_SHAPE(before + size + after), .dtype = FAC_INT64);
    if (!index) return NULL;
    int64_t *out = fac__host(index);
    int64_t first = before < 0 ? -before : 0, left = size - first + (after < 0 ? after : 0);
    for (int64_t j = 0; j < index->numel; j++) {
        int64_t i = j - before;
        if (mode == REFLECT) i = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
        if (mode == REPLICATE) i = i < 0 ? 0 : i >= size ? size - 1 : i;
        if (mode == CIRCULAR) i = left ? first + ((i - first) % left + left) % left : 0;
        out[j] = i;
    }
    return index;
}

/* The reverse of each dimension's selection, last padded first: additions where an element was taken several times. */
static void border_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const border_params *p = n->params;
    fac_tensor *g = gy[0];
    for (int i = p->pad.n / 2 - 1; i >= 0 && g; i--) {
        int d = p->shape.n - 1 - i;
        fac_dims shape = fac_shape(g);
        shape.d[d] = p->shape.d[d];
        fac_tensor *index = border_index(p->mode, shape.d[d], p->pad.d[2 * i], p->pad.d[2 * i + 1]);
        fac_tensor *zeros = index ? fac_zeros(shape, .dtype = fac_dtype_of(g)) : NULL;
        g = zeros ? fac_index_add(zeros, d, index, g, 1) : NULL;
    }
    gx[0] = g;
}

static bool border_args(const fac_tensor *x, border mode, fac_dims pad)
{
    static const char *const kernels[] = {"reflection_pad", "replication_pad"};
    int padded = pad.n / 2, dims = x->ndim;
    if (padded < 1 || padded > 3 || (dims != padded + 2 && (mode == CIRCULAR || dims != padded + 1)))
        return fac__runtime_error("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"), false;
    for (int d = 0; d < dims; d++)
        if (x->shape[d] == 0 &&
            (d >= dims - padded || (d == 0 && dims == padded + 1 && padded > 1) || (d == 1 && dims == padded + 2)))
            return fac__runtime_error("Expected %dD or %dD (batch mode) tensor with possibly 0 batch size and other "
                                      "non-zero dimensions "
                                      "for input, but got: %s",
                                      padded + 1, padded + 2, fac__shape_text(dims, x->shape)),
                   false;
    for (int i = 0; i < padded; i++) {
        int d = dims - 1 - i;
        int64_t before = pad.d[2 * i], after = pad.d[2 * i + 1], size = x->shape[d];
        if (mode == REFLECT && (before >= size || after >= size))
            return fac__runtime_error("Argument #%d: Padding size should be less than the corresponding input "
                                      "dimension, but got: padding "
                                      "(%lld, %lld) at dimension %d of input %s",
                                      2 * i + 4, (long long)before, (long long)after, d,
                                      fac__shape_text(dims, x->shape)),
                   false;
        if (mode == CIRCULAR && (before > size || after > size))
            return fac__runtime_error("Padding value causes wrapping around more than once."), false;
        if (size + before + after < (mode == CIRCULAR ? 0 : 1))
            return fac__runtime_error(mode == CIRCULAR ? "Negative padding value is resulting in an empty dimension."
                                                       : "input (W: %lld) is too small. Calculated output W: %lld",
                                      (long long)size, (long long)(size + before + after)),
                   false;
    }
    if (mode != CIRCULAR && x->dtype != FAC_FLOAT32 && x->dtype != FAC_FLOAT64 &&
        !fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("\"%s%dd\" not implemented for '%s'", kernels[mode], padded,
                                  fac__dtype_word((fac_dtype)x->dtype)),
               false;
    return true;
}

static fac_tensor *pad_border(fac_tensor *self, border mode, fac_dims pad)
{
    static const char *const names[3][3] = {
        {"ReflectionPad1DBackward0", "ReflectionPad2DBackward0", "ReflectionPad3DBackward0"},
        {"ReplicationPad1DBackward0", "ReplicationPad2DBackward0", "ReplicationPad3DBackward0"},
        {"PadCircularBackward0", "PadCircularBackward0", "PadCircularBackward0"},
    };
    if (!pad_length(self, pad) || !border_args(self, mode, pad)) return NULL;
    fac_tensor *y = self;
    fac_scope {
        fac_no_grad {
            for (int i = 0; i < pad.n / 2 && y; i++) {
                int d = self->ndim - 1 - i;
                fac_tensor *index = border_index(mode, self->shape[d], pad.d[2 * i], pad.d[2 * i + 1]);
                y = index ? fac_index_select(y, d, index) : NULL;
            }
            fac_keep(y);
        }
    }
    if (!y) return NULL;
    fac__node *n = fac__record(names[mode][pad.n / 2 - 1], border_backward, 1, 0, sizeof(border_params), self);
    if (n && n->params) *(border_params *)n->params = (border_params){mode, pad, fac_shape(self)};
    return fac__result(n, y);
}

fac_tensor *fac_pad(fac_tensor *self, fac_dims pad, const char *mode, double value)
{
    static const char *const modes[] = {"reflect", "replicate", "circular"};
    FAC__OP("pad");
    FAC__NEED(self);
    if (!pad_length(self, pad)) return NULL;
    if (!mode || !strcmp(mode, "constant")) return fac_constant_pad_nd(self, pad, fac_scalar_float(value));
    for (int i = 0; i < 3; i++)
        if (!strcmp(mode, modes[i])) return pad_border(self, (border)i, pad);
    return fac__runtime_error("Unrecognised padding mode %s", mode);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

static fac_tensor *pad_by_name(fac_tensor *self, fac_dims pad, const char *mode, fac_scalar value)
{
    bool given = value.kind != FAC_DTYPE_NONE;
    if (given && mode && strcmp(mode, "constant") && fac_scalar_to_double(value) != 0)
        return fac__runtime_error("Padding mode \"%s\" doesn't take in value argument", mode);
    return fac_pad(self, pad, mode, given ? fac_scalar_to_double(value) : 0);
}

static fac_tensor *pad_dims(fac_tensor *self, fac_dims pad, border mode, int dims)
{
    FAC__NEED(self);
    if (pad.n == 1) /* one int for all */
        for (pad.n = 2 * dims; dims > 0; dims--)
            pad.d[2 * dims - 1] = pad.d[2 * dims - 2] = pad.d[0];
    return pad_border(self, mode, pad);
}

FAC__CALL(constant_pad_nd, R((fac_constant_pad_nd)(T(0), L(1), S(2))))
FAC__CALL(pad_call, R(pad_by_name(T(0), L(1), STR(2), S(3))))
FAC__CALL(reflection_pad1d, R(pad_dims(T(0), L(1), REFLECT, 1)))
FAC__CALL(reflection_pad2d, R(pad_dims(T(0), L(1), REFLECT, 2)))
FAC__CALL(reflection_pad3d, R(pad_dims(T(0), L(1), REFLECT, 3)))
FAC__CALL(replication_pad1d, R(pad_dims(T(0), L(1), REPLICATE, 1)))
FAC__CALL(replication_pad2d, R(pad_dims(T(0), L(1), REPLICATE, 2)))
FAC__CALL(replication_pad3d, R(pad_dims(T(0), L(1), REPLICATE, 3)))
FAC__CALL(pad_circular, R(T(0) ? pad_border(T(0), CIRCULAR, L(1)) : NULL))

const fac__op fac__ops_pad[] = {
    {"constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor", constant_pad_nd,
     "Padded with a number; negative pads cut."},
    {"pad(Tensor self, int[] pad, str mode='constant', float? value=None) -> Tensor", pad_call,
     "Padded: constant, reflect, replicate or circular."},
    {"reflection_pad1d(Tensor self, int[2] padding) -> Tensor", reflection_pad1d,
     "Padded with the border's reflection."},
    {"reflection_pad2d(Tensor self, int[4] padding) -> Tensor", reflection_pad2d,
     "Padded with the borders' reflections."},
    {"reflection_pad3d(Tensor self, int[6] padding) -> Tensor", reflection_pad3d,
     "Padded with the borders' reflections."},
    {"replication_pad1d(Tensor self, int[2] padding) -> Tensor", replication_pad1d,
     "Padded with the border's element."},
    {"replication_pad2d(Tensor self, int[4] padding) -> Tensor", replication_pad2d,
     "Padded with the borders' elements."},
    {"replication_pad3d(Tensor self, int[6] padding) -> Tensor", replication_pad3d,
     "Padded with the borders' elements."},
    {"_pad_circular(Tensor self, int[] pad) -> Tensor", pad_circular, "Padded with the other side."},
    {0},
};
