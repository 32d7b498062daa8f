"""Ops on texts: what `runtime/texts/` computes in TensorFlow.js, against TensorFlow itself."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import text_models
from paths import ROOT
from tfjs_runtime import run, write_model

from pipeline.tfjs.text_ops import TEXT_OPS
from pipeline.workers.pool import TensorFlowPool

Json = dict[str, Any]
MODELS = ("ops", "rare", "words", "characters")
pytestmark = pytest.mark.tensorflow


def op(name: str, *inputs: str, **attributes: Json) -> Json:
    """Return a node without its name, and without the first of its inputs."""
    return {"op": name, "input": list(inputs), "attr": attributes}


@pytest.fixture(scope="module")
def folder(pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for name in MODELS:
        (folder / name).mkdir()
        arguments = {"source": text_models.built() / name, "folder": folder / name}
        pool.submit("text_models:convert", arguments, log=folder / f"{name}.txt").result()
    return folder


def test_python_knows_the_ops_of_the_program() -> None:
    program = (ROOT / "pipeline/runtime/texts/ops.js").read_text(encoding="utf-8")
    table = program.split("const TEXT_OPS = {")[1].split("\n};")[0]

    assert set(re.findall(r"(?m)^  (\w+):", table)) == TEXT_OPS


@pytest.mark.parametrize("name", MODELS)
def test_texts_are_computed_as_tensorflow_does(folder: Path, name: str) -> None:
    known = dict(np.load(text_models.built() / f"{name}.npz", allow_pickle=True))
    texts = known.pop("text")
    runs = run(folder / f"{name} runs", {"base": folder / name}, [{"text": texts}])

    for backend, results in runs.items():
        base = results["base"]
        assert base.error is None, f"{backend}: {base.error}"
        assert base.requires["textOps"]
        made = base.outputs[0]
        assert made.keys() == known.keys()
        for key, expected in known.items():
            assert_equal(made[key], expected, f"{backend}: {key}")


# Ops on "A!" and "abcde", each on the result of that before it, and how the last one refuses.
REFUSED: dict[str, tuple[list[Json], str]] = {
    "letters": ([op("Substr", "zero", "two"), op("DecodeBase64")], "not Base64"),
    "length": ([op("EncodeBase64"), op("Substr", "zero", "one"), op("DecodeBase64")], "not Base64"),
    "buckets": ([op("StringToHashBucket", num_buckets={"i": str(2**40)})], "more than int32"),
    "segment": ([op("UnsortedSegmentJoin", "twos", "two")], r"segment 2 is not in \[0, 2\)"),
    "shape": ([op("UnsortedSegmentJoin", "two", "two")], "another shape than their segments"),
    "float64": ([op("StringFormat", T={"list": {"type": ["DT_DOUBLE"]}})], "of DT_DOUBLE"),
    "placeholder": ([op("StringFormat", placeholder={"s": ""})], "without a placeholder"),
}


def test_what_would_not_be_exact_is_refused(tmp_path: Path) -> None:
    numbers = {"zero": 0, "one": 1, "two": 2, "twos": [2, 2]}
    models = {
        name: write_model(
            tmp_path / name,
            [
                {**made, "name": f"op{i}", "input": [f"op{i - 1}" if i else "text", *made["input"]]}
                for i, made in enumerate(ops)
            ],
            inputs={"text": ("string", [-1])},
            outputs={"made": f"op{len(ops) - 1}:0"},
            weights={key: np.array(value, np.int32) for key, value in numbers.items()},
        )
        for name, (ops, _) in REFUSED.items()
    }
    texts = np.array(["A!", "abcde"], object)

    for name, made in run(tmp_path, models, [{"text": texts}], backends={"cpu": [*models]})[
        "cpu"
    ].items():
        assert re.search(REFUSED[name][1], str(made.error)), f"{name}: {made.error}"


def assert_equal(made: Any, expected: Any, where: str) -> None:
    if expected.dtype == object:
        encoded = [one if isinstance(one, bytes) else one.encode() for one in expected.ravel()]
        assert [bytes(one) for one in np.asarray(made, object).ravel()] == encoded, where
    else:
        np.testing.assert_allclose(
            np.asarray(made).reshape(expected.shape), expected, rtol=1e-6, err_msg=where
        )
