/* Programs as models: files of torch.export, .pt2, and of ONNX, .onnx, which hold a network with its calls, but nothing of what data it is for. */
#ifndef FACULA_PROGRAM_MODEL_H
#define FACULA_PROGRAM_MODEL_H

#include "model_spec.h"

/* By the file's name. */
bool is_program(const char *path);
/* The graph module in a file. */
fac_module *program_load(const char *path);
/* The network that a spec names by its file, if it takes such inputs, of any number at a time, and gives such outputs. */
fac_module *program_network(const model_spec *spec);
/* A spec for what a program does with inputs as they are: numbers, [n, outputs]. The module is the network. */
bool program_spec(model_spec *spec, fac_module *program, const char *path);
/* How many inputs a network takes at a time: the number that it was written for, or `many`. */
int64_t items_at_once(const fac_module *network, int64_t many);

/* Says what is in it, for facula info: prints, or puts it into the JSON if that is not NULL. */
void program_info(fac_module *program, json_t *json);

#endif
