/* Floor 4. Which frequencies the Fourier transforms' results stand for (facula/ops_fft.h). */
#include "facula/ops_create.h"
#include "facula/ops_fft.h"
#include "op.h"

/* The whole numbers from `begin` to before `end`, as frequencies of n samples that are d apart. */
static fac_tensor *frequencies(int64_t begin, int64_t end, int64_t n, double d, fac_dtype dtype)
{
    if (dtype && !fac_dtype_is_floating(dtype))
        return fac__runtime_error("fftfreq requires a floating point or complex dtype");
    fac_tensor *numbers = fac_arange(begin, end, 1, .dtype = dtype ? dtype : fac_get_default_dtype());
    return numbers ? fac_mul_scalar(numbers, 1 / ((double)n * d)) : NULL;
}

fac_tensor *fac_fft_fftfreq(int64_t n, double d, fac_dtype dtype)
{
    FAC__OP("fft_fftfreq");
    if (n < 0) return fac__runtime_error("Trying to create tensor with negative dimension %lld", (long long)n);
    fac_tensor *rising = frequencies(-(n / 2), n - n / 2, n, d, dtype);
    return rising ? fac_fft_ifftshift(rising, FAC_DIMS(0)) : NULL;
}

fac_tensor *fac_fft_rfftfreq(int64_t n, double d, fac_dtype dtype)
{
    FAC__OP("fft_rfftfreq");
    return frequencies(0, n / 2 + 1, n, d, dtype);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(fftfreq, R(fac_fft_fftfreq(I(0), F(1), DT(2))))
FAC__CALL(rfftfreq, R(fac_fft_rfftfreq(I(0), F(1), DT(2))))

#define SAMPLES                                                                                                        \
    "(int n, float d=1.0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "                 \
    "pin_memory=None) -> Tensor"

const fac__op fac__ops_fft_frequencies[] = {
    {"fft_fftfreq" SAMPLES, fftfreq, "The frequencies of fft's result for n samples, d apart."},
    {"fft_rfftfreq" SAMPLES, rfftfreq, "The frequencies of rfft's result for n samples, d apart."},
    {0},
};
