/* A program outside of facula's tree that uses facula.hpp; it returns 0 if that works. With -fno-exceptions, errors are as in C. */
#include <facula/facula.hpp>

#include <cstdio>
#include <cstring>

static int failures = 0;

static void expect(bool condition, const char *what)
{
    if (!condition) std::printf("not so: %s\n", what), failures++;
}
#define EXPECT(condition) expect(condition, #condition)

static void operators()
{
    using fac::tensor;
    tensor x = fac::literal("[[1, 2], [3, 4]]", FAC_FLOAT32), y = x;
    EXPECT(y.get() == x.get());
    tensor z = (2 * x + 1 - x / 2).matmul(x.t());
    EXPECT(z.to_vector<double>() == (std::vector<double>{10.5, 23.5, 19.5, 44.5}));
    EXPECT((1 - x).sum().item() == -6 && (12 / x).sum().item() == 25 && (-x).min().item() == -4);
    EXPECT((x > 2).to_vector<std::uint8_t>() == (std::vector<std::uint8_t>{0, 0, 1, 1}));
    EXPECT((x == x).dtype() == FAC_BOOL && (fac::literal("[1, 2]") * 2).dtype() == FAC_INT64);
    EXPECT(x.sum({0}).to_vector<float>() == (std::vector<float>{4, 6}) &&
           x.mean({1}, true).shape() == (std::vector<std::int64_t>{2, 1}));
    y += 1;
    y *= x; /* the same tensor: x is changed, too */
    EXPECT(x.at({1, 1}) == 25);
    tensor flipped = x.reshape({4}).apply(fac_flip, fac::dims{0}).slice(0, 0, 2);
    EXPECT(flipped.to_vector<int>() == (std::vector<int>{25, 16}));
    EXPECT(x.select(0, 0).to_string() == "tensor([4., 9.])");
    tensor moved = std::move(flipped);
    EXPECT(moved && !flipped);
}

/* A training without a scope keeps its memory. */
static void training()
{
    fac_manual_seed(0);
    fac::module model(fac_nn_linear(2, 1));
    fac::optimizer sgd(fac_sgd(fac_parameters(model.get()), .lr = 0.01));
    fac::tensor x = fac::literal("[[1, 2], [3, 4]]", FAC_FLOAT32), y = fac::literal("[[1], [-1]]", FAC_FLOAT32);
    double first = 0, last = 0;
    int64_t used = 0, late = 0;
    for (int step = 0; step < 200; step++) {
        fac::tensor d = fac::forward(model, x) - y, loss = (d * d).mean();
        fac_zero_grad(sgd.get());
        loss.backward();
        fac_step(sgd.get());
        last = loss.item();
        if (step == 0) first = last;
        if (step == 10) used = fac_memory().used;
        late = fac_memory().used;
    }
    EXPECT(last < first / 2);
    EXPECT(late == used);
    fac::tensor w = fac::literal("[2.0, 3.0]").requires_grad_();
    EXPECT(!w.grad());
    (w * w).sum().backward();
    EXPECT(w.grad().to_vector<float>() == (std::vector<float>{4, 6}));
}

static void errors()
{
    fac_set_error_handler(nullptr);
    fac::tensor a = fac::literal("[1, 2]"), b = fac::literal("[1, 2, 3]");
#if FAC__CPP_THROWS
    try {
        (a + b).relu();
        EXPECT(!"an error was thrown");
    } catch (const fac::error &e) {
        EXPECT(std::strstr(e.what(), "must match") && e.code() == FAC_ERROR_RUNTIME);
    }
    try {
        a.size(7);
        EXPECT(!"an error was thrown");
    } catch (const fac::error &e) {
        EXPECT(e.code() == FAC_ERROR_INDEX);
    }
    EXPECT(!fac_error());
#else
    EXPECT(!(a + b).relu() && std::strstr(fac_error(), "must match"));
    fac_clear_error();
#endif
    EXPECT((a + 1).sum().item() == 5);
}

int main()
{
    operators();
    training();
    errors();
    return failures != 0;
}
