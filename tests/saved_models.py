"""Small real SavedModels, made by TensorFlow in a child process.

`python saved_models.py FOLDER` writes one SavedModel per function of MODELS into FOLDER. A
test process calls `build`, which does that in a child, so that it never imports TensorFlow.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def build(folder: Path) -> None:
    """Write all models into the folder, in a child process."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, str(Path(__file__).resolve()), str(folder)]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import numpy as np  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    tf.random.set_seed(0)
    v1 = tf.compat.v1
    image = tf.TensorSpec([None, 4], tf.float32, name="image")
    weights = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)

    def save(
        name: str,
        function: Callable[..., Any],
        *specs: Any,
        key: str = "serving_default",
        **members: Any,
    ) -> None:
        module = tf.Module()
        for member, value in members.items():
            setattr(module, member, value)
        module.call = tf.function(function, input_signature=specs or [image])
        tf.saved_model.save(module, str(folder / name), signatures={key: module.call})

    kernel, bias = tf.Variable(weights), tf.Variable([0.5, 0.0, -0.5])

    def dense(image: Any) -> Any:
        return tf.nn.relu(tf.matmul(image, kernel) + bias)

    save(
        "two_layers",
        lambda image: {"scores": tf.nn.softmax(dense(image))},
        kernel=kernel,
        bias=bias,
        key="classify",
    )

    # Six outputs that differ in nothing but their values, in no order of their keys.
    keys = ["tau", "alpha", "omega", "beta", "psi", "gamma"]
    save(
        "six_outputs",
        lambda image: {key: dense(image) * (number + 1.0) for number, key in enumerate(keys)},
        kernel=kernel,
        bias=bias,
    )
    # Twelve, so that output_10 sorts before output_2, of different shapes.
    save(
        "twelve_outputs",
        lambda image: {
            f"output_{number}": tf.tile(image, [1, 1 + number % 3]) + float(number)
            for number in range(12)
        },
    )
    save(
        "three_inputs",
        lambda zulu, alpha, mike: {"sum": zulu + alpha, "twice": alpha * 2.0 + 0.0 * mike},
        *(tf.TensorSpec([None, 2], tf.float32, name=name) for name in ("zulu", "alpha", "mike")),
    )
    save("unused_input", lambda used, ignored: {"same": used * 2.0},
         tf.TensorSpec([None, 2], tf.float32, name="used"),
         tf.TensorSpec([None, 2], tf.float32, name="ignored"))  # fmt: skip
    save("input_as_output", lambda image: {"same": image, "twice": image * 2.0})
    save("shared_output", lambda image: dict.fromkeys(("one", "two"), tf.nn.relu(image)))
    save("constant_output", lambda image: {"anchors": tf.constant(weights), "y": image + 1.0})
    save("ragged_output", lambda image: {
        "rows": tf.RaggedTensor.from_row_lengths(tf.reshape(image, [-1]), [1, 3]), "y": image})  # fmt: skip

    several = tf.Module()
    several.kernel = kernel
    spec = [image]
    several.one = tf.function(lambda image: {"embedding": tf.matmul(image, kernel)}, spec)
    several.two = tf.function(lambda image: {"scores": tf.nn.softmax(image)}, spec)
    signatures = {"embed": several.one, "classify": several.two}
    tf.saved_model.save(several, str(folder / "several_signatures"), signatures=signatures)
    signatures = {"serve": several.one, "serving_default": several.one}
    tf.saved_model.save(several, str(folder / "same_twice"), signatures=signatures)
    tf.saved_model.save(several, str(folder / "no_signature"))

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="times")])
    def loop(times: Any) -> Any:
        value = tf.constant(1.0)
        while times > 0:
            value = value * 2.0 + kernel[0, 0]
            times -= 1
        if value > 100.0:  # noqa: PLR2004
            value = -value
        return {"value": value}

    looped = tf.Module()
    looped.kernel, looped.call = kernel, loop
    tf.saved_model.save(looped, str(folder / "control_flow"), signatures=loop)

    names = tf.TensorSpec([None], tf.string, name="names")
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["cat", "dog"], [3, 4], value_dtype=tf.int32), -1
    )
    save("table", lambda names: {"ids": table.lookup(names)}, names, table=table)
    vocabulary = folder / "words.txt"
    vocabulary.write_text("cat\ndog\n")
    file_table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )
    save("table_from_asset", lambda names: {"ids": file_table.lookup(names)}, names, t=file_table)

    save("checked", lambda image: {"y": tf.debugging.check_numerics(image, "bad") + 1.0})
    save("unsupported", lambda image: {
        "s": tf.linalg.svd(image, compute_uv=False), "b": tf.math.betainc(image, image, image)})  # fmt: skip
    save("big_integer", lambda image: {
        "y": tf.cast(image, tf.int64) * tf.constant(2**40, tf.int64), "z": image})  # fmt: skip
    save("small_integer", lambda image: {
        "y": tf.cast(image, tf.int64) * tf.constant([1, 2, 3, 4], tf.int64)})  # fmt: skip
    save("big_double", lambda image: {
        "y": tf.cast(image, tf.float64) * tf.constant([1e300, 1.0, 1.0, 1.0], tf.float64)})  # fmt: skip

    # Ops that touch the machine.
    save("python_function", lambda image: {
        "y": tf.ensure_shape(tf.numpy_function(lambda x: x, [image], tf.float32), [None, 4])})  # fmt: skip
    save("reads_a_file", lambda image: {"y": tf.io.read_file("/etc/hostname"), "z": image})

    def write(image: Any) -> Any:
        tf.io.write_file("/tmp/written", "x")  # noqa: S108
        return {"y": image + 1.0}

    save("writes_a_file", write)

    def print_to_file(image: Any) -> Any:
        tf.print(image, output_stream="file:///tmp/printed")
        return {"y": image + 1.0}

    save("prints_to_a_file", print_to_file)

    def restore(image: Any) -> Any:
        return {"y": image + tf.raw_ops.RestoreV2(
            prefix="/somewhere", tensor_names=["v"], shape_and_slices=[""], dtypes=[tf.float32])[0]}  # fmt: skip

    save("restores_a_checkpoint", restore)

    _write_v1(folder, v1, weights)
    _write_keras(folder)


def _write_v1(folder: Path, v1: Any, weights: Any) -> None:
    """Write SavedModels in the way of TensorFlow 1."""

    def model(path: str, tag_sets: list[list[str]], *, table: bool = False) -> None:
        builder = v1.saved_model.Builder(str(folder / path))
        with v1.Graph().as_default(), v1.Session() as session:
            image = v1.placeholder("float32", [None, 4], name="image")
            kernel = v1.get_variable("kernel", initializer=weights)
            logits = v1.matmul(image, kernel, name="logits")
            outputs = {"zeta": logits, "probabilities": v1.nn.softmax(logits, name="softmax")}
            outputs["again"] = logits
            init_op = None
            if table:
                lookup = v1.lookup.StaticHashTable(
                    v1.lookup.KeyValueTensorInitializer([1, 2], [5, 6], "int32", "int32"), -1
                )
                outputs["ids"] = lookup.lookup(v1.cast(image, "int32"))
                init_op = v1.tables_initializer()
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            signature = v1.saved_model.predict_signature_def({"image": image}, outputs)
            signatures = {"serving_default": signature, "predict": signature}
            for number, tags in enumerate(tag_sets):
                if number:
                    builder.add_meta_graph(tags, signatures)
                else:
                    builder.add_meta_graph_and_variables(
                        session, tags, signatures, main_op=init_op
                    )
        builder.save()

    model("v1", [["serve"]])
    model("v1_table", [["serve"]], table=True)
    model("v1_empty_tags", [[]])
    model("v1_two_tag_sets", [["serve"], ["serve", "gpu"]])


def _write_keras(folder: Path) -> None:
    """Write two real architectures, and a small one with named outputs, as Keras 3 exports them."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    applications = keras.applications
    mobile = applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, classes=10)
    mobile.export(str(folder / "mobilenet"), verbose=False)
    efficient = applications.EfficientNetB0(input_shape=(64, 64, 3), weights=None, classes=10)
    efficient.export(str(folder / "efficientnet"), verbose=False)
    image = keras.Input((4,), name="image")
    # A signature's outputs cannot be nested: "Got a non-Tensor value … for key".
    outputs = {key: keras.layers.Dense(3)(image) for key in ("scores", "boxes", "anchors")}
    keras.Model(image, outputs).export(str(folder / "named_heads"), verbose=False)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
