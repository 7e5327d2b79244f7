/* Floor 0: print(tensor), character for character as PyTorch prints it. */
#ifndef FACULA_PRINT_H
#define FACULA_PRINT_H

#include <stdio.h>

#include "facula/tensor.h"

FAC_BEGIN

/* torch.set_printoptions, for the process. */
typedef struct fac_print_options {
    int precision;     /* digits after the point: 4 */
    int64_t threshold; /* more elements than this are summarised: 1000 */
    int edgeitems;     /* shown at each end of a summarised dimension: 3 */
    int linewidth;     /* 80 */
    int sci_mode;      /* 1 always, 0 never, -1 where it reads better: -1 */
} fac_print_options;
static inline fac_print_options fac_print_options_defaults(void)
{
    fac_print_options o;
    o.precision = 4;
    o.threshold = 1000;
    o.edgeitems = 3;
    o.linewidth = 80;
    o.sci_mode = -1;
    return o;
}
FAC_API void fac_set_print_options_with(fac_print_options options);
#define fac_set_print_options(...) fac_set_print_options_with(FAC_OPTIONS(fac_print_options, __VA_ARGS__))

/* print(t): str(t) and a newline to standard output; "None" for NULL. */
FAC_API void fac_print(const fac_tensor *t);
FAC_API void fac_fprint(FILE *f, const fac_tensor *t);
/* str(t). The text is the caller's to free(); NULL, with an error, when memory runs out. */
FAC_API char *fac_to_string(const fac_tensor *t);

FAC_END
#endif
