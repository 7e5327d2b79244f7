/* Floor 8. evaluation.json. */
#include <math.h>

#include "watch/evaluation.h"
#include "watch/json_text.h"

static void put_base64(fac__text *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (i + 1 < n) three |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < n) three |= bytes[i + 2];
        char four[] = {digits[three >> 18], digits[three >> 12 & 63], i + 1 < n ? digits[three >> 6 & 63] : '=',
                       i + 2 < n ? digits[three & 63] : '='};
        fac__text_add(out, four, 4);
    }
}

static void put_samples(fac__text *out, const fac__sample *samples, int count)
{
    fac__text_add(out, "[", 1);
    for (int i = 0; i < count; i++) {
        const fac__sample *s = &samples[i];
        fac__text_format(out, "%s{\"index\": %lld, \"target\": %d, \"predicted\": %d, \"loss\": ", i ? ",\n" : "",
                         (long long)s->index, s->target, s->predicted);
        fac__json_number(out, s->loss);
        fac__text_format(out, ", \"probability\": ");
        fac__json_number(out, s->probability);
        if (s->width) {
            fac__text_format(out, ", \"width\": %d, \"height\": %d, \"channels\": %d, \"pixels\": \"", s->width,
                             s->height, s->channels);
            put_base64(out, s->pixels, (size_t)(s->width * s->height * s->channels));
            fac__text_add(out, "\"", 1);
        }
        fac__text_add(out, "}", 1);
    }
    fac__text_add(out, "]", 1);
}

void fac__evaluation_text(const fac__evaluation *e, fac__text *out)
{
    fac__text_format(out, "{\"step\": %lld, \"count\": %lld, \"right\": %lld, \"loss\": ", (long long)e->step,
                     (long long)e->count, (long long)e->right);
    fac__json_number(out, e->loss / (double)e->count);
    fac__text_format(out, ",\n\"classes\": [");
    for (int k = 0; k < e->classes; k++) {
        char number[16];
        snprintf(number, sizeof number, "%d", k);
        if (k) fac__text_add(out, ", ", 2);
        fac__json_string(out, k < e->name_count ? e->names[k] : number);
    }
    fac__text_format(out, "],\n\"matrix\": [");
    for (int k = 0; k < e->classes; k++) {
        fac__text_format(out, "%s", k ? ",\n[" : "[");
        for (int j = 0; j < e->classes; j++) {
            if (j) fac__text_add(out, ", ", 2);
            fac__json_integer(out, e->matrix[(int64_t)k * e->classes + j]);
        }
        fac__text_add(out, "]", 1);
    }
    fac__text_format(out, "],\n\"worst\": ");
    put_samples(out, e->worst, e->worst_count);
    fac__text_format(out, ",\n\"samples\": ");
    put_samples(out, e->first, e->first_count);
    fac__text_add(out, "}\n", 2);
}
