/* Floor 8: C++17 on top of facula.h, thin: a tensor that keeps and releases itself, operators, calls in a chain, errors as
 * exceptions. Everything of the C API goes on working beside it, on the same tensors.
 *
 *     fac::tensor x = fac::literal("[[1, 2], [3, 4]]", FAC_FLOAT32);
 *     fac::tensor y = (2 * x + 1).matmul(x.t()).apply(fac_softmax, -1, FAC_DTYPE_NONE);
 *
 * Ownership. A fac::tensor holds a reference; copies hold one more of the same tensor. What is computed with tensors of this
 * header is owned by their handles alone and goes with them: no fac_scope is needed. A pointer from a function of the C API
 * is kept by fac::tensor(pointer); its scope holds it, too, until it ends. fac::own makes the scope for you.
 *
 * Errors. An operation that fails throws fac::error and leaves no error pending. With FACULA_NO_EXCEPTIONS defined, or
 * -fno-exceptions, it gives an empty tensor and a pending error, as in C. Either way the error handler is called; it prints
 * unless fac_set_error_handler(nullptr) has silenced it. Files of both kinds may be linked together. */
#ifndef FACULA_FACULA_HPP
#define FACULA_FACULA_HPP

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "facula/facula.h"

namespace fac
{

/* Each way of reporting errors has functions of its own, so that programs may mix them. */
#if defined(FACULA_NO_EXCEPTIONS) || !defined(__cpp_exceptions)
inline namespace without_exceptions
{
#define FAC__CPP_THROWS 0
#else
inline namespace with_exceptions
{
#define FAC__CPP_THROWS 1
#endif

/* What went wrong, as fac_error() says it. */
class error : public std::runtime_error
{
  public:
    error(const std::string &message, fac_error_code code) : std::runtime_error(message), code_(code)
    {
    }
    fac_error_code code() const noexcept
    {
        return code_;
    }

  private:
    fac_error_code code_;
};

/* Throws the pending error, if there is one. */
inline void check()
{
#if FAC__CPP_THROWS
    if (const char *message = fac_error()) {
        error e(message, fac_get_error_code());
        fac_clear_error();
        throw e;
    }
#endif
}

class tensor;

/* A shape or dims: {2, 3}. */
class dims
{
  public:
    dims(std::initializer_list<std::int64_t> d) : d_(fac_dims_make((int)d.size(), d.begin()))
    {
    }
    dims(const std::vector<std::int64_t> &d) : d_(fac_dims_make((int)d.size(), d.data()))
    {
    }
    dims(fac_dims d) : d_(d)
    {
    }
    operator fac_dims() const
    {
        return d_;
    }

  private:
    fac_dims d_;
};

/* Arguments of the C API: a handle stands for its pointer, all else for itself. */
template <class T> inline const T &plain(const T &argument)
{
    return argument;
}
inline fac_dims plain(const dims &d)
{
    return d;
}
inline fac_tensor *plain(const tensor &t);

/* The tensor that `make`, any expression of the C API in a lambda, returns; everything else that it made is dropped. */
template <class F> tensor own(F make);

/* f(arguments…) of the C API, owned: fac::call(fac_cat2, x, y). */
template <class F, class... A> tensor call(F f, const A &...arguments);

class tensor
{
  public:
    tensor() noexcept = default;
    /* Holds one more reference to what a function of the C API returned; an error that is pending is thrown. */
    explicit tensor(fac_tensor *t) : t_(fac_keep(t))
    {
        if (!t) check();
    }
    tensor(const tensor &other) noexcept : t_(fac_keep(other.t_))
    {
    }
    tensor(tensor &&other) noexcept : t_(std::exchange(other.t_, nullptr))
    {
    }
    tensor &operator=(tensor other) noexcept
    {
        std::swap(t_, other.t_);
        return *this;
    }
    ~tensor()
    {
        fac_release(t_);
    }

    /* A handle that takes over a reference the caller has. */
    static tensor adopt(fac_tensor *t)
    {
        tensor result;
        result.t_ = t;
        return result;
    }
    /* For functions of the C API; the handle goes on holding it. */
    fac_tensor *get() const noexcept
    {
        return t_;
    }
    /* Gives the reference away: the caller's to fac_release. */
    fac_tensor *release() noexcept
    {
        return std::exchange(t_, nullptr);
    }
    explicit operator bool() const noexcept
    {
        return t_ != nullptr;
    }

    /* Any function of the C API that takes a tensor first, so that calls make a chain: x.apply(fac_flip, fac::dims{0}). */
    template <class F, class... A> tensor apply(F f, const A &...arguments) const
    {
        return call(f, *this, arguments...);
    }

    /* ---- looking ------------------------------------------------------------------------------------------- */

    int dim() const
    {
        return fac_dim(t_);
    }
    std::int64_t size(int d) const
    {
        return value(fac_size(t_, d));
    }
    std::int64_t numel() const
    {
        return fac_numel(t_);
    }
    fac_dtype dtype() const
    {
        return fac_dtype_of(t_);
    }
    std::vector<std::int64_t> shape() const
    {
        fac_dims s = fac_shape(t_);
        return std::vector<std::int64_t>(s.d, s.d + s.n);
    }
    bool is_contiguous() const
    {
        return fac_is_contiguous(t_);
    }
    double item() const
    {
        return value(fac_item(t_));
    }
    double at(dims index) const
    {
        return value(fac_at(t_, index));
    }
    /* All elements, row-major, converted. T: a number of the C API's dtypes, or bool's std::uint8_t. */
    template <class T> std::vector<T> to_vector() const
    {
        std::vector<T> elements((std::size_t)numel());
        (fac_to_array)(t_, dtype_of<T>(), elements.data(), numel());
        check();
        return elements;
    }
    /* The elements where they lie: fac_strides apart. */
    template <class T> T *data() const
    {
        return static_cast<T *>(fac_data(t_));
    }
    std::string to_string() const
    {
        std::unique_ptr<char, decltype(&std::free)> text((fac_to_string)(t_), &std::free);
        if (!text) check();
        return text ? text.get() : "";
    }

    /* ---- gradients ----------------------------------------------------------------------------------------- */

    bool requires_grad() const
    {
        return fac_requires_grad(t_);
    }
    tensor &requires_grad_(bool on = true)
    {
        if (!(fac_requires_grad_)(t_, on)) check();
        return *this;
    }
    void backward() const
    {
        if (!fac_backward_with(t_, fac_backward_options_defaults())) check();
    }
    /* An empty handle where there is none yet. */
    tensor grad() const
    {
        return adopt(fac_keep((fac_grad)(t_)));
    }
    tensor detach() const
    {
        return apply(fac_detach);
    }

    /* ---- the usual operations; all others by apply --------------------------------------------------------- */

    tensor abs() const
    {
        return apply(fac_abs);
    }
    tensor exp() const
    {
        return apply(fac_exp);
    }
    tensor log() const
    {
        return apply(fac_log);
    }
    tensor sqrt() const
    {
        return apply(fac_sqrt);
    }
    tensor relu() const
    {
        return apply(fac_relu);
    }
    tensor tanh() const
    {
        return apply(fac_tanh);
    }
    tensor sigmoid() const
    {
        return apply(fac_sigmoid);
    }
    tensor pow(double exponent) const
    {
        return apply(fac_pow_scalar, fac__scalar(exponent));
    }
    tensor softmax(std::int64_t d) const
    {
        return apply(fac_softmax, d, FAC_DTYPE_NONE);
    }
    tensor sum() const
    {
        return apply(fac_sum_with, fac_reduce_options_defaults());
    }
    tensor sum(dims d, bool keepdim = false) const
    {
        return apply(fac_sum_with, along(d, keepdim));
    }
    tensor mean() const
    {
        return apply(fac_mean_with, fac_reduce_options_defaults());
    }
    tensor mean(dims d, bool keepdim = false) const
    {
        return apply(fac_mean_with, along(d, keepdim));
    }
    tensor max() const
    {
        return apply(fac_max);
    }
    tensor min() const
    {
        return apply(fac_min);
    }
    tensor matmul(const tensor &other) const
    {
        return apply(fac_matmul, other);
    }
    tensor t() const
    {
        return apply(fac_t);
    }
    tensor transpose(int d0, int d1) const
    {
        return apply(fac_transpose, d0, d1);
    }
    tensor permute(dims d) const
    {
        return apply(fac_permute, d);
    }
    tensor reshape(dims shape) const
    {
        return apply(fac_reshape, shape);
    }
    tensor view(dims shape) const
    {
        return apply(fac_view, shape);
    }
    tensor flatten(int start = 0, int end = -1) const
    {
        return apply(fac_flatten, start, end);
    }
    tensor squeeze(int d) const
    {
        return apply(fac_squeeze_dim, d);
    }
    tensor unsqueeze(int d) const
    {
        return apply(fac_unsqueeze, d);
    }
    tensor select(int d, std::int64_t index) const
    {
        return apply(fac_select, d, index);
    }
    tensor slice(int d, std::int64_t start, std::int64_t end, std::int64_t step = 1) const
    {
        return apply(fac_slice, d, start, end, step);
    }
    tensor clone() const
    {
        return apply(fac_clone);
    }
    tensor contiguous() const
    {
        return apply(fac_contiguous);
    }
    tensor to(fac_dtype type) const
    {
        return apply(fac_to, type);
    }

  private:
    fac_tensor *t_ = nullptr;

    template <class T> static T value(T v)
    {
        check();
        return v;
    }
    static fac_reduce_options along(fac_dims d, bool keepdim)
    {
        fac_reduce_options o = fac_reduce_options_defaults();
        o.dims = d;
        o.keepdim = keepdim;
        return o;
    }
    template <class T> static constexpr fac_dtype dtype_of()
    {
        static_assert(std::is_arithmetic<T>::value && !std::is_same<T, bool>::value && sizeof(T) <= 8,
                      "no dtype of ours");
        if (std::is_floating_point<T>::value) return sizeof(T) == 4 ? FAC_FLOAT32 : FAC_FLOAT64;
        return sizeof(T) == 1   ? (std::is_signed<T>::value ? FAC_INT8 : FAC_UINT8)
               : sizeof(T) == 2 ? FAC_INT16
               : sizeof(T) == 4 ? FAC_INT32
                                : FAC_INT64;
    }
};

inline fac_tensor *plain(const tensor &t)
{
    return t.get();
}

template <class F> tensor own(F make)
{
    struct scope { /* whose destructor ends it, however it is left */
        fac__scope_mark mark = fac__scope_enter();
        ~scope()
        {
            fac__scope_leave(&mark);
        }
    };
    tensor result;
    {
        scope s;
        result = tensor::adopt(fac_keep(make()));
    }
    if (!result) check();
    return result;
}

template <class F, class... A> tensor call(F f, const A &...arguments)
{
    fac__here(nullptr, 0); /* the line is this header's, which says nothing */
    return own([&] { return f(plain(arguments)...); });
}

/* ---- making -------------------------------------------------------------------------------------------------- */

/* "[[1, 2], [3, 4]]", as fac_literal reads it. */
inline tensor literal(const char *text, fac_dtype dtype = FAC_DTYPE_NONE)
{
    fac_literal_options o = fac_literal_options_defaults();
    o.dtype = dtype;
    return call(fac_literal_with, text, o);
}

/* ---- operators ----------------------------------------------------------------------------------------------- */

/* Numbers keep their kind, as in C: an int64 tensor * 2 stays int64, * 2.0 becomes float32. Comparisons give tensors of bool. */
template <class T> using if_number = std::enable_if_t<std::is_arithmetic<T>::value, int>;

#define FAC__CPP_OPERATOR(op, name)                                                                                    \
    inline tensor operator op(const tensor &a, const tensor &b)                                                        \
    {                                                                                                                  \
        return call(fac_##name, a, b);                                                                                 \
    }                                                                                                                  \
    template <class T, if_number<T> = 0> tensor operator op(const tensor &a, T b)                                      \
    {                                                                                                                  \
        return call(fac_##name##_scalar, a, fac__scalar(b));                                                           \
    }
FAC__CPP_OPERATOR(+, add)
FAC__CPP_OPERATOR(-, sub)
FAC__CPP_OPERATOR(*, mul)
FAC__CPP_OPERATOR(/, div)
FAC__CPP_OPERATOR(==, eq)
FAC__CPP_OPERATOR(!=, ne)
FAC__CPP_OPERATOR(<, lt)
FAC__CPP_OPERATOR(<=, le)
FAC__CPP_OPERATOR(>, gt)
FAC__CPP_OPERATOR(>=, ge)
#undef FAC__CPP_OPERATOR

template <class T, if_number<T> = 0> tensor operator+(T a, const tensor &b)
{
    return b + a;
}
template <class T, if_number<T> = 0> tensor operator-(T a, const tensor &b)
{
    return call(fac_rsub_scalar, b, fac__scalar(a));
}
template <class T, if_number<T> = 0> tensor operator*(T a, const tensor &b)
{
    return b * a;
}
template <class T, if_number<T> = 0> tensor operator/(T a, const tensor &b)
{
    return call(fac_mul_scalar, call(fac_reciprocal, b), fac__scalar(a));
}
inline tensor operator-(const tensor &a)
{
    return call(fac_neg, a);
}

/* In place, as a += b is in PyTorch. */
#define FAC__CPP_IN_PLACE(op, name)                                                                                    \
    inline tensor &operator op(tensor &a, const tensor &b)                                                             \
    {                                                                                                                  \
        return call(fac_##name##_, a, b), a;                                                                           \
    }                                                                                                                  \
    template <class T, if_number<T> = 0> tensor &operator op(tensor &a, T b)                                           \
    {                                                                                                                  \
        return call(fac_##name##_scalar_, a, fac__scalar(b)), a;                                                       \
    }
FAC__CPP_IN_PLACE(+=, add)
FAC__CPP_IN_PLACE(-=, sub)
FAC__CPP_IN_PLACE(*=, mul)
FAC__CPP_IN_PLACE(/=, div)
#undef FAC__CPP_IN_PLACE

inline std::ostream &operator<<(std::ostream &out, const tensor &t)
{
    return out << t.to_string();
}

/* ---- modules and optimisers ---------------------------------------------------------------------------------- */

struct free_module {
    void operator()(fac_module *m) const
    {
        fac_module_free(m);
    }
};
struct free_optimizer {
    void operator()(fac_optimizer *o) const
    {
        fac_optimizer_free(o);
    }
};
/* fac::module net(fac_nn_linear(2, 1)); frees it, and all below it, at its end. */
using module = std::unique_ptr<fac_module, free_module>;
using optimizer = std::unique_ptr<fac_optimizer, free_optimizer>;

inline tensor forward(const module &m, const tensor &x)
{
    return own([&] { return (fac_forward)(m.get(), x.get()); });
}

} /* inline namespace */
} /* namespace fac */

#endif
