/* Floor 7. See picture_size.h. */
#include "picture_size.h"

#include "core/tensor_impl.h"
#include "facula/autograd.h"
#include "facula/ops_image.h"
#include "facula/ops_pointwise.h"

static bool resize(const fac__picture *p, int64_t height, int64_t width, unsigned char *out)
{
    int64_t n = p->height * p->width, shape[] = {1, p->channels, p->height, p->width};
    fac_tensor *t = fac__own(fac__new(FAC_FLOAT32, 4, shape));
    if (!t) return false;
    float *to = fac__host(t);
    for (int c = 0; c < p->channels; c++)
        for (int64_t i = 0; i < n; i++)
            *to++ = p->pixels[i * p->channels + c];
    t = fac_interpolate(t, .size = FAC_DIMS(height, width), .mode = "bilinear", .antialias = true);
    t = fac_contiguous(fac_round(t));
    if (!t) return false;
    const float *from = fac__host(t);
    for (int64_t i = 0; i < t->numel; i++)
        out[i] = (unsigned char)from[i];
    return true;
}

bool fac__picture_planes(const fac__picture *p, int64_t height, int64_t width, unsigned char *out)
{
    bool good = true;
    if (p->height == height && p->width == width) {
        for (int c = 0; c < p->channels; c++)
            for (int64_t i = 0; i < height * width; i++)
                *out++ = p->pixels[i * p->channels + c];
    } else {
        fac_no_grad
            fac_scope
                good = resize(p, height, width, out);
    }
    return good;
}
