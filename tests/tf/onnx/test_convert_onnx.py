"""Conversion of small real ONNX files, proved in the real TensorFlow.js."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_graphs
import pytest
from both_runtimes import Proof, convert_source, run_both
from classic_models import make_model, node

from pipeline.errors import ConversionError, ManifestError
from pipeline.records.flags import FixedInput
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

CONVERT = "pipeline.tf.onnx.convert_onnx:convert_onnx"
REFER = "pipeline.tf.onnx.onnx_reference:run_onnx"


Submit = Callable[..., Any]


@pytest.fixture
def submit(pool: TensorFlowPool, tmp_path: Path) -> Submit:
    def submit_now(function: str, **arguments: Any) -> Any:
        return pool.submit(function, arguments, log=tmp_path / "log.txt").result().value

    return submit_now


Convert = Callable[..., Conversion]


@pytest.fixture
def convert(submit: Submit, tmp_path: Path) -> Convert:
    def convert_now(source: Path, **fixed: FixedInput) -> Conversion:
        return convert_source(submit, CONVERT, source, tmp_path, fixed=fixed or None)

    return convert_now


@pytest.fixture
def prove(convert: Convert, submit: Submit, tmp_path: Path) -> Callable[..., Proof]:
    def prove_now(source: Path, **fixed: FixedInput) -> Proof:
        record = convert(source, **fixed)
        return run_both(submit, REFER, source, tmp_path, record, fixed=fixed or None)

    return prove_now


def count_ops(folder: Path) -> Counter[str]:
    nodes = json.loads((folder / "base" / "model.json").read_text())["modelTopology"]["node"]
    return Counter(node["op"] for node in nodes)


def check(proof: Proof, tolerance: float = 1e-5) -> None:
    for backend, variants in proof.runs.items():
        run = variants["base"]
        assert run.status == "ok", (backend, run.error)
        for i, vector in enumerate(proof.vectors.vectors):
            made = run.outputs[i]
            assert set(made) == set(vector.outputs)
            for name, values in vector.outputs.items():
                assert made[name].shape == values.shape
                worst = np.abs(made[name] - values).max()
                assert worst <= tolerance * np.abs(values).max(), name


@pytest.mark.network
def test_images_need_a_transposition_at_their_ends_alone(
    prove: Callable[..., Proof], tmp_path: Path
) -> None:
    proof = prove(onnx_graphs.image_network(tmp_path / "network.onnx"))

    check(proof)
    assert [tie.name for tie in proof.record.outputs or ()] == ["onnx::Map_0", "39"]
    # The input, and the output of four axes.
    assert count_ops(tmp_path)["Transpose"] == 2


@pytest.mark.network
def test_an_input_may_have_its_channels_last(prove: Callable[..., Proof], tmp_path: Path) -> None:
    source = onnx_graphs.image_network(tmp_path / "network.onnx")

    proof = prove(source, images=FixedInput(layout="nhwc", shape=[2, 8, 12, 3]))

    check(proof)
    assert count_ops(tmp_path)["Transpose"] == 1
    assert {vector.inputs["images"].shape for vector in proof.vectors.vectors} == {(2, 8, 12, 3)}


@pytest.mark.network
def test_float16_stays_float16(prove: Callable[..., Proof], tmp_path: Path) -> None:
    source = onnx_graphs.image_network(tmp_path / "network.onnx", dtype=np.float16)

    proof = prove(source)

    check(proof, tolerance=2e-2)
    large = [w for w in load_model_json(tmp_path / "base" / "model.json").weights if w.size > 1]
    stored = {weight.stored_dtype for weight in large if weight.dtype == "float32"}
    assert stored == {"float16"}
    assert proof.record.rounds_to == "float16"


def test_weights_of_float16_alone_round_nothing(convert: Convert, tmp_path: Path) -> None:
    source = onnx_graphs.save(
        tmp_path / "network.onnx",
        [
            onnx.helper.make_node("Cast", ["w"], ["wide"], to=onnx.TensorProto.FLOAT),
            onnx.helper.make_node("MatMul", ["x", "wide"], ["y"]),
        ],
        {"x": (onnx.TensorProto.FLOAT, ["batch", 2])},
        {"y": (onnx.TensorProto.FLOAT, None)},
        {"w": np.ones((2, 3), np.float16)},
    )

    assert convert(source).rounds_to is None


@pytest.mark.network
def test_both_sizes_of_a_text_stay_open(prove: Callable[..., Proof], tmp_path: Path) -> None:
    proof = prove(onnx_graphs.text_network(tmp_path / "network.onnx"))

    check(proof)
    assert [tie.name for tie in proof.record.outputs or ()] == ["{\"name\": 'states'}"]
    shapes = {vector.inputs["ids"].shape for vector in proof.vectors.vectors}
    assert all(len(shape) == 2 for shape in shapes)


@pytest.mark.network
@pytest.mark.parametrize("rate", [16000, 8000])
def test_a_constant_input_decides_a_branch(
    prove: Callable[..., Proof], tmp_path: Path, rate: int
) -> None:
    source = onnx_graphs.branching_network(tmp_path / "network.onnx")

    proof = prove(source, rate=FixedInput(constant=rate))

    check(proof)
    assert [tie.name for tie in proof.record.inputs or ()] == ["x"]
    ops = count_ops(tmp_path)
    assert not {"If", "StatelessIf", "Switch", "Merge"} & set(ops)
    assert ("AddV2" in ops) == (rate == 16000)


@pytest.mark.network
def test_a_branch_is_taken_when_the_model_runs(prove: Callable[..., Proof], tmp_path: Path) -> None:
    check(prove(onnx_graphs.branching_network(tmp_path / "network.onnx")))


def test_a_shape_that_does_not_fit_is_refused(convert: Convert, tmp_path: Path) -> None:
    source = onnx_graphs.image_network(tmp_path / "network.onnx")

    with pytest.raises(ManifestError, match=r"inputs.images.shape: found \[1, 8, 8, 3\]"):
        convert(source, images=FixedInput(shape=[1, 8, 8, 3]))


def test_a_shape_with_channels_last_is_compared_in_that_order(
    convert: Convert, tmp_path: Path
) -> None:
    source = onnx_graphs.image_network(tmp_path / "network.onnx")

    with pytest.raises(
        ManifestError, match=r"\[1, 3, 8, 8\]; the model has \[batch, height, width, 3\] with its"
    ):
        convert(source, images=FixedInput(layout="nhwc", shape=[1, 3, 8, 8]))


def test_channels_are_put_last_of_pictures_alone(convert: Convert, tmp_path: Path) -> None:
    source = onnx_graphs.save(
        tmp_path / "network.onnx",
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        {"x": (onnx.TensorProto.FLOAT, ["batch", 5, 8, 8])},
        {"y": (onnx.TensorProto.FLOAT, None)},
        {},
    )

    with pytest.raises(ManifestError, match=r"layout: found nhwc for \[batch, 5, 8, 8\]; expected"):
        convert(source, x=FixedInput(layout="nhwc"))


def test_a_name_that_no_input_has_is_told_before_the_graph_is_built(
    convert: Convert, tmp_path: Path
) -> None:
    source = onnx_graphs.branching_network(tmp_path / "network.onnx")

    with pytest.raises(ManifestError, match="has no input 'rates'; it has x, rate; did you mean"):
        convert(source, rates=FixedInput(constant=16000))


def test_an_unknown_operator_is_named_with_its_place(convert: Convert, tmp_path: Path) -> None:
    source = onnx_graphs.unknown_operator(tmp_path / "network.onnx")

    with pytest.raises(ConversionError, match=r"org\.example\.Levitate \(node 0\)"):
        convert(source)


@pytest.mark.network
def test_classes_that_are_texts_and_maps_of_scores_keep_their_names(
    prove: Callable[..., Proof], tmp_path: Path
) -> None:
    """As skl2onnx writes a classifier, with and without ZipMap."""
    names = ["ant", "bee", "cat"]
    weights = [0.3, -0.2, 0.5, 0.1, -0.6, 0.4]
    stated = {"coefficients": weights, "intercepts": [0.1, 0.0, -0.1], "classlabels_strings": names}
    nodes = [
        node("LinearClassifier", ["x"], ["label", "raw"], post_transform="SOFTMAX", **stated),
        node("Normalizer", ["raw"], ["scores"], norm="L1"),
        node("ZipMap", ["scores"], ["maps"], classlabels_strings=names),
    ]
    outputs = {"label": "str", "scores": "float32", "maps": None}
    model = make_model(nodes, {"x": ("float32", ["batch", 2])}, outputs)
    onnx.save(model, tmp_path / "network.onnx")

    proof = prove(tmp_path / "network.onnx")

    check(proof)
    labels = {name: (each.of, each.names) for name, each in (proof.record.labels or {}).items()}
    assert labels == {
        "label": ("values", names), "scores": ("axis", names), "maps": ("axis", names),
    }  # fmt: skip
    assert proof.record.stated.outputs["label"].dtype == "int32"
