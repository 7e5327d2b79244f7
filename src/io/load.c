/* Floor 7. Loading a file by one reader. Apart from formats.c, so that a program that asks for one format links one. */
#include "core/raise.h"
#include "format.h"

fac_state *fac__load_by(bool (*load)(fac__input *in, fac_state *state), const char *path, bool map)
{
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac__input in;
    if (!fac__input_open(&in, path, map)) return NULL;
    fac_state *state = fac_state_new();
    bool ok = state && load(&in, state);
    fac__input_close(&in);
    if (ok) return state;
    fac_state_free(state);
    return NULL;
}
