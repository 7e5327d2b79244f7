/* Floor 7. Formats of picture files: each is a row, in a file of its own, and its name stands in the list of image_file.c. */
#ifndef FACULA_IMAGE_FILE_H
#define FACULA_IMAGE_FILE_H

#include "io/input.h"

/* A picture's file, read from its beginning to its end. */
typedef struct fac__image_input {
    fac__input file;
    int64_t at; /* of the next byte */
    int64_t begin, end;
    unsigned char buffer[1 << 14]; /* the file's bytes from begin to end */
} fac__image_input;

/* Up to n bytes, fewer only at the end of the file; -1, with an error, when it cannot be read. */
int64_t fac__image_bytes(fac__image_input *in, void *out, int64_t n);

/* Rows of pixels, each its channels' bytes: 1, gray; 2, gray and alpha; 3, RGB; 4, RGB and alpha. */
typedef struct fac__picture {
    int64_t height, width;
    int channels;
    unsigned char *pixels; /* the caller's, for fac__free */
} fac__picture;

typedef struct fac__image_format {
    const char *name;
    const char *suffixes; /* " .png " */
    unsigned char mark[8];
    int mark_size; /* of the first bytes of each such file */
    /* channels: 0, as the file has them; or 1, 3, or 4, where other channels are wanted. size_only: *p gets all but the
     * pixels. False, with an error that names the file, when it is damaged; then there are no pixels to be freed. */
    bool (*read)(fac__image_input *in, int channels, bool size_only, fac__picture *p);
    /* NULL: it is only read. */
    bool (*write)(const fac__picture *p, const char *path);
} fac__image_format;

extern const fac__image_format fac__image_png, fac__image_jpeg;

/* Height, width and channels, as in the file, without decoding more than the header. */
bool fac__image_size(const char *path, fac__picture *size);
/* Channels 0, 1, 3 or 4. */
bool fac__image_read(const char *path, int channels, fac__picture *p);
/* The name ends as those of pictures do, in capitals or not. */
bool fac__image_name(const char *name);
/* Room for the pixels of a picture whose size a file claims: no more than it can fill if a byte of it stands for at most
 * `most` of the pixels' bytes. Sets p->pixels. */
bool fac__image_room(const fac__image_input *in, fac__picture *p, int64_t most);

#endif
