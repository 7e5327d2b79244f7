/* Images moved and mirrored by chance, see data_source.h. */
#include <stdlib.h>
#include <string.h>

#include "data_source.h"

/* splitmix64 (Steele, Lea and Flood 2014) of one after the other. */
uint64_t mixed(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t parts[] = {a, b, c}, state = 0;
    for (int i = 0; i < 3; i++) {
        state = (state ^ parts[i]) + UINT64_C(0x9e3779b97f4a7c15);
        state = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        state = (state ^ (state >> 27)) * UINT64_C(0x94d049bb133111eb);
        state ^= state >> 31;
    }
    return state;
}

static void move_image(const float *from, float *to, fac_dims shape, int64_t down, int64_t right, bool mirror)
{
    int64_t height = shape.d[2], width = shape.d[3];
    for (int64_t row = 0; row < shape.d[1] * height; row++, to += width) {
        int64_t source = row % height - down;
        const float *line = from + (row - down) * width;
        for (int64_t i = 0; i < width; i++) {
            int64_t at = (mirror ? width - 1 - i : i) - right;
            to[i] = source >= 0 && source < height && at >= 0 && at < width ? line[at] : 0;
        }
    }
}

static int64_t within(uint64_t chance, int64_t most)
{
    return (int64_t)(chance % (uint64_t)(2 * most + 1)) - most;
}

bool augment(fac_tensor *images, uint64_t chance, bool shift, bool flip)
{
    fac_dims shape = fac_shape(images);
    size_t elements = (size_t)(shape.d[1] * shape.d[2] * shape.d[3]);
    float *image = fac_data(images), *before = malloc(elements * sizeof *before);
    if (!before) {
        fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
        return false;
    }
    for (int64_t i = 0; i < shape.d[0]; i++, image += elements) {
        uint64_t own = mixed(chance, (uint64_t)i, 0);
        int64_t down = shift ? within(own & 0xffff, shape.d[2] / 8) : 0;
        int64_t right = shift ? within(own >> 16 & 0xffff, shape.d[3] / 8) : 0;
        memcpy(before, image, elements * sizeof *before);
        move_image(before, image, shape, down, right, flip && (own >> 32 & 1));
    }
    free(before);
    return true;
}
