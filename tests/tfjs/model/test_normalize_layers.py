"""Layers models as found in the wild become bases."""

import json
from pathlib import Path

import numpy as np
import pytest
from graph_models import write_graph_model
from layers_models import (
    dense,
    functional,
    image,
    in_group,
    layer,
    score_weights,
    write_layers_model,
)

from pipeline.errors import ConversionError, FormatError
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.normalize_layers import normalize_layers_model
from pipeline.tfjs.model.weights import walk_weights

MODEL = functional([image(), dense()], outputs=["score"])


def normalize(source: Path, folder: Path) -> Conversion:
    folder.mkdir()
    return normalize_layers_model(source=source, folder=folder, shard_size_bytes=64)


def test_a_bare_topology_of_tensorflow_js_gets_its_place(tmp_path: Path) -> None:
    bare = {**MODEL, "keras_version": "tfjs-layers 3.13.0", "backend": "tensor_flow.js"}
    source = write_layers_model(tmp_path / "m", modelTopology=bare, format=None)

    record = normalize(source, tmp_path / "base")

    content = load_model_json(tmp_path / "base/model.json").content
    assert content["format"] == "layers-model"
    assert content["modelTopology"] == {
        "model_config": MODEL,
        "keras_version": "tfjs-layers 3.13.0",
        "backend": "tensor_flow.js",
    }
    assert record.to_json() == {
        "signature_key": None,
        "tags": None,
        "signatures": None,
        "inputs": None,
        "outputs": None,
        "repairs": [],
    }


def test_what_only_training_needs_goes(tmp_path: Path) -> None:
    weights = score_weights() | {"training/Adam/m": np.ones(36, np.float32)}
    source = write_layers_model(
        tmp_path / "m",
        weights=weights,
        groups=[["training/Adam/m", "score/kernel"], ["score/bias"]],
        trainingConfig={"loss": "mine"},
    )
    in_group(source, "optimizer", "training/Adam/m")

    record = normalize(source, tmp_path / "base")

    base = load_model_json(tmp_path / "base/model.json")
    read = {weight.spec.name: weight.read() for weight in walk_weights(base, tmp_path / "base")}
    assert read.keys() == {"score/kernel", "score/bias"}
    np.testing.assert_array_equal(read["score/bias"], weights["score/bias"])
    assert "trainingConfig" not in base.content
    assert record.repairs == [
        "the configuration of its training left out",
        "weights that only training needs left out: 1",
    ]


def test_quantized_weights_keep_their_bytes(tmp_path: Path) -> None:
    stored = {"score/kernel": "uint8"}
    source = write_layers_model(
        tmp_path / "m", stored=stored, groups=[["score/kernel"], ["score/bias"]]
    )

    normalize(source, tmp_path / "base")

    folders = (tmp_path / "m", tmp_path / "base")
    bytes_before, bytes_after = (
        [weight.read_bytes() for weight in walk_weights(load_model_json(f / "model.json"), f)]
        for f in folders
    )
    assert bytes_after == bytes_before
    names = sorted(path.name for path in (tmp_path / "base").iterdir())
    assert names == ["group1-shard1of1.bin", "model.json"]


def test_layers_of_the_author_s_own_are_named(tmp_path: Path) -> None:
    layers = [image(), dense(), *(layer("PixelShuffle", f"up_{i}", ["score"]) for i in range(5))]
    source = write_layers_model(tmp_path / "m", functional(layers, outputs=["up_4"]))

    with pytest.raises(ConversionError, match=r"PixelShuffle \(up_0, up_1, up_2 and 2 more\)"):
        normalize(source, tmp_path / "base")


def test_a_model_of_the_author_s_own_class_is_named(tmp_path: Path) -> None:
    source = write_layers_model(tmp_path / "m", MODEL | {"class_name": "MyModel"})

    with pytest.raises(ConversionError, match=r"of the class MyModel; expected Functional, Model"):
        normalize(source, tmp_path / "base")


def test_what_keras_3_wrote_is_not_taken_for_a_layers_model(tmp_path: Path) -> None:
    given = layer("InputLayer", "image", batch_shape=[None, 8])
    source = write_layers_model(tmp_path / "m", functional([given, dense()], outputs=["score"]))

    with pytest.raises(ConversionError, match="as Keras 3 writes them") as caught:
        normalize(source, tmp_path / "base")

    assert "the .keras or .h5 file" in str(caught.value.hint)


def test_a_graph_model_is_no_layers_model(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a graph model; expected a layers model"):
        normalize(write_graph_model(tmp_path / "m"), tmp_path / "base")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    source = write_layers_model(tmp_path / "m")
    (tmp_path / "m/group1-shard1of1.bin").unlink()

    with pytest.raises(FormatError, match=r"group1-shard1of1\.bin"):
        normalize(source, tmp_path / "base")


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_layers_model(tmp_path / "m")
    shuffled = dict(reversed(json.loads(source.read_bytes()).items()))

    normalize(source, tmp_path / "one")
    source.write_text(json.dumps(shuffled))
    normalize(source, tmp_path / "two")

    assert (tmp_path / "one/model.json").read_bytes() == (tmp_path / "two/model.json").read_bytes()
