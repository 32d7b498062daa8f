"""Small real SavedModels with ops that TensorFlow.js lacks, made by TensorFlow in a child process.

`python lowering_models.py FOLDER` writes each into a folder, with what it is run on and what
TensorFlow makes of that beside it: NAME/, NAME.inputs.npz, NAME.expected.npz.
"""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from build_in_child import build_in_child


@functools.cache
def built() -> Path:
    """Return the folder that the program wrote, by the first call; it is removed at exit."""
    return build_in_child(__file__, prefix="lowering models ")


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import tensorflow as tf

    rows = np.arange(12, dtype=np.float32).reshape(3, 4) / 10
    writers: Mapping[str, tuple[Callable[..., Any], Mapping[str, Any]]] = {
        "control_flow": (_control_flow, {"x": rows}),
        "many_outputs": (_many_outputs, {"x": np.array([3, 1, 3, 3], np.int32)}),
        "unused": (_unused, {"x": rows}),
        "debugging": (_debugging, {"x": rows}),
        "bounds": (_bounds, {"x": np.arange(5, dtype=np.int64)}),
        "visible": (_visible, {"x": np.arange(5, dtype=np.int64)}),
        "unsupported": (_unsupported, {"x": np.eye(4, dtype=np.float32)[:3]}),
        "cases": (_cases, {"x": rows}),
        "resized": (_resized, {"x": np.linspace(0, 1, 90, dtype=np.float32).reshape(5, 6, 3)}),
        "spectra": (
            _spectra,
            {"x": np.sin(np.arange(144, dtype=np.float32) ** 2).reshape(2, 9, 8)},
        ),
        "complex_product": (_complex_product, {"x": rows}),
        "decompositions": (
            _decompositions,
            {"x": np.sin(np.arange(30, dtype=np.float32) ** 2).reshape(2, 5, 3)},
        ),
        "complex_ends": (_complex_ends, {"x": rows + 1j * np.exp(-rows), "y": rows}),
        "unknown_size": (_unknown_size, {"x": np.zeros([1, 4, 4, 3], np.float32)}),
    }
    for name, (make, inputs) in writers.items():
        _save(tf, folder / name, make(tf), inputs)
    _save_vocabulary(tf, folder)
    _save_keras(tf, folder)


def _save(tf: Any, folder: Path, function: Any, inputs: Mapping[str, Any], **members: Any) -> None:
    module = tf.Module()
    for member, value in members.items():
        setattr(module, member, value)
    module.call = tf.function(function, input_signature=[_spec(tf, *one) for one in inputs.items()])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    outputs = module.call(*map(tf.constant, inputs.values()))
    _save_arrays(folder, inputs, {key: value.numpy() for key, value in outputs.items()})


def _save_arrays(folder: Path, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    for kind, arrays in (("inputs", inputs), ("expected", outputs)):
        np.savez(folder.with_name(f"{folder.name}.{kind}.npz"), **arrays)


def _spec(tf: Any, name: str, array: Any) -> Any:
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    is_image = array.ndim == 4
    known = array.shape[3:] if is_image else array.shape[1:]
    return tf.TensorSpec([None] * (array.ndim - len(known)) + list(known), dtype, name=name)


def _control_flow(tf: Any) -> Any:
    """Return a loop and a branch with ops that TensorFlow.js lacks, and slices of both kinds."""

    def call(x: Any) -> Any:
        count = tf.shape(x)[0]

        def body(i: Any, total: Any) -> Any:
            part = x[: i + 1]
            rolled = tf.roll(tf.debugging.check_numerics(part, "bad"), i, axis=0)
            return i + 1, total + tf.reduce_sum(tf.math.erfc(part)) + tf.reduce_sum(rolled[:1])

        _, total = tf.while_loop(lambda i, _: i < count, body, [tf.constant(0), tf.constant(0.0)])
        chosen = tf.cond(total > 0, lambda: tf.math.xlogy(x, x + 2), lambda: x[:, :1] + x)
        return {"chosen": chosen, "total": total}

    return call


def _many_outputs(tf: Any) -> Any:
    def call(x: Any) -> Any:
        values, places, counts = tf.unique_with_counts(x)
        return {"counts": counts, "places": places, "values": values}

    return call


def _unused(tf: Any) -> Any:
    """Return a graph that computes what nobody asks for, of constants and of its input."""

    def call(x: Any) -> Any:
        inverse = tf.linalg.inv(tf.constant([[2.0, 0.0], [0.0, 4.0]]))
        return {"y": x * inverse[0, 0]}

    return call


def _debugging(tf: Any) -> Any:
    def call(x: Any) -> Any:
        tf.print("x is", x, output_stream=sys.stderr)
        return {"y": tf.roll(tf.debugging.check_numerics(x, "no number"), 1, axis=0)}

    return call


def _bounds(tf: Any) -> Any:
    """Return ends of slices and limits beyond int32 that make no difference."""

    def call(x: Any) -> Any:
        end = tf.constant([2**63 - 1], tf.int64)
        one = tf.constant([1], tf.int64)
        sliced = tf.raw_ops.StridedSlice(input=x, begin=one, end=end, strides=one)
        limited = tf.minimum(x * 3, tf.constant(2**40, tf.int64))
        return {"limited": limited, "sliced": sliced, "small": x <= 2**40}

    return call


def _visible(tf: Any) -> Any:
    """Return a limit beyond int32 that is an output as well."""

    def call(x: Any) -> Any:
        limit = tf.constant(2**40, tf.int64)
        return {"limited": tf.minimum(x, limit), "sum": x + limit}

    return call


def _unsupported(tf: Any) -> Any:
    def call(x: Any) -> Any:
        with tf.name_scope("whiten"):
            inverse = tf.linalg.inv(tf.matmul(x, x, transpose_b=True))
            other = tf.linalg.inv(inverse + inverse)
        return {"y": tf.math.special.expint(other), "z": inverse}

    return call


def _cases(tf: Any) -> Any:
    """Return a choice among three branches, in a loop and outside."""

    def choose(number: Any, x: Any) -> Any:
        return tf.switch_case(number, [lambda: x, lambda: tf.math.erfc(x), lambda: x * 2])

    def call(x: Any) -> Any:
        count = tf.shape(x)[0]
        _, total = tf.while_loop(
            lambda i, _: i < count,
            lambda i, total: (i + 1, total + tf.reduce_sum(choose(i, x))),
            [tf.constant(0), tf.constant(0.0)],
        )
        return {"chosen": choose(count - 1, x), "total": total}

    return call


def _resized(tf: Any) -> Any:
    """Return a resizing whose scale is computed from a size that is known."""
    return lambda x: {"y": tf.image.resize(tf.ensure_shape(x, [5, 6, 3]), [9, 4], "lanczos3")}


def _spectra(tf: Any) -> Any:
    """Return complex numbers with a weight, in a loop and in a branch."""
    generator = np.random.default_rng(3)
    weight = generator.normal(size=(9, 8, 2)) @ [0.1, 0.1j]

    def call(x: Any) -> Any:
        turned = tf.signal.fft2d(tf.cast(x, tf.complex64)) * weight.astype(np.complex64)
        _, turned = tf.while_loop(
            lambda i, _: i < 3,
            lambda i, z: (i + 1, z * tf.complex(0.5, 0.25) + tf.roll(z, 1, axis=1)),
            [tf.constant(0), turned],
        )
        tf.abs(tf.math.real(tf.math.cumprod(turned)))  # which nobody asks for
        chosen = tf.cond(x[0, 0, 0] < 0, lambda: tf.math.conj(turned), lambda: turned)
        back = tf.signal.irfft(tf.transpose(chosen, [0, 2, 1])[..., :5], [8])
        return {"back": back, "size": tf.abs(chosen), "whole": tf.math.real(chosen)}

    return call


def _complex_product(tf: Any) -> Any:
    return lambda x: {"y": tf.abs(tf.math.cumprod(tf.complex(x, x), axis=1))}


def _decompositions(tf: Any) -> Any:
    """Return results of eigenvectors and singular vectors that do not depend on their signs."""

    def call(x: Any) -> Any:
        x = tf.ensure_shape(x, [None, 5, 3])
        values, left, right = tf.linalg.svd(x)
        symmetric = tf.matmul(x, x, transpose_b=True) + 2 * tf.eye(5)
        half_read = symmetric + tf.linalg.band_part(symmetric, 0, -1)
        half_read -= tf.linalg.band_part(half_read / 2, 0, 0)
        eigenvalues, vectors = tf.linalg.eigh(half_read)
        return {
            "inverse": tf.linalg.pinv(x),
            "logarithm": tf.matmul(
                vectors * tf.math.log(eigenvalues)[:, None], vectors, False, True
            ),
            "eigenvalues": eigenvalues,
            "rank": tf.linalg.matrix_rank(x),
            "values": values,
            "wide": tf.linalg.svd(tf.linalg.matrix_transpose(x), compute_uv=False),
            "whole": tf.matmul(left * values[:, None], right, transpose_b=True),
        }

    return call


def _complex_ends(tf: Any) -> Any:
    """Return a computation on a complex input, and the input itself."""

    def call(x: Any, y: Any) -> Any:
        spectrum = tf.signal.fft(x * tf.cast(y, x.dtype))
        low, high = tf.split(spectrum, 2, axis=1)
        mirrored = tf.cast(tf.math.conj(x), tf.complex128)
        return {"high": high, "low": low, "mirrored": mirrored, "same": x, "size": tf.abs(low)}

    return call


def _unknown_size(tf: Any) -> Any:
    return lambda x: {"y": tf.raw_ops.ResizeArea(images=x, size=[8, 8])}


def _save_vocabulary(tf: Any, folder: Path) -> None:
    """Write a model with a table that is filled from a file of its own."""
    path = folder / "words.txt"
    path.write_text("the\nquick\nbrown\nfox\n")
    initializer = tf.lookup.TextFileInitializer(
        str(path),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    table = tf.lookup.StaticHashTable(initializer, -1)
    words = {"words": np.array(["fox", "cat", "the", "quick"], object)}
    _save(tf, folder / "vocabulary", lambda words: {"ids": table.lookup(words)}, words, table=table)


def _save_keras(tf: Any, folder: Path) -> None:
    """Write a Keras model that takes texts."""
    import tf_keras

    layer = tf_keras.layers.TextVectorization(max_tokens=20, output_sequence_length=5)
    layer.adapt(["the quick Brown fox", "the lazy dog"])
    texts = tf_keras.Input((1,), dtype="string", name="texts")
    embedded = tf_keras.layers.Embedding(20, 3)(layer(texts))
    mean = tf_keras.layers.GlobalAveragePooling1D(name="mean")(embedded)
    model = tf_keras.Model(texts, mean)
    model.save(folder / "texts", save_format="tf")
    given = np.array([["The dog!, xyz"], ["brown  FOX"]], object)
    _save_arrays(folder / "texts", {"texts": given}, {"mean": model(tf.constant(given)).numpy()})


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
