"""Decision forests in SavedModels: what they are in TensorFlow.js, against YDF's own answers."""

from pathlib import Path
from typing import Any

import forest_models
import numpy as np
import pytest
from tfjs_runtime import run

from pipeline.errors import UntrustedSourceError
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def folder(pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forests")
    for name in forest_models.NAMES:
        (folder / name).mkdir()
        arguments = {"source": forest_models.built() / name, "folder": folder / name}
        pool.submit("text_models:convert", arguments, log=folder / f"{name}.txt").result()
    return folder


def test_forests_answer_as_ydf_does(folder: Path) -> None:
    known = {
        name: dict(np.load(forest_models.built() / f"{name}.npz", allow_pickle=True))
        for name in forest_models.NAMES
    }
    expected: dict[str, Any] = {name: given.pop("expected") for name, given in known.items()}
    models = {name: folder / name for name in forest_models.NAMES}
    runs = run(folder / "runs", models, [known["votes"]])

    for backend, results in runs.items():
        for name in forest_models.NAMES:
            assert results[name].error is None, f"{backend}: {name}: {results[name].error}"
            (made,) = results[name].outputs[0].values()
            np.testing.assert_allclose(
                made, expected[name], rtol=1e-5, atol=1e-6, err_msg=f"{backend}: {name}"
            )


@pytest.mark.parametrize(
    ("change", "found"), [("prefix", "of another folder"), ("path", "of a file that is no asset")]
)
def test_a_forest_elsewhere_is_refused(
    pool: TensorFlowPool, tmp_path: Path, change: str, found: str
) -> None:
    arguments = {"source": forest_models.built() / "votes", "change": change}
    with pytest.raises(UntrustedSourceError, match=found):
        pool.submit("forest_models:judge_changed", arguments, log=tmp_path / "log").result()
