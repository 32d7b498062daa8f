"""Conversion of small real SavedModels, in the real pool."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import saved_models
import tensorflow_1_models

from pipeline.errors import (
    ConversionError,
    FormatError,
    SignatureError,
    UntrustedSourceError,
)
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Tie
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Convert = Callable[..., Conversion]


@pytest.fixture(scope="module")
def models() -> Path:
    return saved_models.built()


@pytest.fixture
def convert(models: Path, pool: TensorFlowPool, tmp_path: Path) -> Convert:
    def convert_now(
        source: str | Path, folder: str = "base", pool: TensorFlowPool = pool, **flags: Any
    ) -> Conversion:
        target = tmp_path / folder
        target.mkdir()
        asked = ConversionFlags(**flags)
        arguments = {"source": models / source, "folder": target, "flags": asked}
        function = "pipeline.tf.saved_model.convert_saved_model:convert_saved_model"
        log = tmp_path / f"{folder}.txt"
        future = pool.submit(function, arguments, log=log)
        return Conversion.model_validate(future.result().value)

    return convert_now


@pytest.fixture
def base(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    def load() -> dict[str, Any]:
        content: dict[str, Any] = json.loads((tmp_path / "base" / "model.json").read_bytes())
        return content

    return load


Base = Callable[[], dict[str, Any]]


def tensors(ties: Sequence[Tie] | None) -> dict[str, str]:
    return {tie.name: tie.tensor for tie in ties or ()}


def ops(content: dict[str, Any], graph: str = "modelTopology") -> set[str]:
    return {node["op"] for node in content[graph]["node"]}


def identities(*names: str) -> dict[str, str]:
    """Return names tied to Identity:0, Identity_1:0 and so on."""
    return {name: f"Identity_{i}:0" if i else "Identity:0" for i, name in enumerate(names)}


def test_the_record_says_what_the_source_offers(convert: Convert, base: Base) -> None:
    record = convert("two_layers")

    spec = {"dtype": "float32", "shape": [-1, 4], "tensor": "classify_image:0"}
    scores = {"dtype": "float32", "shape": [-1, 3], "tensor": "StatefulPartitionedCall:0"}
    assert record.to_json() == {
        "signature_key": "classify",
        "tags": [["serve"]],
        "signatures": {"classify": {"inputs": {"image": spec}, "outputs": {"scores": scores}}},
        "inputs": [{"name": "image", "tensor": "image:0"}],
        "outputs": [{"name": "scores", "tensor": "Identity:0"}],
        "repairs": [],
    }
    assert base()["generatedBy"] == "2.19.0"
    assert base()["convertedBy"] == "TensorFlow.js Converter v4.22.0"


def test_six_equal_outputs_keep_their_names_in_structured_order(
    convert: Convert, base: Base
) -> None:
    record = convert("six_outputs")

    names = ["alpha", "beta", "gamma", "omega", "psi", "tau"]
    ties = identities(*names)
    assert tensors(record.outputs) == ties
    outputs = base()["signature"]["outputs"]
    assert list(outputs) == names
    assert {name: info["name"] for name, info in outputs.items()} == ties


def test_names_are_right_by_value_and_not_by_position(convert: Convert, base: Base) -> None:
    record = convert("six_outputs")

    # tau is the first in the source and multiplied by 1, which the optimizer removes; the
    # others are multiplied by 2 to 6, and each factor is a constant before its output.
    factors = {
        "alpha": "mul_1",
        "omega": "mul_2",
        "beta": "mul_3",
        "psi": "mul_4",
        "gamma": "mul_5",
    }
    nodes = {node["name"]: node for node in base()["modelTopology"]["node"]}
    for name, factor in factors.items():
        output = nodes[tensors(record.outputs)[name].partition(":")[0]]
        source = output["input"][0] if output["op"] == "Identity" else output["name"]
        chain = [source, *nodes[source].get("input", [])]
        assert any(factor in link for link in chain), (name, chain)


def test_sorted_keys_put_output_10_before_output_2(convert: Convert) -> None:
    record = convert("twelve_outputs")

    assert list(tensors(record.outputs))[:5] == [
        "output_0", "output_1", "output_10", "output_11", "output_2"]  # fmt: skip


def test_inputs_are_tied_by_their_argument_names(convert: Convert, base: Base) -> None:
    record = convert("three_inputs")

    assert tensors(record.inputs) == {"alpha": "alpha:0", "mike": "mike:0", "zulu": "zulu:0"}
    assert list(base()["signature"]["inputs"]) == ["alpha", "mike", "zulu"]


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        pytest.param("shared_output", identities("one", "two"), id="shared"),
        pytest.param("constant_output", identities("anchors", "y"), id="constant"),
        pytest.param("input_as_output", identities("same", "twice"), id="input"),
        pytest.param(
            "v1",
            {"again": "logits:0", "probabilities": "softmax:0", "zeta": "logits:0"},
            id="TensorFlow 1 keeps tensor names, and two names may have one tensor",
        ),
        pytest.param(
            "v1_empty_tags",
            {"again": "logits:0", "probabilities": "softmax:0", "zeta": "logits:0"},
            id="no tags",
        ),
        pytest.param("table", identities("ids"), id="table"),
        pytest.param("control_flow", identities("value"), id="control flow"),
        pytest.param("small_integer", identities("y"), id="small int64"),
        pytest.param("named_heads", identities("anchors", "boxes", "scores"), id="keras"),
    ],
)
def test_odd_models_convert_and_their_signature_can_be_read(
    convert: Convert, tmp_path: Path, model: str, outputs: dict[str, str]
) -> None:
    record = convert(model)

    assert tensors(record.outputs) == outputs
    signature = read_signature(load_model_json(tmp_path / "base" / "model.json"), record)
    assert {output.name: output.tensor for output in signature.outputs} == outputs


def test_components_of_a_composite_output_are_numbered(convert: Convert) -> None:
    record = convert("ragged_output", skip_op_check=True)

    assert tensors(record.outputs) == {
        "rows/0": "Identity:0",
        "rows/1": "Identity_1:0",
        "y": "Identity_2:0",
    }


def test_a_table_is_an_input_with_a_small_number(convert: Convert, base: Base) -> None:
    convert("table")

    model = base()
    resource = {k: v["resourceId"] for k, v in model["signature"]["inputs"].items() if k != "names"}
    made = model["initializerSignature"]["outputs"].values()
    assert list(resource.values()) == [0] == [info["resourceId"] for info in made]


@pytest.mark.parametrize(
    ("control_flow_v2", "op"),
    [pytest.param(True, "StatelessIf", id="v2"), pytest.param(False, "Switch", id="v1")],
)
def test_control_flow_becomes_functions_or_plain_nodes_as_asked(
    convert: Convert, base: Base, op: str, *, control_flow_v2: bool
) -> None:
    convert("control_flow", control_flow_v2=control_flow_v2)

    topology = base()["modelTopology"]
    assert op in {node["op"] for node in topology["node"]}
    assert bool(topology.get("library", {}).get("function")) == control_flow_v2


def test_debug_ops_are_stripped_or_refused(convert: Convert, base: Base) -> None:
    with pytest.raises(ConversionError, match="does not have these ops: Assert"):
        convert("asserted", "refused", strip_debug_ops=False)
    convert("asserted")

    assert "Assert" not in ops(base())


@pytest.mark.parametrize("experiments", [True, False])
def test_experiments_keep_a_large_constant_a_computation(
    convert: Convert, base: Base, *, experiments: bool
) -> None:
    convert("large_fill", experiments=experiments)

    assert ("Fill" in ops(base())) == experiments


def test_an_unsupported_op_that_the_optimizer_removes_is_none(convert: Convert) -> None:
    record = convert("folded")

    assert tensors(record.outputs) == {"y": "Identity:0"}


def test_the_op_check_can_be_skipped(convert: Convert, base: Base) -> None:
    with pytest.raises(ConversionError, match=r"these ops: Betainc \(Betainc\); Svd \(Svd\)$"):
        convert("unsupported", "refused")
    convert("unsupported", skip_op_check=True)

    assert "Svd" in ops(base())


def test_the_shard_size_is_kept(convert: Convert, base: Base) -> None:
    convert("two_layers", weight_shard_size_bytes=16)

    paths = base()["weightsManifest"][0]["paths"]
    assert paths[0] == f"group1-shard1of{len(paths)}.bin"
    assert len(paths) > 2


def test_signatures_that_are_the_same_count_as_one(convert: Convert) -> None:
    assert convert("same_twice").signature_key == "serving_default"


def test_several_signatures_are_an_error_with_the_choices(convert: Convert) -> None:
    with pytest.raises(SignatureError, match="several signatures: 'classify', 'embed'"):
        convert("several_signatures")


def test_a_named_signature_is_taken_and_the_others_are_listed(convert: Convert) -> None:
    record = convert("several_signatures", signature_name="embed")

    assert tensors(record.outputs) == {"embedding": "Identity:0"}
    assert list(record.signatures or {}) == ["classify", "embed"]


@pytest.mark.parametrize(
    ("model", "flags", "message"),
    [
        pytest.param(
            "several_signatures",
            {"signature_name": "clasify"},
            "no signature 'clasify'; it has 'classify', 'embed'; did you mean 'classify'",
            id="misspelled",
        ),
        pytest.param("no_signature", {}, "has no signature", id="none"),
        pytest.param(
            "reusable",
            {"signature_name": "encod"},
            "no signature and no function 'encod'; did you mean 'encode'",
            id="no such function",
        ),
        pytest.param(
            "v1_two_tag_sets",
            {"saved_model_tags": ["serv"]},
            "tags 'serv'; the SavedModel has 'serve', 'gpu,serve'|'gpu,serve', 'serve'; did you",
            id="no such tags",
        ),
        pytest.param(
            "v1_empty_tags",
            {"saved_model_tags": ["serve"]},
            r"the SavedModel has '' \(no tags\)",
            id="no tags",
        ),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    convert: Convert, model: str, flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(SignatureError, match=message):
        convert(model, **flags)


def test_tags_choose_a_graph_and_all_are_listed(convert: Convert) -> None:
    record = convert("v1_two_tag_sets", saved_model_tags=("gpu", "serve"))

    assert record.tags == [["gpu", "serve"], ["serve"]]


@pytest.mark.parametrize(
    ("model", "op"),
    [
        pytest.param("python_function", r"PyFunc \(this process\)", id="python"),
        pytest.param("reads_a_file", r"ReadFile \(files\)", id="read"),
        pytest.param("writes_a_file", r"WriteFile \(files\)", id="write"),
        pytest.param("prints_to_a_file", r"PrintV2 \(into a file\)", id="print"),
        pytest.param("restores_a_checkpoint", r"RestoreV2 \(checkpoints\)", id="checkpoint"),
        pytest.param(
            "saves_on_loading", r"SaveV2 \(checkpoints\)", id="checkpoint written on loading"
        ),
        pytest.param("asset_outside", "an asset outside the model's folder", id="asset"),
        pytest.param("words_from_anywhere", r"InitializeTable.* is no asset\)", id="words"),
        pytest.param("words_from_constant", r"InitializeTable.* is no asset\)", id="constant"),
        pytest.param("words_in_disguise", r"InitializeTable.* is no asset\)", id="disguise"),
    ],
)
def test_a_graph_that_touches_the_machine_is_refused(convert: Convert, model: str, op: str) -> None:
    with pytest.raises(UntrustedSourceError, match=f"touch this machine: {op}$") as caught:
        convert(model)

    assert "trust: true" in str(caught.value.hint)


def test_trust_lets_it_pass(convert: Convert, base: Base) -> None:
    convert("writes_a_file", trust=True, skip_op_check=True)

    assert "Identity" in {node["name"] for node in base()["modelTopology"]["node"]}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param("big_integer", "Const .int64 1099511627776", id="int64"),
        pytest.param("big_double", r"Const .float64 1e\+300", id="float64"),
        pytest.param("unknown_op", "needs the op SofterMax", id="custom op"),
    ],
)
def test_what_tensorflow_js_cannot_hold_is_refused(
    convert: Convert, model: str, message: str
) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(model)


@pytest.mark.parametrize("name", ["words_from_file", "table_from_asset"])
def test_a_file_of_words_is_published_and_not_its_path(
    convert: Convert, models: Path, tmp_path: Path, name: str
) -> None:
    source = models / name
    record = convert(source if source.is_dir() else tensorflow_1_models.built() / name)

    filled = "a lookup table is filled from constants: TensorFlow.js reads no files"
    assert f"{filled} (1 in this graph)" in record.repairs
    written = b"".join(path.read_bytes() for path in (tmp_path / "base").iterdir())
    assert b"cat" in written
    assert b"words.txt" not in written


def test_a_table_that_the_signature_does_not_read_is_left_out(convert: Convert, base: Base) -> None:
    record = convert("two_tables", signature_name="one")

    assert tensors(record.outputs) == {"ids": "Identity:0"}
    assert len(base()["initializerSignature"]["outputs"]) == 1


@pytest.mark.parametrize(
    ("model", "flags", "outputs"),
    [
        pytest.param("old_variable", {}, {"scores": "Softmax:0"}, id="old variables"),
        pytest.param("text", {}, {"scores": "Softmax:0"}, id="saved_model.pbtxt"),
        pytest.param(
            "returns_variable",
            {},
            {"kernel": "kernel:0", "scores": "MatMul:0"},
            id="a variable as output, which TensorFlow 2 cannot load",
        ),
        pytest.param("module", {}, {"default": "Softmax:0"}, id="TF Hub: default, no tags"),
        pytest.param(
            "module",
            {"saved_model_tags": ["train"], "signature_name": "features"},
            {"default": "logits:0"},
            id="TF Hub: as asked",
        ),
        pytest.param("estimator", {}, {"scores": "Softmax:0"}, id="the one without records"),
    ],
)
def test_models_of_tensorflow_1(
    convert: Convert, model: str, flags: dict[str, Any], outputs: dict[str, str]
) -> None:
    assert tensors(convert(tensorflow_1_models.built() / model, **flags).outputs) == outputs


def test_a_table_of_tensorflow_1_is_filled_though_no_collection_says_how(
    convert: Convert, base: Base
) -> None:
    convert(tensorflow_1_models.built() / "table_without_collection")

    assert ops(base(), "modelInitializer") == {"Const", "HashTableV2", "LookupTableImportV2"}


@pytest.mark.parametrize(
    ("model", "flags", "message", "hint"),
    [
        pytest.param(
            "estimator",
            {"signature_name": "classification"},
            "'classification' takes serialized tf.Example records",
            "set `signature_name: predict`",
            id="another takes tensors",
        ),
        pytest.param(
            "only_records",
            {},
            "'serving_default' takes serialized tf.Example records",
            "build_raw_serving_input_receiver_fn",
            id="none takes tensors",
        ),
    ],
)
def test_records_that_only_tensorflow_reads_are_told(
    convert: Convert, model: str, flags: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(SignatureError, match=message) as caught:
        convert(tensorflow_1_models.built() / model, **flags)

    assert hint in str(caught.value.hint)


def damage_variables(folder: Path) -> None:
    data = folder / "variables/variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:8])


def lose_variables(folder: Path) -> None:
    (folder / "variables/variables.data-00000-of-00001").unlink()


def lose_index(folder: Path) -> None:
    (folder / "variables/variables.index").unlink()


def damage_index(folder: Path) -> None:
    (folder / "variables/variables.index").write_bytes(b"index")


def damage_graph(folder: Path) -> None:
    graph = folder / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-100])


def replace_graph(folder: Path) -> None:
    (folder / "saved_model.pb").write_text("version https://git-lfs.github.com/spec/v1")


def lose_graph(folder: Path) -> None:
    (folder / "saved_model.pb").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(damage_variables, "variables cannot be read", id="variables cut off"),
        pytest.param(lose_variables, "data-00000-of-00001 is missing", id="no variables"),
        pytest.param(lose_index, "variables.index is missing", id="no index"),
        pytest.param(damage_index, "variables cannot be read", id="index damaged"),
        pytest.param(damage_graph, "saved_model.pb is truncated", id="graph cut off"),
        pytest.param(replace_graph, "no SavedModel", id="something else"),
        pytest.param(lose_graph, "saved_model.pb is missing", id="no graph"),
    ],
)
def test_damaged_files_are_named_without_our_paths(
    convert: Convert,
    models: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(models / "two_layers", damaged)
    damage(damaged)
    with pytest.raises(FormatError, match=message) as caught:
        convert(damaged)

    assert str(tmp_path) not in f"{caught.value} {caught.value.hint}"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    "model", ["mobilenet", "table", "table_from_asset", "control_flow", "v1_table"]
)
def test_two_conversions_are_the_same_to_the_byte(
    convert: Convert, models: Path, tmp_path: Path, model: str
) -> None:
    elsewhere = tmp_path / "another place" / model
    shutil.copytree(models / model, elsewhere)
    flags = {"control_flow_v2": True}
    first = convert(model, "first", **flags)
    second = convert(elsewhere, "second", **flags)

    assert first == second
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_a_kept_process_converts_like_fresh_ones(convert: Convert, tmp_path: Path) -> None:
    with TensorFlowPool(fork=False) as kept:
        convert("six_outputs", "warm", pool=kept)
        convert("mobilenet", "kept", pool=kept)
        convert("table", "kept table", pool=kept)
    convert("mobilenet", "fresh")
    convert("table", "fresh table")

    assert files(tmp_path / "kept") == files(tmp_path / "fresh")
    assert files(tmp_path / "kept table") == files(tmp_path / "fresh table")
