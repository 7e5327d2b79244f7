/* Runs one recorded case: makes the arguments, calls the operation by its name, compares values, then gradients. */
#ifndef FACULA_CASE_RUN_H
#define FACULA_CASE_RUN_H

#include "case_file.h"

typedef enum case_result { CASE_PASSED, CASE_FAILED, CASE_SKIPPED } case_result;

/* Captures each call, and looks at what its replay gives. */
extern bool case_captured;

/* why: what was expected and what came, for a failed or skipped case. */
case_result case_run(const case_file *f, json_t *c, char *why, size_t room);

#endif
