"""What facula is to reach: the one table of the bars that bench/compare holds its figures to.

    ratio    PyTorch's best time of its three set-ups, divided by facula's: at least this
    percent  of what the machine can do at most: at least this
    seconds  at most these
    MB       peak memory, at most this
A case X_captured has the bars of X unless it has its own.
"""

# Seconds of other libraries are from the machine of the project's baseline (two cores of Zen 3); here for orientation.
KANN_XOR, KANN_MLP, LLM_C_STEP = 0.56e-3, 1.09, 6.8

BARS = {
    "lesson_xor": {"ratio": 30},
    "lesson_xor_captured": {"ratio": 300, "seconds": KANN_XOR},
    "op_overhead_add": {"ratio": 15},
    "op_overhead_autograd": {"ratio": 30},
    "mlp_fashion_b64": {"ratio": 3, "seconds": KANN_MLP},
    "mlp_fashion_b1024": {"ratio": 1.5, "seconds": KANN_MLP},
    "cnn_fashion": {"ratio": 1.8},
    "lenet_fashion": {"ratio": 4},
    "gemm_64": {"ratio": 1.3},
    "gemm_256": {"ratio": 1.1},
    "gemm_1024": {"ratio": 1, "percent": 75},
    "gemm_skinny": {"ratio": 1.2},
    "gemm_skinny_nt": {"ratio": 1.2},
    "gemm_skinny_wgrad": {"ratio": 1.2},
    "conv3x3_64_56_fwdbwd": {"ratio": 1.2},
    "conv3x3_32_26_b64_fwdbwd": {"ratio": 1.2},
    "conv1x1_256_14_fwdbwd": {"ratio": 1.2},
    "depthwise3x3_128_28_fwdbwd": {"ratio": 1.2},
    "sigmoid_chain_4M": {"ratio": 1},
    "sigmoid_chain_4M_captured": {"ratio": 2},
    "adam_step_10M_1": {"ratio": 1},
    "adam_step_10M_100": {"ratio": 1.5},
    "lstm": {"ratio": 2},
    "transformer_block": {"ratio": 1.3},
    "gpt2_124M_step": {"ratio": 1.2, "seconds": LLM_C_STEP / 3},
    "program_xor": {"MB": 5},
    "program_mlp": {"MB": 250},
    "import_time": {"seconds": 5e-3},
}

# As fast as PyTorch, whatever it is.
for name in ("add_1M_out add_64K_out gelu_4M gelu_tanh_4M exp_4M exp_4M_out tanh_4M gelu_4M_fwdbwd softmax_4096x1024 "
             "layernorm_4096x1024 softmax_4096x1024_fwdbwd layernorm_4096x1024_fwdbwd embedding_50kx256_8192 "
             "embedding_50kx256_8192_fwdbwd gather_4096x1024_dim1 sort_1M topk_4096x1024_k10 cross_entropy_8192x1000 "
             "batchnorm2d_train maxpool2d maxpool2d_fwd").split():
    BARS[name] = {"ratio": 1}

# And near the speed of memory, where that is the limit.
for name in ("add_16M add_16M_out relu_16M copy_16M copy_16M_out cat_2x4M transpose_copy_4096 transpose_copy_4096_out sum_16M "
             "sum_dim0_4096x4096 sum_dim1_4096x4096 max_16M argmax_4096x4096_dim1 argmax_16M cumsum_4096x4096_dim1 cumsum_16M "
             "var_4096x4096_dim1").split():
    BARS[name] = {"ratio": 1, "percent": 80}


def base(case):
    """The case in PyTorch that a case is compared with."""
    return case[:-len("_captured")] if case.endswith("_captured") else case


def bars_of(case):
    return BARS.get(case) or BARS.get(base(case)) or {}
