"""model.json: what is read, what is refused, and the canonical text."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import dense_signature, write_graph_model

from pipeline.errors import FormatError
from pipeline.tfjs.model.model_json import (
    ModelJson,
    format_model_json,
    load_model_json,
    parse_model_json,
)
from pipeline.tfjs.model.weight_manifest import Quantization, WeightGroup, WeightSpec


def raw_model(*weights: dict[str, Any], paths: tuple[Any, ...] = ("a.bin",)) -> dict[str, Any]:
    """Return a model.json with one weight group."""
    manifest = [{"paths": list(paths), "weights": list(weights)}]
    return {"modelTopology": {"node": []}, "weightsManifest": manifest}


def weight(**others: Any) -> dict[str, Any]:
    return {"name": "w", "shape": [2, 3], "dtype": "float32"} | others


def parse(raw: Any) -> ModelJson:
    return parse_model_json(json.dumps(raw))


def test_a_graph_model_is_read(tmp_path: Path) -> None:
    model_json = load_model_json(write_graph_model(tmp_path, stored={"kernel": "float16"}))

    assert model_json.content["format"] == "graph-model"
    assert "weightsManifest" not in model_json.content
    kernel, bias = model_json.weights
    half = Quantization(dtype="float16", original_dtype="float32")
    assert kernel == WeightSpec(name="kernel", shape=(8, 4), dtype="float32", quantization=half)
    assert bias == WeightSpec(name="bias", shape=(4,), dtype="float32")


def test_several_groups_of_several_shards_without_extension(tmp_path: Path) -> None:
    path = write_graph_model(
        tmp_path,
        groups=[["kernel"], ["bias"]],
        shard_size_bytes=10,
        shard_name="group{group}-shard{shard}of{count}",
    )

    first, second = load_model_json(path).groups
    assert len(first.paths) == 13
    assert first.paths[9:11] == ("group1-shard10of13", "group1-shard11of13")
    assert [spec.name for spec in second.weights] == ["bias"]


def test_shards_may_lie_below_the_model(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    path = write_graph_model(tmp_path, shard_name="bin/{shard}", entry="dense.json")

    assert load_model_json(path).groups[0].paths == ("bin/1",)


def test_a_layers_model_keeps_which_weights_only_training_needs() -> None:
    raw = {
        "format": "layers-model",
        "modelTopology": {"model_config": {"class_name": "Sequential"}},
        "weightsManifest": [{"paths": ["w.bin"], "weights": [weight(group="optimizer")]}],
    }

    model_json = parse(raw)
    assert next(model_json.weights).group == "optimizer"
    assert json.loads(format_model_json(model_json)) == raw


def test_a_model_without_constants_has_no_shards(tmp_path: Path) -> None:
    manifests: list[Any] = [[], [{"paths": [], "weights": []}]]
    for manifest in manifests:
        path = write_graph_model(tmp_path, weightsManifest=manifest)

        assert list(load_model_json(path).weights) == []


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_model_json(b"\xef\xbb\xbf" + json.dumps(raw_model(weight())).encode()).groups


def test_strings_are_measured_by_their_bytes(tmp_path: Path) -> None:
    strings = np.array([b"", b"caf\xc3\xa9", b"x" * 70_000], object)
    path = write_graph_model(tmp_path, weights={"s": strings, "t": np.zeros(2, np.int32)})

    assert [spec.num_bytes for spec in load_model_json(path).weights] == [None, 8]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_integers_that_tensorflowjs_refuses_become_an_exact_int32(dtype: str) -> None:
    spec = next(parse(raw_model(weight(dtype=dtype))).weights)

    exact = Quantization(dtype=dtype, scale=1.0, min=0.0, original_dtype="int32")
    assert (spec.dtype, spec.quantization) == ("int32", exact)


def test_affine_quantization_of_old_models_needs_no_original_dtype() -> None:
    affine = {"dtype": "uint8", "scale": 1, "min": -3}
    raw = raw_model(
        weight(quantization=affine), weight(name="i", dtype="int32", quantization=affine)
    )

    for spec in parse(raw).weights:
        assert spec.quantization == Quantization(dtype="uint8", scale=1.0, min=-3.0)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"\xff\xfe{}", "not a text in UTF-8", id="bytes"),
        pytest.param(b"<!doctype html>", "model.json: not JSON", id="web page"),
        pytest.param(b"[" * 200_000, "nested too deeply", id="deep"),
        pytest.param(b'{"modelTopology": ' + b"9" * 5000 + b"}", "not JSON", id="long number"),
        pytest.param(b"[]", "no TensorFlow.js model", id="list"),
        pytest.param(b'{"name": "x"}', "no TensorFlow.js model", id="other JSON"),
        pytest.param(b'{"modelTopology": {}}', "weightsManifest: missing", id="no manifest"),
        pytest.param(
            b'{"modelTopology": {}, "weightsManifest": {}}',
            "an empty object; expected a list",
            id="dict",
        ),
        pytest.param(
            b'{"modelTopology": {}, "weightsManifest": ["a"]}',
            r"weightsManifest\[0\]: \"a\"; expected an object",
            id="group",
        ),
        pytest.param(
            b'{"modelTopology": {}, "weightsManifest": [{"paths": []}]}',
            r"weightsManifest\[0\].weights: missing; expected a list",
            id="no weights",
        ),
    ],
)
def test_what_is_no_model_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_model_json(raw)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_no_browser_parses_are_named(number: str) -> None:
    affine = {"dtype": "uint8", "scale": 1, "min": 4.25}
    text = json.dumps(raw_model(weight(quantization=affine))).replace("4.25", number)

    place = r"weightsManifest\[0\]\.weights\[0\]\.quantization\.min is (nan|-?inf)"
    with pytest.raises(FormatError, match=place):
        parse_model_json(text)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param("w", r"weights\[0\]: \"w\"; expected an object", id="string"),
        pytest.param(weight(name=None), "name: null; expected a text", id="no name"),
        pytest.param(weight(dtype=1), "dtype: 1; expected float32.*weight 'w'", id="number"),
        pytest.param(weight(dtype="float64"), 'dtype: "float64"', id="float64"),
        pytest.param(weight(dtype=["float32"]), "dtype: a list of 1", id="list as dtype"),
        pytest.param(
            weight(shape=[2, -1]),
            r"shape\[1\]: -1; expected a whole number of 0 or more",
            id="negative",
        ),
        pytest.param(weight(shape=[2.0]), r"shape\[0\]: 2.0; expected a whole", id="float"),
        pytest.param(weight(shape=[10**4000]), "a number beyond 2.53", id="beyond any count"),
        pytest.param(weight(shape=[1] * 65), "a list of 65; expected 64 axes at most", id="axes"),
        pytest.param(weight(shape=[True]), r"shape\[0\]: true; expected a whole", id="boolean"),
        pytest.param(weight(shape=None), "shape: null; expected a list", id="no shape"),
        pytest.param(
            weight(quantization="uint8"), 'quantization: "uint8"; expected an object', id="text"
        ),
        pytest.param(
            weight(quantization={"dtype": "int4"}), 'dtype: "int4"; expected float16', id="int4"
        ),
        pytest.param(
            weight(quantization={"dtype": "uint8", "min": 0}),
            "scale: missing; expected a number",
            id="no scale",
        ),
        pytest.param(
            weight(quantization={"dtype": "uint8", "min": "0", "scale": 1}),
            'min: "0"; expected a number',
            id="text",
        ),
        pytest.param(
            weight(quantization={"dtype": "uint8", "min": 10**400, "scale": 1}),
            "a number beyond 2.53; expected a number",
            id="beyond a double",
        ),
        pytest.param(
            weight(dtype="int32", quantization={"dtype": "float16"}),
            "of dtype int32 cannot be quantized to float16",
            id="float16 of int32",
        ),
        pytest.param(
            weight(dtype="bool", quantization={"dtype": "uint8", "min": 0, "scale": 1}),
            "of dtype bool cannot",
            id="quantized bool",
        ),
    ],
)
def test_a_wrong_weight_is_named(entry: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse(raw_model(entry))


def test_a_weight_listed_twice_is_refused() -> None:
    with pytest.raises(FormatError, match="weight 'w' is listed twice"):
        parse(raw_model(weight(), weight()))


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../w.bin", "a/../../w.bin", "a\\w.bin", "C:w.bin", "w\0", 3]
)
def test_a_shard_outside_the_folder_is_refused(path: Any) -> None:
    with pytest.raises(FormatError, match=r"weightsManifest\[0\].paths\[0\]: .*; expected"):
        parse(raw_model(weight(), paths=(path,)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"model.json: cannot be read \(No such file"):
        load_model_json(tmp_path / "model.json")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, shard_size_bytes=100)
    (tmp_path / "group1-shard2of2.bin").unlink()

    with pytest.raises(FormatError, match=r"shard 'group1-shard2of2.bin' is missing"):
        load_model_json(path)


def test_a_folder_in_place_of_a_shard_is_refused(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path)
    (tmp_path / "group1-shard1of1.bin").unlink()
    (tmp_path / "group1-shard1of1.bin").mkdir()

    with pytest.raises(FormatError, match=r"shard 'group1-shard1of1.bin' is missing"):
        load_model_json(path)


def cut(content: bytes) -> bytes:
    return content[:-1]


def lengthen(content: bytes) -> bytes:
    return content + b"\0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            cut, r"weight 'bias', float32 \(4,\), reaches beyond .* 15 bytes are left", id="short"
        ),
        pytest.param(lengthen, "hold 145 bytes; model.json lists weights of 144", id="long"),
    ],
)
def test_shards_of_another_length_are_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    path = write_graph_model(tmp_path)
    shard = tmp_path / "group1-shard1of1.bin"
    shard.write_bytes(change(shard.read_bytes()))

    with pytest.raises(FormatError, match=message):
        load_model_json(path)


@pytest.mark.parametrize("dtype", ["float32", "string"])
def test_a_huge_shape_costs_nothing(tmp_path: Path, dtype: str) -> None:
    path = write_graph_model(tmp_path)
    raw = json.loads(path.read_bytes())
    raw["weightsManifest"][0]["weights"][0] |= {"shape": [2**31, 2**31], "dtype": dtype}
    path.write_text(json.dumps(raw))

    with pytest.raises(FormatError, match=r"weight 'kernel'.* reaches beyond the end"):
        load_model_json(path)


def test_a_string_longer_than_its_shard_is_refused(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, weights={"s": np.array([b"abc", b"de"], object)})
    shard = tmp_path / "group1-shard1of1.bin"
    shard.write_bytes(b"\xff\xff\xff\xff" + shard.read_bytes()[4:])

    with pytest.raises(FormatError, match="weight 's', string"):
        load_model_json(path)


def test_keys_are_sorted_but_those_of_a_signature() -> None:
    signature = {"outputs": {"z": {"name": "z:0", "dtype": "DT_FLOAT"}, "a": {}}, "inputs": {}}
    content = {"signature": signature, "modelTopology": {"b": 1, "a": [{"d": 1, "c": 2}]}}
    group = WeightGroup(paths=("w.bin",), weights=())

    assert format_model_json(ModelJson(content=content, groups=(group,))) == (
        b'{"modelTopology":{"a":[{"c":2,"d":1}],"b":1},'
        b'"signature":{"inputs":{},"outputs":{"z":{"dtype":"DT_FLOAT","name":"z:0"},"a":{}}},'
        b'"weightsManifest":[{"paths":["w.bin"],"weights":[]}]}\n'
    )


def test_the_canonical_text_says_the_same(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path, stored={"kernel": "uint8", "bias": "float16"})
    text = format_model_json(load_model_json(path))

    assert json.loads(text) == json.loads(path.read_bytes())
    assert list(json.loads(text)["signature"]["outputs"]) == list(dense_signature()["outputs"])
    assert format_model_json(parse_model_json(text)) == text


@pytest.mark.parametrize(
    ("number", "raised"),
    [(errno.EIO, OSError), (errno.EMFILE, OSError), (errno.EACCES, FormatError)],
)
def test_what_no_model_can_cause_is_the_machines_fault(
    number: int, raised: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_graph_model(tmp_path)

    def fail(_path: Path) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(raised):
        load_model_json(path)
