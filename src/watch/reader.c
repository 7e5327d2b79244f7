/* Floor 8. The points of a run: from the file, by pread in pieces. */
#include "watch/reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "watch/names.h"

enum {
    SMALL = 2048,                                   /* records that are read at once: 64 KiB, */
    LARGE = 32768,                                  /* and 1 MiB where there are many */
    NAME_RECORDS = 1 + (FAC__CURVE_NAME + 31) / 32, /* of a curve's name, at most */
};

/* So many whole records from that one on, or those that there are; -1 when the file cannot be read. */
static int64_t read_records(int fd, fac__point *to, int64_t record, int64_t count)
{
    size_t bytes = 0, wanted = (size_t)count * sizeof *to;
    while (bytes < wanted) {
        ssize_t n = pread(fd, (char *)to + bytes, wanted - bytes, record * (int64_t)sizeof *to + (int64_t)bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        bytes += (size_t)n;
    }
    return (int64_t)(bytes / sizeof *to);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

int fac__reader_find(const fac__reader *r, const char *name)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->curves[i].name, name) == 0) return i;
    return -1;
}

/* An even number of buckets for each of the curves. */
static int share_of(const fac__reader *r, int all, int most)
{
    int share = all / r->count / 2 * 2;
    return share > most ? most : share < FAC__READER_LEAST ? FAC__READER_LEAST : share;
}

static void share_buckets(fac__reader *r)
{
    int whole = share_of(r, FAC__READER_RUN, FAC__READER_CURVE),
        fresh = share_of(r, FAC__READER_NEWS, FAC__READER_FRESH);
    for (int i = 0; i < r->count; i++) {
        fac__buckets_limit(&r->curves[i].whole, whole);
        fac__buckets_limit(&r->curves[i].fresh, fresh);
    }
}

/* A name must be new, good, and of the next curve; what else says to be one is skipped. */
static bool take_name(fac__reader *r, const fac__point *p)
{
    char name[FAC__CURVE_NAME + 1];
    memcpy(name, p + 1, p->bytes);
    name[p->bytes] = 0;
    if (strlen(name) != p->bytes || !fac__label_ok(name, FAC__CURVE_NAME) || p->curve != (uint32_t)r->count ||
        r->count == FAC__CURVES || fac__reader_find(r, name) >= 0)
        return r->damaged++, true;
    if (!FAC__GROW(r->curves, r->count)) return false;
    fac__read_curve *c = &r->curves[r->count++];
    *c = (fac__read_curve){.whole = {.most = 0}};
    strcpy(c->name, name);
    share_buckets(r);
    return true;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static fac__seen value_of(const fac__reader *r, const fac__point *p, int64_t record)
{
    return (fac__seen){.step = p->step, .record = record, .value = p->value, .time = (float)(p->time - r->started)};
}

static bool take_value(fac__reader *r, const fac__point *p)
{
    if (p->curve >= (uint32_t)r->count) return r->damaged++, true;
    fac__read_curve *c = &r->curves[p->curve];
    fac__seen v = value_of(r, p, r->records);
    if (!fac__buckets_add(&c->whole, &v)) return false;
    if (r->collects && !fac__buckets_add(&c->fresh, &v)) r->collects = false; /* they cannot be told */
    r->values++;
    r->step = p->step;
    return true;
}

/* How many of these records come before the end; one that is not there whole counts as the end. */
static int64_t count_records(const fac__point *p, int64_t count)
{
    int64_t n = 0;
    while (n < count && p[n].kind != FAC__END && n + fac__point_length(&p[n]) <= count)
        n += fac__point_length(&p[n]);
    return n;
}

static bool take_records(fac__reader *r, const fac__point *p, int64_t count)
{
    for (int64_t i = 0, n; i < count; i += n, r->records += n) {
        n = fac__point_length(&p[i]);
        if (n > 1 ? !take_name(r, &p[i]) : p[i].kind == FAC__VALUE && !take_value(r, &p[i])) return false;
        if (n == 1 && p[i].kind != FAC__VALUE) r->damaged++;
    }
    return true;
}

/* Reads and takes at most `size` records; how many there were, -1 when that fails. */
static int64_t read_piece(fac__reader *r, int fd, fac__point *buffer, int64_t size)
{
    int64_t count = read_records(fd, buffer, r->records, size);
    if (count > 0) count = count_records(buffer, count);
    /* The training writes meanwhile, `kind` last: of what has one now all is there when it is read again. */
    if (count > 0 && count < size) count = read_records(fd, buffer, r->records, count);
    if (count > 0) count = count_records(buffer, count);
    return count > 0 && !take_records(r, buffer, count) ? -1 : count;
}

bool fac__reader_read(fac__reader *r, int fd, int64_t most)
{
    fac__point *buffer = fac__alloc(LARGE * sizeof *buffer);
    if (!buffer) return false;
    int64_t count = 0, done = 0;
    for (int64_t size = SMALL; done < most; size = LARGE) {
        count = read_piece(r, fd, buffer, size);
        if (count < 0) break;
        done += count;
        if (count < size - NAME_RECORDS) break;
    }
    r->behind = done >= most;
    fac__free(buffer);
    return count >= 0;
}

/* ---- a part of the steps ------------------------------------------------------------------------------------- */

/* The records that may have values of these steps; false when there are none. */
static bool find_records(const fac__buckets *b, int64_t end, int64_t from, int64_t to, int64_t *first, int64_t *behind)
{
    int low = 0, high = b->count;
    while (low < high && (b->items[low].high < from || b->items[low].low > to))
        low++;
    while (low < high && (b->items[high - 1].high < from || b->items[high - 1].low > to))
        high--;
    if (low == high) return false;
    int64_t last = high < b->count ? b->items[high].record : end;
    if (b->items[low].record < *first) *first = b->items[low].record;
    if (last > *behind) *behind = last;
    return true;
}

static bool zoom_in_memory(const fac__buckets *b, int64_t from, int64_t to, fac__buckets *out)
{
    for (int i = 0; i < b->count; i++) {
        const fac__bucket *one = &b->items[i];
        if (one->low < from || one->low > to) continue;
        fac__seen v = {.step = one->low, .record = one->record, .value = one->least, .time = one->least_time};
        if (!fac__buckets_add(out, &v)) return false;
    }
    return true;
}

static bool zoom_in_file(const fac__reader *r, int fd, fac__point *p, int64_t first, int64_t behind, const bool *wanted,
                         int64_t from, int64_t to, fac__buckets *out)
{
    while (first < behind) {
        int64_t got = read_records(fd, p, first, behind - first < LARGE ? behind - first : LARGE), i = 0;
        if (got <= 0) return got == 0; /* 0: the file became shorter */
        for (; i < got; i += fac__point_length(&p[i])) {
            if (p[i].kind != FAC__VALUE || p[i].curve >= (uint32_t)r->count || !wanted[p[i].curve]) continue;
            if (p[i].step < from || p[i].step > to) continue;
            fac__seen v = value_of(r, &p[i], first + i);
            if (!fac__buckets_add(&out[p[i].curve], &v)) return false;
        }
        first += i;
    }
    return true;
}

bool fac__reader_zoom(const fac__reader *r, int fd, int curve, int64_t from, int64_t to, fac__buckets *out)
{
    bool wanted[FAC__CURVES] = {false}, any = false;
    int64_t first = r->records, behind = 0;
    for (int i = 0; i < r->count; i++) {
        const fac__buckets *b = &r->curves[i].whole;
        if (curve >= 0 && i != curve) continue;
        if (b->width > 1)
            any |= wanted[i] = find_records(b, r->records, from, to, &first, &behind);
        else if (!zoom_in_memory(b, from, to, &out[i]))
            return false;
    }
    if (!any) return true;
    fac__point *buffer = fac__alloc(LARGE * sizeof *buffer);
    bool good = buffer && zoom_in_file(r, fd, buffer, first, behind, wanted, from, to, out);
    fac__free(buffer);
    return good;
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

void fac__reader_told(fac__reader *r)
{
    for (int i = 0; i < r->count; i++)
        fac__buckets_clear(&r->curves[i].fresh);
    r->told = r->records;
}

void fac__reader_forget(fac__reader *r)
{
    for (int i = 0; i < r->count; i++) {
        fac__buckets_drop(&r->curves[i].whole);
        fac__buckets_drop(&r->curves[i].fresh);
    }
    r->forgot = true;
}

void fac__reader_drop(fac__reader *r)
{
    fac__reader_forget(r);
    fac__free(r->curves);
    *r = (fac__reader){.started = r->started};
}

size_t fac__reader_bytes(const fac__reader *r)
{
    size_t bytes = (size_t)r->count * sizeof *r->curves;
    for (int i = 0; i < r->count; i++)
        bytes += (size_t)(r->curves[i].whole.room + r->curves[i].fresh.room) * sizeof(fac__bucket);
    return bytes;
}
