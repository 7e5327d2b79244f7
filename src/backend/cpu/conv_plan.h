/* Floor 1. What conv_cpu.c asks of isa/conv_kernels.c. */
#ifndef FACULA_CONV_PLAN_H
#define FACULA_CONV_PLAN_H

#include "backend/conv.h"

/* One axis of a correlation: output i is made of the source's elements (i + shift) * step + first + phase, one for each
 * of its taps (a kernel position with its phase and shift), and lies at out_first + i * out_step. */
typedef struct fac__conv_tap {
    int32_t kernel, phase, shift;
} fac__conv_tap;
typedef struct fac__conv_axis {
    int64_t outputs, out_first, out_step;
    int64_t source, step, first, phases, max_shift;
    int64_t taps;
    fac__conv_tap *tap;
} fac__conv_axis;

/* out[n, g, r, position] = bias[g, r] + sum over depth and taps of weight * source[n, g, depth, position'].
 * A convolution's forward pass is one correlation; its input gradient is one for each residue of the stride. */
typedef struct fac__correlation {
    fac_dtype dtype;
    int64_t n, groups, rows, depth; /* rows: output channels of a group, depth: source channels of a group */
    fac__conv_axis axis[3];
    int64_t kernel[3], out_size[3];
    int64_t w_row, w_depth, w_group; /* strides of the weights; the kernel's positions are contiguous */
    const void *source, *w, *bias;
    void *out; /* the transposed correlation (isa/conv_spread.h) reads out and writes source */
} fac__correlation;

/* How many of `items` make a chunk for fac__parallel, each of `work` multiply-adds: little work
 * stays on its thread. Results depend on neither. */
static inline int64_t fac__conv_grain(int64_t items, double work)
{
    return (double)items * work < fac__worth_sharing() ? items : 1 + (int64_t)((1 << 18) / (work + 1));
}

/* conv_point_cpu.c. false: it is another convolution, or too small a product for several threads; nothing done. */
bool fac__conv_weight_points(const fac__conv_args *a);

/* conv_small_cpu.c: the forward pass and both gradients. false: it is another convolution, or there is no memory; nothing done. */
bool fac__conv_small(const fac__conv_args *a);
bool fac__conv_input_small(const fac__conv_args *a);
bool fac__conv_weight_small(const fac__conv_args *a);

/* false: no memory to work in, nothing done. */
#define FAC__CORRELATE_PARAMETERS (const fac__correlation *c)
#define FAC__CORRELATE_TILED_PARAMETERS (const fac__correlation *c, bool *odd)
#define FAC__CONV_PARAMETERS (const fac__conv_args *a)
#define FAC__CONV_WEIGHT_PARAMETERS (const fac__conv_args *a, bool sparse)
#define FAC__CONV_FIND_PARAMETERS (const fac__conv_args *a, bool *sparse)

#endif
