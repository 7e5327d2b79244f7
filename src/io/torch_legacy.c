/* Floor 7. What torch.save wrote before PyTorch 1.6, and writes with _use_new_zipfile_serialization=False: pickles in a
 * row (a mark, the version, what machine it was, the object, the keys of the storages), then the storages in the order
 * of the keys, each the number of its elements in eight bytes and the elements, little-endian. */
#include "core/memory.h"
#include "core/raise.h"
#include "format.h"
#include "torch_state.h"

/* The pickle of the number 0x1950a86a20f9469cfc6c, without protocols that did not exist then. */
static const char mark[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
enum { MARK = sizeof mark - 1, VERSION = 1001 };

/* Other pickles too, so that it is said what they are. */
static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    return n >= 2 && head[0] == 0x80 && head[1] >= 1 && head[1] <= 5;
}

static bool read_storage(fac__input *in, fac__stored *s, int64_t *at)
{
    unsigned char count[8];
    if (*at > in->size - 8)
        return fac__io_error("%s: the file is truncated before storage '%s'", in->path, s->key), false;
    if (!fac__input_read(in, *at, count, 8)) return false;
    uint64_t n = 0;
    for (int i = 0; i < 8; i++)
        n |= (uint64_t)count[i] << 8 * i;
    if (n != (uint64_t)s->count)
        return fac__io_error("%s: storage '%s' is of %llu elements here, and of %lld in the pickle", in->path, s->key,
                             (unsigned long long)n, (long long)s->count),
               false;
    fac__stream stream = fac__stream_plain(in, s->key, *at + 8, in->size - *at - 8);
    s->tensor = fac__stream_tensor(&stream, s->element, 1, &s->count, false);
    *at = stream.at;
    return s->tensor != NULL;
}

static bool read_storages(fac__pickle *p, const fac__value *keys)
{
    fac__input *in = p->from->in;
    int64_t at = p->taken;
    if (!fac__torch_sort(p)) return false;
    for (int64_t i = 0; i < keys->items.count; i++) {
        const fac__value *key = keys->items.p[i];
        fac__stored *s = key->kind == FAC__TEXT ? fac__torch_find(p, key->text.p) : NULL;
        if (!s || s->tensor) return fac__pickle_error(p, "the keys of the storages are not those of the pickle"), false;
        if (!read_storage(in, s, &at)) return false;
    }
    if (at != in->size)
        return fac__pickle_error(p, "the file is too long: %lld bytes are left over", (long long)(in->size - at)),
               false;
    return fac__torch_share(p);
}

static bool read_pickles(fac__pickle *p, fac_state *state)
{
    const fac__value *version = fac__pickle_read(p), *machine = version ? fac__pickle_read(p) : NULL;
    if (!machine) return false;
    if (version->kind != FAC__INTEGER || version->i != VERSION || machine->kind != FAC__DICT)
        return fac__pickle_error(p, "a file of PyTorch before 1.6, of an unknown version"), false;
    const fac__value *root = fac__pickle_read(p), *keys = root ? fac__pickle_read(p) : NULL;
    if (!keys) return false;
    if (keys->kind != FAC__LIST) return fac__pickle_error(p, "the keys of the storages are no list"), false;
    return read_storages(p, keys) && fac__torch_flatten(p, root, state);
}

static bool load(fac__input *in, fac_state *state)
{
    char head[MARK] = "";
    if (in->size >= MARK && !fac__input_read(in, 0, head, MARK)) return false;
    if (memcmp(head, mark, MARK) != 0)
        return fac__io_error("%s: a pickle of Python's, but not one that torch.save wrote", in->path), false;
    fac__stream s = fac__stream_plain(in, NULL, MARK, in->size - MARK);
    fac__pickle *p = fac__alloc(sizeof *p);
    if (!p) return false;
    fac__pickle_begin(p, &s);
    p->taken = MARK;
    bool ok = read_pickles(p, state);
    fac__pickle_end(p);
    fac__free(p);
    return ok;
}

const fac__format fac__format_pytorch_legacy = {"pytorch-legacy", {NULL}, recognise, load, NULL};
