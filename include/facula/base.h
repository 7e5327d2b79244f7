/* Floor 0: the words every other header uses: dtypes, scalars, dims, keyword arguments.
 *
 * Naming rules of the whole API
 *   fac_x          a function, named as PyTorch names it          fac_log_softmax
 *   fac_x_         the in-place form; returns its first argument  fac_add_
 *   fac_x_scalar   torch's overload that takes a number           fac_mul_scalar(x, 2)
 *   fac_nn_x       a module of torch.nn                           fac_nn_linear(2, 5)
 *   .key = value   torch's keyword arguments, with its defaults   fac_sgd(p, .lr = 0.1)
 */
#ifndef FACULA_BASE_H
#define FACULA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <initializer_list>
#define FAC_BEGIN extern "C" {
#define FAC_END }
#else
#define FAC_BEGIN
#define FAC_END
#endif
#define FAC_API __attribute__((visibility("default")))

#define FAC_VERSION_MAJOR 0
#define FAC_VERSION_MINOR 1
#define FAC_VERSION_PATCH 0

/* Most dimensions a tensor may have. Eight are promised; the rest is room for unsqueeze and unfold of those. */
#define FAC_MAX_DIMS 12

FAC_BEGIN

/* "0.1.0", of the library that is running. */
FAC_API const char *fac_version(void);

/* ---- dtypes ------------------------------------------------------------------------------------------------- */

typedef enum fac_dtype {
    FAC_DTYPE_NONE = 0, /* "not given": PyTorch's dtype=None */
    FAC_BOOL,
    FAC_UINT8,
    FAC_INT8,
    FAC_INT16,
    FAC_INT32,
    FAC_INT64,
    FAC_FLOAT16,
    FAC_BFLOAT16,
    FAC_FLOAT32,
    FAC_FLOAT64,
    FAC_DTYPE_COUNT
} fac_dtype;

/* "float32", "int64"…: torch's name without "torch."; "none" for anything else. */
FAC_API const char *fac_dtype_name(fac_dtype dtype);
/* The dtype of that name ("float32", and torch's aliases "float", "double", "half", "int", "long", "short"…);
 * FAC_DTYPE_NONE when there is none. Sets no error. */
FAC_API fac_dtype fac_dtype_from_name(const char *name);
/* Bytes of one element; 0 for FAC_DTYPE_NONE. */
FAC_API size_t fac_dtype_size(fac_dtype dtype);
FAC_API bool fac_dtype_is_floating(fac_dtype dtype);
/* Integers; bool is not one. */
FAC_API bool fac_dtype_is_integral(fac_dtype dtype);
/* torch.promote_types: the smallest dtype to which both may be cast. */
FAC_API fac_dtype fac_promote_types(fac_dtype a, fac_dtype b);
/* torch.get_default_dtype / set_default_dtype, per process: what a literal such as 1.5 becomes. Float32 at first.
 * Setting anything but a floating dtype is an error. */
FAC_API fac_dtype fac_get_default_dtype(void);
FAC_API bool fac_set_default_dtype(fac_dtype dtype);

/* ---- scalars ------------------------------------------------------------------------------------------------ */

/* A Python number: its kind takes part in type promotion (int64 tensor * 2 stays int64, * 2.0 becomes float32). */
typedef struct fac_scalar {
    fac_dtype kind; /* FAC_BOOL, FAC_INT64 or FAC_FLOAT64; FAC_DTYPE_NONE: not given */
    union {
        int64_t i; /* bool and int */
        double f;
    } v;
} fac_scalar;

static inline fac_scalar fac_scalar_int(int64_t v)
{
    fac_scalar s;
    s.kind = FAC_INT64;
    s.v.i = v;
    return s;
}
static inline fac_scalar fac_scalar_float(double v)
{
    fac_scalar s;
    s.kind = FAC_FLOAT64;
    s.v.f = v;
    return s;
}
static inline fac_scalar fac_scalar_bool(bool v)
{
    fac_scalar s;
    s.kind = FAC_BOOL;
    s.v.i = v;
    return s;
}
static inline fac_scalar fac_scalar_none(void)
{
    fac_scalar s;
    s.kind = FAC_DTYPE_NONE;
    s.v.i = 0;
    return s;
}
static inline fac_scalar fac_scalar_same(fac_scalar s)
{
    return s;
}
static inline double fac_scalar_to_double(fac_scalar s)
{
    return s.kind == FAC_FLOAT64 ? s.v.f : (double)s.v.i;
}
/* Truncated; what int64 cannot hold is its least number. */
static inline int64_t fac_scalar_to_int(fac_scalar s)
{
    if (s.kind != FAC_FLOAT64) return s.v.i;
    return s.v.f >= -9223372036854775808.0 && s.v.f < 9223372036854775808.0 ? (int64_t)s.v.f : INT64_MIN;
}

/* ---- dims --------------------------------------------------------------------------------------------------- */

/* A short list of integers: a shape, a set of dimensions, a kernel size. FAC_SHAPE(2, 3), FAC_DIMS(0, -1). */
typedef struct fac_dims {
    int n;
    int64_t d[FAC_MAX_DIMS];
} fac_dims;

/* n above FAC_MAX_DIMS keeps the n, so that the function that takes the list can refuse it. */
static inline fac_dims fac_dims_make(int n, const int64_t *d)
{
    fac_dims r;
    r.n = n;
    for (int i = 0; i < FAC_MAX_DIMS; i++)
        r.d[i] = d && i < n ? d[i] : 0;
    return r;
}
static inline fac_dims fac_dims_one(int64_t d)
{
    return fac_dims_make(1, &d);
}
static inline fac_dims fac_dims_same(fac_dims d)
{
    return d;
}

FAC_END

#ifdef __cplusplus
static inline fac_dims fac__dims_list(std::initializer_list<int64_t> l)
{
    return fac_dims_make((int)l.size(), l.begin());
}
/* clang-format off */
static inline fac_scalar fac__scalar(fac_scalar v) { return v; }
static inline fac_scalar fac__scalar(bool v) { return fac_scalar_bool(v); }
static inline fac_scalar fac__scalar(int v) { return fac_scalar_int(v); }
static inline fac_scalar fac__scalar(long v) { return fac_scalar_int(v); }
static inline fac_scalar fac__scalar(long long v) { return fac_scalar_int((int64_t)v); }
static inline fac_scalar fac__scalar(unsigned v) { return fac_scalar_int(v); }
static inline fac_scalar fac__scalar(unsigned long v) { return fac_scalar_int((int64_t)v); }
static inline fac_scalar fac__scalar(float v) { return fac_scalar_float(v); }
static inline fac_scalar fac__scalar(double v) { return fac_scalar_float(v); }
static inline fac_dims fac__as_dims(fac_dims v) { return v; }
static inline fac_dims fac__as_dims(int64_t v) { return fac_dims_one(v); }
/* clang-format on */
#define FAC_DIMS(...) fac__dims_list({__VA_ARGS__})
#define FAC_SCALAR(v) fac__scalar(v)
#define FAC_AS_DIMS(v) fac__as_dims(v)
#else
#define FAC_DIMS(...)                                                                                                  \
    fac_dims_make((int)(sizeof((const int64_t[]){__VA_ARGS__ __VA_OPT__(, ) 0}) / sizeof(int64_t)) - 1,                \
                  (const int64_t[]){__VA_ARGS__ __VA_OPT__(, ) 0})
/* Any C number as a fac_scalar of the right kind; a fac_scalar passes through. */
#define FAC_SCALAR(v)                                                                                                  \
    _Generic((v), fac_scalar                                                                                           \
             : fac_scalar_same, bool                                                                                   \
             : fac_scalar_bool, float                                                                                  \
             : fac_scalar_float, double                                                                                \
             : fac_scalar_float, long double                                                                           \
             : fac_scalar_float, default                                                                               \
             : fac_scalar_int)(v)
/* One integer or a FAC_DIMS(...), as a fac_dims. */
#define FAC_AS_DIMS(v) _Generic((v), fac_dims : fac_dims_same, default : fac_dims_one)(v)
#endif
#define FAC_SHAPE(...) FAC_DIMS(__VA_ARGS__)

/* ---- keyword arguments -------------------------------------------------------------------------------------- */

/* FAC_OPTIONS(fac_sgd_options, .lr = 0.1, .momentum = 0.9) is torch's defaults, from fac_sgd_options_defaults(), with
 * these fields set. Assignments rather than an initialiser, so that a default may be other than zero, and C++17 has
 * them too. A value that holds commas outside of parentheses is to be wrapped in them. At most 12 keywords. An array
 * that a value points to needs a name: (double[]){…} among the keywords is gone before the function is called. */
#define FAC_OPTIONS(type, ...)                                                                                         \
    __extension__({                                                                                                    \
        type fac__set = type##_defaults();                                                                             \
        FAC__SET(fac__set __VA_OPT__(, ) __VA_ARGS__)                                                                  \
        fac__set;                                                                                                      \
    })
#define FAC__PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, ...) n
#define FAC__SET(...)                                                                                                  \
    FAC__PICK(__VA_ARGS__, FAC__SET12, FAC__SET11, FAC__SET10, FAC__SET9, FAC__SET8, FAC__SET7, FAC__SET6, FAC__SET5,  \
              FAC__SET4, FAC__SET3, FAC__SET2, FAC__SET1, FAC__SET0, )                                                 \
    (__VA_ARGS__)
/* clang-format off */
#define FAC__SET0(o)
#define FAC__SET1(o, x) o x;
#define FAC__SET2(o, x, ...) o x; FAC__SET1(o, __VA_ARGS__)
#define FAC__SET3(o, x, ...) o x; FAC__SET2(o, __VA_ARGS__)
#define FAC__SET4(o, x, ...) o x; FAC__SET3(o, __VA_ARGS__)
#define FAC__SET5(o, x, ...) o x; FAC__SET4(o, __VA_ARGS__)
#define FAC__SET6(o, x, ...) o x; FAC__SET5(o, __VA_ARGS__)
#define FAC__SET7(o, x, ...) o x; FAC__SET6(o, __VA_ARGS__)
#define FAC__SET8(o, x, ...) o x; FAC__SET7(o, __VA_ARGS__)
#define FAC__SET9(o, x, ...) o x; FAC__SET8(o, __VA_ARGS__)
#define FAC__SET10(o, x, ...) o x; FAC__SET9(o, __VA_ARGS__)
#define FAC__SET11(o, x, ...) o x; FAC__SET10(o, __VA_ARGS__)
#define FAC__SET12(o, x, ...) o x; FAC__SET11(o, __VA_ARGS__)
/* clang-format on */

#endif
