"""References of small real SavedModels, in the real pool."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_models
import saved_models
import tensorflow_1_models

from pipeline.errors import FormatError, ManifestError
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.test_inputs import write_test_inputs
from pipeline.proof.vector_files import Vectors, load_vectors
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
Refer = Callable[..., tuple[Json, Vectors]]


@pytest.fixture
def refer(pool: TensorFlowPool, tmp_path: Path) -> Refer:
    def submit(function: str, **arguments: Any) -> Any:
        log = tmp_path / "log.txt"
        return pool.submit(function, arguments, log=log).result().value

    def refer_now(
        source: Path, *, given: Path | None = None, without: str | None = None, **flags: Any
    ) -> tuple[Json, Vectors]:
        base, folder = tmp_path / "base", tmp_path / "reference"
        base.mkdir()
        folder.mkdir()
        convert = "pipeline.tf.saved_model.convert_saved_model:convert_saved_model"
        asked = ConversionFlags(**flags)
        record = Conversion.model_validate(submit(convert, source=source, folder=base, flags=asked))
        model_json = load_model_json(base / "model.json")
        signature = read_signature(model_json, record)
        contracts = find_contracts(model_json, base, signature.inputs, record)
        kept = [given for given in signature.inputs if given.name != without]
        summary = submit(
            "pipeline.tf.saved_model.saved_model_reference:run_saved_model",
            source=source,
            folder=folder,
            signature=signature.model_copy(update={"inputs": kept}),
            record=record,
            seed=source.name,
            task=None,
            given=given,
            contracts=contracts,
            flags=asked,
        )
        return summary, load_vectors(folder)

    return refer_now


def test_outputs_bear_the_names_of_the_source(refer: Refer) -> None:
    summary, loaded = refer(saved_models.built() / "six_outputs")

    first = loaded.vectors[0].outputs
    keys = ["tau", "alpha", "omega", "beta", "psi", "gamma"]
    for number, key in enumerate(keys):
        assert np.allclose(first[key], first["tau"] * (number + 1.0))
    assert summary["runtime"] == loaded.runtime == "tensorflow 2.19.0"
    assert (summary["vectors"], summary["attempts"]) == (len(loaded.vectors), 1)
    batches = [(vector.kind, len(vector.inputs["image"])) for vector in loaded.vectors]
    assert batches == [("sample", 1), ("sample", 2), ("sample", 1), *[("edge", 1)] * 3]


def test_sizes_are_found_and_bytes_are_fed_as_bytes(refer: Refer) -> None:
    summary, loaded = refer(reference_models.built() / "only_96")

    first = loaded.vectors[0]
    assert first.inputs["image"].shape == (1, 96, 96, 3)
    assert first.inputs["image"].dtype == np.int32
    assert np.allclose(first.outputs["rows"], first.inputs["image"].mean(axis=(2, 3)), rtol=1e-4)
    assert summary["attempts"] > 1
    assert "does not run with image uint8 (1, 224, 224, 3): " in summary["notes"][0]


def test_ids_stay_in_the_table_that_they_index(refer: Refer) -> None:
    summary, loaded = refer(reference_models.built() / "embed")

    first = loaded.vectors[0]
    assert first.inputs["ids"].max() < 40
    assert np.array_equal(first.outputs["vectors"][..., 0], first.inputs["ids"] * 2.0)
    assert first.outputs["is_first"].dtype == np.bool_
    assert summary["attempts"] == 1


def test_a_model_without_signatures_is_called(refer: Refer) -> None:
    _, vectors = refer(saved_models.built() / "reusable")

    (first, *_) = vectors.vectors
    assert first.inputs.keys() == {"inputs_a", "inputs_b"}
    expected = first.inputs["inputs_a"] @ [[1.0], [2.0]] + 0.5  # of the call without training
    np.testing.assert_allclose(first.outputs["score"], expected, rtol=1e-5)
    np.testing.assert_allclose(first.outputs["twice"], first.inputs["inputs_b"] * 2)


def test_a_function_of_a_model_without_signatures_is_chosen(refer: Refer) -> None:
    _, vectors = refer(saved_models.built() / "reusable", signature_name="encode")

    first = vectors.vectors[0]
    expected = first.inputs["x"] * first.inputs["scale"]
    np.testing.assert_allclose(first.outputs["output_0"], expected, rtol=1e-5)
    assert first.outputs.keys() == {"output_0", "output_1_mean"}


def test_functions_run_as_they_are_written(refer: Refer, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    write_test_inputs(given, [{"features": np.array([[1, 2, 3, 1e20]], np.float32)}])

    _, loaded = refer(reference_models.built() / "beyond", given=given)

    # Grappler multiplies the constants first, and then nothing is beyond float32.
    np.testing.assert_allclose(loaded.vectors[0].outputs["y"], [[1, 2, 3, np.inf]], rtol=1e-6)


def test_random_outputs_are_left_out(refer: Refer) -> None:
    summary, loaded = refer(reference_models.built() / "sample")

    assert list(summary["random"]) == list(loaded.random) == ["sample"]
    assert list(loaded.vectors[0].outputs) == ["mean"]


def test_strings_go_in_and_come_out(refer: Refer) -> None:
    _, loaded = refer(reference_models.built() / "shout")

    given, returned = loaded.vectors[1].inputs["texts"], loaded.vectors[1].outputs["loud"]
    assert returned.tolist() == [re.sub(b"[aeiou]", b"!", text) for text in given.tolist()]
    assert len(returned) == 2


def test_words_of_a_table_are_looked_up(refer: Refer) -> None:
    _, loaded = refer(saved_models.built() / "table")

    usual = [vector.outputs["ids"] for vector in loaded.vectors if vector.kind != "edge"]
    assert {int(x) for ids in usual for x in ids} == {3, 4}


@pytest.mark.parametrize("name", ["v1", "v1_table", "v1_empty_tags"])
def test_models_of_tensorflow_1_run(refer: Refer, name: str) -> None:
    _, loaded = refer(saved_models.built() / name)

    for vector in loaded.vectors:
        logits = vector.outputs["zeta"].astype(np.float64)
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert np.allclose(vector.outputs["probabilities"], scores, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        pytest.param("old_variable", ["scores"], id="old variables"),
        pytest.param("returns_variable", ["kernel", "scores"], id="run in a session"),
        pytest.param("table_without_collection", ["names"], id="a table"),
        pytest.param("module", ["default"], id="a module of TF Hub"),
        pytest.param("text", ["scores"], id="saved_model.pbtxt"),
    ],
)
def test_older_models_of_tensorflow_1_run(refer: Refer, name: str, outputs: list[str]) -> None:
    _, loaded = refer(tensorflow_1_models.built() / name)

    assert [list(vector.outputs) for vector in loaded.vectors] == [outputs] * 6


def test_the_graph_of_the_given_tags_runs(refer: Refer) -> None:
    source = saved_models.built() / "v1_two_tag_sets"
    _, loaded = refer(source, saved_model_tags=["serve", "gpu"], signature_name="predict")

    assert loaded.vectors[0].outputs["zeta"].shape == (1, 3)


def test_an_input_that_conversion_removed_is_fed_and_not_published(refer: Refer) -> None:
    _, loaded = refer(saved_models.built() / "unused_input", without="ignored")

    first = loaded.vectors[0]
    assert list(first.inputs) == ["used"]
    assert np.allclose(first.outputs["same"], first.inputs["used"] * 2.0)


def test_components_of_a_ragged_output_are_numbered(refer: Refer) -> None:
    _, loaded = refer(saved_models.built() / "ragged_output")

    first = loaded.vectors[0]
    assert first.outputs["rows/0"].shape == (4,)
    assert first.outputs["rows/1"].tolist() == [0, 1, 4]


def test_a_loop_runs_as_often_as_its_input_says(refer: Refer) -> None:
    _, loaded = refer(saved_models.built() / "control_flow")

    values = {
        vector.inputs["times"].item(): vector.outputs["value"].item() for vector in loaded.vectors
    }
    assert all(value != 0 for value in values.values())


def test_inputs_of_the_manifest_are_run(refer: Refer, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    image = np.array([[1.0, 0.0, -1.0, 2.0]], np.float32)
    write_test_inputs(given, [{"image": image}, {"image": image * 2}])
    _, loaded = refer(saved_models.built() / "six_outputs", given=given)

    assert [vector.inputs["image"].tolist() for vector in loaded.vectors] == [
        image.tolist(),
        (image * 2).tolist(),
    ]


def test_inputs_of_the_manifest_that_do_not_fit_are_its_fault(refer: Refer, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    write_test_inputs(given, [{"image": np.zeros((1, 5), np.float32)}])

    with pytest.raises(ManifestError, match=r"test_inputs\[0\]: the model does not run"):
        refer(saved_models.built() / "six_outputs", given=given)


def test_an_output_beyond_32_bits_is_refused(refer: Refer) -> None:
    with pytest.raises(FormatError, match=r"'far' holds \d+; TensorFlow.js has integers of 32"):
        refer(reference_models.built() / "far")
