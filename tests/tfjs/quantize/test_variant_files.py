"""Variants: files made from a base, against the converter's own and at the edges."""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from graph_models import MIB, dense_weights, write_graph_model
from signatures import Port, signature_of

from pipeline.errors import FormatError, QuantizationError
from pipeline.records.flags import DEFAULT_SHARD_BYTES
from pipeline.records.signature import Signature
from pipeline.records.variant import VariantRecord
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.weights import walk_weights
from pipeline.tfjs.quantize import form_files
from pipeline.tfjs.quantize.form_files import VariantNotSmaller
from pipeline.tfjs.quantize.variant_files import write_variant

Array = npt.NDArray[Any]

ALL = {dtype: {dtype: ["*"]} for dtype in ("float16", "uint8", "uint16")}
LARGE = dense_weights(64, 32)


def make(
    base: Path,
    quantize: Mapping[str, Sequence[str]],
    *,
    shard_size_bytes: int = DEFAULT_SHARD_BYTES,
    signature: Signature | None = None,
) -> tuple[Path, VariantRecord]:
    """Write a variant beside its base; return its folder and its record."""
    folder = base.parent / "variant"
    folder.mkdir()
    record = write_variant(
        base=base,
        signature=signature,
        name="asked" if quantize else "base",
        quantize=quantize,
        shard_size_bytes=shard_size_bytes,
        folder=folder,
    )
    return folder, record


def read_all(folder: Path) -> dict[str, Array]:
    model_json = load_model_json(folder / "model.json")
    return {weight.spec.name: weight.read() for weight in walk_weights(model_json, folder)}


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def test_the_base_keeps_its_shards_to_the_byte(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "base", weights=LARGE, shard_size_bytes=1000)
    folder, record = make(path.parent, {})

    assert record.to_json() == {
        "name": "float32",
        "bytes": sum(sizes(folder).values()),
        "weights": {"float32": 2},
        "keptFloat32": [],
    }
    shards = [f"group1-shard{i}of9.bin" for i in range(1, 10)]
    assert sorted(sizes(folder)) == sorted([*shards, "model.json"])
    for shard in shards:
        assert (folder / shard).read_bytes() == (path.parent / shard).read_bytes()
    assert (folder / "model.json").read_bytes() == format_model_json(load_model_json(path))


@pytest.mark.parametrize(
    ("stored", "name"),
    [({}, "float32"), ({"kernel": "float16"}, "original"), ({"bias": "uint8"}, "original")],
)
def test_the_base_is_called_by_what_it_holds(
    tmp_path: Path, stored: dict[str, str], name: str
) -> None:
    path = write_graph_model(tmp_path / "base", stored=stored)

    assert make(path.parent, {})[1].name == name


def test_an_exact_integer_makes_no_original(tmp_path: Path) -> None:
    weights = LARGE | {"steps": np.arange(9, dtype=np.uint8)}
    path = write_graph_model(tmp_path / "base", weights=dense_weights())
    raw = json.loads(path.read_bytes())
    raw["weightsManifest"][0]["weights"].append({"name": "steps", "shape": [9], "dtype": "uint8"})
    shard = path.parent / "group1-shard1of1.bin"
    shard.write_bytes(shard.read_bytes() + weights["steps"].tobytes())
    path.write_text(json.dumps(raw))
    folder, record = make(path.parent, {})

    assert record.name == "float32"
    assert read_all(folder)["steps"].tolist() == list(range(9))


@pytest.mark.parametrize(("dtype", "item_size"), [("float16", 2), ("uint16", 2), ("uint8", 1)])
def test_all_weights_in_one_dtype(tmp_path: Path, dtype: str, item_size: int) -> None:
    path = write_graph_model(tmp_path / "base", weights=LARGE)
    folder, record = make(path.parent, ALL[dtype])

    assert record.weights == {dtype: 2}
    assert record.bytes == sum(sizes(folder).values())
    assert sizes(folder)["group1-shard1of1.bin"] == item_size * (64 * 32 + 32)
    for name, values in read_all(folder).items():
        np.testing.assert_allclose(values, LARGE[name], atol={1: 0.02, 2: 2e-3}[item_size])


def test_a_mix_of_dtypes(tmp_path: Path) -> None:
    weights = LARGE | {"axis": np.array([1], np.int32), "flag": np.array(True)}
    path = write_graph_model(tmp_path / "base", weights=weights)
    folder, record = make(path.parent, {"uint8": ["ker*"], "float16": ["*"]})

    assert record.weights == {"bool": 1, "float16": 1, "int32": 1, "uint8": 1}
    read = read_all(folder)
    assert read["axis"].tolist() == [1]
    assert read["flag"].tolist() is True


def test_only_what_a_pattern_matches_changes(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "base", weights=LARGE)
    folder, record = make(path.parent, {"uint8": ["kernel"]})

    assert record.weights == {"float32": 1, "uint8": 1}
    assert read_all(folder)["bias"].tobytes() == LARGE["bias"].tobytes()


def test_shards_are_cut_as_asked_and_kept_in_order(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "base", weights=LARGE, shard_size_bytes=999)
    folder, _ = make(path.parent, ALL["float16"], shard_size_bytes=300)

    (group,) = load_model_json(folder / "model.json").groups
    assert group.paths == tuple(f"group1-shard{i}of14.bin" for i in range(1, 15))
    assert [sizes(folder)[path] for path in group.paths] == [300] * 13 + [260]
    stream = b"".join((folder / path).read_bytes() for path in group.paths)
    assert stream == b"".join(LARGE[name].astype("<f2").tobytes() for name in LARGE)


def test_each_weight_group_has_its_shards(tmp_path: Path) -> None:
    groups = [["kernel"], [], ["bias"]]
    path = write_graph_model(tmp_path / "base", weights=LARGE, groups=groups)
    folder, _ = make(path.parent, ALL["uint8"])

    assert sorted(sizes(folder)) == ["group1-shard1of1.bin", "group3-shard1of1.bin", "model.json"]
    assert list(read_all(folder)) == ["kernel", "bias"]


def test_the_same_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    made = []
    for place in ("first", "second"):
        path = write_graph_model(tmp_path / place / "base", weights=LARGE)
        folder, record = make(path.parent, ALL["uint8"])
        made.append((record, {file.name: file.read_bytes() for file in folder.iterdir()}))

    assert made[0] == made[1]


SIGNATURE = signature_of(
    [Port(name="sound", tensor="x:0", shape=(None, 64))],
    [
        Port(name="note", tensor="Identity_1:0", shape=(None, 32)),
        Port(name="contour", tensor="Identity:0", shape=(None, 32)),
    ],
)


@pytest.mark.parametrize("quantize", [{}, ALL["uint8"]])
def test_the_published_signature_has_the_proved_names_in_order(
    tmp_path: Path, quantize: dict[str, list[str]]
) -> None:
    metadata = {"structuredOutputKeys": ["contour", "note"], "signature": {"outputs": {}}}
    path = write_graph_model(tmp_path / "base", weights=LARGE, userDefinedMetadata=metadata)
    folder, _ = make(path.parent, quantize, signature=SIGNATURE)

    published = json.loads((folder / "model.json").read_bytes())
    outputs = published["signature"]["outputs"]
    assert [(key, info["name"]) for key, info in outputs.items()] == [
        ("note", "Identity_1:0"),
        ("contour", "Identity:0"),
    ]
    assert published["signature"]["inputs"] == {
        "sound": {
            "name": "x:0",
            "dtype": "DT_FLOAT",
            "tensorShape": {"dim": [{"size": "-1"}, {"size": "64"}]},
        }
    }
    assert published["userDefinedMetadata"] == {"structuredOutputKeys": ["note", "contour"]}


@pytest.mark.parametrize(
    ("dtype", "spoiled", "reason"),
    [
        pytest.param("float16", {"mask": -1e9}, "float16 ends at 65504", id="overflow"),
        pytest.param("float16", {"mask": 1e-12}, "would lose 100%", id="underflow"),
        pytest.param("uint8", {"mask": -np.inf}, "holds -inf", id="infinite"),
        pytest.param("uint16", {"mask": np.nan}, "holds NaN", id="not a number"),
        pytest.param("float16", {"mask": np.inf}, "holds inf", id="infinite in float16"),
        pytest.param("uint8", {"kernel": 1e6}, "outliers stretch its range", id="outlier"),
    ],
)
def test_what_a_dtype_cannot_hold_stays_and_is_listed(
    tmp_path: Path, dtype: str, spoiled: dict[str, float], reason: str
) -> None:
    weights = {**LARGE, "mask": np.array(1, np.float32)}
    for name, value in spoiled.items():
        weights[name] = weights[name].copy()
        weights[name].reshape(-1)[:1] = value
    others = {"other": np.ones(20_000, np.float32)}
    path = write_graph_model(tmp_path / "base", weights=weights | others)
    folder, record = make(path.parent, ALL[dtype])

    (kept,) = record.kept_float32
    assert kept.weight in spoiled
    assert reason in kept.reason
    assert record.weights == {"float32": 1, dtype: 3}
    assert read_all(folder)[kept.weight].tobytes() == weights[kept.weight].tobytes()
    json.loads((folder / "model.json").read_bytes(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("source", "asked", "result"),
    [
        ("float16", "uint8", "uint8"),
        ("uint16", "uint8", "uint8"),
        ("float16", "uint16", "float16"),
        ("uint16", "float16", "uint16"),
        ("uint8", "uint16", "uint8"),
        ("uint8", "float16", "uint8"),
    ],
)
def test_a_quantized_weight_changes_only_when_it_shrinks(
    tmp_path: Path, source: str, asked: str, result: str
) -> None:
    weights = LARGE | {"other": np.linspace(-1, 1, 2000, dtype=np.float32)}
    path = write_graph_model(tmp_path / "base", weights=weights, stored={"kernel": source})
    base = read_all(path.parent)
    folder, record = make(path.parent, ALL[asked])

    specs = {spec.name: spec for spec in load_model_json(folder / "model.json").weights}
    assert specs["kernel"].stored_dtype == result
    assert specs["other"].stored_dtype == asked
    assert record.kept_float32 == []
    if result == source:
        assert read_all(folder)["kernel"].tobytes() == base["kernel"].tobytes()
    else:
        np.testing.assert_allclose(read_all(folder)["kernel"], base["kernel"], atol=0.02)


def test_an_infinite_value_in_a_quantized_source_stays_as_it_is(tmp_path: Path) -> None:
    weights = LARGE | {"mask": np.array(-np.inf, np.float32)}
    stored = dict.fromkeys(weights, "float16")
    path = write_graph_model(tmp_path / "base", weights=weights, stored=stored)
    folder, record = make(path.parent, ALL["uint8"])

    assert record.weights == {"float16": 1, "uint8": 2}
    assert [kept.weight for kept in record.kept_float32] == ["mask"]
    assert read_all(folder)["mask"] == -np.inf


@pytest.mark.parametrize(
    ("weights", "stored", "quantize", "message"),
    [
        pytest.param(
            LARGE,
            {"kernel": "uint8", "bias": "float16"},
            ALL["float16"],
            "its source is quantized already, to float16 and uint8",
            id="already as small",
        ),
        pytest.param(
            {"axis": np.zeros(9, np.int32)},
            {},
            ALL["uint8"],
            "the model has no float32 weights; others are never quantized",
            id="integers only",
        ),
        pytest.param(
            {"empty": np.zeros((0, 3), np.float32)},
            {},
            ALL["uint8"],
            "its weights are too few or too small for it to be smaller than the base",
            id="empty",
        ),
        pytest.param(
            dense_weights(2, 2),
            {},
            ALL["uint8"],
            r"would be [\d,]+ bytes, and the base is [\d,]+$",
            id="entries outweigh it",
        ),
        pytest.param(
            {"mask": np.full(5000, np.inf, np.float32), "b": np.ones(1, np.float32)},
            {},
            ALL["uint8"],
            "; 1 weights cannot be quantized",
            id="all kept",
        ),
    ],
)
def test_a_variant_that_is_not_smaller_is_not_made(
    tmp_path: Path,
    weights: dict[str, Array],
    stored: dict[str, str],
    quantize: dict[str, list[str]],
    message: str,
) -> None:
    path = write_graph_model(tmp_path / "base", weights=weights, stored=stored, nodes=[])

    with pytest.raises(VariantNotSmaller, match=message):
        make(path.parent, quantize)
    assert list((tmp_path / "variant").iterdir()) == []


def test_a_pattern_without_a_match_leaves_nothing(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "base")

    with pytest.raises(QuantizationError, match="'kernels' matches no weight"):
        make(path.parent, {"uint8": ["kernels"]})
    assert list((tmp_path / "variant").iterdir()) == []


def test_a_damaged_base_is_refused(tmp_path: Path) -> None:
    path = write_graph_model(tmp_path / "base")
    (path.parent / "group1-shard1of1.bin").unlink()

    with pytest.raises(FormatError, match=r"shard 'group1-shard1of1.bin' is missing"):
        make(path.parent, ALL["uint8"])


@pytest.mark.parametrize(("at_a_time", "most"), [(0, 4), (24 * MIB, 8)])
def test_memory_is_that_of_the_largest_weight_or_of_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int, most: int
) -> None:
    monkeypatch.setattr(form_files, "_BYTES_AT_A_TIME", at_a_time)
    largest = MIB
    rng = np.random.default_rng(5)
    weights = {f"w{i}": rng.normal(size=largest // 4).astype(np.float32) for i in range(16)}
    path = write_graph_model(tmp_path / "base", weights=weights, nodes=[])
    del weights
    tracemalloc.start()
    make(path.parent, {"uint8": ["w0*", "w1*"], "float16": ["w2"]})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < most * largest


CONVERTER = """
import json, sys
import numpy as np
from pathlib import Path
from tensorflowjs.write_weights import write_weights

for case in map(Path, sys.argv[1:]):
    asked = json.loads((case / "asked.json").read_text())
    tensors = np.load(case / "weights.npz", allow_pickle=True)
    group = [{"name": name, "data": tensors[name]} for name in asked["names"]]
    write_weights([group], str(case / "expected"), asked["shard_size_bytes"],
                  quantization_dtype_map=asked["quantization_dtype_map"])
"""


def random_case(rng: np.random.Generator) -> dict[str, Array]:
    """Return tensors that every dtype can hold, and some that are never quantized."""
    weights: dict[str, Array] = {
        "strings": np.array([b"a", b"", b"caf\xc3\xa9"], object),
        "ids": rng.integers(-9, 9, size=(3, 4)).astype(np.int32),
        "flags": rng.random(5) > 0.5,
        "waves": np.exp(1j * rng.normal(size=7)).astype(np.complex64),
        "constant": np.full((2, 3), rng.normal(), np.float32),
        "zero": np.array(-0.0, np.float32),
        "table": rng.normal(size=(50, 41)).astype(np.float32),
    }
    for number in range(12):
        shape = rng.integers(1, 17, size=rng.integers(0, 5))
        values = rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3) + rng.choice([0, 0, 1, -40])
        kind = rng.choice(["weights", "bias"])
        weights[f"block{number}/{kind}"] = np.asarray(values, np.float32)
    return {name: weights[name] for name in rng.permutation(list(weights))}


MIX = {"uint8": ["*/weights"], "float16": ["constant", "block?/bias"]}
REQUESTS: list[tuple[dict[str, list[str]], dict[str, Any]]] = [
    *(({dtype: ["*"]}, {dtype: True}) for dtype in ALL),
    (MIX, MIX),
    ({"uint8": ["*/weights"], "uint16": ["*"]}, {"uint8": ["*/weights"], "uint16": True}),
]


@pytest.mark.tensorflow
def test_shards_and_manifest_are_those_the_converter_writes(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    cases = []
    for number, (quantize, converters) in enumerate([*REQUESTS, *REQUESTS]):
        case = tmp_path / str(number)
        (case / "expected").mkdir(parents=True)
        weights = random_case(rng)
        path = write_graph_model(case / "base", weights=weights, nodes=[], shard_size_bytes=7001)
        shard_size_bytes = int(rng.integers(500, 5000))
        np.savez(case / "weights.npz", allow_pickle=True, **weights)
        asked = {
            "names": list(weights),
            "shard_size_bytes": shard_size_bytes,
            "quantization_dtype_map": converters,
        }
        (case / "asked.json").write_text(json.dumps(asked))
        cases.append((case, make(path.parent, quantize, shard_size_bytes=shard_size_bytes)))
    command = [sys.executable, "-c", CONVERTER, *(str(case) for case, _ in cases)]
    subprocess.run(command, check=True, capture_output=True)

    for case, (folder, record) in cases:
        expected = json.loads((case / "expected/weights_manifest.json").read_bytes())
        assert json.loads((folder / "model.json").read_bytes())["weightsManifest"] == expected
        assert record.kept_float32 == []
        for shard in expected[0]["paths"]:
            assert (folder / shard).read_bytes() == (case / "expected" / shard).read_bytes()
