/* Floor 4. Channels to places and back (facula/ops_image.h): views in another order, copied. */
#include "facula/ops_image.h"
#include "facula/ops_view.h"
#include "op.h"

/* self seen as [all in front, six sizes] with the six in another order, as [in front..., three sizes]. */
static fac_tensor *rearrange(fac_tensor *self, const int64_t *split, fac_dims order, const int64_t *merged)
{
    fac_dims shape = fac_shape(self), parts = {.n = 6};
    parts.d[0] = 1;
    for (int i = 0; i < self->ndim - 3; i++)
        parts.d[0] *= self->shape[i];
    for (int i = 0; i < 5; i++)
        parts.d[1 + i] = split[i];
    for (int i = 0; i < 3; i++)
        shape.d[self->ndim - 3 + i] = merged[i];
    fac_tensor *moved = fac_permute(fac_reshape(self, parts), order);
    return moved ? fac_reshape(moved, shape) : NULL;
}

fac_tensor *fac_pixel_shuffle(fac_tensor *self, int64_t upscale_factor)
{
    FAC__OP("pixel_shuffle");
    FAC__NEED(self);
    if (self->ndim < 3)
        return fac__runtime_error("pixel_shuffle expects input to have at least 3 dimensions, but got input with %d "
                                  "dimension(s)",
                                  self->ndim);
    int64_t r = upscale_factor, c = self->shape[self->ndim - 3], h = self->shape[self->ndim - 2],
            w = self->shape[self->ndim - 1];
    if (r <= 0)
        return fac__runtime_error("pixel_shuffle expects a positive upscale_factor, but got %lld", (long long)r);
    if (r != (int32_t)r) return fac__runtime_error("integer out of range");
    if ((r > 1 && r > c && c) || c % r || c / r % r)
        return fac__runtime_error(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            "upscale_factor, but input.size(-3)=%lld is not divisible by %lld",
            (long long)c, (long long)((uint64_t)r * (uint64_t)r));
    return rearrange(self, (const int64_t[]){c / r / r, r, r, h, w}, FAC_DIMS(0, 1, 4, 2, 5, 3),
                     (const int64_t[]){c / r / r, h * r, w * r});
}

fac_tensor *fac_pixel_unshuffle(fac_tensor *self, int64_t downscale_factor)
{
    FAC__OP("pixel_unshuffle");
    FAC__NEED(self);
    if (self->ndim < 3)
        return fac__runtime_error("pixel_unshuffle expects input to have at least 3 dimensions, but got input with %d "
                                  "dimension(s)",
                                  self->ndim);
    int64_t r = downscale_factor, c = self->shape[self->ndim - 3], h = self->shape[self->ndim - 2],
            w = self->shape[self->ndim - 1];
    if (r <= 0)
        return fac__runtime_error("pixel_unshuffle expects a positive downscale_factor, but got %lld", (long long)r);
    if (h % r || w % r)
        return fac__runtime_error("pixel_unshuffle expects %s to be divisible by downscale_factor, but "
                                  "input.size(-%d)=%lld is not divisible by %lld",
                                  h % r ? "height" : "width", h % r ? 2 : 1, (long long)(h % r ? h : w), (long long)r);
    if (!self->numel) return fac_clone(self); /* as PyTorch does */
    return rearrange(self, (const int64_t[]){c, h / r, r, w / r, r}, FAC_DIMS(0, 1, 3, 5, 2, 4),
                     (const int64_t[]){c * r * r, h / r, w / r});
}

fac_tensor *fac_channel_shuffle(fac_tensor *self, int64_t groups)
{
    FAC__OP("channel_shuffle");
    FAC__NEED(self);
    if (self->ndim < 3)
        return fac__runtime_error("channel_shuffle expects input with > 2 dims, but got input with sizes %s",
                                  fac__shape_text(self->ndim, self->shape));
    if (groups <= 0)
        return fac__runtime_error("Number of groups to divide channels in must be positive. Value of groups:%lld",
                                  (long long)groups);
    int64_t c = self->shape[1], inner = 1;
    if (c % groups)
        return fac__runtime_error("Number of channels must be divisible by groups. Got %lld channels and %lld groups.",
                                  (long long)c, (long long)groups);
    for (int i = 2; i < self->ndim; i++)
        inner *= self->shape[i];
    fac_tensor *parts = fac_reshape(self, FAC_DIMS(self->shape[0], groups, c / groups, inner));
    return fac_reshape(fac_transpose(parts, 1, 2), fac_shape(self));
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(pixel_shuffle, R(fac_pixel_shuffle(T(0), I(1))))
FAC__CALL(pixel_unshuffle, R(fac_pixel_unshuffle(T(0), I(1))))
FAC__CALL(channel_shuffle, R(fac_channel_shuffle(T(0), I(1))))

const fac__op fac__ops_shuffle[] = {
    {"pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", pixel_shuffle,
     "Channels spread over squares of pixels."},
    {"pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", pixel_unshuffle,
     "Squares of pixels gathered into channels."},
    {"channel_shuffle(Tensor self, int groups) -> Tensor", channel_shuffle, "Groups of channels dealt out in turn."},
    {"native_channel_shuffle(Tensor self, int groups) -> Tensor", channel_shuffle,
     "Groups of channels dealt out in turn."},
    {0},
};
