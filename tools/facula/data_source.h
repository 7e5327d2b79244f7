/* The data of `facula train`, `eval` and `predict`: what is at a path, as datasets or as inputs. docs/command.md has the rules.
 * Each kind of data is a row, in a file of its own; the list of rows is in data_source.c. */
#ifndef FACULA_DATA_SOURCE_H
#define FACULA_DATA_SOURCE_H

#include "model_spec.h"

/* How data are to be taken, where they leave it open. Zeros: as docs/command.md says. */
typedef struct data_options {
    const char *target, *ignore; /* of tables, as in fac_csv_options */
    fac_csv_task task;
    int64_t height, width;  /* of pictures */
    const model_spec *spec; /* of a model that is there already, which has its own ways; NULL */
} data_options;

/* Items have two fields: an input, float32, images from 0 to 1 if their pixels were bytes; and its class, int64, or the numbers that are
 * to be predicted, float32 [outputs]. */
typedef struct data_source {
    fac_dataset *train, *test; /* test is NULL where there is none */
    bool images, classification;
    fac_dims shape;  /* of an input */
    int64_t outputs; /* classes, or numbers */
    json_t *classes; /* their names, or NULL */
    bool named;      /* these names belong to the data */
    fac_csv *csv;    /* of a table */
} data_source;

/* False, with an error, when there are no usable data; *source can be dropped all the same. */
bool data_source_open(data_source *source, const char *path, const data_options *options);
/* Calls the classes 0, 1... by these names, "a,b,c". An error where the data have names of their own, or other classes. */
bool data_source_name(data_source *source, const char *names);
/* The model can be trained on the data, or tried on them. An error that names `path`, where one of them is from, if not. */
bool data_fits(const data_source *source, const model_spec *spec, const char *path);
void data_source_drop(data_source *source);
bool same_shape(fac_dims a, fac_dims b);

/* Inputs alone, for predictions, taken from their source in turn. */
typedef struct input_source {
    /* Up to `most` of the next inputs, float32 [n, …] as in the items, the scope's. NULL at the end, and after an error. */
    fac_tensor *(*next)(void *context, int64_t most);
    /* What number i is called; NULL: by its number, if there is more than one. */
    const char *(*name)(void *context, int64_t i);
    void (*close)(void *context);
    void *context;
    bool many;        /* there is, or may be, more than one */
    bool as_it_comes; /* each is to be answered before the next is waited for */
} input_source;

/* False, with an error; nothing is open then. */
bool inputs_open(input_source *inputs, const char *path, const model_spec *spec);

/* ---- kinds of data ------------------------------------------------------------------------------------------- */

typedef struct data_kind {
    const char *about; /* what it is, for --help and errors */
    /* It is what is at the path, a folder or a file; of files that nobody knows those of the last kind. */
    bool (*is_data)(const char *path, bool folder);
    /* Fills in train, test, and what else is known: csv, classes. */
    bool (*open)(data_source *source, const char *path, const data_options *options);
    /* The same of inputs; NULL: there are none of this kind. */
    bool (*is_input)(const char *path, bool folder, const model_spec *spec);
    bool (*inputs)(input_source *inputs, const char *path, const model_spec *spec);
} data_kind;

extern const data_kind kind_idx, kind_arrays, kind_table, kind_pictures, kind_cifar;
/* Writes a line about each kind. */
void list_data_kinds(FILE *to);

/* Prints what is predicted from how many columns, and which are not used, and why. */
void say_table(const fac_csv *csv);

/* Is there FOLDER/NAME? */
bool is_in_folder(const char *folder, const char *name);
/* FOLDER/NAME, for free(). NULL, with an error, when memory runs out. */
char *path_in_folder(const char *folder, const char *name);
bool ends_with(const char *text, const char *end);

/* ---- batches ------------------------------------------------------------------------------------------------- */

/* Moves each image of a batch, float32 [n, channels, height, width], by up to an eighth of its size, and mirrors it, by chance: a
 * function of that number alone. */
bool augment(fac_tensor *images, uint64_t chance, bool shift, bool flip);
/* A well mixed number of the three. */
uint64_t mixed(uint64_t a, uint64_t b, uint64_t c);

/* A loader whose order is no matter of the default generator: all items in order. */
fac_loader *in_order(fac_dataset *dataset, int64_t batch_size);

#endif
