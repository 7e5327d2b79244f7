/* Floor 7. What is in an archive of torch.export: which layout it has, its JSON, its tensors. As a format of files its state is
 * that of the program's parameters and buffers. */
#include "export_archive.h"

#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "format.h"
#include "zip_format.h"

#define OLD_PROGRAM "serialized_exported_program.json"
#define BAD(...) (fac__io_error(__VA_ARGS__), false)

enum { LARGEST_JSON = 1 << 28 };

static const char *path_of(const fac__export *e)
{
    return e->zip.in->path;
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

/* By the name of the first entry, which no other file has. */
static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    static const char *const parts[] = {"data/weights/", "data/constants/", "data/sample_inputs/",
                                        "models/",       "archive_format",  "archive_version"};
    if (n < ZIP_LOCAL_SIZE || fac__get32(head) != ZIP_LOCAL) return false;
    char name[FAC__HEAD];
    int64_t length = fac__get16(head + 26);
    if (ZIP_LOCAL_SIZE + length > n) return false;
    memcpy(name, head + ZIP_LOCAL_SIZE, (size_t)length);
    name[length] = 0;
    if (!strncmp(name, "serialized_", strlen("serialized_"))) return true;
    const char *slash = strchr(name, '/');
    for (size_t i = 0; slash && i < sizeof parts / sizeof *parts; i++)
        if (!strncmp(slash + 1, parts[i], strlen(parts[i]))) return true;
    return false;
}

/* The entry of that name in the archive's folder; NULL where there is none. */
__attribute__((format(printf, 2, 3))) static const fac__zip_entry *find(const fac__export *e, const char *format, ...)
{
    char path[FAC__ZIP_LONGEST_NAME + 1];
    int n = snprintf(path, sizeof path, "%.*s", e->n, e->folder);
    va_list args;
    va_start(args, format);
    n += vsnprintf(path + n, sizeof path - (size_t)n, format, args);
    va_end(args);
    return n < (int)sizeof path ? fac__zip_find(&e->zip, path) : NULL;
}

/* All of an entry, with a zero behind it; the caller's. */
static char *read_text(const fac__export *e, const fac__zip_entry *entry)
{
    if (entry->size > LARGEST_JSON)
        return fac__io_error("%s: '%s' has %lld bytes (at most %d)", path_of(e), entry->name, (long long)entry->size,
                             LARGEST_JSON);
    fac__stream s;
    if (!fac__zip_stream(&e->zip, entry, &s)) return NULL;
    char *text = fac__alloc((size_t)entry->size + 1);
    if (text) text[entry->size] = 0;
    if (text && (!fac__stream_read(&s, text, entry->size) || !fac__stream_done(&s))) {
        fac__free(text);
        text = NULL;
    }
    fac__stream_close(&s);
    return text;
}

/* Python before 2.5 wrote Infinity and NaN as they are, which is no JSON: puts them between quotes, as later ones do. */
static char *quote_numbers(const char *text)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
    fac__text out = {0};
    bool inside = false;
    for (const char *p = text; *p;) {
        size_t n = 1;
        for (size_t i = 0; !inside && i < sizeof words / sizeof *words; i++)
            if (!strncmp(p, words[i], strlen(words[i]))) n = strlen(words[i]);
        if (n > 1) fac__text_add(&out, "\"", 1);
        if (inside && *p == '\\' && p[1]) n = 2;
        inside ^= *p == '"';
        fac__text_add(&out, p, n);
        if (!inside && n > 1) fac__text_add(&out, "\"", 1);
        p += n;
    }
    if (!out.failed) return out.p;
    fac__text_drop(&out);
    return NULL;
}

static json_t *read_json(const fac__export *e, const fac__zip_entry *entry)
{
    char *text = read_text(e, entry);
    if (text && e->older) {
        char *quoted = quote_numbers(text);
        fac__free(text);
        text = quoted;
    }
    if (!text) return NULL;
    json_error_t error = {.line = 0};
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json && !*error.text)
        fac__memory_error((size_t)entry->size); /* for which jansson has no words */
    else if (!json)
        fac__io_error("%s: '%s': line %d: %s", path_of(e), entry->name, error.line, error.text);
    fac__free(text);
    return json;
}

/* ---- layout ------------------------------------------------------------------------------------------------- */

/* "NAME/models/model.json", or the only one there is. */
static bool find_model(fac__export *e)
{
    static const char models[] = "models/", json[] = ".json";
    int found = 0;
    for (int64_t i = 0; i < e->zip.count; i++) {
        const char *name = e->zip.entries[i].name, *slash = strchr(name, '/');
        if (!slash || strncmp(slash + 1, models, strlen(models)) != 0) continue;
        const char *model = slash + 1 + strlen(models), *dot = strrchr(model, '.');
        if (!dot || strcmp(dot, json) != 0 || strchr(model, '/') || dot - model >= (int)sizeof e->model) continue;
        if (found && !strcmp(e->model, "model")) continue;
        snprintf(e->model, sizeof e->model, "%.*s", (int)(dot - model), model);
        e->folder = name;
        e->n = (int)(slash - name) + 1;
        found++;
    }
    if (!found) return BAD("%s: this archive has no program, models/model.json or " OLD_PROGRAM, path_of(e));
    if (found == 1 || !strcmp(e->model, "model")) return true;
    return BAD("%s: this archive has several programs, of which none is models/model.json", path_of(e));
}

static bool read_byte_order(fac__export *e)
{
    const fac__zip_entry *entry = find(e, "byteorder");
    if (!entry) return true;
    char *text = read_text(e, entry);
    if (!text) return false;
    e->big_endian = !strcmp(text, "big");
    bool good = e->big_endian || !strcmp(text, "little");
    fac__free(text);
    return good || BAD("%s: '%s' is neither 'big' nor 'little'", path_of(e), entry->name);
}

bool fac__export_open(fac__export *e, fac__input *in)
{
    *e = (fac__export){.folder = ""};
    if (!fac__zip_open(&e->zip, in)) return false;
    e->older = find(e, OLD_PROGRAM) != NULL;
    return e->older || (find_model(e) && read_byte_order(e));
}

void fac__export_close(fac__export *e)
{
    fac__zip_close(&e->zip);
}

json_t *fac__export_program(const fac__export *e)
{
    return read_json(e, e->older ? find(e, OLD_PROGRAM) : find(e, "models/%s.json", e->model));
}

/* ---- tensors ------------------------------------------------------------------------------------------------ */

int fac__export_element(json_int_t number)
{
    static const int elements[] = {[1] = FAC_UINT8,     [2] = FAC_INT8,      [3] = FAC_INT16,   [4] = FAC_INT32,
                                   [5] = FAC_INT64,     [6] = FAC_FLOAT16,   [7] = FAC_FLOAT32, [8] = FAC_FLOAT64,
                                   [12] = FAC_BOOL,     [13] = FAC_BFLOAT16, [28] = FAC__U16,   [29] = FAC__F8_E4M3,
                                   [30] = FAC__F8_E5M2, [33] = FAC__F8_E8M0, [34] = FAC__U32,   [35] = FAC__U64};
    return number > 0 && number < (json_int_t)(sizeof elements / sizeof *elements) ? elements[number] : 0;
}

/* What torch.save wrote, as an entry that lies there as it is. */
static bool read_saved(const fac__export *e, const fac__zip_entry *entry, fac_state *state)
{
    if (entry->deflated) return BAD("%s: '%s' is compressed; pack the archive without", path_of(e), entry->name);
    if (!entry->size) return true; /* of a program without */
    fac__input part = fac__input_part(e->zip.in, entry->at, entry->size);
    return fac__format_pytorch.load(&part, state);
}

/* {"as_int": n} */
static bool read_size(const json_t *size, int64_t *n)
{
    const json_t *i = json_object_get(size, "as_int");
    *n = json_integer_value(i);
    return json_is_integer(i) && *n >= 0;
}

static bool read_sizes(const json_t *list, int64_t *sizes, size_t n)
{
    bool good = json_array_size(list) == n;
    for (size_t i = 0; i < n && good; i++)
        good = read_size(json_array_get(list, i), &sizes[i]);
    return good;
}

/* The tensor that the list says lies in that entry. */
static fac_tensor *read_tensor(const fac__export *e, const fac__zip_entry *entry, const json_t *meta)
{
    int64_t sizes[FAC_MAX_DIMS], strides[FAC_MAX_DIMS], offset;
    const json_t *list = json_object_get(meta, "sizes");
    int element = fac__export_element(json_integer_value(json_object_get(meta, "dtype")));
    size_t n = json_array_size(list);
    if (!element) return fac__io_error("%s: '%s' has a dtype that facula does not know", path_of(e), entry->name);
    if (!json_is_array(list) || n > FAC_MAX_DIMS || !read_sizes(list, sizes, n) ||
        !read_sizes(json_object_get(meta, "strides"), strides, n) ||
        !read_size(json_object_get(meta, "storage_offset"), &offset))
        return fac__io_error("%s: the list of tensors is damaged: sizes, strides or offset of '%s'", path_of(e),
                             entry->name);
    for (size_t i = 0; i < n; i++)
        if (!sizes[i]) return fac__new(fac__element_dtype(element), (int)n, sizes);
    fac__stream s;
    if (!fac__zip_stream(&e->zip, entry, &s)) return NULL;
    int64_t count = entry->size / (int64_t)fac__element_size(element);
    fac_tensor *storage = fac__stream_tensor(&s, element, 1, &count, e->big_endian), *t = NULL;
    if (storage && fac__stream_done(&s)) t = fac__new_view(storage, (int)n, sizes, strides, offset);
    fac__stream_close(&s);
    fac_release(storage);
    return t;
}

/* Entries of the list that an earlier one has too share its storage. */
static fac_tensor *listed_tensor(const fac__export *e, const char *folder, const json_t *item, json_t *seen,
                                 const fac_state *state)
{
    const char *file = json_string_value(json_object_get(item, "path_name"));
    const json_t *meta = json_object_get(item, "tensor_meta");
    if (!file || !json_is_object(meta)) return fac__io_error("%s: the list of tensors is damaged", path_of(e));
    if (json_is_true(json_object_get(item, "use_pickle")))
        return fac__io_error("%s: '%.200s' is a tensor of a class of its own, which facula does not know", path_of(e),
                             file);
    const fac__zip_entry *entry = find(e, "%s%s", folder, file);
    if (!entry) return fac__io_error("%s: the archive lacks '%s%.200s'", path_of(e), folder, file);
    fac_tensor *other = fac_state_get(state, json_string_value(json_object_get(json_object_get(seen, file), "name")));
    if (other && json_equal(json_object_get(json_object_get(seen, file), "meta"), (json_t *)meta))
        return fac__new_alias(other);
    return read_tensor(e, entry, meta);
}

static bool read_list(const fac__export *e, const char *folder, const json_t *list, fac_state *state)
{
    json_t *config = json_object_get(list, "config"), *item, *seen = json_object();
    const char *name;
    bool good = seen != NULL;
    if (!json_is_object(config)) good = BAD("%s: the list of tensors in '%s' is damaged", path_of(e), folder);
    json_object_foreach(config, name, item) {
        /* Objects of classes have no tensor's description; a program that uses one is refused where it does. */
        if (!good || json_is_null(json_object_get(item, "tensor_meta"))) continue;
        fac_tensor *t = listed_tensor(e, folder, item, seen, state);
        good = t && fac_state_set(state, name, t);
        fac_release(t);
        if (good)
            json_object_set_new(seen, json_string_value(json_object_get(item, "path_name")),
                                json_pack("{sssO}", "name", name, "meta", json_object_get(item, "tensor_meta")));
    }
    json_decref(seen);
    return good;
}

bool fac__export_tensors(const fac__export *e, bool constants, fac_state *state)
{
    const char *folder = constants ? "data/constants/" : "data/weights/";
    const fac__zip_entry *saved = e->older ? find(e, constants ? "serialized_constants.pt" : "serialized_state_dict.pt")
                                           : find(e, "%s%s.pt", folder, e->model);
    if (saved) return read_saved(e, saved, state);
    const fac__zip_entry *entry =
        e->older ? NULL : find(e, "%s%s_%s_config.json", folder, e->model, constants ? "constants" : "weights");
    json_t *list = entry ? read_json(e, entry) : NULL;
    bool good = !entry || (list && read_list(e, folder, list, state)); /* a program may have none */
    json_decref(list);
    return good;
}

static bool load(fac__input *in, fac_state *state)
{
    fac__export e;
    bool good = fac__export_open(&e, in) && fac__export_tensors(&e, false, state);
    fac__export_close(&e);
    return good;
}

const fac__format fac__format_export = {"pytorch-export", {".pt2"}, recognise, load, NULL};
