/* Reads a conformance file whole and makes tensors of its parts. */
#include "case_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool refuse(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    return false;
}

static bool read_all(const char *path, case_file *f)
{
    FILE *in = fopen(path, "rb");
    if (!in) return refuse(path, "cannot be opened");
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    rewind(in);
    f->bytes = size > 8 ? malloc((size_t)size) : NULL;
    f->size = f->bytes ? fread(f->bytes, 1, (size_t)size, in) : 0;
    fclose(in);
    return f->size > 8 ? true : refuse(path, "cannot be read");
}

bool case_file_open(const char *path, case_file *f)
{
    memset(f, 0, sizeof *f);
    if (!read_all(path, f)) return false;
    uint64_t n;
    memcpy(&n, f->bytes, 8);
    if (n > f->size - 8) return refuse(path, "the header's length lies");
    f->data = 8 + n;
    f->header = json_loadb(f->bytes + 8, n, 0, NULL);
    json_t *meta = json_object_get(f->header, "__metadata__");
    const char *format = json_string_value(json_object_get(meta, "format"));
    const char *cases = json_string_value(json_object_get(meta, "cases"));
    f->op = json_string_value(json_object_get(meta, "op"));
    if (!format || strcmp(format, "facula-conformance-1")) return refuse(path, "not of format facula-conformance-1");
    f->cases = cases ? json_loads(cases, 0, NULL) : NULL;
    return json_is_array(f->cases) && f->op ? true : refuse(path, "its cases cannot be read");
}

void case_file_close(case_file *f)
{
    json_decref(f->cases);
    json_decref(f->header);
    free(f->bytes);
}

static fac_dtype dtype_of(const char *d)
{
    static const char *const names[] = {
        [FAC_BOOL] = "BOOL",   [FAC_UINT8] = "U8",   [FAC_INT8] = "I8",     [FAC_INT16] = "I16",
        [FAC_INT32] = "I32",   [FAC_INT64] = "I64",  [FAC_FLOAT16] = "F16", [FAC_BFLOAT16] = "BF16",
        [FAC_FLOAT32] = "F32", [FAC_FLOAT64] = "F64"};
    for (int i = 1; d && i < FAC_DTYPE_COUNT; i++)
        if (!strcmp(d, names[i])) return (fac_dtype)i;
    return FAC_DTYPE_NONE;
}

static fac_dims dims_of(json_t *a)
{
    fac_dims d = {(int)json_array_size(a), {0}};
    for (int i = 0; i < d.n && i < FAC_MAX_DIMS; i++)
        d.d[i] = json_integer_value(json_array_get(a, (size_t)i));
    return d;
}

fac_tensor *case_file_tensor(const case_file *f, const char *name, json_t *object)
{
    json_t *entry = json_object_get(f->header, name), *offsets = json_object_get(entry, "data_offsets");
    size_t begin = f->data + (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t end = f->data + (size_t)json_integer_value(json_array_get(offsets, 1));
    fac_dtype dtype = dtype_of(json_string_value(json_object_get(entry, "dtype")));
    fac_dims shape = dims_of(json_object_get(entry, "shape"));
    if (!entry || end > f->size || begin > end) return NULL;
    if (shape.n <= FAC_MAX_DIMS) {
        size_t bytes = fac_dtype_size(dtype);
        for (int i = 0; i < shape.n; i++)
            bytes *= (size_t)shape.d[i];
        if (bytes != end - begin) return NULL;
    }
    fac_tensor *plain = fac_from_array(f->bytes + begin, dtype, shape);
    json_t *strides = json_object_get(object, "strides");
    if (!plain || !strides) return plain;
    fac_dims step = dims_of(strides);
    int64_t offset = json_integer_value(json_object_get(object, "offset")), room = offset + 1;
    for (int i = 0; i < shape.n; i++)
        room = shape.d[i] == 0 ? -1 : room < 0 ? -1 : room + (shape.d[i] - 1) * step.d[i];
    fac_tensor *memory = fac_zeros(FAC_SHAPE(room < 0 ? offset : room), .dtype = dtype);
    fac_tensor *view = fac_as_strided(memory, shape, step, offset);
    if (!view) return NULL;
    /* element by element: the layout may name one element several times, always with the same value */
    size_t size = fac_dtype_size(dtype);
    int64_t index[FAC_MAX_DIMS] = {0}, at = offset;
    for (int64_t i = 0; i < fac_numel(plain); i++) {
        memcpy((char *)fac_data(memory) + (size_t)at * size, (char *)fac_data(plain) + (size_t)i * size, size);
        for (int d = shape.n - 1; d >= 0; d--) {
            at += step.d[d];
            if (++index[d] < shape.d[d]) break;
            at -= shape.d[d] * step.d[d];
            index[d] = 0;
        }
    }
    return fac_detach(view);
}
