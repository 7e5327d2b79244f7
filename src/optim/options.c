/* Floor 6. Options by name. */
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/raise.h"

void fac__options_preset(double *values, const char *const *names, int n, const fac__preset *presets)
{
    for (int i = 0; i < n; i++) {
        values[i] = NAN;
        for (const fac__preset *p = presets; p->name; p++)
            if (!strcmp(names[i], p->name)) values[i] = p->value;
    }
}

bool fac__options_complete(double *values, const double *presets, const char *const *names, int n, const char *owner)
{
    for (int i = 0; i < n; i++) {
        if (isnan(values[i]))
            values[i] = presets[i];
        else if (isnan(presets[i]))
            return fac__type_error("%s.__init__() got an unexpected keyword argument '%s'", owner, names[i]), false;
        if (isinf(presets[i]) && isinf(values[i]))
            return fac__value_error("parameter group didn't specify a value of required optimization parameter %s",
                                    names[i]),
                   false;
    }
    return true;
}

const char *fac__float_text(double v, char *text)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 48, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    if (fabs(v) < 1e16 && strstr(text, "e+")) snprintf(text, 48, "%.0f", v);
    if (!strpbrk(text, ".en")) strcat(text, ".0");
    return text;
}
