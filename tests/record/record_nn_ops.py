"""Records losses, normalisation and embeddings: tests/data/{loss,norm,embed}_ops.txt, in the format that
record_reduce_ops.py tells of; and what draws random numbers: tests/data/dropout.txt, lines of
    NAME V...      the result, after torch.manual_seed(3), for x = (0 to 23 - 11.5) / 4 of shape 2, 3, 4, p = 0.3
"""
import torch
import torch.nn.functional as F

from record_reduce_ops import D, R, Z, bf16, case, data, f32, i32, numbers, operators, random, record_all

for function in (F.gaussian_nll_loss, F.multilabel_soft_margin_loss, F.normalize, F.local_response_norm):
    operators[function.__name__] = function
NONE, MEAN, SUM = 0, 1, 2


def P(*shape, dtype=torch.float64):
    """Probabilities."""
    return torch.rand(shape, generator=random, dtype=torch.float64).mul(900).round().add(50).div(1000).to(dtype)


def signs(*shape):
    return (Z(*shape, low=0, high=2) * 2 - 1).double()


def losses():
    for reduction in (NONE, MEAN, SUM):
        for name in ("mse_loss", "l1_loss"):
            case(name, R(3, 4), R(3, 4), reduction)
        case("smooth_l1_loss", R(3, 4), R(3, 4), reduction, 0.7)
        case("huber_loss", R(3, 4), R(3, 4), reduction, 0.7)
        case("binary_cross_entropy", P(3, 4), P(3, 4), None, reduction)
        case("binary_cross_entropy_with_logits", R(3, 4), P(3, 4), None, None, reduction)
        case("kl_div", R(3, 4), P(3, 4), reduction)
        case("poisson_nll_loss", R(3, 4), P(3, 4), True, False, 1e-8, reduction)
        case("soft_margin_loss", R(3, 4), signs(3, 4), reduction, only=(0,))
        case("hinge_embedding_loss", R(3, 4), signs(3, 4), 1.0, reduction, only=(0,))
        case("margin_ranking_loss", R(3, 4), R(3, 4), signs(3, 4), 0.5, reduction, only=(0, 1))
        case("cosine_embedding_loss", R(5, 4), R(5, 4), signs(5), 0.1, reduction, only=(0, 1))
        case("triplet_margin_loss", R(3, 4), R(3, 4), R(3, 4), 1.0, 2.0, 1e-6, False, reduction)
        case("multi_margin_loss", R(3, 4), Z(3, low=0, high=4), 1, 1, None, reduction, second=False)
        case("multilabel_margin_loss", R(2, 4), D([3, 0, -1, 1], [0, 1, 2, 3]).long(), reduction, second=False)
        for x, target in ((R(3, 5), Z(3, low=0, high=5)), (R(5), Z(low=0, high=5)), (R(2, 5, 3), Z(2, 3, low=0, high=5)),
                          (R(2, 5, 2, 2), Z(2, 2, 2, low=0, high=5)), (R(3, 5), D(-100, 2, 2).long())):
            case("nll_loss_nd", x, target, None, reduction, -100)
            case("cross_entropy_loss", x, target, None, reduction, -100, 0.0)
            case("cross_entropy_loss", x, target, None, reduction, -100 if target.min() < 0 else 2, 0.2)
    mean = dict(reduction="mean")
    case("mse_loss", R(3, 4), R(4), only=(0,))  # that of the target is wrong there
    case("mse_loss", R(3, 4, dtype=f32), R(3, 4), grad=False)
    case("mse_loss", R(3, 4).mT, R(4, 3))
    case("mse_loss", R(), R())
    case("smooth_l1_loss", R(3), R(3), MEAN, 0.0)
    case("huber_loss", R(3, 1), R(4), SUM, 2.0)
    case("binary_cross_entropy", D(0.0, 1.0, 0.5), D(0.0, 1.0, 1.0), None, NONE, second=False)
    case("binary_cross_entropy_with_logits", D(-200.0, 200.0, 0.0), D(1.0, 0.0, 1.0), None, None, NONE, second=False)
    case("kl_div", R(3, 4), R(3, 4), MEAN, log_target=True)
    case("kl_div", R(4), D(0.0, 0.5, 0.0, 0.5), SUM, only=(0,))
    case("poisson_nll_loss", P(3, 4), P(3, 4) * 4, False, True, 1e-6, MEAN)
    case("gaussian_nll_loss", R(3, 4), R(3, 4), P(3, 4), full=True, **mean)
    case("gaussian_nll_loss", R(3, 4), R(3, 4), P(3), eps=0.4, **mean)
    case("triplet_margin_loss", R(3, 4), R(3, 4), R(3, 4), 0.5, 3.0, 1e-6, True, MEAN)
    case("multi_margin_loss", R(3, 4), Z(3, low=0, high=4), 2, 0.5, None, MEAN, second=False)
    case("multi_margin_loss", R(4), Z(low=0, high=4), 1, 1, None, NONE, second=False)
    case("multilabel_margin_loss", R(4), D(3, -1, 1, 2).long(), NONE, second=False)
    case("multilabel_soft_margin_loss", R(3, 4), P(3, 4), **mean)
    case("cross_entropy_loss", R(3, 5, dtype=f32), Z(3, low=0, high=5))
    case("cross_entropy_loss", R(2, 5, dtype=bf16), Z(2, low=0, high=5), grad=False)
    case("cross_entropy_loss", R(0, 5), Z(0))
    case("cross_entropy_loss", D([1e4, 0, -1e4], [3, 1e4, 1e4]), D(2, 1).long(), second=False)
    case("cross_entropy_loss", R(5, 3).mT, Z(3, low=0, high=5), None, SUM)
    for reduction in (NONE, MEAN, SUM):
        case("cross_entropy_loss", R(3, 5), P(3, 5), None, reduction)
        case("cross_entropy_loss", R(2, 3, 2), P(2, 3, 2), None, reduction, -100, 0.1)
    # weights have no gradient
    weight = P(4)
    for reduction in (NONE, MEAN, SUM):
        case("cross_entropy_loss", R(3, 4), Z(3, low=0, high=4), weight, reduction, grad=False)
        case("cross_entropy_loss", R(3, 4), Z(3, low=0, high=4), weight, reduction, 1, 0.2, grad=False)
        case("cross_entropy_loss", R(3, 4), P(3, 4), weight, reduction, -100, 0.2, grad=False)
        case("nll_loss_nd", R(2, 4, 3), Z(2, 3, low=0, high=4), weight, reduction, grad=False)
        case("multi_margin_loss", R(3, 4), Z(3, low=0, high=4), 1, 1, weight, reduction, grad=False)
        case("binary_cross_entropy", P(3, 4), P(3, 4), weight, reduction, grad=False)
        case("binary_cross_entropy_with_logits", R(3, 4), P(3, 4), weight, P(4), reduction, grad=False)
    case("binary_cross_entropy_with_logits", R(3, 4), P(3, 4), None, P(4), MEAN, only=(0, 1))
    case("multilabel_soft_margin_loss", R(3, 4), P(3, 4), weight, grad=False)


def normalisation():
    last = (0.3, 1e-5, False)
    for x in (R(6, 4), R(3, 4, 2), R(2, 4, 3, 2), R(2, 4, 2, 2, 2), R(4, 6).mT):
        case("batch_norm", x, R(4), R(4), None, None, True, *last)
        case("instance_norm", x, R(4), R(4), None, None, True, *last) if x.dim() > 2 else None
        case("group_norm", x, 2, R(4), R(4), 1e-5)
        case("group_norm", x, 1)
    case("batch_norm", R(6, 4), None, None, None, None, True, *last)
    case("batch_norm", R(6, 4), R(4), None, None, None, True, *last)
    case("batch_norm", R(70, 3, dtype=f32), R(3, dtype=f32), R(3, dtype=f32), None, None, True, *last, second=False)
    case("batch_norm", R(6, 100), R(100), R(100), None, None, True, *last, grad=False)
    for x in (R(3, 4), R(2, 4, 3)):
        case("batch_norm", x, R(4), R(4), R(4), P(4), False, *last, grad=False)
        case("instance_norm", x[None] if x.dim() == 2 else x, None, None, R(x.shape[-2]), P(x.shape[-2]), False, *last, grad=False)
    for x, shape in ((R(3, 4), [4]), (R(2, 3, 4), [4]), (R(2, 3, 4), [3, 4]), (R(4), [4]), (R(4, 3).mT, [4])):
        case("layer_norm", x, shape, R(*shape), R(*shape))
        case("layer_norm", x, shape)
        case("layer_norm", x, shape, None, R(*shape), 0.1, second=False)
        case("layer_norm", x, shape, R(*shape), None, 0.1)
    case("layer_norm", R(5, 130, dtype=f32), [130], R(130, dtype=f32), R(130, dtype=f32), second=False)
    case("layer_norm", R(5, 16, dtype=bf16), [16], R(16, dtype=bf16), R(16, dtype=bf16), grad=False)
    case("batch_norm", R(5, 6, dtype=bf16), R(6, dtype=f32), R(6, dtype=f32), None, None, True, *last, grad=False)
    case("group_norm", R(2, 6, 3) + 1000, 3, None, None, second=False)
    for x in (R(2, 5, 4), R(2, 5, 3, 3)):
        case("local_response_norm", x, 3)
        case("local_response_norm", x, 2, alpha=0.1, beta=0.5, k=2.0, second=False)
    for p in (1.0, 2.0, 3.0):
        case("normalize", R(3, 4), p)
        case("pairwise_distance", R(3, 4), R(3, 4), p)
    case("normalize", R(2, 3, 4), dim=-1)
    case("normalize", D([0.0, 0.0], [3.0, 4.0]), grad=False)
    case("pairwise_distance", R(2, 3, 4), R(4), 2.0, 1e-3, True)
    case("pairwise_distance", R(4), R(4))
    case("cosine_similarity", R(3, 4), R(3, 4))
    case("cosine_similarity", R(2, 3, 4), R(3, 1), -1, second=False)
    case("cosine_similarity", D([0.0, 0.0], [3.0, 4.0]), D([1.0, 2.0], [3.0, 4.0]), grad=False)


def embeddings():
    for index in (Z(5, low=0, high=4), Z(2, 3, low=0, high=4), Z(low=0, high=4), Z(0), Z(2, 3, low=0, high=4, dtype=i32)):
        case("embedding", R(4, 3), index)
        case("embedding", R(4, 3), index, 1)
        case("embedding", R(4, 3), index, 0, True)
    case("embedding", R(4, 3, dtype=bf16), Z(5, low=0, high=4), grad=False)
    case("embedding", R(40, 3, dtype=f32), Z(50, low=0, high=40), second=False)
    for index in (Z(5, low=0, high=4), Z(2, 3, low=0, high=4), Z(low=0, high=4)):
        case("one_hot", index)
        case("one_hot", index, 7)
    for dim in (0, 1, -1):
        case("glu", R(4, 6), dim)
    case("prelu", R(3, 4), R(4))
    case("prelu", R(2, 4, 3), R(4))
    case("prelu", R(2, 4, 3), R(1))
    case("prelu", R(5), R(1))


def drops():
    x = (torch.arange(24.0) - 11.5).reshape(2, 3, 4) / 4
    images = x[..., None]
    return {
        "dropout": lambda: F.dropout(x, 0.3),
        "dropout_double": lambda: F.dropout(x.double(), 0.3),
        "dropout_swapped": lambda: F.dropout(x.mT, 0.3),
        "dropout1d": lambda: F.dropout1d(x, 0.3),
        "dropout1d_alone": lambda: F.dropout1d(x[0], 0.3),
        "dropout2d": lambda: F.dropout2d(images, 0.3),
        "dropout3d": lambda: F.dropout3d(images, 0.3),
        "alpha_dropout": lambda: F.alpha_dropout(x, 0.3, True),
        "feature_alpha_dropout": lambda: F.feature_alpha_dropout(x, 0.3, True),
        "rrelu": lambda: F.rrelu(x, training=True),
    }


if __name__ == "__main__":
    record_all(loss=losses, norm=normalisation, embed=embeddings)
    with open(data / "dropout.txt", "w") as out:
        for name, draw in drops().items():
            torch.manual_seed(3)
            print(name, numbers(draw()), file=out)
