/* Floor 7. Archives of torch.export, .pt2: a zip file with a program in JSON and its tensors. There are two layouts:
 *
 *     PyTorch 2.4, say                     2.8 and later, in a folder of any name
 *     serialized_exported_program.json     models/model.json              the program
 *     serialized_state_dict.pt             data/weights/…                 parameters and buffers
 *     serialized_constants.pt              data/constants/…               other tensors that it uses
 *
 * Files .pt are what torch.save writes; in the newer layout tensors lie each in an entry of its own, with a list of them,
 * model_weights_config.json, or in a model.pt. The source of both is PyTorch's torch/_export/serde/schema.py and
 * torch/export/pt2_archive. */
#ifndef FACULA_EXPORT_ARCHIVE_H
#define FACULA_EXPORT_ARCHIVE_H

#include <jansson.h>

#include "facula/state.h"
#include "nn/graph_module_impl.h"
#include "zip.h"

typedef struct fac__export {
    fac__zip zip;
    const char *folder; /* "NAME/", n bytes of an entry's name; n = 0 in the older layout */
    int n;
    bool older, big_endian;
    char model[64]; /* whose program, weights and constants are read: "model" */
} fac__export;

/* Reads the list of entries, and finds out the layout. False after an error; then, too, the caller closes it. */
bool fac__export_open(fac__export *e, fac__input *in);
void fac__export_close(fac__export *e);
/* The program; the caller's reference. */
json_t *fac__export_program(const fac__export *e);
/* Adds the parameters and buffers, or else the constants, to a state. */
bool fac__export_tensors(const fac__export *e, bool constants, fac_state *state);

/* The dtype (of facula, or FAC__U16…) of a number of schema.py's ScalarType; 0: none that is known. */
int fac__export_element(json_int_t number);

/* What is called for a target that is no operator but arithmetic of sizes, or an assertion; NULL: nothing known. */
fac__graph_function fac__export_function(const char *target);

#endif
