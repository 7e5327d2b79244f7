/* The layers of a network as one input goes through them. */
#ifndef FACULA_LAYER_TABLE_H
#define FACULA_LAYER_TABLE_H

#include <facula/facula.h>

typedef struct layer {
    char name[160];     /* "layer1.0.conv1" */
    const char *type;   /* "Conv2d" */
    fac_dims output;    /* without the dimension of the batch */
    int64_t parameters; /* of its own */
    int64_t products; /* multiply-adds for one input: of convolutions and linear layers, by which all else is little */
} layer;

typedef struct layer_table {
    layer *items;
    int count, room;
} layer_table;

/* In the order of their calls; a layer is a module that calls no other. Of one that is called again all but the first call has no parameters. The
 * network is in evaluation mode afterwards. False after an error; the table is to be dropped anyway. */
bool layer_table_make(layer_table *table, fac_module *network, fac_dims input);
void layer_table_drop(layer_table *table);

#endif
