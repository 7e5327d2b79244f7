/* Floor 8. What serves a run, for fac_run_close. */
#ifndef FACULA_SERVING_H
#define FACULA_SERVING_H

typedef struct fac__serving fac__serving;

/* Tells those who look that it is over, and ends the thread. */
void fac__serving_stop(fac__serving *serving);

#endif
