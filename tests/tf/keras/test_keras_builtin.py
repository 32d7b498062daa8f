"""Keras' own: every name that Keras and TensorFlow export is classed, and none comes unseen."""

from pathlib import Path

import keras_api
import pytest

from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Classes = dict[str, set[str]]


@pytest.fixture(scope="module")
def classes(pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory) -> Classes:
    log = tmp_path_factory.mktemp("keras api") / "log.txt"
    return _read(pool.submit("keras_api:list_api", {}, log=log).result().value)


def _read(lines: list[str]) -> Classes:
    """Return the names by generation, part of the API and class."""
    parts = (line.rpartition(" | ") for line in lines)
    return {key: set(names.split()) for key, _, names in parts}


def test_every_name_is_classed_and_was_seen(classes: Classes) -> None:
    seen = _read(Path(keras_api.FILE).read_text().splitlines())

    new = {key: names - seen.get(key, set()) for key, names in classes.items()}
    unseen = {key: sorted(names) for key, names in new.items() if names}
    assert unseen == {}, "read them, then `python tests/helpers/keras_api.py`"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("keras 3 | layers | computes", "Conv2D"),
        ("keras 3 | models.functional | computes", "Functional"),
        ("keras 3 | ops.numpy | computes", "Add"),
        ("keras 3 | activations | computes", "relu"),
        ("keras 3 | layers | left out", "TFSMLayer"),
        ("keras 3 | config | left out", "enable_unsafe_deserialization"),
        ("keras 3 | utils | left out", "get_file"),
        ("keras 3 | models | left out", "load_model"),
        ("tf_keras | layers | computes", "CuDNNLSTM"),
        ("tf_keras | engine.functional | computes", "Functional"),
        ("tf_keras | by name alone | computes", "NumericColumn"),
        ("tf_keras | utils | left out", "get_file"),
        ("tf | nn | computes", "relu"),
        ("tf | compat.v1.nn | computes", "relu"),
        ("tf | io | left out", "write_file"),
        ("tf | - | left out", "py_function"),
        ("tf | compat.v1 | left out", "write_file"),
    ],
)
def test_a_name_is_in_its_class(classes: Classes, key: str, name: str) -> None:
    other = key.replace("computes", "left out") if "computes" in key else key[:-8] + "computes"

    assert name in classes[key]
    assert name not in classes.get(other, set())


@pytest.mark.parametrize(
    "end", ["get_file", "load_model", "deserialize", "TFSMLayer", "PyMetric", "SidecarEvaluator"]
)
def test_no_module_has_it(classes: Classes, end: str) -> None:
    assert not [key for key, names in classes.items() if "computes" in key and end in names]
