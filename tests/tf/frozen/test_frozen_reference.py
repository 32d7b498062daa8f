"""References of small real frozen graphs, and the same graphs in TensorFlow.js."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_1_models
import tfjs_runtime

from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.vector_files import Vectors, load_vectors
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Refer = Callable[..., Vectors]


@pytest.fixture
def refer(pool: TensorFlowPool, tmp_path: Path) -> Refer:
    def submit(function: str, **arguments: Any) -> Any:
        log = tmp_path / "log.txt"
        return pool.submit(function, arguments, log=log).result().value

    def refer_now(name: str, **flags: Any) -> Vectors:
        source = tensorflow_1_models.built() / name
        base, folder = tmp_path / "base", tmp_path / "reference"
        base.mkdir()
        folder.mkdir()
        convert = "pipeline.tf.frozen.convert_frozen_model:convert_frozen_model"
        asked = ConversionFlags(**flags)
        record = Conversion.model_validate(submit(convert, source=source, folder=base, flags=asked))
        model_json = load_model_json(base / "model.json")
        signature = read_signature(model_json, record)
        submit(
            "pipeline.tf.frozen.frozen_reference:run_frozen_model",
            source=source,
            folder=folder,
            signature=signature,
            record=record,
            seed=name,
            task=None,
            given=None,
            contracts=find_contracts(model_json, base, signature.inputs, record),
            flags=asked,
        )
        return load_vectors(folder)

    return refer_now


def test_a_frozen_graph_returns_what_its_numbers_say(refer: Refer) -> None:
    loaded = refer("two.pb", output_node_names=["label", "scores"])

    for vector in loaded.vectors:
        kernel = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
        logits = np.exp(vector.inputs["image"] @ kernel)
        assert np.allclose(vector.outputs["scores"], logits / logits.sum(1, keepdims=True))
        assert vector.outputs["label"].tolist() == logits.argmax(1).tolist()
    assert loaded.runtime == "tensorflow 2.19.0"


def test_an_input_that_conversion_removed_is_fed(refer: Refer) -> None:
    loaded = refer("lost.pb")

    first = loaded.vectors[0]
    assert list(first.inputs) == ["image"]
    assert np.allclose(first.outputs["out"], first.inputs["image"] * 2)


@pytest.mark.network
@pytest.mark.parametrize(
    ("source", "flags"),
    [
        pytest.param("loop.pb", {}, id="loop and branch of TensorFlow 1"),
        pytest.param("loop_of_functions.pb", {}, id="loop and branch as functions"),
        pytest.param("switch.pb", {}, id="a default that is left to stand"),
        pytest.param("best.pb", {}, id="two outputs of one node"),
        pytest.param("anchors.pb", {"output_node_names": ["scores", "anchors"]}, id="a constant"),
        pytest.param("names.pb", {"output_node_names": ["names"]}, id="a table of words"),
        pytest.param("calls.pb", {}, id="calls of functions"),
        pytest.param("ends_in_a_call.pb", {}, id="a call at the end"),
    ],
)
def test_tensorflow_js_returns_the_same(
    refer: Refer, tmp_path: Path, source: str, flags: dict[str, Any]
) -> None:
    vectors = refer(source, **flags).vectors

    runs = tfjs_runtime.run(
        tmp_path, {"base": tmp_path / "base"}, [vector.inputs for vector in vectors]
    )
    for backend, variants in runs.items():
        assert variants["base"].status == "ok", (backend, variants["base"].error)
        for i, vector in enumerate(vectors):
            for name, values in vector.outputs.items():
                found = variants["base"].outputs[i][name]
                if values.dtype == object:
                    assert found.tolist() == values.tolist()
                else:
                    assert np.allclose(found, values, atol=1e-5), (backend, name)
