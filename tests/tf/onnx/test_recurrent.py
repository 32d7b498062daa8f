"""Recurrent layers of ONNX files, against ONNX Runtime."""

from typing import Any

import numpy as np
import pytest
from onnx_and_runtime import make_node_model, run_in_child, run_in_runtime

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def make_inputs(
    op: str, direction: str, *, num_steps: int = 5, lengths: Any = None, peepholes: bool = False
) -> dict[str, Any]:
    """Return the inputs of a layer of 4 cells over 2 sequences of 3 features."""
    numbers, count = np.random.default_rng(1), 2 if direction == "bidirectional" else 1
    width = 4 * _GATES[op]

    def draw(*shape: int) -> Any:
        return numbers.normal(size=shape).astype(np.float32)

    inputs = {
        "x": draw(num_steps, 2, 3),
        "w": draw(count, width, 3),
        "r": draw(count, width, 4),
        "b": draw(count, 2 * width),
        "lengths": None if lengths is None else np.array(lengths, np.int32),
        "h": draw(count, 2, 4),
    }
    if op == "LSTM":
        inputs |= {"c": draw(count, 2, 4), "p": draw(count, 12) if peepholes else None}
    return inputs


def compare(op: str, inputs: dict[str, Any], *, is_open: bool = False, **attributes: Any) -> None:
    shapes = {"x": ("steps", "batch", 3), "h": (None, "batch", 4), "c": (None, "batch", 4)}
    model = make_node_model(
        op, inputs,
        shapes={**shapes, "lengths": ("batch",)} if is_open else {},
        constants=[name for name in "wrbp" if inputs.get(name) is not None],
        num_outputs=3 if op == "LSTM" else 2, opset=14, hidden_size=4, **attributes,
    )  # fmt: skip
    expected = run_in_runtime(model, inputs)
    for made, wanted in zip(run_in_child(model, inputs), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_open", [False, True], ids=["known sizes", "open sizes"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", _GATES)
def test_sequences_of_unequal_lengths_stop_where_they_end(
    op: str, direction: str, is_open: bool
) -> None:
    inputs = make_inputs(op, direction, lengths=[5, 2])

    compare(op, inputs, is_open=is_open, direction=direction)


@pytest.mark.parametrize("op", _GATES)
def test_a_sequence_without_steps_returns_zeros(op: str) -> None:
    compare(op, make_inputs(op, "reverse", lengths=[0, 3]), direction="reverse")


@pytest.mark.parametrize("op", _GATES)
def test_a_long_sequence_is_a_loop(op: str) -> None:
    compare(op, make_inputs(op, "reverse", num_steps=70), direction="reverse")


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        pytest.param("GRU", {"linear_before_reset": 1}, id="reset behind the product"),
        pytest.param("LSTM", {"input_forget": 1}, id="coupled gates"),
        pytest.param("LSTM", {"clip": 0.4}, id="clipped"),
        pytest.param(
            "LSTM",
            {
                "activations": ["HardSigmoid", "Softsign", "ScaledTanh"],
                "activation_alpha": [0.3, 0.7],
                "activation_beta": [0.4, 0.6],
            },
            id="activations with numbers",
        ),
    ],
)
def test_attributes_change_what_a_step_computes(op: str, attributes: dict[str, Any]) -> None:
    compare(op, make_inputs(op, "forward"), **attributes)


def test_peepholes_look_at_the_cells() -> None:
    compare("LSTM", make_inputs("LSTM", "bidirectional", peepholes=True), direction="bidirectional")


def test_an_activation_without_its_numbers_is_refused() -> None:
    with pytest.raises(ConversionError, match="activation 'ScaledTanh' lacks a number"):
        compare("RNN", make_inputs("RNN", "forward"), activations=["ScaledTanh"])


def test_inputs_and_states_of_a_quantized_layer_are_rounded() -> None:
    plain, numbers = make_inputs("LSTM", "bidirectional"), np.random.default_rng(2)

    def scale(*shape: int) -> Any:
        return numbers.uniform(0.01, 0.02, shape).astype(np.float32)

    inputs = {
        "x": 3 * plain["x"],
        "w": numbers.integers(0, 256, (2, 3, 16)).astype(np.uint8),
        "r": numbers.integers(0, 256, (2, 4, 16)).astype(np.uint8),
        "b": plain["b"], "lengths": None, "h": plain["h"], "c": plain["c"], "p": None,
        "w scale": scale(2), "w zero": np.array([120, 131], np.uint8),
        "r scale": scale(2), "r zero": np.array([127, 140], np.uint8),
    }  # fmt: skip
    model = make_node_model(
        "DynamicQuantizeLSTM", inputs, domain="com.microsoft", num_outputs=3, hidden_size=4,
        direction="bidirectional",
        constants=[name for name in inputs if name[0] in "wrb" and inputs[name] is not None],
    )  # fmt: skip

    expected = run_in_runtime(model, inputs)

    for made, wanted in zip(run_in_child(model, inputs), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)
