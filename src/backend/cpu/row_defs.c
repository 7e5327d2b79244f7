/* Floor 1. The rows of pointwise.def as objects, each by itself (backend/pointwise.h): its loops in every instruction set, what
 * the table says of it, and which rows its derivatives mention. That is read from their texts by the build
 * (cmake/mentions.cmake), which writes row_mentions.h. */
#include "backend/cpu/isa/isa.h"
#include "backend/pointwise.h"

#include "row_mentions.h"

#define LOOP_PARAMETERS (void *y, const void *a, const void *b, const void *c, const void *d, int64_t n)
#if FAC__HAVE_X86_ISAS
#define LOOPS(name)                                                                                                    \
    {                                                                                                                  \
        {fac__row_##name##_i64_baseline, fac__row_##name##_f32_baseline, fac__row_##name##_f64_baseline},              \
            {fac__row_##name##_i64_avx2, fac__row_##name##_f32_avx2, fac__row_##name##_f64_avx2},                      \
            {fac__row_##name##_i64_avx512, fac__row_##name##_f32_avx512, fac__row_##name##_f64_avx512},                \
    }
#else
#define LOOPS(name)                                                                                                    \
    {                                                                                                                  \
        {                                                                                                              \
            fac__row_##name##_i64_baseline, fac__row_##name##_f32_baseline, fac__row_##name##_f64_baseline             \
        }                                                                                                              \
    }
#endif

#define ROW(name, arity, tensors, rule, ...)                                                                           \
    FAC__ISA_DECLARE(void, fac__row_##name##_i64, LOOP_PARAMETERS);                                                    \
    FAC__ISA_DECLARE(void, fac__row_##name##_f32, LOOP_PARAMETERS);                                                    \
    FAC__ISA_DECLARE(void, fac__row_##name##_f64, LOOP_PARAMETERS);                                                    \
    static const fac__row mentions_##name[] = {FAC__MENTIONS_##name NULL};                                             \
    const fac__row_def FAC__ROW_##name[1] = {{LOOPS(name),                                                             \
                                              FAC__ID_##name,                                                          \
                                              arity,                                                                   \
                                              tensors,                                                                 \
                                              FAC__COST_##name,                                                        \
                                              FAC__##rule,                                                             \
                                              #name,                                                                   \
                                              {__VA_ARGS__},                                                           \
                                              mentions_##name}};

/* clang-format off */
#define FAC_UNARY(name, rule, expr, da, doc)                   ROW(name, 1, 1, rule, da)
#define FAC_UNARY_P(name, rule, params, n, expr, da, doc)      ROW(name, 1 + n, 1, rule, da)
#define FAC_BINARY(name, rule, expr, da, db, doc)              ROW(name, 2, 2, rule, da, db)
#define FAC_BINARY_T(name, rule, expr, da, db, doc)            ROW(name, 2, 2, rule, da, db)
#define FAC_TERNARY(name, rule, schema, expr, da, db, dc, doc) ROW(name, 3, 3, rule, da, db, dc)
#define FAC_HELPER(name, n, expr, da, db, dc, dd)              ROW(name, n, n, SAME, da, db, dc, dd)
/* clang-format on */
#include "facula/pointwise.def"
