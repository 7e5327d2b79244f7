/* Floor 7. Writing a state to several safetensors files with an index beside them (safetensors_index.c reads it). Tensors
 * go into files in the order of the state, as Hugging Face's writers do it.
 *
 * The index says which files make up the set, so whoever renames the index into place replaces the set: the new files
 * take names that nobody has, come before it, and what only the old index named goes after it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "core/text.h"
#include "format.h"
#include "json_out.h"

#define TOTAL_SIZE "total_size" /* the index's own entry in the metadata */

typedef struct shard {
    fac_state *state;
    fac__file file;
} shard;

typedef struct set {
    const char *path; /* of the index */
    const fac_state *state;
    size_t folder, stem; /* the part of path that ends in '/'; that before the suffix */
    shard *shards;
    int64_t count, in_place;
    int64_t total;
    int copy;   /* the first, from 1, for which nobody has the names */
    char *name; /* of a shard, with the folder: what shard_path wrote last */
    size_t room;
} set;

static const char *shard_path(set *s, int64_t i)
{
    char copy[16] = "";
    if (s->copy > 1) snprintf(copy, sizeof copy, ".%d", s->copy);
    snprintf(s->name, s->room, "%.*s%s-%05lld-of-%05lld.safetensors", (int)s->stem, s->path, copy, (long long)(i + 1),
             (long long)s->count);
    return s->name;
}

/* ---- what goes where ---------------------------------------------------------------------------------------- */

static bool add_shard(set *s)
{
    fac_state *state = fac_state_new();
    bool ok = state != NULL;
    for (int64_t i = 0; ok && i < fac_state_metadata_count(s->state); i++) {
        const char *key = fac_state_metadata_key_at(s->state, i);
        if (strcmp(key, TOTAL_SIZE) != 0) ok = fac_state_set_metadata(state, key, fac_state_metadata(s->state, key));
    }
    if (!ok) return fac_state_free(state), false;
    s->shards[s->count++] = (shard){state, {-1, NULL, NULL}};
    return true;
}

/* A tensor that is larger than the limit has a file of its own; the file that was being filled goes on behind it. */
static bool share_out(set *s, int64_t limit)
{
    int64_t count = fac_state_count(s->state), open = -1, filled = 0;
    s->shards = fac__alloc((size_t)count * sizeof *s->shards);
    if (!s->shards) return false;
    for (int64_t i = 0; i < count; i++) {
        fac_tensor *t = fac_state_tensor_at(s->state, i);
        int64_t size = t->numel * (int64_t)fac_dtype_size((fac_dtype)t->dtype), at = open;
        s->total += size;
        if (size > limit || open < 0 || filled + size > limit) {
            if (!add_shard(s)) return false;
            at = s->count - 1;
        }
        if (size <= limit) {
            filled = at == open ? filled + size : size;
            open = at;
        }
        if (!fac_state_set(s->shards[at].state, fac_state_name_at(s->state, i), t)) return false;
    }
    return true;
}

static bool are_free(set *s)
{
    struct stat info;
    for (int64_t i = 0; i < s->count; i++)
        if (lstat(shard_path(s, i), &info) == 0) return false;
    return true;
}

/* ---- the index ---------------------------------------------------------------------------------------------- */

static json_t *describe(set *s)
{
    json_t *index = json_object(), *metadata = json_object(), *map = json_object();
    bool ok = json_object_set_new(index, "metadata", metadata) == 0; /* which takes what it is given in any case */
    ok = json_object_set_new(index, "weight_map", map) == 0 && ok;
    for (int64_t i = 0; ok && i < fac_state_metadata_count(s->state); i++) {
        const char *key = fac_state_metadata_key_at(s->state, i);
        ok = json_object_set_new(metadata, key, json_string(fac_state_metadata(s->state, key))) == 0;
    }
    ok = ok && json_object_set_new(metadata, TOTAL_SIZE, json_integer(s->total)) == 0;
    for (int64_t k = 0; ok && k < s->count; k++)
        for (int64_t i = 0; ok && i < fac_state_count(s->shards[k].state); i++)
            ok = json_object_set_new(map, fac_state_name_at(s->shards[k].state, i),
                                     json_string(shard_path(s, k) + s->folder)) == 0;
    if (ok) return index;
    json_decref(index);
    fac__value_error("a name or text of the state or path is not UTF-8, or memory ran out");
    return NULL;
}

static bool write_index(set *s, fac__file *f)
{
    fac__text text = {0};
    json_t *index = describe(s);
    bool ok = index && fac__text_add_json(&text, index, JSON_INDENT(2) | JSON_SORT_KEYS);
    fac__text_add(&text, "\n", 1);
    ok = ok && !text.failed && fac__file_write(f, text.p, text.n);
    fac__text_drop(&text);
    json_decref(index);
    return ok;
}

/* ---- what was there before ---------------------------------------------------------------------------------- */

/* What is there and cannot be read as an index names nothing that could be removed. */
static json_t *read_old(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return NULL;
    return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

/* Is it what shard_path makes, for any copy and number? An index may name what it likes; only this is removed. */
static bool is_shard_name(const set *s, const char *name)
{
    size_t stem = s->stem - s->folder;
    if (strncmp(name, s->path + s->folder, stem) != 0) return false;
    name += stem;
    if (*name == '.') name += 1 + strspn(name + 1, "0123456789");
    for (int k = 0; k < 2; k++) {
        const char *before = k ? "-of-" : "-";
        if (strncmp(name, before, strlen(before)) != 0) return false;
        name += strlen(before);
        size_t digits = strspn(name, "0123456789");
        if (digits < 5) return false;
        name += digits;
    }
    return !strcmp(name, ".safetensors");
}

/* Their names are other than those of the new files, which nobody had. */
static void remove_old(set *s, json_t *old)
{
    const char *tensor;
    json_t *file;
    json_object_foreach(json_object_get(old, "weight_map"), tensor, file) {
        const char *name = json_string_value(file);
        if (!name || !is_shard_name(s, name) || s->folder + strlen(name) >= s->room) continue;
        snprintf(s->name, s->room, "%.*s%s", (int)s->folder, s->path, name);
        unlink(s->name); /* what another entry named before is gone already */
    }
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

/* The files get the permissions of the index that is there, as a file that replaces another does. */
static bool write_shards(set *s)
{
    struct stat info;
    bool exists = stat(s->path, &info) == 0 && S_ISREG(info.st_mode);
    for (int64_t i = 0; i < s->count; i++) {
        fac__file *f = &s->shards[i].file;
        if (!fac__file_create(f, shard_path(s, i))) return false;
        if (exists && fchmod(f->fd, info.st_mode & 07777) != 0)
            return fac__io_error("%s: its permissions cannot be set: %s", f->path, strerror(errno)), false;
        if (!fac__format_safetensors.save(f, s->shards[i].state) || !fac__file_finish(f)) return false;
    }
    return true;
}

static bool bring_into_place(set *s, fac__file *index)
{
    for (; s->in_place < s->count; s->in_place++)
        if (!fac__file_commit(&s->shards[s->in_place].file)) return false;
    return fac__file_commit(index);
}

static bool save(set *s, int64_t limit)
{
    fac__file index = {-1, NULL, NULL};
    s->name = fac__alloc(s->room);
    bool ok = s->name && share_out(s, limit);
    for (s->copy = 1; ok && !are_free(s);)
        s->copy++;
    ok = ok && write_shards(s) && fac__file_create(&index, s->path) && write_index(s, &index);
    json_t *old = ok ? read_old(s->path) : NULL;
    ok = ok && bring_into_place(s, &index);
    if (ok) {
        remove_old(s, old);
    } else {
        fac__file_abandon(&index);
        for (int64_t i = 0; i < s->in_place; i++)
            unlink(shard_path(s, i));
    }
    json_decref(old);
    for (int64_t i = 0; i < s->count; i++) {
        fac__file_abandon(&s->shards[i].file);
        fac_state_free(s->shards[i].state);
    }
    fac__free(s->shards);
    fac__free(s->name);
    return ok;
}

bool fac__save_shards(const fac_state *state, const char *path, int64_t limit)
{
    const char *end = strrchr(path, '/');
    set s = {.path = path, .state = state, .folder = end ? (size_t)(end - path + 1) : 0};
    s.stem = strlen(path) - strlen(fac__format_safetensors_index.suffixes[0]);
    s.room = strlen(path) + 80;
    return save(&s, limit);
}
