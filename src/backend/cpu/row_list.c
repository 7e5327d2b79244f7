/* Floor 1. All rows of pointwise.def in a list, apart from the rows themselves: who uses it links every one of them. */
#include "backend/pointwise.h"

const fac__row fac__all_rows[FAC__ROW_COUNT] = {
#define FAC_ROW(name, arity, expr) [FAC__ID_##name] = FAC__ROW_##name,
#include "facula/pointwise.def"
};
