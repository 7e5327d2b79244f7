/* Floor 1. The weight gradient of convolution with kernels of one element that go by single steps: the sum over images of the
 * products dy x^T. A block of dw goes through all images, so that nothing is summed apart and no image is turned. */
#include "backend/cpu/conv_plan.h"
#include "backend/cpu/gemm_one.h"

typedef struct points {
    fac__gemm_args image; /* the product for one image and group */
    int64_t images, x_image, dy_image, x_group, dy_group;
    int64_t rows, columns, down, across; /* of a block of dw; how many there are in a group */
} points;

static void make_blocks(void *context, int64_t begin, int64_t end)
{
    const points *p = context;
    int64_t size = (int64_t)fac_dtype_size(p->image.dtype);
    for (int64_t q = begin; q < end; q++) {
        int64_t group = q / p->across / p->down, i = q / p->across % p->down * p->rows, j = q % p->across * p->columns;
        fac__gemm_args g = p->image;
        g.m = g.m - i < p->rows ? g.m - i : p->rows;
        g.n = g.n - j < p->columns ? g.n - j : p->columns;
        g.c = (char *)g.c + ((group * p->image.m + i) * g.c_row + j) * size;
        for (int64_t n = 0; n < p->images; n++, g.beta = 1) {
            g.a = (const char *)p->image.a + (n * p->dy_image + group * p->dy_group + i * g.a_row) * size;
            g.b = (const char *)p->image.b + (n * p->x_image + group * p->x_group + j * g.b_col) * size;
            FAC__ISA_PICK(fac__gemm_one)(&g);
        }
    }
}

bool fac__conv_weight_points(const fac__conv_args *a)
{
    enum { MOST_ROWS = 256, LEAST_ROWS = 64, COLUMNS = 32, ENOUGH = 8 /* blocks, for the threads */ };
    int64_t cg = a->c / a->groups, kg = a->k / a->groups, plane = a->in[0] * a->in[1] * a->in[2];
    for (int i = 0; i < 3; i++)
        if (a->kernel[i] != 1 || a->stride[i] != 1 || a->pad[i] != 0) return false;
    points p = {.image = {.dtype = a->dtype, .batch = 1, .m = kg, .n = cg, .k = plane, .alpha = 1, .beta = 0},
                .images = a->n,
                .x_image = a->c * plane,
                .dy_image = a->k * plane,
                .x_group = cg * plane,
                .dy_group = kg * plane,
                .columns = COLUMNS};
    fac__gemm_args *g = &p.image;
    g->a = a->dy, g->a_row = plane, g->a_col = 1;
    g->b = a->x, g->b_row = 1, g->b_col = plane;
    g->c = a->dw, g->c_row = cg, g->c_col = 1;
    if (plane == 1) { /* images are what is summed over */
        g->k = a->n;
        g->a_col = a->k;
        g->b_row = a->c;
        p.images = 1;
    }
    p.across = (cg + p.columns - 1) / p.columns;
    for (p.rows = MOST_ROWS;; p.rows /= 2) {
        p.down = (kg + p.rows - 1) / p.rows;
        if (a->groups * p.down * p.across >= ENOUGH) break;
        if (p.rows == LEAST_ROWS) return false;
    }
    int64_t items = a->groups * p.down * p.across;
    double work = (double)p.rows * (double)p.columns * (double)(a->n * plane);
    fac__parallel(items, fac__conv_grain(items, work), make_blocks, &p);
    return true;
}
