/* What facula info says of the runs of trainings. */
#ifndef FACULA_RUN_INFO_H
#define FACULA_RUN_INFO_H

#include <jansson.h>
#include <stdbool.h>

/* Of a run's folder what it is and the last values of its curves; of a folder of runs a line for each. Prints, or puts it into the JSON
 * if that is not NULL. False, with nothing said, when the folder is neither. */
bool run_info(const char *path, json_t *json);

#endif
