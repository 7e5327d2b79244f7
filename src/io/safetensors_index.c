/* Floor 7. Reading models in several safetensors files, with an index beside them, a JSON object:
 *
 *     {"metadata": {"total_size": 123}, "weight_map": {"layer.weight": "model-00001-of-00002.safetensors", …}}
 */
#include <string.h>

#include <jansson.h>

#include "core/memory.h"
#include "core/raise.h"
#include "format.h"
#include "json_out.h"

enum { LARGEST_INDEX = 100 * 1000 * 1000 };

#define BAD(...) (fac__io_error(__VA_ARGS__), false)

/* JSON objects, whatever is in them; safetensors files begin with eight bytes of another kind. */
static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    int64_t i = 0;
    while (i < n && strchr(" \t\r\n", head[i]) && head[i])
        i++;
    int64_t next = i + 1;
    while (next < n && strchr(" \t\r\n", head[next]) && head[next])
        next++;
    return next < n && head[i] == '{' && head[next] == '"';
}

static json_t *read_index(fac__input *in)
{
    if (in->size > LARGEST_INDEX)
        return fac__io_error("%s: an index of %lld bytes (at most %d)", in->path, (long long)in->size, LARGEST_INDEX);
    char *text = fac__alloc((size_t)in->size);
    if (!text) return NULL;
    json_error_t e = {.line = 0};
    json_t *index = NULL;
    if (fac__input_read(in, 0, text, in->size)) {
        index = json_loadb(text, (size_t)in->size, JSON_REJECT_DUPLICATES, &e);
        if (!index && !*e.text)
            fac__memory_error((size_t)in->size); /* for which jansson has no words */
        else if (!index)
            fac__io_error("%s: line %d: %s", in->path, e.line, e.text);
    }
    fac__free(text);
    return index;
}

/* A shard lies beside the index, nowhere else. */
static bool is_file_name(const char *name)
{
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/');
}

static fac_state *load_shard(const fac__input *in, const char *name)
{
    const char *end = strrchr(in->path, '/');
    size_t folder = end ? (size_t)(end - in->path + 1) : 0;
    char *path = fac__alloc(folder + strlen(name) + 1);
    if (!path) return NULL;
    memcpy(path, in->path, folder);
    strcpy(path + folder, name);
    fac_state *shard = fac__load_by(fac__format_safetensors.load, path, in->map);
    fac__free(path);
    return shard;
}

static bool add_shard(const fac__input *in, const char *name, fac_state *state)
{
    if (!is_file_name(name)) return BAD("%s: '%s' is not the name of a file beside it", in->path, name);
    fac_state *shard = load_shard(in, name);
    bool ok = shard != NULL;
    for (int64_t i = 0; ok && i < fac_state_count(shard); i++)
        if (fac_state_get(state, fac_state_name_at(shard, i)))
            ok = BAD("%s: tensor '%s' is in '%s' and in another file", in->path, fac_state_name_at(shard, i), name);
    ok = ok && fac_state_add(state, "", shard);
    fac_state_free(shard);
    return ok;
}

/* total_size and its like: numbers and texts. */
static bool add_metadata(json_t *metadata, fac_state *state)
{
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) {
        fac__text number = {0};
        bool is_number = json_is_number(value), ok = !is_number || fac__text_add_json(&number, value, JSON_ENCODE_ANY);
        const char *text = is_number ? number.p : json_string_value(value);
        ok = ok && (!text || fac_state_set_metadata(state, key, text));
        fac__text_drop(&number);
        if (!ok) return false;
    }
    return true;
}

/* Each file is loaded where it is first named. The JSON object of those that were is a set of names. */
static bool load_all(const fac__input *in, json_t *map, json_t *loaded, fac_state *state)
{
    const char *tensor;
    json_t *file;
    json_object_foreach(map, tensor, file) {
        const char *name = json_string_value(file);
        if (!name) return BAD("%s: weight_map '%s' is not a text", in->path, tensor);
        if (json_object_get(loaded, name)) continue;
        if (!add_shard(in, name, state)) return false;
        if (json_object_set_new(loaded, name, json_true()) != 0) return fac__memory_error(strlen(name)), false;
    }
    json_object_foreach(map, tensor, file)
        if (!fac_state_get(state, tensor))
            return BAD("%s: there is no tensor '%s' in '%s'", in->path, tensor, json_string_value(file));
    return true;
}

static bool load(fac__input *in, fac_state *state)
{
    json_t *index = read_index(in), *map = json_object_get(index, "weight_map"), *loaded = NULL;
    bool ok = index != NULL;
    if (ok && !json_is_object(map))
        ok = BAD("%s: a JSON file without a weight_map, so no index of safetensors files", in->path);
    if (ok && !(loaded = json_object())) ok = (fac__memory_error(0), false);
    ok = ok && load_all(in, map, loaded, state) && add_metadata(json_object_get(index, "metadata"), state);
    json_decref(loaded);
    json_decref(index);
    return ok;
}

const fac__format fac__format_safetensors_index = {
    "safetensors-index", {".safetensors.index.json"}, recognise, load, NULL}; /* fac__save_shards writes it */
