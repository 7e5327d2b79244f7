/* Floor 9. What the recorded cases say of an operation: how many there are, and what goes in and comes out. */
#include "ops_page.h"

#include "../../tests/conformance/case_file.h"
#include "ops/op.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header's entry of each tensor in a value, in order; returns how many there are of them. */
static int tensors_in(const case_file *f, json_t *j, json_t **found, int n, int max)
{
    const char *name = json_string_value(json_object_get(j, "tensor"));
    if (name && n < max) found[n++] = json_object_get(f->header, name);
    for (size_t i = 0; json_is_array(j) && i < json_array_size(j); i++)
        n = tensors_in(f, json_array_get(j, i), found, n, max);
    return n;
}

static fac_dtype dtype_of(json_t *entry)
{
    static const struct {
        const char *name;
        fac_dtype dtype;
    } names[] = {{"BOOL", FAC_BOOL},   {"U8", FAC_UINT8},   {"I8", FAC_INT8},     {"I16", FAC_INT16},
                 {"I32", FAC_INT32},   {"I64", FAC_INT64},  {"F16", FAC_FLOAT16}, {"BF16", FAC_BFLOAT16},
                 {"F32", FAC_FLOAT32}, {"F64", FAC_FLOAT64}};
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, text)) return names[i].dtype;
    return FAC_DTYPE_NONE;
}

static void append(facts *f, const char *between, json_t *entry)
{
    json_t *sizes = json_object_get(entry, "shape");
    int64_t shape[64];
    int n = (int)json_array_size(sizes);
    for (int i = 0; i < n && i < 64; i++)
        shape[i] = json_integer_value(json_array_get(sizes, (size_t)i));
    append_shape(f->example, sizeof f->example, between, n < 64 ? n : 64, shape);
}

enum { MOST = 6 };

/* How much an example shows: dimensions of the input, up to 4; 0 where there is nothing in it. */
static int worth(json_t *const *in, int n_in, int n_out)
{
    int best = 0;
    if (n_in == MOST || !n_out || n_out == MOST) return 0;
    for (int i = 0; i < n_in; i++) {
        json_t *sizes = json_object_get(in[i], "shape");
        int n = (int)json_array_size(sizes);
        for (int k = 0; k < n; k++)
            if (!json_integer_value(json_array_get(sizes, (size_t)k))) return 0;
        if (n > 5) return 0;
        if (n > best) best = n;
    }
    return best < 4 ? best : 4;
}

static void show_example(json_t *const *in, int n_in, json_t *const *out, int n_out, facts *f)
{
    f->example[0] = 0;
    for (int i = 0; i < n_in; i++)
        append(f, ", ", in[i]);
    for (int i = 0; i < n_out; i++)
        append(f, i ? ", " : " → ", out[i]);
}

static void read_case(const case_file *file, json_t *c, facts *f, int *shown)
{
    f->cases++;
    if (json_object_get(c, "raises")) {
        f->refusals++;
        return;
    }
    if (json_object_get(c, "grads")) f->gradients++;
    json_t *in[MOST], *out[MOST], *outputs = json_object_get(c, "outputs"), *value;
    const char *key;
    int n_in = tensors_in(file, json_object_get(c, "args"), in, 0, MOST), n_out = 0;
    json_object_foreach(json_object_get(c, "kwargs"), key, value)
        n_in = tensors_in(file, value, in, n_in, MOST);
    for (size_t i = 0; i < json_array_size(outputs) && n_out < MOST; i++)
        out[n_out++] = json_object_get(file->header, json_string_value(json_array_get(outputs, i)));
    int value_of_it = worth(in, n_in, n_out);
    if (value_of_it > *shown) {
        show_example(in, n_in, out, n_out, f);
        *shown = value_of_it;
    }
    fac_dtype given = n_in ? dtype_of(in[0]) : FAC_DTYPE_NONE;
    json_t *kwargs = json_object_get(c, "kwargs");
    bool asks = json_object_get(kwargs, "dtype") || json_object_get(kwargs, "out_int32");
    if (!given || !n_out || f->gives[given] || asks) return;
    f->gives[given] = dtype_of(out[0]);
    f->called = false; /* the calls that were made say nothing of what is refused */
}

static bool read_file(const char *path, const char *name, facts *(*of)(const char *, void *), void *context)
{
    case_file file;
    char base[128];
    if (!case_file_open(path, &file)) return false;
    facts *f = fac__op_resolve(file.op, base, sizeof base) ? of(base, context) : NULL;
    if (f) {
        int shown = 0;
        for (size_t i = 0; i < json_array_size(file.cases); i++)
            read_case(&file, json_array_get(file.cases, i), f, &shown);
        size_t at = strlen(f->files);
        snprintf(f->files + at, sizeof f->files - at, "%s`%s`", at ? ", " : "", name);
    }
    case_file_close(&file);
    return true;
}

static int is_case_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && !strcmp(dot, ".safetensors");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

bool read_cases(const char *folder, facts *(*of)(const char *base, void *context), void *context)
{
    struct dirent **names;
    int n = scandir(folder, &names, is_case_file, by_bytes);
    if (n < 0) return perror(folder), false;
    bool ok = true;
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        ok = ok && read_file(path, names[i]->d_name, of, context);
        free(names[i]);
    }
    free(names);
    return ok;
}
