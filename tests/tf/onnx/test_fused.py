"""Attention, norms and fused operators, against ONNX Runtime."""

from typing import Any

import numpy as np
import pytest
from onnx_and_runtime import make_node_model, run_in_child, run_in_runtime

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(3)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(size=shape).astype(np.float32)


def case(op: str, *inputs: Any, name: str = "", outputs: int = 1, **attributes: Any) -> Any:
    return pytest.param(op, inputs, outputs, attributes, id=f"{op} {name}".strip())


_LEFT = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32)
_PLACES = np.array([[0, 1, 2, 3, 4], [2, 3, 4, 5, 6]], np.int64)

CASES = [
    case("BiasGelu", draw(2, 5, 8), draw(8)),
    case("FastGelu", draw(2, 5, 8), draw(8)),
    case("QuickGelu", draw(2, 5, 8), alpha=1.1),
    case("FusedMatMul", draw(2, 3, 4), draw(2, 5, 4), transB=1, alpha=0.5),
    case("FusedMatMul", draw(4, 3, 3), draw(3, 3, 5), name="batch", transBatchA=1, transBatchB=1),
    case("FusedGemm", draw(2, 4), draw(4, 3), draw(3), activation="Elu", activation_alpha=0.2),
    case(
        "FusedConv", draw(1, 3, 8, 8), draw(4, 3, 3, 3), draw(4), draw(1, 4, 8, 8),
        pads=[1] * 4, kernel_shape=[3, 3], activation="Relu",
    ),
    case("SkipLayerNormalization", draw(2, 5, 8), draw(2, 5, 8), draw(8), draw(8), draw(8)),
    case("SkipSimplifiedLayerNormalization", draw(2, 5, 8), draw(2, 5, 8), draw(8), draw(8)),
    case("Attention", draw(2, 5, 8), draw(8, 24), draw(24), _LEFT, num_heads=2, unidirectional=1),
    case(
        "Attention", draw(2, 5, 8), draw(8, 24), draw(24), np.array([3, 4, 1, 0], np.int32),
        name="ends and starts", num_heads=2,
    ),
    case(
        "Attention", draw(2, 5, 8), draw(8, 24), draw(24), None, draw(2, 2, 2, 3, 4),
        name="cache", outputs=2, num_heads=2, unidirectional=1,
    ),
    case(
        "MultiHeadAttention", draw(2, 5, 8), draw(2, 4, 8), draw(2, 4, 12), draw(28),
        np.array([2, 3], np.int32), draw(1, 2, 5, 4), num_heads=2, scale=0.3,
    ),
    case(
        "MultiHeadAttention", draw(2, 5, 8), draw(2, 5, 8), draw(2, 5, 8), None, None, None,
        draw(2, 2, 3, 4), draw(2, 2, 3, 4), name="cache", outputs=3, num_heads=2, unidirectional=1,
    ),
    case("RotaryEmbedding", draw(2, 5, 16), _PLACES, draw(10, 4), draw(10, 4), interleaved=1),
    case("RotaryEmbedding", draw(2, 3, 5, 8), _PLACES, draw(10, 4), draw(10, 4), name="heads"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "outputs", "attributes"), CASES)
def test_fused_operators_compute_what_onnx_runtime_computes(
    op: str, inputs: tuple[Any, ...], outputs: int, attributes: dict[str, Any]
) -> None:
    named = {f"input_{number}": array for number, array in enumerate(inputs)}
    model = make_node_model(
        op, named, num_outputs=outputs, opset=17, domain="com.microsoft", **attributes
    )
    expected = run_in_runtime(model, named)

    given = {name: array for name, array in named.items() if array is not None}
    for made, wanted in zip(run_in_child(model, given), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


def test_root_mean_square_is_taken_over_the_axes_behind_one() -> None:
    named = {"x": draw(2, 5, 8), "scale": draw(8)}
    model = make_node_model(
        "SimplifiedLayerNormalization", named, opset=17, axis=-1, epsilon=1e-4,
        shapes={"x": ("batch", "tokens", 8)},
    )  # fmt: skip

    made = run_in_child(model, named)

    np.testing.assert_allclose(made[0], run_in_runtime(model, named)[0], rtol=1e-5)


def test_a_split_gelu_multiplies_one_half_by_the_other() -> None:
    """ONNX Runtime has no kernel for a CPU: the parts apart are compared."""
    x, bias = draw(2, 3, 8), draw(8)
    model = make_node_model(
        "BiasSplitGelu", {"x": x, "bias": bias}, opset=17, domain="com.microsoft"
    )
    gelu = make_node_model("Gelu", {"x": x[..., 4:]}, opset=20)
    half = run_in_runtime(gelu, {"x": (x + bias)[..., 4:]})[0]

    made = run_in_child(model, {"x": x, "bias": bias})

    np.testing.assert_allclose(made[0], (x + bias)[..., :4] * half, rtol=1e-5, atol=1e-6)
