/* Floor 7. What the files that read a program of torch.export share. A program is a graph in JSON: its inputs are
 * parameters, buffers, constants and what a user gives, each under a name; its nodes call targets with named arguments,
 * and name what they give. */
#ifndef FACULA_EXPORT_PROGRAM_H
#define FACULA_EXPORT_PROGRAM_H

#include "core/memory.h"
#include "core/raise.h"
#include "export_archive.h"

#define FAC__EXPORT_BAD(...) (fac__io_error(__VA_ARGS__), false)

typedef struct fac__export_reader {
    const char *path;
    const char *where; /* the node, input or output that is read now */
    bool older;        /* layout of the archive */
    const json_t *graph, *signature;
    fac_state *weights, *constants;
    fac__graph *g;
    json_t *values;                 /* name: number of a value */
    json_t *used;                   /* name of a tensor in the state dict: true */
    json_t *memory;                 /* of a parameter: its name in the state dict */
    struct fac__export_piece *room; /* for the terms of one call */
} fac__export_reader;

/* The text under that key; NULL where there is none. */
static inline const char *fac__export_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The name that {"as_tensor": {"name": …}} or {"as_sym_int": {"as_name": …}} has; NULL where it is neither, nor the like. */
const char *fac__export_name(const json_t *arg);

/* False, with an error. */
bool fac__export_damaged(const fac__export_reader *p, const char *what);

/* Memory that lasts until fac__export_empty_room. */
void *fac__export_room(fac__export_reader *p, size_t count, size_t size);
void fac__export_empty_room(fac__export_reader *p);

/* Values by their names. value -1 is that of an error; false then. */
bool fac__export_set_value(fac__export_reader *p, const char *name, int value);
bool fac__export_get_value(fac__export_reader *p, const char *name, fac__term *out);
/* {"as_KIND": …} as a term, whose parts last as long as the room. */
bool fac__export_argument(fac__export_reader *p, const json_t *arg, fac__term *out);

/* An error, if the program calls what there is not. */
bool fac__export_check_targets(const fac__export_reader *p, const json_t *nodes);
bool fac__export_node(fac__export_reader *p, const json_t *node);

#endif
