/* Floor 7. PyTorch's files, .pt and .pth, as torch.save writes them since 1.6: a zip file with a folder of any name, in
 * which data.pkl is a pickle that names storages by keys, and data/KEY is the memory of each. */
#include "core/memory.h"
#include "core/raise.h"
#include "format.h"
#include "torch_save.h"
#include "torch_state.h"
#include "zip.h"
#include "zip_format.h"

#define PICKLE "data.pkl"

/* Any zip file that npz has not claimed. */
static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    return n >= 4 && fac__get32(head) == ZIP_LOCAL;
}

/* "FOLDER/data.pkl" */
static const fac__zip_entry *find_pickle(const fac__zip *z)
{
    const fac__zip_entry *found = NULL;
    for (int64_t i = 0; i < z->count; i++) {
        const char *name = z->entries[i].name, *slash = strchr(name, '/');
        if (slash && !strcmp(slash + 1, PICKLE)) {
            if (found) return fac__io_error("%s: the file has a " PICKLE " in two folders", z->in->path);
            found = &z->entries[i];
        } else if (slash && (!strcmp(slash + 1, "constants.pkl") || !strcmp(slash + 1, "models/model.json"))) {
            return fac__io_error("%s: this is a program for PyTorch, of TorchScript or torch.export, not a state: save "
                                 "its state_dict() instead",
                                 z->in->path);
        }
    }
    return found ? found : fac__io_error("%s: a zip file without a " PICKLE ", so not one of PyTorch's", z->in->path);
}

/* The entry FOLDER/NAME, of which the folder, with its slash, is n bytes; NULL where there is none. */
static const fac__zip_entry *find(const fac__zip *z, const char *folder, size_t n, const char *name)
{
    char path[FAC__ZIP_LONGEST_NAME + 1];
    int length = snprintf(path, sizeof path, "%.*s%s", (int)n, folder, name);
    return length < (int)sizeof path ? fac__zip_find(z, path) : NULL;
}

static bool read_byte_order(const fac__zip *z, const fac__zip_entry *e, bool *big_endian)
{
    char text[8] = "";
    fac__stream s;
    if (!fac__zip_stream(z, e, &s)) return false;
    bool ok = e->size >= (int64_t)sizeof text || (fac__stream_read(&s, text, e->size) && fac__stream_done(&s));
    fac__stream_close(&s);
    *big_endian = !strcmp(text, "big");
    if (ok && !*big_endian && strcmp(text, "little") != 0)
        return fac__io_error("%s: '%s' is neither 'big' nor 'little'", z->in->path, e->name), false;
    return ok;
}

static fac_tensor *read_storage(const fac__zip *z, const fac__zip_entry *e, const fac__stored *stored, bool big_endian)
{
    fac__stream s;
    if (!fac__zip_stream(z, e, &s)) return NULL;
    fac_tensor *t = fac__stream_tensor(&s, stored->element, 1, &stored->count, big_endian);
    if (t && !fac__stream_done(&s)) {
        fac_release(t);
        t = NULL;
    }
    fac__stream_close(&s);
    return t;
}

static bool read_storages(const fac__zip *z, fac__pickle *p, const char *folder, size_t n)
{
    bool big_endian = false;
    const fac__zip_entry *order = find(z, folder, n, "byteorder");
    if (order && !read_byte_order(z, order, &big_endian)) return false;
    if (!fac__torch_sort(p)) return false;
    for (int64_t i = 0; i < p->storages.count; i++) {
        fac__stored *s = p->storages.p[i];
        if (i && !strcmp(s->key, ((fac__stored *)p->storages.p[i - 1])->key)) continue;
        char name[FAC__ZIP_LONGEST_NAME];
        snprintf(name, sizeof name, "data/%s", s->key);
        const fac__zip_entry *e = find(z, folder, n, name);
        if (!e) return fac__pickle_error(p, "the file lacks '%.100s'", name), false;
        s->tensor = read_storage(z, e, s, big_endian);
        if (!s->tensor) return false;
    }
    return fac__torch_share(p);
}

static bool read_pickle(const fac__zip *z, const fac__zip_entry *e, fac_state *state)
{
    fac__stream s;
    fac__pickle *p = fac__alloc(sizeof *p);
    bool ok = p && fac__zip_stream(z, e, &s);
    if (ok) {
        fac__pickle_begin(p, &s);
        fac__value *root = fac__pickle_read(p);
        if (root && p->taken < e->size) root = fac__pickle_error(p, "the pickle goes on behind its end");
        ok = root && fac__stream_done(&s) && read_storages(z, p, e->name, strlen(e->name) - strlen(PICKLE)) &&
             fac__torch_flatten(p, root, state);
        fac__pickle_end(p);
        fac__stream_close(&s);
    }
    fac__free(p);
    return ok;
}

static bool load(fac__input *in, fac_state *state)
{
    fac__zip z;
    const fac__zip_entry *e = fac__zip_open(&z, in) ? find_pickle(&z) : NULL;
    bool ok = e && read_pickle(&z, e, state);
    fac__zip_close(&z);
    return ok;
}

const fac__format fac__format_pytorch = {"pytorch", {".pt", ".pth"}, recognise, load, fac__torch_save};
