/* Floor 8. Steering a run through its control file. */
#include "watch/run_control.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/names.h"

bool fac__control_read(fac__control *c, int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof *c) return false;
    if (pread(fd, c, sizeof *c, 0) != (ssize_t)sizeof *c) return false;
    if (c->magic != FAC__CONTROL_MAGIC || c->size != sizeof *c) return false;
    uint32_t knobs = 0;
    while (knobs < FAC__CONTROLS && knobs < c->knobs && fac__label_ok(c->knob[knobs].name, FAC__CONTROL_NAME - 1))
        knobs++;
    c->knobs = knobs;
    fac__drawing *d = &c->drawing;
    if (!d->height || !d->width || d->height > FAC__DRAWING || d->width > FAC__DRAWING) d->height = d->width = 0;
    if (d->classes > FAC__ANSWER) d->classes = FAC__ANSWER;
    return true;
}

bool fac__control_is_ours(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_uid == geteuid();
}

/* A field of 4 or 8 bytes, aligned: nobody sees half of it. */
static bool put(int fd, size_t offset, const void *value, size_t bytes)
{
    return pwrite(fd, value, bytes, (off_t)offset) == (ssize_t)bytes;
}

static bool put_count(int fd, size_t offset, uint32_t value)
{
    return put(fd, offset, &value, sizeof value);
}

bool fac__control_pause(int fd, bool paused)
{
    return put_count(fd, offsetof(fac__control, paused), paused);
}

bool fac__control_step(int fd, const fac__control *c)
{
    return put_count(fd, offsetof(fac__control, steps_asked), c->steps_asked + 1);
}

bool fac__control_stop(int fd)
{
    return put_count(fd, offsetof(fac__control, stop), 1);
}

bool fac__control_looked(int fd, int64_t now_ms)
{
    return put(fd, offsetof(fac__control, looked), &now_ms, sizeof now_ms);
}

bool fac__control_turn(int fd, const fac__control *c, int knob, double value)
{
    size_t at = offsetof(fac__control, knob) + (size_t)knob * sizeof(fac__knob);
    return put(fd, at + offsetof(fac__knob, wanted), &value, sizeof value) &&
           put_count(fd, at + offsetof(fac__knob, asked), c->knob[knob].asked + 1);
}

bool fac__control_draw(int fd, const fac__control *c, const uint8_t *pixels, uint32_t *asked)
{
    size_t at = offsetof(fac__control, drawing), n = (size_t)c->drawing.height * c->drawing.width;
    *asked = c->drawing.asked + 1;
    return put(fd, at + offsetof(fac__drawing, pixels), pixels, n) &&
           put_count(fd, at + offsetof(fac__drawing, asked), *asked);
}
