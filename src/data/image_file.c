/* Floor 7. Picture files of any format, see image_file.h; and between pixels, whose channels lie together in files, and tensors,
 * where each channel is a plane. */
#include "image_file.h"

#include <ctype.h>
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "facula/autograd.h"
#include "facula/data.h"
#include "facula/ops_pointwise.h"

static const fac__image_format *const formats[] = {&fac__image_png, &fac__image_jpeg};
enum { FORMATS = sizeof formats / sizeof *formats, MOST_SIDE = 1000000, MOST_BYTES = 1 << 30 };

/* ---- files -------------------------------------------------------------------------------------------------- */

int64_t fac__image_bytes(fac__image_input *in, void *out, int64_t n)
{
    int64_t left = in->file.size - in->at, done = 0;
    if (n > left) n = left;
    while (done < n) {
        if (in->at < in->begin || in->at >= in->end) {
            int64_t some = in->file.size - in->at;
            if (some > (int64_t)sizeof in->buffer) some = sizeof in->buffer;
            if (!fac__input_read(&in->file, in->at, in->buffer, some)) return -1;
            in->begin = in->at;
            in->end = in->at + some;
        }
        int64_t some = in->end - in->at < n - done ? in->end - in->at : n - done;
        memcpy((char *)out + done, in->buffer + (in->at - in->begin), (size_t)some);
        in->at += some;
        done += some;
    }
    return n;
}

bool fac__image_room(const fac__image_input *in, fac__picture *p, int64_t most)
{
    int64_t bytes = 0;
    bool fits = p->height > 0 && p->width > 0 && p->height <= MOST_SIDE && p->width <= MOST_SIDE &&
                !__builtin_mul_overflow(p->height * p->width, (int64_t)p->channels, &bytes) && bytes <= MOST_BYTES;
    if (!fits)
        return fac__io_error(
                   "%s: a picture of %lldx%lld pixels is too large: at most %d on a side, and 2^30 bytes in all",
                   in->file.path, (long long)p->width, (long long)p->height, (int)MOST_SIDE),
               false;
    if (bytes / most > in->file.size)
        return fac__io_error("%s: too short for a picture of %lldx%lld pixels", in->file.path, (long long)p->width,
                             (long long)p->height),
               false;
    p->pixels = fac__alloc((size_t)bytes);
    return p->pixels != NULL;
}

static bool has_suffix(const char *name, const char *suffixes)
{
    const char *dot = strrchr(name, '.');
    char suffix[16] = " ";
    size_t n = dot ? strlen(dot) : 0;
    if (n < 2 || n > sizeof suffix - 3 || strchr(dot, ' ')) return false;
    for (size_t i = 0; i < n; i++)
        suffix[1 + i] = (char)tolower((unsigned char)dot[i]);
    suffix[1 + n] = ' ';
    return strstr(suffixes, suffix) != NULL;
}

bool fac__image_name(const char *name)
{
    for (int i = 0; i < FORMATS; i++)
        if (has_suffix(name, formats[i]->suffixes)) return true;
    return false;
}

static bool read_picture(const char *path, int channels, bool size_only, fac__picture *p)
{
    *p = (fac__picture){0};
    if (fac__recording_now()) return fac__recording_refuse("read a file"), false;
    fac__image_input *in = fac__alloc(sizeof *in);
    if (!in) return false;
    memset(in, 0, offsetof(fac__image_input, buffer));
    bool good = false;
    unsigned char head[8] = {0};
    if (fac__input_open(&in->file, path, false)) {
        int64_t n = fac__image_bytes(in, head, sizeof head);
        const fac__image_format *format = NULL;
        for (int i = 0; i < FORMATS && !format; i++)
            if (n >= formats[i]->mark_size && !memcmp(head, formats[i]->mark, (size_t)formats[i]->mark_size))
                format = formats[i];
        in->at = 0;
        if (format)
            good = format->read(in, channels, size_only, p);
        else if (n >= 0)
            fac__io_error("%s: neither a PNG nor a JPEG picture", path);
    }
    fac__input_close(&in->file);
    fac__free(in);
    return good;
}

bool fac__image_size(const char *path, fac__picture *size)
{
    return read_picture(path, 0, true, size);
}

bool fac__image_read(const char *path, int channels, fac__picture *p)
{
    return read_picture(path, channels, false, p);
}

/* ---- tensors ------------------------------------------------------------------------------------------------ */

fac_tensor *fac_image_read_with(const char *path, fac_image_read_options options)
{
    FAC__OP("image_read");
    FAC__NEED(path);
    if (options.channels != 0 && options.channels != 1 && options.channels != 3 && options.channels != 4)
        return fac__value_error("channels are 1 (gray), 3 (RGB), 4 (with alpha), or 0 (as in the file), not %d",
                                options.channels);
    fac__picture p;
    if (!fac__image_read(path, options.channels, &p)) return NULL;
    int64_t n = p.height * p.width, shape[] = {p.channels, p.height, p.width};
    fac_tensor *t = fac__new(FAC_UINT8, 3, shape);
    unsigned char *to = t ? fac__host(t) : NULL;
    for (int c = 0; c < p.channels && t; c++)
        for (int64_t i = 0; i < n; i++)
            *to++ = p.pixels[i * p.channels + c];
    fac__free(p.pixels);
    return fac__own(t);
}

bool fac_image_write(fac_tensor *image, const char *path)
{
    FAC__OP("image_write");
    FAC__NEED_OR(image, false);
    FAC__NEED_OR(path, false);
    if (fac__recording_now()) return fac__recording_refuse("write a file"), false;
    int64_t channels = image->ndim == 2 ? 1 : image->shape[0];
    if (image->dtype != FAC_UINT8 || image->ndim < 2 || image->ndim > 3 || channels < 1 || channels > 4 ||
        !image->numel)
        return fac__type_error("a picture is uint8 [height, width] or [1 to 4 channels, height, width], not %s %s",
                               fac_dtype_name((fac_dtype)image->dtype), fac__shape_text(image->ndim, image->shape)),
               false;
    const fac__image_format *format = NULL;
    for (int i = 0; i < FORMATS && !format; i++)
        if (formats[i]->write && has_suffix(path, formats[i]->suffixes)) format = formats[i];
    if (!format) return fac__value_error("%s: pictures are written as .png", path), false;
    fac__picture p = {.height = image->shape[image->ndim - 2],
                      .width = image->shape[image->ndim - 1],
                      .channels = (int)channels,
                      .pixels = fac__alloc((size_t)image->numel)};
    bool good = false;
    if (p.pixels)
        fac_no_grad
            fac_scope {
                fac_tensor *planes = fac_contiguous(image);
                const unsigned char *from = planes ? fac__host(planes) : NULL;
                for (int c = 0; c < p.channels && from; c++)
                    for (int64_t i = 0; i < p.height * p.width; i++)
                        p.pixels[i * p.channels + c] = *from++;
                good = from && format->write(&p, path);
            }
    fac__free(p.pixels);
    return good;
}
