/* Floor 7. NumPy's format for several arrays: a zip file with an entry NAME.npy for each. */
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "format.h"
#include "npy.h"
#include "row_major.h"
#include "zip.h"
#include "zip_format.h"

#define SUFFIX ".npy"

static size_t stem(const char *name, size_t n)
{
    size_t suffix = strlen(SUFFIX);
    return n >= suffix && !memcmp(name + n - suffix, SUFFIX, suffix) ? n - suffix : 0;
}

/* By the name of its first entry; or it has none. */
static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    if (n >= 4 && fac__get32(head) == ZIP_END) return true;
    if (n < ZIP_LOCAL_SIZE || fac__get32(head) != ZIP_LOCAL) return false;
    size_t length = fac__get16(head + 26);
    return ZIP_LOCAL_SIZE + (int64_t)length <= n && stem((const char *)head + ZIP_LOCAL_SIZE, length);
}

static bool read_entry(const fac__zip *z, const fac__zip_entry *e, fac_state *state)
{
    size_t n = stem(e->name, strlen(e->name));
    if (!n) return fac__io_error("%s: '%s' is no array of NumPy's", z->in->path, e->name), false;
    char *name = fac__strdup(e->name);
    if (!name) return false;
    name[n] = 0;
    fac__stream s;
    bool ok = fac__zip_stream(z, e, &s);
    if (ok) {
        fac_tensor *t = fac__npy_read(&s);
        ok = t && fac_state_set(state, name, t);
        fac_release(t);
        fac__stream_close(&s);
    }
    fac__free(name);
    return ok;
}

static bool load(fac__input *in, fac_state *state)
{
    fac__zip z;
    bool ok = fac__zip_open(&z, in);
    for (int64_t i = 0; ok && i < z.count; i++)
        ok = read_entry(&z, &z.entries[i], state);
    fac__zip_close(&z);
    return ok;
}

static bool write_entry(fac__zip_writer *z, const char *name, fac_tensor *t)
{
    fac__text entry = {0}, head = {0};
    fac__text_add(&entry, name, strlen(name));
    fac__text_add(&entry, SUFFIX, strlen(SUFFIX));
    bool ok = false;
    fac_scope {
        fac_tensor *row = !entry.failed && fac__npy_describe(t, &head) ? fac__row_major(t) : NULL;
        ok = row && fac__zip_add(z, entry.p, head.p, head.n, fac__host(row),
                                 (size_t)row->numel * fac_dtype_size((fac_dtype)row->dtype));
    }
    fac__text_drop(&entry);
    fac__text_drop(&head);
    return ok;
}

static bool save(fac__file *f, const fac_state *state)
{
    fac__zip_writer z = {.f = f};
    bool ok = true;
    for (int64_t i = 0; ok && i < fac_state_count(state); i++)
        ok = write_entry(&z, fac_state_name_at(state, i), fac_state_tensor_at(state, i));
    ok = ok && fac__zip_finish(&z);
    fac__zip_drop(&z);
    return ok;
}

const fac__format fac__format_npz = {"npz", {".npz"}, recognise, load, save};
