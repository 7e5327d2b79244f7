/* Floor 4. Making tensors: constants, ranges, C arrays. Random ones are random_ops.c's. */
#include "facula/ops_create.h"

#include <math.h>
#include <string.h>

#include "backend/fill.h"
#include "create.h"
#include "facula/ops_view.h"
#include "shaping.h"

/* ---- what all need ------------------------------------------------------------------------------------------- */

fac_tensor *fac__created(fac_tensor *t, fac_create_options options)
{
    if (!t) return NULL;
    if (options.requires_grad && !fac_dtype_is_floating((fac_dtype)t->dtype)) {
        fac_release(t);
        return fac__runtime_error("Only Tensors of floating point and complex dtype can require gradients");
    }
    t->requires_grad = options.requires_grad;
    return fac__own(t);
}

fac_tensor *fac__new_shaped(fac_dims shape, fac_dtype dtype, fac_dtype otherwise)
{
    if (!fac__dims_fit(shape)) return NULL;
    return fac__new(dtype ? dtype : otherwise, shape.n, shape.d);
}

bool fac__scalar_fits(fac_scalar s, fac_dtype dtype)
{
    static const struct {
        const char *name;
        double low, high; /* high is exclusive */
    } limits[FAC_DTYPE_COUNT] = {
        [FAC_UINT8] = {"uint8_t", 0, 256.0},
        [FAC_INT8] = {"int8_t", -128, 128.0},
        [FAC_INT16] = {"int16_t", -32768, 32768.0},
        [FAC_INT32] = {"int", -2147483648.0, 2147483648.0},
        [FAC_INT64] = {"int64_t", -9223372036854775808.0, 9223372036854775808.0},
    };
    const char *name = limits[dtype].name;
    bool fits = true;
    if (fac_dtype_is_integral(dtype)) {
        if (s.kind == FAC_FLOAT64)
            fits = s.v.f >= limits[dtype].low && trunc(s.v.f) < limits[dtype].high;
        else if (dtype == FAC_UINT8)
            fits = s.v.i > -256 && s.v.i < 256; /* small negative ones wrap around */
        else if (dtype != FAC_INT64)
            fits = (double)s.v.i >= limits[dtype].low && (double)s.v.i < limits[dtype].high;
    } else if (fac_dtype_is_floating(dtype)) {
        double v = fabs(fac_scalar_to_double(s));
        name = dtype == FAC_FLOAT16 ? "at::Half" : dtype == FAC_BFLOAT16 ? "at::BFloat16" : "float";
        if (isfinite(v))
            fits = dtype == FAC_FLOAT16 ? v <= 65504.0 : dtype == FAC_FLOAT64 || v <= 3.4028234663852886e38;
    }
    return fits || fac__runtime_error("value cannot be converted to type %s without overflow", name);
}

/* ---- constants ----------------------------------------------------------------------------------------------- */

static fac_tensor *filled(fac_tensor *t, fac_scalar value, fac_create_options options)
{
    if (t && (!fac__scalar_fits(value, (fac_dtype)t->dtype) || !fac__fill_into(t, value))) {
        fac_release(t);
        t = NULL;
    }
    return fac__created(t, options);
}

fac_tensor *fac_empty_with(fac_dims shape, fac_create_options options)
{
    FAC__OP("empty");
    return fac__created(fac__new_shaped(shape, options.dtype, fac_get_default_dtype()), options);
}

fac_tensor *fac_empty_strided_with(fac_dims size, fac_dims stride, fac_create_options options)
{
    FAC__OP("empty_strided");
    if (!fac__dims_fit(size) || !fac__dims_fit(stride)) return NULL;
    if (size.n != stride.n)
        return fac__runtime_error("dimensionality of sizes (%d) must match dimensionality of strides (%d)", size.n,
                                  stride.n);
    if (fac__shape_numel(size.n, size.d) < 0) return NULL;
    int64_t room = 1; /* how far the last element reaches */
    bool fits = true;
    for (int d = 0; d < size.n; d++) {
        int64_t reach = 0;
        fits = fits && stride.d[d] >= 0 && !(size.d[d] && __builtin_mul_overflow(size.d[d] - 1, stride.d[d], &reach)) &&
               !__builtin_add_overflow(room, reach, &room);
    }
    for (int d = 0; d < size.n; d++)
        if (!size.d[d]) room = 0;
    if (!fits)
        return fac__runtime_error("Storage size calculation overflowed with sizes=%s and strides=%s",
                                  fac__shape_text(size.n, size.d), fac__shape_text(stride.n, stride.d));
    fac_tensor *t = fac__new_shaped(fac_dims_one(room), options.dtype, fac_get_default_dtype());
    if (!t) return NULL;
    t->ndim = (int8_t)size.n;
    memcpy(t->shape, size.d, sizeof t->shape);
    memcpy(t->strides, stride.d, sizeof t->strides);
    fac__update_layout(t);
    return fac__created(t, options);
}

fac_tensor *fac_zeros_with(fac_dims shape, fac_create_options options)
{
    FAC__OP("zeros");
    return filled(fac__new_shaped(shape, options.dtype, fac_get_default_dtype()), fac_scalar_int(0), options);
}

fac_tensor *fac_ones_with(fac_dims shape, fac_create_options options)
{
    FAC__OP("ones");
    return filled(fac__new_shaped(shape, options.dtype, fac_get_default_dtype()), fac_scalar_int(1), options);
}

fac_tensor *fac_full_with(fac_dims shape, fac_scalar value, fac_create_options options)
{
    FAC__OP("full");
    fac_dtype natural = value.kind == FAC_FLOAT64 ? fac_get_default_dtype() : value.kind;
    return filled(fac__new_shaped(shape, options.dtype, natural), value, options);
}

fac_tensor *fac_scalar_tensor_with(fac_scalar value, fac_create_options options)
{
    FAC__OP("scalar_tensor");
    return filled(fac__new_shaped(FAC_SHAPE(), options.dtype, fac_get_default_dtype()), value, options);
}

/* The _like forms: the shape of x, its dtype unless another is asked for. */
static fac_tensor *like(const fac_tensor *x, fac_create_options options)
{
    return fac__new_like(x, options.dtype ? options.dtype : (fac_dtype)x->dtype);
}

fac_tensor *fac_empty_like_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("empty_like");
    FAC__NEED(self);
    return fac__created(like(self, options), options);
}

fac_tensor *fac_zeros_like_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("zeros_like");
    FAC__NEED(self);
    return filled(like(self, options), fac_scalar_int(0), options);
}

fac_tensor *fac_ones_like_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("ones_like");
    FAC__NEED(self);
    return filled(like(self, options), fac_scalar_int(1), options);
}

fac_tensor *fac_full_like_with(fac_tensor *self, fac_scalar value, fac_create_options options)
{
    FAC__OP("full_like");
    FAC__NEED(self);
    return filled(like(self, options), value, options);
}

fac_tensor *fac_eye_with(int64_t n, int64_t m, fac_create_options options)
{
    FAC__OP("eye");
    if (n < 0) return fac__runtime_error("n must be greater or equal to 0, got %lld", (long long)n);
    if (m < 0) return fac__runtime_error("m must be greater or equal to 0, got %lld", (long long)m);
    fac_tensor *t = fac__new_shaped(FAC_SHAPE(n, m), options.dtype, fac_get_default_dtype());
    if (!t || !fac__fill_into(t, fac_scalar_int(0))) return fac_release(t), NULL;
    fac_tensor *diagonal = fac__new_view(t, 1, (int64_t[]){n < m ? n : m}, (int64_t[]){n && m ? m + 1 : 1}, 0);
    if (!diagonal || !fac__fill_into(diagonal, fac_scalar_int(1))) {
        fac_release(t);
        t = NULL;
    }
    fac_release(diagonal);
    return fac__created(t, options);
}

/* ---- ranges -------------------------------------------------------------------------------------------------- */

static fac_tensor *launch_range(fac__range_args *args, fac_create_options options)
{
    fac_tensor *t = fac__new(args->dtype, 1, &args->n);
    if (!t) return NULL;
    args->out = fac__data(t);
    FAC__LAUNCH(fac__k_range, *args);
    return fac__created(t, options);
}

/* How many steps fit, by PyTorch's rule: int64 counts in integers, all else in double. -1 when the numbers are none. */
static double arange_length(fac_scalar start, fac_scalar end, fac_scalar step, fac_dtype dtype)
{
    if (dtype != FAC_INT64)
        return ceil((fac_scalar_to_double(end) - fac_scalar_to_double(start)) / fac_scalar_to_double(step));
    int64_t from = fac_scalar_to_int(start), to = fac_scalar_to_int(end), by = fac_scalar_to_int(step),
            sign = (by > 0) - (by < 0);
    return by ? (double)(int64_t)(((uint64_t)to - (uint64_t)from + (uint64_t)by - (uint64_t)sign)) / (double)by : 0;
}

fac_tensor *fac_arange_with(fac_scalar start, fac_scalar end, fac_scalar step, fac_create_options options)
{
    FAC__OP("arange");
    bool floats = start.kind == FAC_FLOAT64 || end.kind == FAC_FLOAT64 || step.kind == FAC_FLOAT64;
    fac_dtype dtype = options.dtype ? options.dtype : floats ? fac_get_default_dtype() : FAC_INT64;
    if (dtype == FAC_BOOL) return fac__runtime_error("\"arange_cpu\" not implemented for 'Bool'");
    double from = fac_scalar_to_double(start), to = fac_scalar_to_double(end), by = fac_scalar_to_double(step);
    if (!isfinite(from) || !isfinite(to)) return fac__runtime_error("unsupported range: %g -> %g", from, to);
    fac_dtype wide = fac_dtype_is_floating(dtype) ? FAC_FLOAT64 : FAC_INT64; /* what it is computed in */
    if (!fac__scalar_fits(start, wide) || !fac__scalar_fits(end, wide) || !fac__scalar_fits(step, wide)) return NULL;
    fac__range_args args = {.kind = FAC__ARANGE, .dtype = dtype};
    if (fac_dtype_is_floating(dtype)) {
        args.start.f = from;
        args.step.f = by;
    } else {
        args.start.i = fac_scalar_to_int(start);
        args.step.i = fac_scalar_to_int(step);
        from = (double)args.start.i, to = (double)fac_scalar_to_int(end), by = (double)args.step.i;
    }
    if (!(by > 0 || by < 0)) return fac__runtime_error("step must be nonzero");
    if (by > 0 ? to < from : to > from)
        return fac__runtime_error("upper bound and larger bound inconsistent with step sign");
    double length = arange_length(start, end, step, dtype);
    if (!(length >= 0 && length < 9.2e18)) return fac__runtime_error("invalid size, possible overflow?");
    args.n = (int64_t)length;
    return launch_range(&args, options);
}

/* Floats are computed in double, each from its number. */
fac_tensor *fac_range_with(fac_scalar start, fac_scalar end, fac_scalar step, fac_create_options options)
{
    FAC__OP("range");
    fac_dtype dtype = options.dtype ? options.dtype : fac_get_default_dtype();
    bool floats = fac_dtype_is_floating(dtype);
    if (dtype == FAC_BOOL || dtype == FAC_FLOAT16)
        return fac__runtime_error("\"range_cpu\" not implemented for '%s'", fac__dtype_word(dtype));
    double from = fac_scalar_to_double(start), to = fac_scalar_to_double(end), by = fac_scalar_to_double(step);
    if (!isfinite(from) || !isfinite(to)) return fac__runtime_error("unsupported range: %g -> %g", from, to);
    if (!floats) from = trunc(from), to = trunc(to), by = trunc(by);
    if (!(by > 0 || by < 0)) return fac__runtime_error("step must be nonzero");
    if (by > 0 ? to < from : to > from)
        return fac__runtime_error("upper bound and lower bound inconsistent with step sign");
    double length = floor((to - from) / by) + 1;
    if (!(length < 9.2e18)) return fac__runtime_error("invalid size, possible overflow?");
    fac__range_args args = {.kind = FAC__ARANGE, .n = (int64_t)length, .dtype = floats ? FAC_FLOAT64 : dtype};
    if (!floats) {
        args.start.i = fac_scalar_to_int(start);
        args.step.i = fac_scalar_to_int(step);
        return launch_range(&args, options);
    }
    args.start.f = from;
    args.step.f = by;
    fac_tensor *wide = launch_range(&args, (fac_create_options){0}), *t = wide ? fac__new(dtype, 1, &args.n) : NULL;
    if (t && !fac__copy_into(t, wide)) return fac_release(t), NULL;
    return fac__created(t, options);
}

/* start and end as linspace and logspace compute with them: integer dtypes cut them first. */
static bool range_ends(fac__range_args *args, fac_scalar start, fac_scalar end, const char *kernel)
{
    if (args->n < 0) return fac__runtime_error("number of steps must be non-negative"), false;
    if (args->dtype == FAC_BOOL) return fac__runtime_error("\"%s\" not implemented for 'Bool'", kernel), false;
    bool single = args->n == 1 && args->kind == FAC__LINSPACE; /* what is not used is not looked at either */
    if ((args->n > 1 || single) && !fac__scalar_fits(start, args->dtype)) return false;
    if (args->n > 1 && !fac__scalar_fits(end, args->dtype)) return false;
    args->start.f = fac_scalar_to_double(start);
    args->end.f = fac_scalar_to_double(end);
    if (fac_dtype_is_floating(args->dtype)) return true;
    bool byte = args->dtype == FAC_UINT8; /* which wraps around first */
    args->start.i = byte ? (uint8_t)fac_scalar_to_int(start) : fac_scalar_to_int(start);
    args->end.i = byte ? (uint8_t)fac_scalar_to_int(end) : fac_scalar_to_int(end);
    return true;
}

fac_tensor *fac_linspace_with(fac_scalar start, fac_scalar end, int64_t steps, fac_create_options options)
{
    FAC__OP("linspace");
    fac__range_args args = {
        .kind = FAC__LINSPACE, .n = steps, .dtype = options.dtype ? options.dtype : fac_get_default_dtype()};
    return range_ends(&args, start, end, "linspace_cpu") ? launch_range(&args, options) : NULL;
}

fac_tensor *fac_logspace_with(fac_scalar start, fac_scalar end, int64_t steps, double base, fac_create_options options)
{
    FAC__OP("logspace");
    fac__range_args args = {.kind = FAC__LOGSPACE,
                            .n = steps,
                            .dtype = options.dtype ? options.dtype : fac_get_default_dtype(),
                            .base = base,
                            .given = fac_scalar_to_double(start)};
    return range_ends(&args, start, end, "logspace_cpu") ? launch_range(&args, options) : NULL;
}

/* Elements on and below the diagonal, whose offset is between -rows and columns. */
static int64_t lower_count(int64_t rows, int64_t columns, int64_t offset)
{
    int64_t skipped = offset < 0 ? -offset : 0;
    if (skipped >= rows) return 0;
    int64_t first = skipped + offset + 1, rising = columns - first, left = rows - skipped;
    rising = rising < 0 ? 0 : rising < left ? rising : left;
    return rising * first + rising * (rising - 1) / 2 + (left - rising) * columns;
}

/* Row by row, the columns on the kept side of the diagonal. */
static void write_triangle(bool upper, int64_t rows, int64_t columns, int64_t offset, fac_tensor *out)
{
    size_t size = fac_dtype_size((fac_dtype)out->dtype);
    char *row = fac__host(out), *column = row + (size_t)out->shape[1] * size;
    int64_t first = !upper && offset < 0 ? -offset : 0,
            end = upper && columns - offset < rows ? columns - offset : rows;
    for (int64_t r = first; r < end; r++) {
        int64_t border = r + offset + (upper ? 0 : 1);
        border = border < 0 ? 0 : border > columns ? columns : border;
        for (int64_t c = upper ? border : 0; c < (upper ? columns : border); c++, row += size, column += size) {
            fac__store_int((fac_dtype)out->dtype, row, r);
            fac__store_int((fac_dtype)out->dtype, column, c);
        }
    }
}

static fac_tensor *triangle(bool upper, int64_t rows, int64_t columns, int64_t offset, fac_create_options options)
{
    fac_dtype dtype = options.dtype ? options.dtype : FAC_INT64;
    if (rows < 0) return fac__runtime_error("row must be non-negative, got%lld", (long long)rows);
    if (columns < 0) return fac__runtime_error("col must be non-negative, got%lld", (long long)columns);
    if (!fac_dtype_is_integral(dtype))
        return fac__runtime_error("\"%s_indices\" not implemented for '%s'", upper ? "triu" : "tril",
                                  fac__dtype_word(dtype));
    int64_t all = fac__shape_numel(2, (int64_t[]){rows, columns});
    if (all < 0) return NULL;
    offset = offset > columns ? columns : offset < -rows ? -rows : offset;
    int64_t count = !all    ? 0
                    : upper ? all - lower_count(rows, columns, offset - 1)
                            : lower_count(rows, columns, offset);
    fac_tensor *t = fac__new(dtype, 2, (int64_t[]){2, count});
    if (t && count) write_triangle(upper, rows, columns, offset, t);
    return fac__created(t, options);
}

fac_tensor *fac_tril_indices_with(int64_t row, int64_t col, int64_t offset, fac_create_options options)
{
    FAC__OP("tril_indices");
    return triangle(false, row, col, offset, options);
}

fac_tensor *fac_triu_indices_with(int64_t row, int64_t col, int64_t offset, fac_create_options options)
{
    FAC__OP("triu_indices");
    return triangle(true, row, col, offset, options);
}

/* ---- C arrays ------------------------------------------------------------------------------------------------ */

fac_tensor *fac__of_array(const void *data, fac_dtype dtype, fac_dims shape)
{
    fac_tensor *t = fac__new_shaped(shape, dtype, FAC_DTYPE_NONE);
    if (!t) return NULL;
    if (t->numel && !data) return fac_release(t), fac__null_error("data");
    if (t->numel) memcpy(fac__host(t), data, (size_t)t->numel * fac_dtype_size(dtype));
    return fac__own(t);
}

fac_tensor *fac_from_array(const void *data, fac_dtype dtype, fac_dims shape)
{
    FAC__OP("from_array");
    if (fac__recording_now()) return fac__recording_refuse("copy an array of the program");
    return fac__of_array(data, dtype, shape);
}

fac_tensor *fac_from_blob(void *data, fac_dtype dtype, fac_dims shape, void (*drop)(void *), void *context)
{
    FAC__OP("from_blob");
    if (fac__recording_now()) return fac__recording_refuse("make a tensor of the program's memory");
    FAC__NEED(data);
    if (!fac__dims_fit(shape)) return NULL;
    if (!fac_dtype_size(dtype)) return fac__type_error("a tensor needs a dtype");
    return fac__own(fac__new_foreign(data, dtype, shape.n, shape.d, drop, context));
}

/* ---- another size for what is there -------------------------------------------------------------------------- */

/* Memory for count elements from the offset on, the old ones kept. Other tensors stay with the old memory. */
static bool more_memory(fac_tensor *self, int64_t count)
{
    fac_dtype dtype = (fac_dtype)self->dtype;
    fac_tensor *larger = fac__new(dtype, 1, (int64_t[]){self->offset + count});
    if (!larger) return false;
    memcpy(fac__host(larger), self->storage->data, self->storage->nbytes);
    fac__swap_storage(self, larger);
    fac_release(larger);
    return true;
}

fac_tensor *fac_resize_(fac_tensor *self, fac_dims shape)
{
    FAC__OP("resize_");
    FAC__NEED(self);
    if (fac__recording_now()) return fac__recording_refuse("resize a tensor in place");
    if (!fac__dims_fit(shape)) return NULL;
    if (fac_requires_grad(self)) return fac__runtime_error("cannot resize variables that require grad");
    int64_t numel = fac__shape_numel(shape.n, shape.d);
    if (numel < 0) return NULL;
    int64_t room = (int64_t)(self->storage->nbytes / fac_dtype_size((fac_dtype)self->dtype));
    if (numel && self->offset + numel > room && !more_memory(self, numel)) return NULL;
    self->ndim = (int8_t)shape.n;
    memcpy(self->shape, shape.d, sizeof shape.d);
    fac__contiguous_strides(shape.n, shape.d, self->strides);
    fac__update_layout(self);
    return self;
}

fac_tensor *fac_resize_as_(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("resize_as_");
    FAC__NEED(self);
    FAC__NEED(other);
    return fac_resize_(self, fac_shape(other));
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

/* The keywords: dtype is argument i. */
#define O(i) ((fac_create_options){.dtype = DT(i)})

FAC__CALL(empty, R(fac_empty_with(L(0), O(1))))
FAC__CALL(empty_strided, R(fac_empty_strided_with(L(0), L(1), O(2))))
FAC__CALL(zeros, R(fac_zeros_with(L(0), O(1))))
FAC__CALL(ones, R(fac_ones_with(L(0), O(1))))
FAC__CALL(full, R(fac_full_with(L(0), S(1), O(2))))
FAC__CALL(scalar_tensor, R(fac_scalar_tensor_with(S(0), O(1))))
FAC__CALL(empty_like, R(fac_empty_like_with(T(0), O(1))))
FAC__CALL(zeros_like, R(fac_zeros_like_with(T(0), O(1))))
FAC__CALL(ones_like, R(fac_ones_like_with(T(0), O(1))))
FAC__CALL(full_like, R(fac_full_like_with(T(0), S(1), O(2))))
FAC__CALL(eye, R(fac_eye_with(I(0), I(0), O(1))))
FAC__CALL(eye_m, R(fac_eye_with(I(0), I(1), O(2))))
FAC__CALL(arange_end, R(fac_arange_with(fac_scalar_int(0), S(0), fac_scalar_int(1), O(1))))
FAC__CALL(arange_start, R(fac_arange_with(S(0), S(1), fac_scalar_int(1), O(2))))
FAC__CALL(arange_step, R(fac_arange_with(S(0), S(1), S(2), O(3))))
FAC__CALL(range_call, R(fac_range_with(S(0), S(1), fac_scalar_int(1), O(2))))
FAC__CALL(range_step, R(fac_range_with(S(0), S(1), S(2), O(3))))
FAC__CALL(linspace_call, R(fac_linspace_with(S(0), S(1), I(2), O(3))))
FAC__CALL(logspace_call, R(fac_logspace_with(S(0), S(1), I(2), F(3), O(4))))
FAC__CALL(tril_indices, R(fac_tril_indices_with(I(0), I(1), I(2), O(3))))
FAC__CALL(triu_indices, R(fac_triu_indices_with(I(0), I(1), I(2), O(3))))
/* new_zeros and its kin: self's dtype unless another is given */
#define NEW(i) ((fac_create_options){.dtype = GIVEN(i) ? DT(i) : fac_dtype_of(T(0))})
FAC__CALL(new_empty, R(fac_empty_with(L(1), NEW(2))))
FAC__CALL(new_empty_strided, R(fac_empty_strided_with(L(1), L(2), NEW(3))))
FAC__CALL(new_zeros, R(fac_zeros_with(L(1), NEW(2))))
FAC__CALL(new_ones, R(fac_ones_with(L(1), NEW(2))))
FAC__CALL(new_full, R(fac_full_with(L(1), S(2), NEW(3))))

FAC__CALL(resize_, R(fac_resize_(T(0), L(1))))
FAC__CALL(resize_as_, R(fac_resize_as_(T(0), T(1))))

#define KEYWORDS "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
#define KEYWORDS_LIKE KEYWORDS ", MemoryFormat? memory_format=None"
#define KEYWORDS_INT "ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None"

const fac__op fac__ops_create[] = {
    {"empty.memory_format(int[] size, *, " KEYWORDS_LIKE ") -> Tensor", empty, "Undefined contents."},
    {"empty_strided(int[] size, int[] stride, *, " KEYWORDS ") -> Tensor", empty_strided,
     "Undefined contents, elements so far apart."},
    {"zeros(int[] size, *, " KEYWORDS ") -> Tensor", zeros, "All 0."},
    {"ones(int[] size, *, " KEYWORDS ") -> Tensor", ones, "All 1."},
    {"full(int[] size, Scalar fill_value, *, " KEYWORDS ") -> Tensor", full, "All fill_value."},
    {"scalar_tensor(Scalar s, *, " KEYWORDS ") -> Tensor", scalar_tensor, "A number as a 0-d tensor."},
    {"empty_like(Tensor self, *, " KEYWORDS_LIKE ") -> Tensor", empty_like, "Undefined contents, in self's shape."},
    {"zeros_like(Tensor self, *, " KEYWORDS_LIKE ") -> Tensor", zeros_like, "All 0, in self's shape."},
    {"ones_like(Tensor self, *, " KEYWORDS_LIKE ") -> Tensor", ones_like, "All 1, in self's shape."},
    {"full_like(Tensor self, Scalar fill_value, *, " KEYWORDS_LIKE ") -> Tensor", full_like,
     "All fill_value, in self's shape."},
    {"new_empty(Tensor self, int[] size, *, " KEYWORDS ") -> Tensor", new_empty, "empty, of self's dtype."},
    {"new_empty_strided(Tensor self, int[] size, int[] stride, *, " KEYWORDS ") -> Tensor", new_empty_strided,
     "empty_strided, of self's dtype."},
    {"new_zeros(Tensor self, int[] size, *, " KEYWORDS ") -> Tensor", new_zeros, "zeros, of self's dtype."},
    {"new_ones(Tensor self, int[] size, *, " KEYWORDS ") -> Tensor", new_ones, "ones, of self's dtype."},
    {"new_full(Tensor self, int[] size, Scalar fill_value, *, " KEYWORDS ") -> Tensor", new_full,
     "full, of self's dtype."},
    {"eye(int n, *, " KEYWORDS ") -> Tensor", eye, "1 on the diagonal of an n by n matrix, 0 elsewhere."},
    {"eye.m(int n, int m, *, " KEYWORDS ") -> Tensor", eye_m, "1 on the diagonal of an n by m matrix, 0 elsewhere."},
    {"arange(Scalar end, *, " KEYWORDS ") -> Tensor", arange_end, "0, 1, 2… before end."},
    {"arange.start(Scalar start, Scalar end, *, " KEYWORDS ") -> Tensor", arange_start,
     "start, start + 1… before end."},
    {"arange.start_step(Scalar start, Scalar end, Scalar step=1, *, " KEYWORDS ") -> Tensor", arange_step,
     "start, start + step… before end."},
    {"range(Scalar start, Scalar end, *, " KEYWORDS ") -> Tensor", range_call, "start, start + 1… up to and with end."},
    {"range.step(Scalar start, Scalar end, Scalar step=1, *, " KEYWORDS ") -> Tensor", range_step,
     "start, start + step… up to and with end."},
    {"linspace(Scalar start, Scalar end, int steps, *, " KEYWORDS ") -> Tensor", linspace_call,
     "steps numbers from start to end, evenly spaced."},
    {"logspace(Scalar start, Scalar end, int steps, float base=10., *, " KEYWORDS ") -> Tensor", logspace_call,
     "base to the power of evenly spaced numbers."},
    {"tril_indices(int row, int col, int offset=0, *, " KEYWORDS_INT ") -> Tensor", tril_indices,
     "Row and column numbers of a lower triangle."},
    {"triu_indices(int row, int col, int offset=0, *, " KEYWORDS_INT ") -> Tensor", triu_indices,
     "Row and column numbers of an upper triangle."},
    {"resize_(Tensor(a!) self, int[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)", resize_,
     "Another shape, in place."},
    {"resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)", resize_as_,
     "The shape of another tensor, in place."},
    {0},
};
