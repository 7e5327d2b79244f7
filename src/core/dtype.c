/* Floor 0. The table of dtypes, promotion, and single elements by address. */
#include <string.h>

#include "facula/base.h"
#include "half.h"
#include "raise.h"
#include "tensor_impl.h"

static const struct {
    const char *name;
    uint8_t floating, integral;
} dtypes[FAC_DTYPE_COUNT] = {
    [FAC_DTYPE_NONE] = {"none", 0, 0}, [FAC_BOOL] = {"bool", 0, 0},       [FAC_UINT8] = {"uint8", 0, 1},
    [FAC_INT8] = {"int8", 0, 1},       [FAC_INT16] = {"int16", 0, 1},     [FAC_INT32] = {"int32", 0, 1},
    [FAC_INT64] = {"int64", 0, 1},     [FAC_FLOAT16] = {"float16", 1, 0}, [FAC_BFLOAT16] = {"bfloat16", 1, 0},
    [FAC_FLOAT32] = {"float32", 1, 0}, [FAC_FLOAT64] = {"float64", 1, 0},
};

const uint8_t fac__dtype_sizes[FAC_DTYPE_COUNT] = {
    [FAC_BOOL] = 1,  [FAC_UINT8] = 1,   [FAC_INT8] = 1,     [FAC_INT16] = 2,   [FAC_INT32] = 4,
    [FAC_INT64] = 8, [FAC_FLOAT16] = 2, [FAC_BFLOAT16] = 2, [FAC_FLOAT32] = 4, [FAC_FLOAT64] = 8,
};

static fac_dtype default_dtype = FAC_FLOAT32;

static bool known(fac_dtype d)
{
    return (unsigned)d < FAC_DTYPE_COUNT;
}

const char *fac_version(void)
{
#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)
    return VERSION(FAC_VERSION_MAJOR, FAC_VERSION_MINOR, FAC_VERSION_PATCH);
}

const char *fac_dtype_name(fac_dtype d)
{
    return dtypes[known(d) ? d : FAC_DTYPE_NONE].name;
}

fac_dtype fac_dtype_from_name(const char *name)
{
    static const struct {
        const char *name;
        fac_dtype dtype;
    } aliases[] = {{"float", FAC_FLOAT32}, {"double", FAC_FLOAT64}, {"half", FAC_FLOAT16}, {"short", FAC_INT16},
                   {"int", FAC_INT32},     {"long", FAC_INT64},     {"byte", FAC_UINT8},   {"char", FAC_INT8}};
    if (!name) return FAC_DTYPE_NONE;
    for (int d = 1; d < FAC_DTYPE_COUNT; d++)
        if (!strcmp(name, dtypes[d].name)) return (fac_dtype)d;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (!strcmp(name, aliases[i].name)) return aliases[i].dtype;
    return FAC_DTYPE_NONE;
}

size_t fac_dtype_size(fac_dtype d)
{
    return known(d) ? fac__dtype_sizes[d] : 0;
}

bool fac_dtype_is_floating(fac_dtype d)
{
    return known(d) && dtypes[d].floating;
}

bool fac_dtype_is_integral(fac_dtype d)
{
    return known(d) && dtypes[d].integral;
}

/* Lattice of torch.promote_types: among signed integers, and among floats, the wider wins; uint8 with a signed integer
 * needs one size more than int8; float16 with bfloat16 meet at float32. */
fac_dtype fac_promote_types(fac_dtype a, fac_dtype b)
{
    if (!known(a) || !known(b)) return FAC_DTYPE_NONE;
    if (a == b || !b) return a;
    if (!a) return b;
    if (a > b) {
        fac_dtype t = a;
        a = b;
        b = t;
    }
    if (a == FAC_UINT8 && b == FAC_INT8) return FAC_INT16;
    if (a == FAC_FLOAT16 && b == FAC_BFLOAT16) return FAC_FLOAT32;
    return b;
}

fac_dtype fac_get_default_dtype(void)
{
    return default_dtype;
}

bool fac_set_default_dtype(fac_dtype d)
{
    if (!fac_dtype_is_floating(d))
        return fac__type_error("only floating-point types are supported as the default type"), false;
    default_dtype = d;
    return true;
}

#define AT(type) (*(const type *)p)
double fac__load_double(fac_dtype d, const void *p)
{
    switch (d) {
    case FAC_FLOAT16: return fac__float16_to_float(AT(uint16_t));
    case FAC_BFLOAT16: return fac__bfloat16_to_float(AT(uint16_t));
    case FAC_FLOAT32: return AT(float);
    case FAC_FLOAT64: return AT(double);
    default: return (double)fac__load_int(d, p);
    }
}

int64_t fac__load_int(fac_dtype d, const void *p)
{
    switch (d) {
    case FAC_BOOL:
    case FAC_UINT8: return AT(uint8_t);
    case FAC_INT8: return AT(int8_t);
    case FAC_INT16: return AT(int16_t);
    case FAC_INT32: return AT(int32_t);
    case FAC_INT64: return AT(int64_t);
    default: return fac_scalar_to_int(fac_scalar_float(fac__load_double(d, p)));
    }
}
#undef AT

#define AT(type) (*(type *)p)
void fac__store_double(fac_dtype d, void *p, double v)
{
    switch (d) {
    case FAC_BOOL: AT(uint8_t) = v != 0; break;
    case FAC_FLOAT16: AT(uint16_t) = fac__float_to_float16((float)v); break;
    case FAC_BFLOAT16: AT(uint16_t) = fac__float_to_bfloat16((float)v); break;
    case FAC_FLOAT32: AT(float) = (float)v; break;
    case FAC_FLOAT64: AT(double) = v; break;
    default: fac__store_int(d, p, fac_scalar_to_int(fac_scalar_float(v)));
    }
}

void fac__store_int(fac_dtype d, void *p, int64_t v)
{
    switch (d) {
    case FAC_BOOL: AT(uint8_t) = v != 0; break;
    case FAC_UINT8: AT(uint8_t) = (uint8_t)v; break;
    case FAC_INT8: AT(int8_t) = (int8_t)v; break;
    case FAC_INT16: AT(int16_t) = (int16_t)v; break;
    case FAC_INT32: AT(int32_t) = (int32_t)v; break;
    case FAC_INT64: AT(int64_t) = v; break;
    default: fac__store_double(d, p, (double)v);
    }
}
