"""Decision forests that YDF trains, as SavedModels; `python forest_models.py FOLDER` writes them.

For each there is `<name>.npz`: the inputs by name, with missing, unknown and odd values, and what
ydf predicts, `expected`.
"""

import functools
import sys
from pathlib import Path
from typing import Any

from build_in_child import build_in_child

NAMES = ("votes", "chances", "boosted", "classes", "numbers", "sums")
_FEATURES = ["age", "pay", "job", "here"]
_WORDS = ["cook", "nurse", "clerk", "driver"]


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="forests ")


def judge_changed(source: Path, change: str) -> None:
    """Judge a model that loads its forest from elsewhere; a job of the pool."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    from pipeline.tf.untrusted.refuse import check_trusted

    model = SavedModel.FromString((source / "saved_model.pb").read_bytes())
    for function in model.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if change == "prefix" and node.op == "SimpleMLLoadModelFromPathWithHandle":
                node.attr["file_prefix"].s = b"../../" + node.attr["file_prefix"].s
            if change == "path" and node.op == "StaticRegexReplace":
                node.attr["rewrite"].s = b"../../other"
    check_trusted(model.meta_graphs[0])


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import numpy as np
    import ydf

    data = _make_data(np)
    grow = {"features": _FEATURES, "include_all_columns": False, "num_threads": 1, "num_trees": 5}
    boosted, random = ydf.GradientBoostedTreesLearner, ydf.RandomForestLearner
    number = ydf.Task.REGRESSION
    learners = {
        "votes": random(label="three", max_depth=5, **grow),
        "chances": random(label="two", winner_take_all=False, max_depth=4, **grow),
        "boosted": boosted(label="two", max_depth=4, **grow),
        "classes": boosted(label="three", max_depth=3, **grow),
        "numbers": random(label="number", task=number, max_depth=4, **grow),
        "sums": boosted(
            label="number", task=number, max_depth=3, split_axis="SPARSE_OBLIQUE", **grow
        ),
    }
    for name, learner in learners.items():
        model = learner.train(data, verbose=0)
        model.to_tensorflow_saved_model(str(folder / name), mode="tf")
        asked = _ask(np)
        expected = np.asarray(model.predict(asked))
        asked["job"] = np.array([str(word) for word in asked["job"]], object)
        np.savez(folder / f"{name}.npz", expected=expected, **asked)


def _make_data(np: Any) -> dict[str, Any]:
    """Return 300 rows whose labels depend on all features."""
    draw, count = np.random.default_rng(3), 300
    data = {
        "age": draw.normal(40, 12, count).astype("float32"),
        "pay": draw.normal(0, 1, count).astype("float32"),
        "job": np.array(_WORDS)[draw.integers(0, len(_WORDS), count)],
        "here": draw.integers(0, 2, count).astype(bool),
    }
    number = (data["age"] > 42) + data["pay"] + (data["job"] == "cook") * 1.5 + data["here"] * 0.7
    data["age"][::17] = np.nan
    return data | {
        "number": number.astype("float32"),
        "two": np.where(number > 1, "yes", "no"),
        "three": np.digitize(number, [0, 1.5]).astype(str),
    }


def _ask(np: Any) -> dict[str, Any]:
    draw, count = np.random.default_rng(5), 60
    asked = {
        "age": draw.normal(40, 16, count).astype("float32"),
        "pay": draw.normal(0, 2, count).astype("float32"),
        "job": np.array([*_WORDS, "pilot", ""])[draw.integers(0, len(_WORDS) + 2, count)],
        "here": draw.integers(0, 2, count).astype(bool),
    }
    asked["age"][::5] = np.nan
    asked["pay"][::7] = np.nan
    return asked


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
