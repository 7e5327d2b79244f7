/* Floor 7. Tensors of other libraries as ours and ours as theirs, by DLPack. */
#include "facula/dlpack.h"

#include <string.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "dlpack_struct.h"
#include "facula/autograd.h"

static const struct {
    uint8_t code, bits;
} codes[FAC_DTYPE_COUNT] = {
    [FAC_BOOL] = {DL_BOOL, 8},      [FAC_UINT8] = {DL_UINT, 8},       [FAC_INT8] = {DL_INT, 8},
    [FAC_INT16] = {DL_INT, 16},     [FAC_INT32] = {DL_INT, 32},       [FAC_INT64] = {DL_INT, 64},
    [FAC_FLOAT16] = {DL_FLOAT, 16}, [FAC_BFLOAT16] = {DL_BFLOAT, 16}, [FAC_FLOAT32] = {DL_FLOAT, 32},
    [FAC_FLOAT64] = {DL_FLOAT, 64}};

/* ---- ours for others ------------------------------------------------------------------------------------------ */

typedef struct shared {
    DLManagedTensor managed;
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
} shared;

static void drop_shared(DLManagedTensor *managed)
{
    fac_release(managed->context);
    fac__free(managed);
}

DLManagedTensor *fac_to_dlpack(fac_tensor *self)
{
    FAC__OP("to_dlpack");
    FAC__NEED(self);
    if (fac__recording_now()) return fac__recording_refuse("share a tensor's memory");
    if (fac_requires_grad(self))
        return fac__runtime_error("Can't export tensors that require gradient, use tensor.detach()");
    shared *s = fac__calloc(sizeof *s);
    if (!s) return NULL;
    memcpy(s->shape, self->shape, (size_t)self->ndim * sizeof *s->shape);
    memcpy(s->strides, self->strides, (size_t)self->ndim * sizeof *s->strides);
    s->managed = (DLManagedTensor){.tensor = {.data = fac__address(self),
                                              .device = {.type = DL_CPU},
                                              .ndim = self->ndim,
                                              .dtype = {codes[self->dtype].code, codes[self->dtype].bits, 1},
                                              .shape = s->shape,
                                              .strides = s->strides},
                                   .context = fac__retain(self),
                                   .deleter = drop_shared};
    return &s->managed;
}

/* ---- others' for us ------------------------------------------------------------------------------------------- */

static fac_dtype dtype_of(const DLTensor *t)
{
    for (int i = FAC_BOOL; i < FAC_DTYPE_COUNT && t->dtype.lanes == 1; i++)
        if (codes[i].code == t->dtype.code && codes[i].bits == t->dtype.bits) return (fac_dtype)i;
    fac__type_error("there is no dtype for elements of code %d, %d bits, %d lanes", t->dtype.code, t->dtype.bits,
                    t->dtype.lanes);
    return FAC_DTYPE_NONE;
}

/* Strides as we have them, and how many elements there are from the first to the last; -1 after an error. */
static int64_t reach_of(const DLTensor *t, int64_t *strides)
{
    if (t->ndim < 0 || t->ndim > FAC_MAX_DIMS || (t->ndim && !t->shape))
        return fac__value_error("%d dims, of at most %d", t->ndim, FAC_MAX_DIMS), -1;
    int64_t numel = fac__shape_numel(t->ndim, t->shape), step = 1, last = 0;
    if (numel < 0) return -1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        strides[d] = t->strides ? t->strides[d] : step;
        step =
            (int64_t)((uint64_t)step * (uint64_t)(t->shape[d] ? t->shape[d] : 1)); /* fits where there are elements */
        int64_t further;
        if (strides[d] < 0) return fac__value_error("negative strides are not supported, copy it first"), -1;
        if (numel && (__builtin_mul_overflow(strides[d], t->shape[d] - 1, &further) ||
                      __builtin_add_overflow(last, further, &last) || last >= INT64_MAX / 8))
            return fac__value_error("strides reach beyond all memory"), -1;
    }
    return numel ? last + 1 : 0;
}

static void drop_foreign(void *managed_)
{
    DLManagedTensor *managed = managed_;
    if (managed->deleter) managed->deleter(managed);
}

fac_tensor *fac_from_dlpack(DLManagedTensor *managed)
{
    FAC__OP("from_dlpack");
    FAC__NEED(managed);
    if (fac__recording_now()) return fac__recording_refuse("make a tensor of another library's memory");
    const DLTensor *t = &managed->tensor;
    if (t->device.type != DL_CPU && t->device.type != DL_CUDA_HOST)
        return fac__value_error("the memory is of a device of type %d, not the CPU's (1): copy it there first",
                                t->device.type);
    fac_dtype dtype = dtype_of(t);
    int64_t strides[FAC_MAX_DIMS], reach = dtype ? reach_of(t, strides) : -1;
    if (reach < 0) return NULL;
    if (reach && !t->data) return fac__null_error("data");
    char *data = t->data ? (char *)t->data + t->byte_offset : NULL;
    if ((uintptr_t)data % fac_dtype_size(dtype))
        return fac__value_error("elements of %zu bytes do not lie on a multiple of that, copy them first",
                                fac_dtype_size(dtype));
    fac_tensor *all = fac__new_foreign(data, dtype, 1, &reach, NULL, NULL);
    fac_tensor *view = all ? fac__new_view(all, t->ndim, t->shape, strides, 0) : NULL;
    if (view) {
        all->storage->drop = drop_foreign;
        all->storage->context = managed;
    }
    fac_release(all);
    return fac__own(view);
}
