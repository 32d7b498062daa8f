"""Conversion of small real frozen graphs, in the real pool."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow_1_models

from pipeline.errors import (
    ConversionError,
    FormatError,
    PipelineError,
    SignatureError,
    UntrustedSourceError,
)
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Tie
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
Convert = Callable[..., Conversion]


@pytest.fixture
def convert(pool: TensorFlowPool, tmp_path: Path) -> Convert:
    def convert_now(source: str, folder: str = "base", **flags: Any) -> Conversion:
        target = tmp_path / folder
        target.mkdir()
        path = tensorflow_1_models.built() / source
        arguments = {"source": path, "folder": target, "flags": ConversionFlags(**flags)}
        function = "pipeline.tf.frozen.convert_frozen_model:convert_frozen_model"
        log = tmp_path / f"{folder}.txt"
        return Conversion.model_validate(pool.submit(function, arguments, log=log).result().value)

    return convert_now


def load(folder: Path) -> Json:
    content: Json = json.loads((folder / "base/model.json").read_bytes())
    return content


def tensors(ties: Sequence[Tie] | None) -> dict[str, str]:
    return {tie.name: tie.tensor for tie in ties or ()}


def ops(content: Json) -> set[str]:
    return {node["op"] for node in content["modelTopology"]["node"]}


def test_the_record_says_what_goes_in_and_out(convert: Convert, tmp_path: Path) -> None:
    record = convert("one.pb")

    assert record.to_json() == {
        "signature_key": None,
        "tags": None,
        "signatures": None,
        "inputs": [{"name": "image", "tensor": "image:0"}],
        "outputs": [{"name": "scores", "tensor": "scores:0"}],
        "repairs": [],
    }
    signature = read_signature(load_model_json(tmp_path / "base/model.json"), record)
    image, scores = signature.inputs[0], signature.outputs[0]
    assert (image.dtype, image.shape) == ("float32", (None, 4))
    assert (scores.dtype, scores.shape) == ("float32", (None, 3))


def test_text_and_binary_give_the_same_bytes(convert: Convert, tmp_path: Path) -> None:
    convert("one.pb", "binary")
    convert("one.pbtxt", "text")

    binary, text = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("binary", "text")
    )
    assert binary == text


@pytest.mark.parametrize(
    ("source", "flags", "outputs"),
    [
        pytest.param("best.pb", {}, {"best": "best:0", "best:1": "best:1"}, id="all of one node"),
        pytest.param("loop.pb", {}, {"out": "out:0"}, id="left-overs of loop and branch"),
        pytest.param("custom_aside.pb", {"output_node_names": ["scores"]}, {"scores": "scores:0"},
                     id="an unknown op that the output does not need"),
        pytest.param("anchors.pb", {}, {"scores": "scores:0"}, id="a constant is none"),
        pytest.param("anchors.pb", {"output_node_names": ["anchors", "scores"]},
                     {"anchors": "anchors:0", "scores": "scores:0"}, id="unless it is asked for"),
        pytest.param("two.pb", {"output_node_names": ["label", "scores"]},
                     {"label": "label:0", "scores": "scores:0"}, id="in the order asked for"),
        pytest.param("two.pb", {"output_node_names": ["logits"]}, {"logits": "logits:0"},
                     id="from the middle"),
        pytest.param("best.pb", {"output_node_names": ["best:1"]}, {"best:1": "best:1"},
                     id="not the first output"),
    ],
)  # fmt: skip
def test_outputs_are_found_or_taken_as_asked(
    convert: Convert, tmp_path: Path, source: str, flags: Json, outputs: dict[str, str]
) -> None:
    record = convert(source, **flags)

    assert tensors(record.outputs) == outputs
    assert list(load(tmp_path)["signature"]["outputs"]) == list(outputs)


def test_several_candidates_are_listed_with_what_they_are(convert: Convert) -> None:
    with pytest.raises(SignatureError, match="may have 2 outputs") as caught:
        convert("two.pb")

    assert "\n  scores: Softmax float32 (None, 3)\n  label: ArgMax int64 (None,)" in str(
        caught.value
    )
    assert "output_node_names: [scores, label]" in str(caught.value.hint)


def test_candidates_of_a_graph_with_custom_ops_are_listed_too(convert: Convert) -> None:
    with pytest.raises(SignatureError, match=r"\n  scores: Softmax\n  aside: SofterMax$"):
        convert("custom_aside.pb")


@pytest.mark.parametrize(
    ("source", "inputs"),
    [
        pytest.param("default.pb", {"image": "image:0"}, id="the only one has a default"),
        pytest.param("switch.pb", {"image": "image:0"}, id="a switch with a default is none"),
        pytest.param("lost.pb", {"image": "image:0"}, id="one that only shapes depend on goes"),
    ],
)
def test_inputs_are_the_placeholders_that_outputs_need(
    convert: Convert, source: str, inputs: dict[str, str]
) -> None:
    assert tensors(convert(source).inputs) == inputs


@pytest.mark.parametrize("source", ["calls.pb", "ends_in_a_call.pb"])
def test_calls_of_functions_are_inlined(convert: Convert, tmp_path: Path, source: str) -> None:
    convert(source)

    assert "Relu" in ops(load(tmp_path))
    assert "PartitionedCall" not in ops(load(tmp_path))


def test_loops_that_are_functions_stay_functions(convert: Convert, tmp_path: Path) -> None:
    convert("loop_of_functions.pb")

    assert {"StatelessWhile", "StatelessIf"} <= ops(load(tmp_path))


def test_a_table_is_filled_by_the_initializer(convert: Convert, tmp_path: Path) -> None:
    convert("names.pb", output_node_names=("names",))

    initializer = {node["op"] for node in load(tmp_path)["modelInitializer"]["node"]}
    assert initializer == {"Const", "HashTableV2", "LookupTableImportV2"}


def test_an_old_graph_says_that_a_shape_is_unknown(convert: Convert, tmp_path: Path) -> None:
    record = convert("old.pb")

    assert len(record.repairs) == 1
    assert "the shape of image was written as unknown" in record.repairs[0]
    nodes = {node["name"]: node for node in load(tmp_path)["modelTopology"]["node"]}
    assert nodes["image"]["attr"]["shape"]["shape"] == {"unknownRank": True}


def test_a_graph_that_touches_the_machine_needs_trust(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(UntrustedSourceError, match="touch this machine: ReadFile"):
        convert("reads.pb", "refused")
    convert("reads.pb", trust=True, skip_op_check=True)

    assert "ReadFile" in ops(load(tmp_path))


@pytest.mark.parametrize(("source", "outputs"), [("two.pb", "scores,label"), ("switch.pb", "out")])
def test_weights_are_those_of_the_converter(
    convert: Convert, pool: TensorFlowPool, tmp_path: Path, source: str, outputs: str
) -> None:
    convert(source, output_node_names=outputs.split(","))
    stock = tmp_path / "stock"
    path = tensorflow_1_models.built() / source
    arguments = {"source": path, "folder": stock, "outputs": outputs}
    log = tmp_path / "stock.txt"
    pool.submit("tensorflow_1_models:convert_stock", arguments, log=log).result()

    ours, theirs = (
        {path.name: path.read_bytes() for path in folder.glob("*.bin")}
        for folder in (tmp_path / "base", stock)
    )
    assert ours == theirs
    content = json.loads((stock / "model.json").read_bytes())
    assert load(tmp_path)["weightsManifest"] == content["weightsManifest"]


@pytest.mark.parametrize(
    ("source", "flags", "kind", "message"),
    [
        pytest.param("variables.pb", {}, ConversionError,
                     "not frozen: it lacks the values of its variables kernel", id="variables"),
        pytest.param("empty_table.pb", {}, ConversionError,
                     "nothing in the graph fills the lookup table hash_table", id="empty table"),
        pytest.param("custom.pb", {}, ConversionError, "needs the op SofterMax", id="custom op"),
        pytest.param("labels.pbtxt", {}, FormatError, "labels.pbtxt is no frozen graph but a label",
                     id="label map"),
        pytest.param("renamed.pb", {}, FormatError, "but a SavedModel", id="SavedModel"),
        pytest.param("cut_off.pb", {}, FormatError, "cut_off.pb is no frozen graph; expected",
                     id="cut off"),
        pytest.param("two.pb", {"output_node_names": ["scorse"]}, SignatureError,
                     "the graph has no 'scorse'; did you mean 'scores'", id="misspelled"),
        pytest.param("best.pb", {"output_node_names": ["best:2"]}, SignatureError,
                     "best returns 2 tensors, there is no best:2", id="no such output"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_told_why(
    convert: Convert, source: str, flags: Json, kind: type[PipelineError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        convert(source, **flags)

    assert str(tensorflow_1_models.built()) not in f"{caught.value} {caught.value.hint}"
