"""Small real TensorFlow Lite files, written by TensorFlow's converter in a child process.

`python tflite_models.py FOLDER` writes them into FOLDER; a test process calls `built`.
"""

import functools
import sys
import tempfile
from pathlib import Path
from typing import Any

from build_in_child import build_in_child


@functools.cache
def built() -> Path:
    """Return a folder with all files, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="tflite ")


def write_models(folder: Path) -> None:
    """Write all files into the folder; imports TensorFlow."""
    import tensorflow as tf

    tf.random.set_seed(0)
    for mode in ("float32", "float16", "dynamic", "int8", "uint8", "int8_inside", "int16"):
        (folder / f"{mode}.tflite").write_bytes(_convert(tf, _network(tf), [1, 12, 12, 3], mode))
    plain = _convert(tf, _without_bias(tf), [1, 12, 12, 3], "int8")
    (folder / "without_bias.tflite").write_bytes(plain)
    from tflite_mediapipe import write_files
    from tflite_operators import write_composite, write_integer_svdf, write_recurrent

    for name, content in write_files().items():
        (folder / f"{name}.tflite").write_bytes(content)
    (folder / "svdf_int8.tflite").write_bytes(write_integer_svdf())
    (folder / "composite.tflite").write_bytes(write_composite())
    for name in ("lstm_with_all", "lstm_both_ways", "rnn_both_ways", "svdf"):
        (folder / f"{name}.tflite").write_bytes(write_recurrent(name))
    for name, make in {
        "open": _open_batch,
        "long_window": _long_window,
        "shared": _shared,
        "control": _control,
        "flex": _flex,
        "file": _flex_file,
        "signatures": _signatures,
        "counter": _counter,
        "recurrent": _recurrent,
        "recurrent_int8": _recurrent_int8,
        "random": _random,
        "counter_int8": lambda tf: _counter(tf, whole=True),
        "saturated": _saturated,
        "detection": _detection,
        "detection_by_class": lambda tf: _detection(tf, by_class=True),
        "detection_of_two": lambda tf: _detection(tf, per_box=2),
        "sparse": _sparse,
    }.items():
        (folder / f"{name}.tflite").write_bytes(make(tf))


def _weights(tf: Any, seed: int, *shape: int) -> Any:
    import numpy as np

    values = np.random.default_rng(seed).normal(0, 0.4, shape).astype(np.float32)
    return tf.constant(values)


def _network(tf: Any) -> Any:
    """Return a classifier of pictures with the operators that most models have."""
    kernel, depthwise, dense = (
        _weights(tf, 1, 3, 3, 3, 40), _weights(tf, 2, 3, 3, 40, 1), _weights(tf, 3, 360, 5),
    )  # fmt: skip
    bias = _weights(tf, 4, 40)

    def network(image: Any) -> Any:
        value = tf.nn.relu6(tf.nn.conv2d(image, kernel, 2, "SAME") + bias)
        value = tf.nn.depthwise_conv2d(value, depthwise, [1, 1, 1, 1], "SAME") + value
        value = tf.nn.avg_pool2d(value, 2, 2, "SAME")
        return tf.matmul(tf.reshape(value, [-1, 360]), dense)

    return network


def _without_bias(tf: Any) -> Any:
    kernel, depthwise = _weights(tf, 1, 3, 3, 3, 40), _weights(tf, 2, 5, 5, 40, 1)

    def network(image: Any) -> Any:
        value = tf.nn.conv2d(image, kernel, 2, "SAME")
        return tf.nn.depthwise_conv2d(value, depthwise, [1, 1, 1, 1], "SAME")

    return network


def _convert(tf: Any, function: Any, shape: list[int | None], mode: str = "float32") -> bytes:
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], concrete)
    if mode in {"dynamic", "float16"}:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode in _WHOLE:
        import numpy as np

        random = np.random.default_rng(5)
        sizes = [size or 1 for size in shape]
        pictures = [random.uniform(-1, 1, sizes).astype(np.float32) for _ in range(8)]
        _quantize(tf, converter, pictures, mode)
    content: bytes = converter.convert()
    return content


_WHOLE = ("int8", "uint8", "int8_inside", "int16")


def _quantize(tf: Any, converter: Any, samples: Any, mode: str) -> None:
    """Let a converter make an integer model; `int8_inside` keeps inputs and outputs of float32."""
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([each] for each in samples)
    wide = mode == "int16"
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        if wide
        else tf.lite.OpsSet.TFLITE_BUILTINS_INT8
    ]
    if mode in {"int8", "uint8"}:
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(mode)


def _saturated(tf: Any) -> bytes:
    """Return an integer model whose sums mostly end at the limits of their tensor."""
    import numpy as np

    spec = tf.TensorSpec([1, 4, 4, 2], tf.float32, name="image")
    kernel = tf.constant(np.linspace(0.5, 1.0, 2 * 8, dtype=np.float32).reshape(1, 1, 2, 8))
    function = tf.function(lambda image: tf.nn.conv2d(image, kernel, 1, "SAME"), [spec])
    concrete = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], concrete)
    half = np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    _quantize(tf, converter, [np.concatenate([half, -half], -1)], "int8_inside")
    content: bytes = converter.convert()
    return content


def _open_batch(tf: Any) -> bytes:
    matrix = _weights(tf, 6, 4, 3)
    return _convert(tf, lambda value: tf.nn.softmax(tf.matmul(value, matrix)), [None, 4])


def _long_window(tf: Any) -> bytes:
    """Return a file that takes sound of any length, with a window longer than the usual ones."""
    kernel = _weights(tf, 7, 1, 600, 1, 3)
    return _convert(
        tf,
        lambda value: tf.nn.conv2d(
            tf.expand_dims(tf.expand_dims(value, 1), 3), kernel, 160, "VALID"
        ),
        [None, None],
    )


def _shared(tf: Any) -> bytes:
    """Return a file with one kernel that three convolutions read."""
    kernel = _weights(tf, 7, 3, 3, 8, 8)

    def network(value: Any) -> Any:
        for _ in range(3):
            value = tf.tanh(tf.nn.conv2d(value, kernel, 1, "SAME"))
        return value

    return _convert(tf, network, [1, 6, 6, 8])


def _control(tf: Any) -> bytes:
    def network(value: Any) -> Any:
        chosen = tf.cond(value[0, 0] > 0, lambda: value + 1, lambda: value * 2)
        start = (tf.constant(0), chosen)
        return tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.tanh(v) + value), start)[1]

    return _convert(tf, network, [1, 4])


def _with_flex(tf: Any, function: Any, spec: Any) -> bytes:
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], concrete)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS,
    ]  # fmt: skip
    content: bytes = converter.convert()
    return content


def _flex(tf: Any) -> bytes:
    spec = tf.TensorSpec([3, 3], tf.float32, name="value")
    return _with_flex(
        tf, lambda value: tf.math.xlogy(value, 2.0) + tf.linalg.band_part(value, 0, 1), spec
    )


def _flex_file(tf: Any) -> bytes:
    """Return a file that would read a file of this machine."""
    return _with_flex(tf, tf.io.read_file, tf.TensorSpec([], tf.string, name="path"))


def _signatures(tf: Any) -> bytes:
    matrix = _weights(tf, 8, 4, 3)

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])  # type: ignore[untyped-decorator]
        def score(self, features: Any) -> Any:
            return {"scores": tf.matmul(features, matrix), "total": tf.reduce_sum(features)}

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])  # type: ignore[untyped-decorator]
        def double(self, features: Any) -> Any:
            return {"doubled": features * 2}

    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        signatures = {
            name: getattr(model, name).get_concrete_function() for name in ("score", "double")
        }
        tf.saved_model.save(model, folder, signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, list(signatures))
        content: bytes = converter.convert()
    return content


def _counter(tf: Any, *, whole: bool = False) -> bytes:
    """Return a file that keeps the sum of all that it was given, perhaps as whole numbers."""

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.total = tf.Variable([[1.0, 2.0]], name="total")

        @tf.function(input_signature=[tf.TensorSpec([1, 2], tf.float32)])  # type: ignore[untyped-decorator]
        def add(self, value: Any) -> Any:
            before = self.total.read_value()
            self.total.assign(before + value)
            return {"mean": (before + value) * 0.5}

    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(model, folder, {"add": model.add.get_concrete_function()})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, ["add"])
        converter.experimental_enable_resource_variables = True
        if whole:
            import numpy as np

            samples = np.random.default_rng(6).uniform(-1, 1, (9, 1, 2)).astype(np.float32)
            _quantize(tf, converter, samples, "int8")
        content: bytes = converter.convert()
    return content


def _recurrent(tf: Any) -> bytes:
    import tf_keras

    both = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(3, return_sequences=True))
    layers = [tf_keras.Input((5, 2), 1), both, tf_keras.layers.GRU(2)]
    content: bytes = tf.lite.TFLiteConverter.from_keras_model(tf_keras.Sequential(layers)).convert()
    return content


def _recurrent_int8(tf: Any) -> bytes:
    """Return an integer model with an LSTM, whose state is of 16 bits."""
    import numpy as np
    import tf_keras

    layers = [tf_keras.Input((5, 2), 1), tf_keras.layers.LSTM(3, return_sequences=True)]
    converter = tf.lite.TFLiteConverter.from_keras_model(tf_keras.Sequential(layers))
    stream = np.random.default_rng(4)
    _quantize(tf, converter, stream.uniform(-1, 1, (9, 1, 5, 2)).astype(np.float32), "int8")
    content: bytes = converter.convert()
    return content


def _random(tf: Any) -> bytes:
    return _convert(tf, lambda value: value + tf.random.normal([4], seed=1), [1, 4])


def _sparse(tf: Any) -> bytes:
    import numpy as np

    matrix = np.where(np.arange(256 * 32).reshape(256, 32) % 7 == 0, 0.5, 0.0).astype(np.float32)
    spec = tf.TensorSpec([1, 256], tf.float32, name="value")
    function = tf.function(
        lambda value: tf.matmul(value, tf.constant(matrix)), input_signature=[spec]
    )
    concrete = function.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], concrete)
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    content: bytes = converter.convert()
    return content


def _detection(tf: Any, *, per_box: int = 1, by_class: bool = False) -> bytes:
    """Return a file with the custom operator that ends detectors.

    Args:
        tf: TensorFlow.
        per_box: How many classes of a box are listed.
        by_class: Whether boxes are suppressed by those of the same class only.
    """
    options = "".join(
        f"attr {{ key: '{name}' value {{ {kind}: {value} }} }} "
        for name, kind, value in (
            ("max_detections", "i", 4), ("max_classes_per_detection", "i", per_box),
            ("nms_score_threshold", "f", 0.1), ("nms_iou_threshold", "f", 0.5),
            ("num_classes", "i", 3), ("y_scale", "f", 10.0), ("x_scale", "f", 10.0),
            ("h_scale", "f", 5.0), ("w_scale", "f", 5.0), ("detections_per_class", "i", 2),
            ("use_regular_nms", "b", str(by_class).lower()),
        )
    )  # fmt: skip
    implements = (
        f"name: 'TFLite_Detection_PostProcess' {options}"
        "attr { key: 'tfl_fusable_op' value { b: true } }"
    )
    anchors = _weights(tf, 9, 12, 4)

    @tf.function(experimental_implements=implements)  # type: ignore[untyped-decorator]
    def choose(boxes: Any, scores: Any, anchors: Any) -> Any:
        size = 4 * per_box
        first = boxes[:, :size] + anchors[:size]
        return first, first[..., 0], scores[:, :size, 0], tf.reduce_sum(scores, [1, 2])

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([1, 12, 8], tf.float32)])  # type: ignore[untyped-decorator]
        def detect(self, value: Any) -> Any:
            scores = tf.sigmoid(value[..., 4:] * 3)
            parts = choose(value[..., :4], scores, tf.abs(anchors) + 0.2)
            return dict(zip(("boxes", "classes", "scores", "count"), parts, strict=True))

    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(model, folder, {"detect": model.detect.get_concrete_function()})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, ["detect"])
        converter.allow_custom_ops = True
        content: bytes = converter.convert()
    return content


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
