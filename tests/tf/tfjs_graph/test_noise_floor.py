"""Noise floors: TensorFlow runs a base as it is and stirred."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from graph_models import (
    Array,
    Json,
    constant,
    node,
    placeholder,
    tensor_info,
    write_graph_model,
)
from tfjs_runtime import function

from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.records.noise_floor import NoiseFloor, OutputFloor
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Measure = Callable[..., OutputFloor]
RNG = np.random.default_rng(5)
X = RNG.uniform(0.5, 1, (1, 1024)).astype(np.float32)
WEIGHT = RNG.uniform(0.5, 1, 1024).astype(np.float32)
UNIT = 2.0**-24
MUL, SUM = node("y", "Mul", ["x", "weight"]), {"T": {"type": "DT_FLOAT"}}


@pytest.fixture
def measure(pool: TensorFlowPool, tmp_path: Path) -> Measure:
    """Write a graph model of an input `x` and an output `y`, and return its floor on a vector."""

    def measure_now(  # noqa: PLR0913  # a base and how it is run
        nodes: list[Json],
        weights: Mapping[str, Array],
        x: Array = X,
        dtype: str = "float32",
        *,
        constants: str | None = None,
        rounds_to: str | None = None,
        functions: Sequence[Json] = (),
        output: str = "y:0",
    ) -> OutputFloor:
        signature = {
            "inputs": {"x": tensor_info("x:0", (1, x.shape[1]), dtype)},
            "outputs": {"y": tensor_info(output, (1, -1)), "z": tensor_info(output, (1, -1))},
        }
        path = write_graph_model(
            tmp_path / "base",
            nodes=[placeholder("x", (1, x.shape[1]), dtype), *nodes],
            weights=weights,
            signature=signature,
        )
        content = json.loads(path.read_bytes())
        for made in content["modelTopology"]["node"]:
            if made["op"] == "Const" and constants:
                made["attr"]["dtype"] = {"type": constants}
        content["modelTopology"]["library"] = {"function": [*functions]}
        path.write_text(json.dumps(content))
        folder = tmp_path / "reference"
        folder.mkdir()
        # The outputs of the source are no part of the floor.
        vector = Vector(inputs={"x": x}, outputs=dict.fromkeys("yz", np.zeros((1, 4), np.float32)))
        write_vectors(folder, Vectors(vectors=[vector], seed="", runtime=""))
        arguments = {
            "base": path.parent,
            "signature": read_signature(load_model_json(path), Conversion()),
            "folder": folder,
            "trust": False,
            "rounds_to": rounds_to,
        }
        function = "pipeline.tf.tfjs_graph.noise_floor:measure_noise_floor"
        pool.submit(function, arguments, log=tmp_path / "log.txt").result()
        floor = NoiseFloor.load(folder)
        assert floor.reason is None
        (found,) = floor.outputs["y"]
        assert floor.outputs["z"] == [found]
        return found

    return measure_now


def test_a_product_moves_by_the_last_units_of_its_factors(measure: Measure) -> None:
    floor = measure([MUL], {"weight": WEIGHT})

    assert UNIT <= floor.error <= 4 * UNIT
    assert 0 < floor.rms < floor.error
    assert floor.agreement == 1.0


def test_a_difference_that_cancels_moves_a_thousand_times_as_far(measure: Measure) -> None:
    nodes = [node("far", "AddV2", ["x", "thousand"]), node("y", "Sub", ["far", "thousand"])]
    floor = measure(nodes, {"thousand": np.full(1024, 1000, np.float32)})

    assert 500 * UNIT <= floor.error <= 4000 * UNIT


def reshaped(name: str) -> Json:
    return {**node("image", "Reshape", ["x", name]), "attr": {"T": {"type": "DT_FLOAT"}}}


LONG = RNG.uniform(0.5, 1, (1, 4096)).astype(np.float32)
IMAGE = np.array([1, 64, 64, 1], np.int32)
WHOLE = {"list": {"i": ["1", "64", "64", "1"]}}
VALID = {"padding": {"s": "VkFMSUQ="}, "strides": WHOLE}
FLOATS = {"T": {"type": "DT_FLOAT"}}
SUMS = {
    "a mean": [node("y", "Mean", ["x", "axis"]) | {"attr": FLOATS | {"keep_dims": {"b": True}}}],
    "a product with a matrix": [node("y", "MatMul", ["x", "matrix"]) | {"attr": FLOATS}],
    "a product with a matrix that lies": [
        node("y", "MatMul", ["x", "lying"]) | {"attr": FLOATS | {"transpose_b": {"b": True}}}
    ],
    "a product of two inputs": [
        node("y", "MatMul", ["x", "x"]) | {"attr": FLOATS | {"transpose_b": {"b": True}}}
    ],
    "a pool": [
        reshaped("image_sizes"),
        node("y", "AvgPool", ["image"]) | {"attr": FLOATS | VALID | {"ksize": WHOLE}},
    ],
    "a convolution": [
        reshaped("image_sizes"),
        node("y", "Conv2D", ["image", "filter"]) | {"attr": FLOATS | VALID},
    ],
}
SUM_WEIGHTS = {
    "axis": np.array([1], np.int32),
    "matrix": RNG.uniform(0.5, 1, (4096, 8)).astype(np.float32),
    "lying": RNG.uniform(0.5, 1, (8, 4096)).astype(np.float32),
    "image_sizes": IMAGE,
    "filter": RNG.uniform(0.5, 1, (64, 64, 1, 8)).astype(np.float32),
}


@pytest.mark.parametrize("nodes", SUMS.values(), ids=SUMS)
def test_a_long_sum_moves_by_what_its_additions_round(measure: Measure, nodes: list[Json]) -> None:
    used = {name for made in nodes for name in made["input"]}
    weights = {name: values for name, values in SUM_WEIGHTS.items() if name in used}
    floor = measure(nodes, weights, LONG)

    # √4096 / 4 units of the result, which is the sum or the mean of values near 0.75.
    result = {"Mean": 0.75, "AvgPool": 0.75}.get(nodes[-1]["op"], 4096 * 0.56)
    assert 4 * UNIT <= floor.error / result <= 64 * UNIT


def test_a_short_sum_moves_by_what_it_adds(measure: Measure) -> None:
    floor = measure(SUMS["a mean"], {"axis": SUM_WEIGHTS["axis"]}, LONG[:, :900])

    assert floor.error <= 2 * UNIT


def test_a_loop_of_tensorflow_1_runs_with_its_sums_as_they_are(measure: Measure) -> None:
    whole, frame = {"T": {"type": "DT_INT32"}}, {"frame_name": {"s": "bG9vcA=="}}
    nodes = [
        node("turn_enter", "Enter", ["zero"]) | {"attr": whole | frame},
        node("values_enter", "Enter", ["x"]) | {"attr": FLOATS | frame},
        node("turn", "Merge", ["turn_enter", "turn_next"]) | {"attr": whole | {"N": {"i": "2"}}},
        node("values", "Merge", ["values_enter", "values_next"])
        | {"attr": FLOATS | {"N": {"i": "2"}}},
        constant("two", np.array(2, np.int32)) | {"input": ["^turn"]},
        node("goes_on", "Less", ["turn", "two"]) | {"attr": whole},
        node("cond", "LoopCond", ["goes_on"]),
        node("turns", "Switch", ["turn", "cond"]) | {"attr": whole},
        node("switch", "Switch", ["values", "cond"]) | {"attr": FLOATS},
        node("inside", "Identity", ["turns:1"]) | {"attr": whole},
        constant("one", np.array(1, np.int32)) | {"input": ["^inside"]},
        node("turn_more", "AddV2", ["inside", "one"]) | {"attr": whole},
        node("turn_next", "NextIteration", ["turn_more"]) | {"attr": whole},
        node("mean", "Mean", ["switch:1", "one"]) | {"attr": FLOATS | {"keep_dims": {"b": True}}},
        node("less", "Sub", ["switch:1", "mean"]) | {"attr": FLOATS},
        node("values_next", "NextIteration", ["less"]) | {"attr": FLOATS},
        node("y", "Exit", ["switch"]) | {"attr": FLOATS},
    ]
    floor = measure(nodes, {"zero": np.int32(0)}, LONG)

    assert 0 < floor.error <= 8 * UNIT


def test_weights_of_half_floats_move_by_their_own_units(measure: Measure) -> None:
    floor = measure([MUL], {"weight": WEIGHT}, constants="DT_HALF")

    assert 2**-13 < floor.error < 2**-10


@pytest.mark.parametrize(("rounds_to", "least"), [("float16", 2**-13), ("bfloat16", 2**-10)])
def test_rounding_is_that_of_the_dtype_that_the_source_computes_in(
    measure: Measure, rounds_to: str, least: float
) -> None:
    floor = measure([MUL], {"weight": WEIGHT}, rounds_to=rounds_to)

    assert least < floor.error < 16 * least


def test_single_numbers_and_whole_numbers_stay_as_they_are(measure: Measure) -> None:
    whole = np.arange(1024, dtype=np.int32).reshape(1, 1024)
    nodes = [
        {**node("float", "Cast", ["x"]), "attr": {"SrcT": {"type": "DT_INT32"}, "DstT": SUM["T"]}},
        node("y", "Mul", ["float", "mask"]),
    ]
    floor = measure(nodes, {"mask": np.float32(-1e30)}, whole, "int32")

    assert floor == OutputFloor(error=0.0, rms=0.0, agreement=1.0)


def test_weights_in_a_function_are_stirred_too(measure: Measure) -> None:
    whole = np.arange(1, 1025, dtype=np.int32).reshape(1, 1024)
    inner = function(
        "inner",
        takes={"x": "float32"},
        gives={"z": "float32"},
        returns={"z": "product:z:0"},
        nodes=[
            constant("weight", WEIGHT),
            node("product", "Mul", ["x", "weight:output:0"]),
        ],
    )
    types = {"list": {"type": ["DT_FLOAT"]}}
    nodes = [
        {**node("float", "Cast", ["x"]), "attr": {"SrcT": {"type": "DT_INT32"}, "DstT": SUM["T"]}},
        {
            "name": "y",
            "op": "PartitionedCall",
            "input": ["float"],
            "attr": {"Tin": types, "Tout": types, "f": {"func": {"name": "inner"}}},
        },
    ]
    floor = measure(nodes, {"weight": WEIGHT}, whole, "int32", functions=[inner])

    assert 512 * UNIT <= floor.error <= 2048 * UNIT


def test_an_output_that_is_an_input_moves_with_it(measure: Measure) -> None:
    floor = measure([MUL], {"weight": WEIGHT}, output="x:0")

    assert UNIT / 2 <= floor.error <= 2 * UNIT


@pytest.mark.parametrize(
    ("made", "error"),
    [
        pytest.param(node("y", "NoSuchOp", ["x"]), ConversionError, id="an op of nobody"),
        pytest.param(
            node("y", "Reshape", ["x", "sizes"]), ConversionError, id="a graph that does not run"
        ),
        pytest.param(
            node("y", "WriteFile", ["x", "weight"]), UntrustedSourceError, id="an op that writes"
        ),
    ],
)
def test_a_base_that_tensorflow_must_not_or_cannot_run_has_no_floor(
    measure: Measure, made: Json, error: type[Exception]
) -> None:
    with pytest.raises(error):
        measure([made], {"weight": WEIGHT, "sizes": np.array([7, 7], np.int32)})
