/* Floor 7. Reading an ONNX file into fac__onnx_model. The numbers of fields are onnx.proto's. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/raise.h"
#include "onnx_model.h"
#include "onnx_tensor.h"
#include "wire.h"

/* ---- small things ------------------------------------------------------------------------------------------- */

static const char *text_of(fac__onnx_reader *r, const fac__message *m, const fac__field *f)
{
    char *text = f->type == FAC__WIRE_BYTES ? fac__arena_zeroed(&r->model->arena, (size_t)f->n + 1) : NULL;
    if (!text && f->type == FAC__WIRE_BYTES) r->wire.failed = true;
    if (!text || !fac__wire_copy(m, f, 0, text, f->n)) {
        fac__wire_error(m->wire, f->at, "field %d should be a text", f->number);
        return "";
    }
    if (memchr(text, 0, (size_t)f->n)) fac__wire_error(m->wire, f->at, "a text holds a zero byte");
    return text;
}

const char *fac__onnx_text(fac__onnx_reader *r, const fac__message *m, const fac__field *f)
{
    return text_of(r, m, f);
}

static int64_t int_of(const fac__message *m, const fac__field *f)
{
    if (f->type != FAC__WIRE_VARINT) fac__wire_error(m->wire, f->at, "field %d should be an integer", f->number);
    return (int64_t)f->value;
}

static float float_of(const fac__message *m, const fac__field *f)
{
    if (f->type != FAC__WIRE_32) fac__wire_error(m->wire, f->at, "field %d should be a float", f->number);
    uint32_t bits = (uint32_t)f->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* How many fields of that number the message has. */
static int count_fields(fac__message m, int number)
{
    int n = 0;
    for (fac__field f; fac__wire_next(&m, &f);)
        n += f.number == number;
    return n;
}

/* A list with room for n; NULL, and the file is given up, when memory runs out. */
static void *list_of(fac__onnx_reader *r, int n, size_t size)
{
    void *p = fac__arena_zeroed(&r->model->arena, (size_t)n * size);
    if (!p) r->wire.failed = true;
    return p;
}

/* ---- attributes ---------------------------------------------------------------------------------------------- */

typedef struct numbers {
    int64_t *ints; /* NULL: only count */
    float *floats;
    int count;
} numbers;

static bool take_number(void *context, uint64_t v)
{
    numbers *n = context;
    uint32_t bits = (uint32_t)v;
    if (n->ints) n->ints[n->count] = (int64_t)v;
    if (n->floats) memcpy(&n->floats[n->count], &bits, sizeof bits);
    return ++n->count < INT_MAX;
}

static int collect(fac__message m, int number, int type, numbers n)
{
    for (fac__field f; fac__wire_next(&m, &f);)
        if (f.number == number && !fac__wire_numbers(&m, &f, type, take_number, &n)) break;
    return n.count;
}

/* "Sigmoid Tanh" */
static const char *joined(fac__onnx_reader *r, const char *list, const char *more)
{
    size_t room = strlen(list) + strlen(more) + 2;
    if (!*list) return more;
    if (room > 500) return list; /* no node has so many */
    char *text = list_of(r, 1, room);
    if (text) snprintf(text, room, "%s %s", list, more);
    return text ? text : "";
}

static void read_attribute(fac__onnx_reader *r, fac__message m, fac__onnx_attribute *a)
{
    fac__message whole = m;
    a->name = a->s = "";
    for (fac__field f; fac__wire_next(&m, &f);) {
        switch (f.number) {
        case 1: a->name = text_of(r, &m, &f); break;
        case 2: a->f = float_of(&m, &f); break;
        case 3: a->i = int_of(&m, &f); break;
        case 4: a->s = text_of(r, &m, &f); break;
        case 5:
            fac_release(a->t);
            a->t = fac__onnx_tensor_of(r, fac__wire_inside(&m, &f), NULL);
            break;
        case 6:
        case 11: a->graph = true; break;
        case 9: a->s = joined(r, a->s, text_of(r, &m, &f)); break;
        case 20: a->type = (int)int_of(&m, &f); break;
        default: break;
        }
    }
    a->count = collect(whole, 8, FAC__WIRE_VARINT, (numbers){0});
    int floats = collect(whole, 7, FAC__WIRE_32, (numbers){0});
    if (r->wire.failed) return;
    if (a->count) {
        int64_t *ints = list_of(r, a->count, sizeof *ints);
        a->ints = ints;
        if (ints) collect(whole, 8, FAC__WIRE_VARINT, (numbers){.ints = ints});
    } else if ((a->count = floats)) {
        float *list = list_of(r, floats, sizeof *list);
        a->floats = list;
        if (list) collect(whole, 7, FAC__WIRE_32, (numbers){.floats = list});
    }
    if (!a->type) /* older files do not say */
        a->type = a->ints ? FAC__ONNX_INTS : a->floats ? FAC__ONNX_FLOATS : a->t ? FAC__ONNX_TENSOR : FAC__ONNX_INT;
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static void read_node(fac__onnx_reader *r, fac__message m)
{
    fac__onnx_node *n = fac__onnx_add_node(r->model);
    if (!n) {
        r->wire.failed = true;
        return;
    }
    n->name = n->op = n->domain = "";
    n->inputs = list_of(r, count_fields(m, 1), sizeof *n->inputs);
    n->outputs = list_of(r, count_fields(m, 2), sizeof *n->outputs);
    n->attributes = list_of(r, count_fields(m, 5), sizeof *n->attributes);
    if (r->wire.failed) return;
    for (fac__field f; fac__wire_next(&m, &f);) {
        switch (f.number) {
        case 1: n->inputs[n->n_inputs++] = text_of(r, &m, &f); break;
        case 2: n->outputs[n->n_outputs++] = text_of(r, &m, &f); break;
        case 3: n->name = text_of(r, &m, &f); break;
        case 4: n->op = text_of(r, &m, &f); break;
        case 5: read_attribute(r, fac__wire_inside(&m, &f), &n->attributes[n->n_attributes++]); break;
        case 7: n->domain = text_of(r, &m, &f); break;
        default: break;
        }
    }
}

/* ---- inputs and outputs -------------------------------------------------------------------------------------- */

static void read_shape(fac__message m, fac_dims *shape)
{
    shape->n = 0;
    for (fac__field f; fac__wire_next(&m, &f);) {
        if (f.number != 1) continue;
        if (shape->n == FAC_MAX_DIMS) {
            fac__wire_error(m.wire, f.at, "a tensor has more than %d dimensions", FAC_MAX_DIMS);
            return;
        }
        int64_t size = -1;
        fac__message dim = fac__wire_inside(&m, &f);
        for (fac__field d; fac__wire_next(&dim, &d);)
            if (d.number == 1) size = int_of(&dim, &d);
        shape->d[shape->n++] = size < 0 ? -1 : size;
    }
}

static void read_value(fac__onnx_reader *r, fac__message m, fac__onnx_value *v)
{
    if (!v) {
        r->wire.failed = true;
        return;
    }
    v->name = "";
    v->shape.n = -1;
    for (fac__field f; fac__wire_next(&m, &f);) {
        if (f.number == 1) v->name = text_of(r, &m, &f);
        if (f.number != 2) continue;
        fac__message type = fac__wire_inside(&m, &f);
        for (fac__field t; fac__wire_next(&type, &t);) {
            if (t.number != 1) continue;
            fac__message tensor = fac__wire_inside(&type, &t);
            for (fac__field p; fac__wire_next(&tensor, &p);) {
                if (p.number == 2) read_shape(fac__wire_inside(&tensor, &p), &v->shape);
                if (p.number != 1) continue;
                int element = fac__onnx_element(int_of(&tensor, &p));
                v->dtype = element ? fac__element_dtype(element) : FAC_DTYPE_NONE;
                v->wider = element && element != (int)v->dtype;
            }
        }
    }
}

/* ---- the model ----------------------------------------------------------------------------------------------- */

static void read_graph(fac__onnx_reader *r, fac__message m)
{
    for (fac__field f; fac__wire_next(&m, &f);) {
        switch (f.number) {
        case 1: read_node(r, fac__wire_inside(&m, &f)); break;
        case 5: {
            fac__onnx_tensor *t = fac__onnx_add_tensor(r->model);
            if (t) t->t = fac__onnx_tensor_of(r, fac__wire_inside(&m, &f), &t->name);
            if (!t) r->wire.failed = true;
            break;
        }
        case 11: read_value(r, fac__wire_inside(&m, &f), fac__onnx_add_input(r->model)); break;
        case 12: read_value(r, fac__wire_inside(&m, &f), fac__onnx_add_output(r->model)); break;
        case 15: fac__wire_error(&r->wire, f.at, "sparse tensors cannot be read"); break;
        default: break;
        }
    }
}

static void read_opset(fac__onnx_reader *r, fac__message m)
{
    int64_t version = 0;
    const char *domain = "";
    for (fac__field f; fac__wire_next(&m, &f);) {
        if (f.number == 1) domain = text_of(r, &m, &f);
        if (f.number == 2) version = int_of(&m, &f);
    }
    if (!*domain || !strcmp(domain, "ai.onnx")) r->model->opset = version;
}

static bool read_model(fac__onnx_reader *r)
{
    int graphs = 0;
    fac__message m = fac__wire_whole(&r->wire);
    for (fac__field f; fac__wire_next(&m, &f);) {
        switch (f.number) {
        case 1: r->model->ir_version = int_of(&m, &f); break;
        case 2: r->model->producer = text_of(r, &m, &f); break;
        case 7:
            if (graphs++ == 0) read_graph(r, fac__wire_inside(&m, &f));
            break;
        case 8: read_opset(r, fac__wire_inside(&m, &f)); break;
        default: break;
        }
    }
    if (r->wire.failed) return false;
    if (graphs != 1 || !r->model->ir_version)
        return fac__io_error("%s: is no ONNX model: it has no graph and version", r->wire.in->path), false;
    if (!r->model->opset)
        return fac__io_error("%s: does not say which version of ONNX's operators it uses", r->wire.in->path), false;
    return true;
}

bool fac__onnx_read_input(fac__input *in, fac__onnx_model *m)
{
    fac__onnx_reader *r = fac__calloc(sizeof *r);
    if (!r) return false;
    r->wire.in = in;
    r->model = m;
    m->producer = "";
    bool ok = read_model(r) && !m->failed;
    fac__free(r);
    return ok;
}

bool fac__onnx_read(const char *path, fac__onnx_model *m)
{
    fac__input in;
    if (!fac__input_open(&in, path, false)) return false;
    bool ok = fac__onnx_read_input(&in, m);
    fac__input_close(&in);
    return ok;
}
