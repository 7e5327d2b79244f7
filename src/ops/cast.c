/* Floor 4. Casts that have the name of a dtype: x.float(), x.long()... */
#include "op.h"

/* clang-format off */
#define CASTS(CAST) \
    CAST(bool, FAC_BOOL) \
    CAST(byte, FAC_UINT8) \
    CAST(char, FAC_INT8) \
    CAST(short, FAC_INT16) \
    CAST(int, FAC_INT32) \
    CAST(long, FAC_INT64) \
    CAST(half, FAC_FLOAT16) \
    CAST(bfloat16, FAC_BFLOAT16) \
    CAST(float, FAC_FLOAT32) \
    CAST(double, FAC_FLOAT64)

#define DEFINE(name, dtype)                                                                                               \
    fac_tensor *fac_##name(fac_tensor *self)                                                                              \
    {                                                                                                                     \
        FAC__OP(#name);                                                                                                   \
        return fac_to(self, dtype);                                                                                       \
    }                                                                                                                     \
    FAC__CALL(call_##name, R(fac_##name(T(0))))
CASTS(DEFINE)

#define ROW(name, dtype)                                                                                                  \
    {#name "(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", call_##name, "self cast to " #dtype "."},

const fac__op fac__ops_cast[] = {
    CASTS(ROW)
    {0},
};
