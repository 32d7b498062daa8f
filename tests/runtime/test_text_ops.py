"""Ops on texts: what `runtime/texts/` computes in TensorFlow.js, against TensorFlow itself."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import text_models
from paths import ROOT
from tfjs_runtime import run

from pipeline.tfjs.text_ops import TEXT_OPS
from pipeline.workers.pool import TensorFlowPool

MODELS = ("ops", "words", "characters")
pytestmark = pytest.mark.tensorflow


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


def assert_equal(made: Any, expected: Any, where: str) -> None:
    if expected.dtype == object:
        encoded = [one if isinstance(one, bytes) else one.encode() for one in expected.ravel()]
        assert [bytes(one) for one in np.asarray(made, object).ravel()] == encoded, where
    else:
        np.testing.assert_allclose(
            np.asarray(made).reshape(expected.shape), expected, rtol=1e-6, err_msg=where
        )
