/* Floor 7. The formats of files, and which of them a file has: when it is read by what is in it, when it is written by
 * its name. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/raise.h"
#include "facula/io.h"
#include "format.h"

/* Asked in this order; what several of them could be is the first's. */
static const fac__format *const formats[] = {
    &fac__format_safetensors, /* before JSON */
    &fac__format_safetensors_index,
    &fac__format_npy,
    &fac__format_npz, /* before other zip files */
    &fac__format_export,
    &fac__format_pytorch,
    &fac__format_pytorch_legacy,
    &fac__format_onnx, /* has no sign but how it begins */
};
enum { FORMATS = sizeof formats / sizeof *formats };

static const fac__format *by_name(const char *path)
{
    size_t n = strlen(path);
    for (int i = 0; i < FORMATS; i++)
        for (const char *const *suffix = formats[i]->suffixes; *suffix; suffix++)
            if (n > strlen(*suffix) && !strcasecmp(path + n - strlen(*suffix), *suffix)) return formats[i];
    return NULL;
}

/* Where the content tells nothing the name decides which reader is to say what is wrong. */
static const fac__format *by_content(const fac__input *in)
{
    unsigned char head[FAC__HEAD];
    int64_t n = in->size < FAC__HEAD ? in->size : FAC__HEAD;
    if (!fac__input_read(in, 0, head, n)) return NULL;
    for (int i = 0; i < FORMATS; i++)
        if (formats[i]->recognise(head, n, in->size)) return formats[i];
    const fac__format *named = by_name(in->path);
    if (named) return named;
    char names[200] = "";
    for (int i = 0; i < FORMATS; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), i ? ", %s" : "%s", formats[i]->name);
    return fac__io_error("%s: not a file of a known format (%s)", in->path, names);
}

static bool load_by_content(fac__input *in, fac_state *state)
{
    const fac__format *format = by_content(in);
    return format && format->load(in, state);
}

fac_state *fac_load_with(const char *path, fac_load_options options)
{
    FAC__OP("load");
    FAC__NEED(path);
    return fac__load_by(load_by_content, path, options.map);
}

bool fac_save_with(const fac_state *state, const char *path, fac_save_options options)
{
    FAC__OP("save");
    FAC__NEED_OR(state, false);
    FAC__NEED_OR(path, false);
    if (fac__recording_now()) return fac__recording_refuse("write a file"), false;
    const fac__format *format = by_name(path);
    if (!format) format = &fac__format_safetensors;
    if (options.max_shard_size <= 0)
        return fac__value_error("max_shard_size is %lld; it must be greater than 0", (long long)options.max_shard_size),
               false;
    if (format == &fac__format_safetensors_index) return fac__save_shards(state, path, options.max_shard_size);
    if (!format->save)
        return fac__value_error("%s: files of the format %s can only be read", path, format->name), false;
    fac__file f;
    if (!fac__file_create(&f, path)) return false;
    if (format->save(&f, state)) return fac__file_commit(&f);
    fac__file_abandon(&f);
    return false;
}

const char *fac_file_format(const char *path)
{
    FAC__OP("file_format");
    FAC__NEED(path);
    fac__input in;
    if (!fac__input_open(&in, path, false)) return NULL;
    const fac__format *format = by_content(&in);
    fac__input_close(&in);
    return format ? format->name : NULL;
}

const char *fac_name_format(const char *path)
{
    FAC__OP("name_format");
    FAC__NEED(path);
    const fac__format *format = by_name(path);
    return format ? format->name : NULL;
}
