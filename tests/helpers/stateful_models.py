"""Small SavedModels with variables that their function assigns, made in a child process.

`python stateful_models.py FOLDER` writes them into FOLDER; a test process calls `built`.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from build_in_child import build_in_child


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="stateful models ")


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import tensorflow as tf

    tf.random.set_seed(0)
    for name, make in {
        "total": _total,
        "window": _window,
        "twice": _twice,
        "unread": _unread,
        "written_first": _written_first,
        "branch": _branch,
        "many": _many,
        "drawn": _drawn,
        "drawn_seldom": _drawn_seldom,
    }.items():
        module, function, shape = make(tf)
        spec = tf.TensorSpec(shape, tf.float32, name="value")
        served = tf.function(function, input_signature=[spec])
        tf.saved_model.save(module, str(folder / name), {"serving_default": served})
    _write_recurrent(folder / "recurrent")
    _write_normalized(folder / "normalized")
    _write_dropout(tf, folder / "dropout")


Made = tuple[Any, Callable[[Any], Any], list[int]]


def _total(tf: Any) -> Made:
    """Return the mean of all that was given so far, with a variable named like the output."""
    module = tf.Module()
    module.total = tf.Variable([1.0, -2.0], name="mean")
    module.count = tf.Variable(0, dtype=tf.int32, name="count")

    def run(value: Any) -> Any:
        total = module.total.assign_add(value)
        count = module.count.assign_add(1)
        return {"mean": total / tf.cast(count, tf.float32)}

    return module, run, [2]


def _window(tf: Any) -> Made:
    """Return a moving mean of the last three values, kept in a ring that rows are written to."""
    module = tf.Module()
    module.ring = tf.Variable(tf.zeros([3, 2]), name="ring")
    module.step = tf.Variable(0, dtype=tf.int32, name="step")

    def run(value: Any) -> Any:
        place = tf.math.floormod(module.step, 3)
        module.ring.scatter_update(tf.IndexedSlices(value[None], place[None]))
        module.step.assign_add(1)
        newest = tf.gather(module.ring, place[None])
        return {"smooth": tf.reduce_mean(module.ring, 0), "newest": newest}

    return module, run, [2]


def _twice(tf: Any) -> Made:
    """Return values of a variable that two called functions change."""
    module = tf.Module()
    module.level = tf.Variable([0.5, 0.25], name="level")

    @tf.function  # type: ignore[untyped-decorator]
    def decay(by: Any) -> Any:
        before = module.level.read_value()
        module.level.assign(before * by)
        return before

    def run(value: Any) -> Any:
        first = decay(0.5)
        module.level.assign_sub(value)
        second = decay(2.0)
        return {"first": first, "second": second, "last": module.level.read_value()}

    return module, run, [2]


def _unread(tf: Any) -> Made:
    """Return what no assignment changes."""
    module = tf.Module()
    module.seen = tf.Variable(0.0, name="seen")
    module.scale = tf.Variable(3.0, name="scale")

    def run(value: Any) -> Any:
        module.seen.assign(module.seen * 0.9 + tf.reduce_sum(value) * 0.1)
        return {"scaled": value * module.scale}

    return module, run, [2]


def _written_first(tf: Any) -> Made:
    """Return what a variable holds that each run fills anew."""
    module = tf.Module()
    module.scratch = tf.Variable([9.0, 9.0], name="scratch")

    def run(value: Any) -> Any:
        module.scratch.assign(value)
        module.scratch.assign_add(value)
        return {"doubled": module.scratch.read_value()}

    return module, run, [2]


def _branch(tf: Any) -> Made:
    module = tf.Module()
    module.most = tf.Variable(0.0, name="most")

    def run(value: Any) -> Any:
        top = tf.reduce_max(value)
        tf.cond(top > module.most, lambda: module.most.assign(top), module.most.read_value)
        return {"most": module.most.read_value()}

    return module, run, [2]


def _many(tf: Any) -> Made:
    module = tf.Module()
    module.memory = tf.Variable(tf.ones([70_000]), name="memory")

    def run(value: Any) -> Any:
        return {"first": module.memory.assign_add(value[:1] + tf.zeros([70_000]))[:2]}

    return module, run, [2]


def _drawn(tf: Any) -> Made:
    """Return sums with random numbers of a generator, of each kind and both versions of the ops."""
    module = tf.Module()
    module.generator = tf.random.Generator.from_seed(5)

    def run(value: Any) -> Any:
        seed = module.generator.make_seeds()[:, 0]
        older = tf.raw_ops.StatelessTruncatedNormal(shape=[500], seed=seed)
        return {
            "uniform": module.generator.uniform([500], 2.0, 3.0) + value[0] * 0,
            "normal": module.generator.normal([500], 1.0, 2.0) + value[0] * 0,
            "truncated": older + value[0] * 0,
            "whole": module.generator.uniform([500], 2, 9, tf.int32),
            "unseeded": tf.random.uniform([500], -3, 4, tf.int32),
            "chosen": tf.random.stateless_categorical([[0.0, 1.1, -50.0]], 500, seed, tf.int32),
            "doubled": value * 2,
        }

    return module, run, [2]


def _drawn_seldom(tf: Any) -> Made:
    """Return draws of distributions that a loop draws, with changing seeds and without."""
    module = tf.Module()
    module.generator = tf.random.Generator.from_seed(5)
    raw = tf.raw_ops

    def run(value: Any) -> Any:
        seed = module.generator.make_seeds()[:, 0]
        key, counter = raw.StatelessRandomGetKeyCounter(seed=seed)
        newer = {"key": key, "counter": counter, "alg": 1}
        rates = tf.constant([0.5, 8.0, 40.0, 3000.0])
        shapes = tf.constant([0.3, 1.0, 6.0]) + value[0] * 0
        rows = tf.range(2000)
        return {
            "gamma": raw.StatelessRandomGammaV2(shape=[4000, 3], seed=seed, alpha=shapes),
            "gamma_3": raw.StatelessRandomGammaV3(shape=[4000, 3], alpha=shapes, **newer),
            "gamma_1": raw.RandomGamma(shape=[4000], alpha=shapes),
            "poisson": raw.StatelessRandomPoisson(
                shape=[4000, 4], seed=seed, lam=rates, dtype=tf.float32
            ),
            "poisson_2": raw.RandomPoissonV2(shape=[4000], rate=rates, dtype=tf.int32),
            "bits": raw.StatelessRandomUniformFullInt(shape=[4000], seed=seed, dtype=tf.int32),
            "bits_2": raw.StatelessRandomUniformFullIntV2(shape=[4000], **newer, dtype=tf.int32),
            "shuffled": raw.RandomShuffle(value=rows),
            "shuffled_2": raw.StatelessShuffle(value=rows, **newer),
        }

    return module, run, [2]


def _write_dropout(tf: Any, folder: Path) -> None:
    """Write a model of Keras 3 that drops and adds noise as in training, and one that does not."""
    import keras

    keras.utils.set_random_seed(6)
    layers = [keras.layers.Dense(3), keras.layers.Dropout(0.5), keras.layers.GaussianNoise(0.1)]
    model = keras.Sequential([keras.Input((4,)), *layers])

    def run(value: Any) -> Any:
        return {"trained": model(value, training=True), "plain": model(value, training=False)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = tf.TensorSpec([None, 4], tf.float32, name="value")
    archive.add_endpoint("serving_default", run, input_signature=[spec])
    archive.write_out(str(folder))


def _write_recurrent(folder: Path) -> None:
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    layers = [
        tf_keras.Input((4, 3), 1, name="frames"),
        tf_keras.layers.LSTM(5, stateful=True, return_sequences=True),
        tf_keras.layers.GRU(2, stateful=True, name="out"),
    ]
    tf_keras.Sequential(layers).save(str(folder), save_format="tf")


def _write_normalized(folder: Path) -> None:
    """Write a model that normalizes by the batch's own statistics, as in training."""
    import tf_keras

    tf_keras.utils.set_random_seed(4)
    image = tf_keras.Input((4, 4, 3), name="image")
    value = tf_keras.layers.Conv2D(4, 3, use_bias=False)(image)
    value = tf_keras.layers.BatchNormalization()(value, training=True)
    tf_keras.Model(image, value).save(str(folder), save_format="tf")


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
