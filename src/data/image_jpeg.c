/* Floor 7. JPEG pictures (https://www.w3.org/Graphics/JPEG/itu-t81.pdf), by libjpeg or libjpeg-turbo. As libpng it leaves by
 * longjmp; all that is to be given back stands in one struct. */
#include <stdio.h>

#include "core/memory.h"
#include "core/raise.h"
#include "image_file.h"

#if FAC__HAVE_JPEG
#include <jerror.h> /* behind it, which it needs */
#include <jpeglib.h>
#include <setjmp.h>
#include <string.h>

/* Each block of 8x8 samples takes a bit at least by Huffman's coding, and becomes up to 256 bytes; arithmetic coding may take
 * less. */
enum { MOST_DEFLATED = 8 * 256 * 8, MOST_SCANS = 100, MOST_MEMORY = 1 << 30 };

typedef struct job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    fac__image_input *in;
    JOCTET bytes[4096];
    fac__picture *p;
    unsigned char *row; /* of CMYK */
} job;

static void fail(j_common_ptr jpeg)
{
    job *j = jpeg->client_data;
    char words[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, words);
    fac__io_error("%s: damaged JPEG picture: %s", j->in->file.path, words);
    longjmp(j->leave, 1);
}

/* Data that had to be made up are an error; what does not change the picture is none. */
static void message(j_common_ptr jpeg, int level)
{
    if (level >= 0) return;
    switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR: return;
    default: fail(jpeg);
    }
}

static void at_source(j_decompress_ptr jpeg)
{
}

static boolean fill(j_decompress_ptr jpeg)
{
    job *j = jpeg->client_data;
    int64_t n = fac__image_bytes(j->in, j->bytes, sizeof j->bytes);
    if (n == 0) fac__io_error("%s: damaged JPEG picture: it is truncated", j->in->file.path);
    if (n <= 0) longjmp(j->leave, 1);
    jpeg->src->next_input_byte = j->bytes;
    jpeg->src->bytes_in_buffer = (size_t)n;
    return TRUE;
}

static void skip(j_decompress_ptr jpeg, long n)
{
    job *j = jpeg->client_data;
    struct jpeg_source_mgr *s = jpeg->src;
    if (n <= 0) return;
    int64_t in_buffer = (int64_t)s->bytes_in_buffer < n ? (int64_t)s->bytes_in_buffer : n;
    s->next_input_byte += in_buffer;
    s->bytes_in_buffer -= (size_t)in_buffer;
    int64_t left = j->in->file.size - j->in->at, more = n - in_buffer;
    j->in->at += more < left ? more : left;
}

/* A small file can ask for any number of passes over a large picture. */
static void watch(j_common_ptr jpeg)
{
    job *j = jpeg->client_data;
    if (j->jpeg.input_scan_number <= MOST_SCANS) return;
    fac__io_error("%s: damaged JPEG picture: it has more than %d scans", j->in->file.path, (int)MOST_SCANS);
    longjmp(j->leave, 1);
}

static void begin(job *j)
{
    jpeg_create_decompress(&j->jpeg);
    j->jpeg.client_data = j;
    j->jpeg.mem->max_memory_to_use = MOST_MEMORY;
    j->source = (struct jpeg_source_mgr){.init_source = at_source,
                                         .fill_input_buffer = fill,
                                         .skip_input_data = skip,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = at_source};
    j->jpeg.src = &j->source;
    j->progress.progress_monitor = watch;
    j->jpeg.progress = &j->progress;
    jpeg_read_header(&j->jpeg, TRUE);
}

/* Inks, as Adobe's programs leave them, the other way round: what of the light is let through. */
static void from_inks(const unsigned char *inks, unsigned char *to, int64_t width, bool inverted)
{
    for (int64_t x = 0; x < width; x++, inks += 4)
        for (int c = 0; c < 3; c++) {
            int ink = inverted ? inks[c] : 255 - inks[c], black = inverted ? inks[3] : 255 - inks[3];
            *to++ = (unsigned char)((ink * black + 127) / 255);
        }
}

static void gray_row(unsigned char *to, int64_t width)
{
    for (int64_t x = 0; x < width; x++)
        to[x] = (unsigned char)((19595 * to[3 * x] + 38470 * to[3 * x + 1] + 7471 * to[3 * x + 2] + 32768) >> 16);
}

static void add_alpha(unsigned char *to, int64_t width)
{
    for (int64_t x = width - 1; x >= 0; x--) {
        memmove(to + 4 * x, to + 3 * x, 3);
        to[4 * x + 3] = 255;
    }
}

static void read_all(job *j, int channels, bool size_only)
{
    struct jpeg_decompress_struct *jpeg = &j->jpeg;
    fac__picture *p = j->p;
    begin(j);
    bool inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    if (channels == 0) channels = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    jpeg->out_color_space = inks ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    /* Of other spaces, which hardly anybody writes, libjpeg gives gray only from those with a brightness. */
    bool to_gray = channels == 1 && (inks || jpeg->jpeg_color_space == JCS_RGB);
    if (to_gray && !inks) jpeg->out_color_space = JCS_RGB;
    p->height = jpeg->image_height;
    p->width = jpeg->image_width;
    p->channels = channels;
    if (size_only) return;
    if (!fac__image_room(j->in, p, MOST_DEFLATED)) longjmp(j->leave, 1);
    jpeg_start_decompress(jpeg);
    j->row = fac__alloc((size_t)p->width * 4);
    if (!j->row) longjmp(j->leave, 1);
    size_t pixel = (size_t)channels;
    for (int64_t y = 0; y < p->height; y++) {
        unsigned char *row = p->pixels + (size_t)y * (size_t)p->width * pixel;
        JSAMPROW to = j->row;
        if (jpeg_read_scanlines(jpeg, &to, 1) != 1) {
            fac__io_error("%s: damaged JPEG picture: it is truncated", j->in->file.path);
            longjmp(j->leave, 1);
        }
        if (inks) from_inks(j->row, j->row, p->width, jpeg->saw_Adobe_marker);
        if (to_gray) gray_row(j->row, p->width);
        if (channels == 4) add_alpha(j->row, p->width);
        memcpy(row, j->row, (size_t)p->width * pixel);
    }
}

static bool read_jpeg(fac__image_input *in, int channels, bool size_only, fac__picture *p)
{
    job *j = fac__calloc(sizeof *j);
    if (!j) return false;
    j->in = in;
    j->p = p;
    j->jpeg.err = jpeg_std_error(&j->errors);
    j->jpeg.client_data = j;
    j->errors.error_exit = fail;
    j->errors.emit_message = message;
    volatile bool good = false;
    if (!setjmp(j->leave)) {
        read_all(j, channels, size_only);
        good = true;
    }
    jpeg_destroy_decompress(&j->jpeg);
    fac__free(j->row);
    fac__free(j);
    if (good) return true;
    fac__free(p->pixels);
    p->pixels = NULL;
    return false;
}

#else

static bool read_jpeg(fac__image_input *in, int channels, bool size_only, fac__picture *p)
{
    return fac__io_error("%s: facula was built without libjpeg, which reads JPEG pictures", in->file.path), false;
}
#endif

const fac__image_format fac__image_jpeg = {"jpeg", " .jpg .jpeg .jpe .jfif ", {0xff, 0xd8, 0xff}, 3, read_jpeg, NULL};
