"""Signatures of layers models, from what TensorFlow.js and the source say."""

from pathlib import Path
from typing import Any

import pytest
from layers_models import write_layers_model

from pipeline.errors import SignatureError
from pipeline.records.signature import Signature
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature

Json = dict[str, Any]
LOADED = {
    "inputs": [{"name": "image", "dtype": "float32", "shape": [-1, 8]}],
    "outputs": [{"name": "score", "dtype": "float32", "shape": [-1, 4]}],
}


def read(tmp_path: Path, **record: Any) -> Signature:
    path = write_layers_model(tmp_path / "m")
    source = Conversion.model_validate({"loaded": LOADED, **record})
    return read_signature(load_model_json(path), source)


def of_keras(**shapes: list[int]) -> Json:
    """Return what a Keras source states of itself."""
    named = {"inputs": ("image", [-1, 8]), "outputs": ("score", [-1, 4])}
    return {
        "signature_key": "call",
        "signatures": {
            "call": {
                side: {name: {"dtype": "float32", "shape": shapes.get(side, shape)}}
                for side, (name, shape) in named.items()
            }
        },
        **{side: [{"name": name, "tensor": name}] for side, (name, _) in named.items()},
    }


def test_a_source_without_a_signature_has_what_tensorflow_js_says(tmp_path: Path) -> None:
    signature = read(tmp_path)

    spec = {"dtype": "float32", "jsDtype": "float32"}
    assert signature.to_json() == {
        "format": "layers-model",
        "inputs": [{"id": 0, "name": "image", "tensor": "image", "shape": [-1, 8], **spec}],
        "outputs": [
            {"id": 0, "name": "score", "tensor": "score", "shape": [-1, 4], "proof": None, **spec}
        ],
        "requiresAsync": False,
        "parameters": 36,
        "ops": {"Dense": 1, "InputLayer": 1},
        "signatureKey": None,
        "signatures": {},
        "tags": [],
    }


def test_what_keras_knows_of_sizes_is_added(tmp_path: Path) -> None:
    signature = read(tmp_path, **of_keras(inputs=[2, 8]))

    assert signature.inputs[0].shape == (2, 8)
    assert signature.outputs[0].proof == "structure"
    assert signature.signature_key == "call"


def test_other_sizes_contradict(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"outputs\[0\] \(score\): .* contradict each other"):
        read(tmp_path, **of_keras(outputs=[-1, 5]))


def test_an_output_that_the_source_does_not_know_is_an_error(tmp_path: Path) -> None:
    record = of_keras() | {"outputs": [{"name": "boxes", "tensor": "boxes"}]}

    with pytest.raises(SignatureError, match="calls it 'score'; the source has boxes"):
        read(tmp_path, **record)


def test_a_dtype_that_tensorflow_js_lacks_is_an_error(tmp_path: Path) -> None:
    loaded = {**LOADED, "inputs": [{"name": "image", "dtype": "quint8", "shape": [-1, 8]}]}

    with pytest.raises(SignatureError, match=r"image.* is quint8"):
        read(tmp_path, loaded=loaded)
