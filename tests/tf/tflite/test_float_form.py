"""The float form of integer models, in the interpreter of TensorFlow Lite."""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tflite_models

pytestmark = [
    pytest.mark.tensorflow,
    # TensorFlow 2.19 says this of its own interpreter.
    pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated"),
]


def module(name: str) -> Any:
    # TensorFlow is imported when these tests run, not when they are collected.
    return importlib.import_module(f"pipeline.tf.tflite.{name}")


def read(name: str) -> Any:
    """Return the model of a small file."""
    content = (tflite_models.built() / name).read_bytes()
    return module("read_tflite").parse_tflite(content, name)


def run_both(name: str, *, cut: bool = True) -> tuple[Any, Any]:
    """Return the outputs of an integer model and of its float form, on the same pictures."""
    model = read(name)
    form = module("float_form").make_float_form(model)
    if not cut:
        graph = form.subgraphs[0]
        form = replace(
            form,
            subgraphs=[replace(graph, tensors=[replace(each, cut=None) for each in graph.tensors])],
        )
    content = module("rewrite_file").write_float_form(form)
    written = module("read_tflite").parse_tflite(content, name)
    stream = np.random.default_rng(3)
    shape = model.subgraphs[0].tensors[0].shape
    pictures = [stream.uniform(-1, 1, shape).astype(np.float32) for _ in range(4)]
    return run(model, pictures), run(written, pictures)


def run(model: Any, pictures: Sequence[Any]) -> Any:
    """Return the real values of the only output for each picture."""
    form = module("float_form")
    graph = model.subgraphs[0]
    (taken,), (given,) = (
        [graph.tensors[i] for i in ends] for ends in (graph.inputs, graph.outputs)
    )
    made = []
    for picture in pictures:
        interpreter = importlib.import_module("tensorflow").lite.Interpreter(
            model_content=model.bytes.content
        )
        interpreter.allocate_tensors()
        numbers = form.to_numbers(picture, taken).astype(taken.dtype)
        interpreter.set_tensor(taken.index, numbers)
        interpreter.invoke()
        made.append(form.to_real(interpreter.get_tensor(given.index), given))
    return np.stack(made)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        pytest.param("int8.tflite", 0.03, id="int8"),
        pytest.param("uint8.tflite", 0.03, id="uint8"),
        pytest.param("int8_inside.tflite", 0.03, id="int8 under real inputs and outputs"),
        pytest.param("int16.tflite", 2e-4, id="int16"),
        pytest.param("saturated.tflite", 0.02, id="int8 that ends at its limits"),
    ],
)
def test_the_float_form_is_near_the_integer_form(name: str, share: float) -> None:
    integer, real = run_both(name)

    distance = np.abs(integer - real).max()
    assert 0 < distance < share * np.ptp(integer)


def test_results_end_at_the_limits_of_their_numbers() -> None:
    integer, real = run_both("saturated.tflite", cut=False)

    assert np.abs(integer - real).max() > np.ptp(integer)


def test_all_tensors_are_real_values() -> None:
    content = module("rewrite_file").write_float_form(
        module("float_form").make_float_form(read("int8.tflite"))
    )
    written = module("read_tflite").parse_tflite(content, "m.tflite")

    graph = written.subgraphs[0]
    assert {tensor.dtype for tensor in graph.tensors} <= {"float32", "int32"}
    assert not any(tensor.quantization for tensor in graph.tensors if tensor.dtype == "float32")
    assert not {"QUANTIZE", "DEQUANTIZE"} & {operator.name for operator in graph.operators}


def test_weights_have_the_values_that_their_numbers_stand_for() -> None:
    model = read("int8.tflite")
    own, real = (
        form.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[1]]
        for form in (model, module("float_form").make_float_form(model))
    )

    numbers = np.frombuffer(own.data, np.int8).reshape(40, 27).astype(np.float32)
    scales = own.quantization.scales.astype(np.float32)
    assert np.array_equal(real.data.view(np.float32).reshape(40, 27), numbers * scales[:, None])


def test_a_limit_that_an_operator_keeps_anyway_is_not_cut() -> None:
    model = module("float_form").make_float_form(read("int8.tflite"))

    graph = model.subgraphs[0]
    by_name = {operator.name: graph.tensors[operator.outputs[0]] for operator in graph.operators}
    # The fused RELU6 of the first convolution, and pictures within their limits.
    assert by_name["CONV_2D"].cut is None or by_name["CONV_2D"].cut[0] == -np.inf
    assert by_name["AVERAGE_POOL_2D"].cut is None
    assert by_name["FULLY_CONNECTED"].cut is not None
