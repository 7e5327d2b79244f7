/* Floor 7. Tensors on their way into files. */
#include "row_major.h"

#include "data/byte_order.h"
#include "facula/autograd.h"
#include "facula/ops_pointwise.h"

fac_tensor *fac__row_major(fac_tensor *t)
{
    size_t size = fac_dtype_size((fac_dtype)t->dtype);
    fac_tensor *row = NULL;
    fac_no_grad {
        bool swap = size > 1 && fac__machine_is_big_endian();
        row = swap ? fac_clone(fac_contiguous(t)) : fac_contiguous(t);
        if (row && swap) fac__swap_bytes(fac__host(row), row->numel, size);
    }
    return row;
}

bool fac__write_row_major(fac__file *f, fac_tensor *t)
{
    bool ok = false;
    fac_scope {
        fac_tensor *row = fac__row_major(t);
        ok = row && fac__file_write(f, fac__host(row), (size_t)row->numel * fac_dtype_size((fac_dtype)row->dtype));
    }
    return ok;
}
