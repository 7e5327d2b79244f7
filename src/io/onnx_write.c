/* Floor 7. Writing an ONNX file. The small parts are put together in memory, the tensors' elements are written from where they
 * are: their sizes are all that has to be known before. */
#include <stdio.h>

#include "atomic_file.h"
#include "core/raise.h"
#include "onnx_model.h"
#include "row_major.h"
#include "wire.h"

enum { LARGEST = 0x7FFFFFFF }; /* no message of protocol buffers may be larger */

static size_t bytes_of(const fac_tensor *t)
{
    return (size_t)t->numel * fac_dtype_size((fac_dtype)t->dtype);
}

/* A TensorProto up to its elements, which follow. */
static void put_tensor_head(fac__text *t, const char *name, const fac_tensor *tensor)
{
    for (int i = 0; i < tensor->ndim; i++)
        fac__wire_put_int(t, 1, tensor->shape[i]);
    fac__wire_put_int(t, 2, fac__onnx_type_of((fac_dtype)tensor->dtype));
    if (*name) fac__wire_put_text(t, 8, name);
    fac__wire_put_head(t, 9, bytes_of(tensor));
}

static void put_small_tensor(fac__text *t, int number, fac_tensor *tensor)
{
    fac__text inside = {0};
    fac_scope {
        fac_tensor *row = fac__row_major(tensor);
        if (row) {
            put_tensor_head(&inside, "", row);
            fac__text_add(&inside, fac__host(row), bytes_of(row));
        } else {
            t->failed = true;
        }
    }
    fac__wire_put_message(t, number, &inside);
    fac__text_drop(&inside);
}

static void put_attribute(fac__text *t, const fac__onnx_attribute *a)
{
    fac__text inside = {0};
    fac__wire_put_text(&inside, 1, a->name);
    switch (a->type) {
    case FAC__ONNX_FLOAT: fac__wire_put_float(&inside, 2, a->f); break;
    case FAC__ONNX_INT: fac__wire_put_int(&inside, 3, a->i); break;
    case FAC__ONNX_TEXT: fac__wire_put_text(&inside, 4, a->s); break;
    case FAC__ONNX_TENSOR: put_small_tensor(&inside, 5, a->t); break;
    case FAC__ONNX_TEXTS:
        for (const char *p = a->s; *p; p += strcspn(p, " "), p += *p == ' ')
            fac__wire_put_bytes(&inside, 9, p, strcspn(p, " "));
        break;
    case FAC__ONNX_FLOATS:
        for (int i = 0; i < a->count; i++)
            fac__wire_put_float(&inside, 7, a->floats[i]);
        break;
    default:
        for (int i = 0; i < a->count; i++)
            fac__wire_put_int(&inside, 8, a->ints[i]);
        break;
    }
    fac__wire_put_int(&inside, 20, a->type);
    fac__wire_put_message(t, 5, &inside);
    fac__text_drop(&inside);
}

static void put_node(fac__text *t, const fac__onnx_node *n)
{
    fac__text inside = {0};
    for (int i = 0; i < n->n_inputs; i++)
        fac__wire_put_text(&inside, 1, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++)
        fac__wire_put_text(&inside, 2, n->outputs[i]);
    if (*n->name) fac__wire_put_text(&inside, 3, n->name);
    fac__wire_put_text(&inside, 4, n->op);
    for (int i = 0; i < n->n_attributes; i++)
        put_attribute(&inside, &n->attributes[i]);
    fac__wire_put_message(t, 1, &inside);
    fac__text_drop(&inside);
}

static void put_value(fac__text *t, int number, const fac__onnx_value *v)
{
    fac__text shape = {0}, tensor = {0}, type = {0}, inside = {0};
    for (int i = 0; i < v->shape.n; i++) {
        fac__text dim = {0};
        if (v->shape.d[i] >= 0)
            fac__wire_put_int(&dim, 1, v->shape.d[i]);
        else
            fac__wire_put_text(&dim, 2, "batch");
        fac__wire_put_message(&shape, 1, &dim);
        fac__text_drop(&dim);
    }
    fac__wire_put_int(&tensor, 1, fac__onnx_type_of(v->dtype));
    if (v->shape.n >= 0) fac__wire_put_message(&tensor, 2, &shape);
    fac__wire_put_message(&type, 1, &tensor);
    fac__wire_put_text(&inside, 1, v->name);
    fac__wire_put_message(&inside, 2, &type);
    fac__wire_put_message(t, number, &inside);
    fac__text_drop(&shape);
    fac__text_drop(&tensor);
    fac__text_drop(&type);
    fac__text_drop(&inside);
}

/* All of the graph but its tensors. */
static void put_graph(fac__text *t, const fac__onnx_model *m)
{
    for (int i = 0; i < m->n_nodes; i++)
        put_node(t, &m->nodes[i]);
    fac__wire_put_text(t, 2, "facula");
    for (int i = 0; i < m->n_inputs; i++)
        put_value(t, 11, &m->inputs[i]);
    for (int i = 0; i < m->n_outputs; i++)
        put_value(t, 12, &m->outputs[i]);
}

static void put_model_head(fac__text *t, const fac__onnx_model *m, size_t graph)
{
    fac__text opset = {0};
    fac__wire_put_int(t, 1, m->ir_version);
    fac__wire_put_text(t, 2, m->producer);
    fac__wire_put_text(&opset, 1, "");
    fac__wire_put_int(&opset, 2, m->opset);
    fac__wire_put_message(t, 8, &opset);
    fac__wire_put_head(t, 7, graph);
    fac__text_drop(&opset);
}

static void put_initializer_head(fac__text *t, const fac__onnx_tensor *i)
{
    fac__text inside = {0};
    put_tensor_head(&inside, i->name, i->t);
    fac__wire_put_head(t, 5, inside.n + bytes_of(i->t));
    fac__text_add(t, inside.p ? inside.p : "", inside.n);
    t->failed |= inside.failed;
    fac__text_drop(&inside);
}

static bool write_initializer(fac__file *f, const fac__onnx_tensor *i)
{
    fac__text head = {0};
    bool ok = false;
    put_initializer_head(&head, i);
    fac_scope {
        fac_tensor *row = head.failed ? NULL : fac__row_major(i->t);
        ok = row && fac__file_write(f, head.p, head.n) && fac__file_write(f, fac__host(row), bytes_of(row));
    }
    fac__text_drop(&head);
    return ok;
}

static bool write_parts(fac__file *f, const char *path, const fac__onnx_model *m)
{
    fac__text head = {0}, graph = {0};
    put_graph(&graph, m);
    size_t size = graph.n;
    for (int i = 0; i < m->n_initializers; i++) {
        fac__text one = {0};
        put_initializer_head(&one, &m->initializers[i]);
        size += one.n + bytes_of(m->initializers[i].t);
        graph.failed |= one.failed;
        fac__text_drop(&one);
    }
    put_model_head(&head, m, size);
    bool ok = !graph.failed && !head.failed;
    if (ok && size + head.n > LARGEST)
        ok = fac__value_error("%s: the model would have %zu bytes; an ONNX file can have 2 GB", path, size + head.n);
    ok = ok && fac__file_write(f, head.p, head.n) && fac__file_write(f, graph.p, graph.n);
    for (int i = 0; i < m->n_initializers && ok; i++)
        ok = write_initializer(f, &m->initializers[i]);
    fac__text_drop(&head);
    fac__text_drop(&graph);
    return ok;
}

bool fac__onnx_write(const char *path, const fac__onnx_model *m)
{
    fac__file f;
    if (!fac__file_create(&f, path)) return false;
    if (write_parts(&f, path, m)) return fac__file_commit(&f);
    fac__file_abandon(&f);
    return false;
}
