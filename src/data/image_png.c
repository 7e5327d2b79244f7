/* Floor 7. PNG pictures (https://www.w3.org/TR/png-3/), by libpng. It leaves by longjmp where a file is damaged: all that is to be
 * given back stands in one struct, which is not on the stack of what is left. */
#include "core/memory.h"
#include "core/raise.h"
#include "image_file.h"
#include "io/atomic_file.h"

#if FAC__HAVE_PNG
#include <png.h>
#include <string.h>

/* A byte of a deflate stream can stand for 1032; rows have a byte more, and bits may become bytes of up to four channels. */
enum { MOST_DEFLATED = 1032 * 8 * 4, MOST_SIDE = 1000000, MOST_CHUNK = 1 << 24 };

typedef struct job {
    png_struct *png;
    png_info *info;
    const char *path;
    fac__image_input *in;
    fac__file *out;
    fac__picture *p; /* what is read; NULL when a picture is written */
} job;

static void fail(png_struct *png, const char *message)
{
    job *j = png_get_error_ptr(png);
    /* libpng's own words; what happened to the file or to memory was said before */
    fac__io_error("%s: %s: %s", j->path, j->p ? "damaged PNG picture" : "no PNG picture can be written", message);
    png_longjmp(png, 1);
}

static void ignore(png_struct *png, const char *message)
{
}

static void *get_memory(png_struct *png, png_alloc_size_t n)
{
    return fac__alloc(n);
}

static void give_back(png_struct *png, void *p)
{
    fac__free(p);
}

static void read_bytes(png_struct *png, png_byte *out, size_t n)
{
    job *j = png_get_io_ptr(png);
    if (fac__image_bytes(j->in, out, (int64_t)n) != (int64_t)n) png_error(png, "it is truncated");
}

static void write_bytes(png_struct *png, png_byte *data, size_t n)
{
    job *j = png_get_io_ptr(png);
    if (!fac__file_write(j->out, data, n)) png_error(png, "the file cannot be written");
}

static void flush(png_struct *png)
{
}

/* Bytes for every channel: palettes become colours, few bits become eight, as do sixteen, and a colour that counts as
 * transparent becomes alpha. Then other channels, where they are asked for; gray by PyTorch's weights. */
static void ask_for(png_struct *png, const png_info *info, int channels)
{
    int color = png_get_color_type(png, info);
    bool transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    bool alpha = (color & PNG_COLOR_MASK_ALPHA) || transparent, colors = color & PNG_COLOR_MASK_COLOR;
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (transparent) png_set_tRNS_to_alpha(png);
    if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
    if (!channels) return;
    if (channels == 1 && colors) png_set_rgb_to_gray(png, PNG_ERROR_ACTION_NONE, 0.2989, 0.587);
    if (channels >= 3 && !colors) png_set_gray_to_rgb(png);
    if (channels == 4 && !alpha) png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
    if (channels != 4 && alpha) png_set_strip_alpha(png);
}

static void read_all(job *j, int channels, bool size_only)
{
    png_struct *png = j->png;
    fac__picture *p = j->p;
    png_set_read_fn(png, j, read_bytes);
    png_set_user_limits(png, MOST_SIDE, MOST_SIDE);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_chunk_malloc_max(png, MOST_CHUNK);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_read_info(png, j->info);
    ask_for(png, j->info, channels);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, j->info);
    p->height = png_get_image_height(png, j->info);
    p->width = png_get_image_width(png, j->info);
    p->channels = png_get_channels(png, j->info);
    if (size_only) return;
    size_t row = png_get_rowbytes(png, j->info);
    if (row != (size_t)p->width * (size_t)p->channels) png_error(png, "its rows are of another size");
    if (!fac__image_room(j->in, p, MOST_DEFLATED)) png_error(png, "its size");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < p->height; y++)
            png_read_row(png, p->pixels + (size_t)y * row, NULL);
    png_read_end(png, NULL);
}

static bool read_png(fac__image_input *in, int channels, bool size_only, fac__picture *p)
{
    job j = {.path = in->file.path, .in = in, .p = p};
    j.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &j, fail, ignore, NULL, get_memory, give_back);
    if (!j.png) return fac__memory_error(0), false;
    volatile bool good = false;
    if (!setjmp(png_jmpbuf(j.png))) {
        j.info = png_create_info_struct(j.png);
        if (!j.info) png_error(j.png, "there is no memory for it");
        read_all(&j, channels, size_only);
        good = true;
    }
    png_destroy_read_struct(&j.png, &j.info, NULL);
    if (good) return true;
    fac__free(p->pixels);
    p->pixels = NULL;
    return false;
}

static void write_all(job *j, const fac__picture *p)
{
    static const int colors[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
    png_struct *png = j->png;
    png_set_write_fn(png, j, write_bytes, flush);
    png_set_user_limits(png, MOST_SIDE, MOST_SIDE);
    png_set_IHDR(png, j->info, (png_uint_32)p->width, (png_uint_32)p->height, 8, colors[p->channels],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, j->info);
    for (int64_t y = 0; y < p->height; y++)
        png_write_row(png, p->pixels + y * p->width * p->channels);
    png_write_end(png, NULL);
}

static bool write_png(const fac__picture *p, const char *path)
{
    if (p->width > MOST_SIDE || p->height > MOST_SIDE)
        return fac__value_error("%s: a picture has at most %d pixels on a side, not %lldx%lld", path, (int)MOST_SIDE,
                                (long long)p->width, (long long)p->height),
               false;
    fac__file file;
    if (!fac__file_create(&file, path)) return false;
    job j = {.path = path, .out = &file};
    j.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &j, fail, ignore, NULL, get_memory, give_back);
    volatile bool good = false;
    if (!j.png) {
        fac__memory_error(0);
    } else if (!setjmp(png_jmpbuf(j.png))) {
        j.info = png_create_info_struct(j.png);
        if (!j.info) png_error(j.png, "there is no memory for it");
        write_all(&j, p);
        good = true;
    }
    png_destroy_write_struct(&j.png, &j.info);
    if (good) return fac__file_commit(&file);
    fac__file_abandon(&file);
    return false;
}

#else

static bool read_png(fac__image_input *in, int channels, bool size_only, fac__picture *p)
{
    return fac__io_error("%s: facula was built without libpng, which reads PNG pictures", in->file.path), false;
}

static bool write_png(const fac__picture *p, const char *path)
{
    return fac__io_error("%s: facula was built without libpng, which writes PNG pictures", path), false;
}
#endif

const fac__image_format fac__image_png = {"png", " .png ", {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'},
                                          8,     read_png, write_png};
