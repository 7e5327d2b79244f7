/* Floor 7. The idx format: two zero bytes, a type, a number of dimensions, their sizes, the elements; big-endian. */
#include "idx.h"
#include "byte_order.h"
#include "byte_source.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "facula/data.h"

static fac_dtype dtype_of(unsigned char code)
{
    switch (code) {
    case 0x08: return FAC_UINT8;
    case 0x09: return FAC_INT8;
    case 0x0b: return FAC_INT16;
    case 0x0c: return FAC_INT32;
    case 0x0d: return FAC_FLOAT32;
    case 0x0e: return FAC_FLOAT64;
    default: return FAC_DTYPE_NONE;
    }
}

/* A new tensor, the caller's. */
static fac_tensor *read_idx(fac__source *s)
{
    const char *path = fac__source_path(s);
    unsigned char head[4 + 4 * FAC_MAX_DIMS];
    int64_t shape[FAC_MAX_DIMS], got = fac__source_read(s, head, 4);
    if (got < 0) return NULL;
    if (got < 4 || head[0] || head[1])
        return fac__io_error("%s: not an idx file: it does not begin with two zero bytes", path);
    fac_dtype dtype = dtype_of(head[2]);
    int ndim = head[3];
    if (!dtype) return fac__io_error("%s: idx file of unknown type 0x%02x", path, head[2]);
    if (ndim > FAC_MAX_DIMS)
        return fac__io_error("%s: idx file of %d dimensions (at most %d)", path, ndim, FAC_MAX_DIMS);
    got = fac__source_read(s, head + 4, 4 * ndim);
    if (got < 0) return NULL;
    if (got < 4 * ndim) return fac__io_error("%s: idx file truncated in its header", path);

    int64_t bytes = (int64_t)fac_dtype_size(dtype);
    bool fits = true;
    for (int d = 0; d < ndim; d++) {
        const unsigned char *p = head + 4 + 4 * d;
        shape[d] = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        fits &= !__builtin_mul_overflow(bytes, shape[d], &bytes);
    }
    if (!fits || bytes > fac__source_limit(s))
        return fac__io_error("%s: idx file truncated: it is too short for shape %s", path,
                             fac__shape_text(ndim, shape));
    fac_tensor *t = fac__new(dtype, ndim, shape);
    if (!t) return NULL;
    got = fac__source_read(s, fac__host(t), bytes);
    if (got >= 0 && got < bytes)
        fac__io_error("%s: idx file truncated: %lld of %lld bytes of data", path, (long long)got, (long long)bytes);
    unsigned char more;
    int64_t rest = got == bytes ? fac__source_read(s, &more, 1) : -1; /* also verifies the check sum */
    if (rest > 0) fac__io_error("%s: idx file too long: data go on after %lld bytes", path, (long long)bytes);
    if (rest != 0) {
        fac_release(t);
        return NULL;
    }
    if (!fac__machine_is_big_endian()) fac__swap_bytes(fac__host(t), t->numel, fac_dtype_size(dtype));
    return t;
}

fac_tensor *fac__idx_read(const char *path, bool quiet)
{
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac__source *s = fac__source_open(path, quiet);
    if (!s) return NULL;
    fac_tensor *t = read_idx(s);
    fac__source_close(s);
    return t;
}

fac_tensor *fac_idx_read(const char *path)
{
    FAC__OP("idx_read");
    FAC__NEED(path);
    return fac__own(fac__idx_read(path, false));
}
