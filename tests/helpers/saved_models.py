"""Small real SavedModels, made by TensorFlow in a child process.

`python saved_models.py FOLDER` writes one SavedModel per function of MODELS into FOLDER. A
test process calls `built`, which does that once in a child, so that it never imports TensorFlow.
"""

import functools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from build_in_child import build_in_child

_STRING = 7  # DT_STRING


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="saved models ")


def convert_stock(source: Path, folder: Path, dtypes: list[str]) -> None:
    """Convert as `tensorflowjs_converter` does, once per dtype, into a folder for each.

    It runs in a job of the pool. Its command line cannot take a path with a space.
    """
    from tensorflowjs.converters import converter

    for dtype in dtypes:
        quantize = [] if dtype == "float32" else [f"--quantize_{dtype}=*"]
        formats = ["--input_format=tf_saved_model", "--output_format=tfjs_graph_model"]
        converter.convert([*formats, *quantize, str(source), str(folder / dtype)])


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import tensorflow as tf

    tf.random.set_seed(0)
    for write in (_write_named, _write_ordered, _write_signatures, _write_control_flow):
        write(tf, folder)
    for write in (
        _write_two_tables,
        _write_tables,
        _write_numbers,
        _write_unsupported,
        _write_touching,
    ):
        write(tf, folder)
    _write_callable(tf, folder)
    _write_shared(tf, folder)
    _write_v1(tf.compat.v1, folder)
    _write_tampered(folder)
    _write_keras(folder)


def _save(tf: Any, folder: Path, function: Callable[..., Any], *specs: Any, **members: Any) -> None:
    """Save a function as the only signature of a model, whose name is the folder's.

    Args:
        tf: TensorFlow.
        folder: Where to write.
        function: Returns a dict of outputs.
        specs: Of its arguments; `image`, float32 (None, 4), where left out.
        members: Variables and tables that it uses; `key` is the signature's key.
    """
    module = tf.Module()
    key = members.pop("key", "serving_default")
    for member, value in members.items():
        setattr(module, member, value)
    module.call = tf.function(function, input_signature=specs or [_image(tf)])
    tf.saved_model.save(module, str(folder), signatures={key: module.call})


def _image(tf: Any) -> Any:
    return tf.TensorSpec([None, 4], tf.float32, name="image")


def _pair(tf: Any, name: str) -> Any:
    return tf.TensorSpec([None, 2], tf.float32, name=name)


def _kernel() -> Any:
    import numpy as np

    return np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def _write_named(tf: Any, folder: Path) -> None:
    """Write models whose outputs can be told by their values only."""
    kernel, bias = tf.Variable(_kernel()), tf.Variable([0.5, 0.0, -0.5])
    members = {"kernel": kernel, "bias": bias}

    def dense(image: Any) -> Any:
        return tf.nn.relu(tf.matmul(image, kernel) + bias)

    def classify(image: Any) -> Any:
        return {"scores": tf.nn.softmax(dense(image))}

    _save(tf, folder / "two_layers", classify, key="classify", **members)

    # Six outputs that differ in nothing but their values, in no order of their keys.
    keys = ["tau", "alpha", "omega", "beta", "psi", "gamma"]

    def six(image: Any) -> Any:
        return {key: dense(image) * (number + 1.0) for number, key in enumerate(keys)}

    _save(tf, folder / "six_outputs", six, **members)

    # Twelve, so that output_10 sorts before output_2.
    def twelve(image: Any) -> Any:
        tiles = {i: tf.tile(image, [1, 1 + i % 3]) for i in range(12)}
        return {f"output_{i}": tile + float(i) for i, tile in tiles.items()}

    _save(tf, folder / "twelve_outputs", twelve)


def _write_ordered(tf: Any, folder: Path) -> None:
    """Write models with several inputs, and with outputs of odd kinds."""

    def three(zulu: Any, alpha: Any, mike: Any) -> Any:
        return {"sum": zulu + alpha, "twice": alpha * 2.0 + 0.0 * mike}

    def first(used: Any, ignored: Any) -> Any:
        del ignored
        return {"same": used * 2.0}

    def ragged(image: Any) -> Any:
        rows = tf.RaggedTensor.from_row_lengths(tf.reshape(image, [-1]), [1, 3])
        return {"rows": rows, "y": image}

    specs = [_pair(tf, name) for name in ("zulu", "alpha", "mike")]
    _save(tf, folder / "three_inputs", three, *specs)
    specs = [_pair(tf, name) for name in ("used", "ignored")]
    _save(tf, folder / "unused_input", first, *specs)
    _save(tf, folder / "input_as_output", lambda image: {"same": image, "twice": image * 2.0})
    _save(
        tf,
        folder / "shared_output",
        lambda image: dict.fromkeys(("one", "two"), tf.nn.relu(image)),
    )
    _save(
        tf,
        folder / "constant_output",
        lambda image: {"anchors": tf.constant(_kernel()), "y": image + 1.0},
    )
    _save(tf, folder / "ragged_output", ragged)


def _write_signatures(tf: Any, folder: Path) -> None:
    """Write models with no signature, with two, and with one under two keys."""
    module = tf.Module()
    module.kernel = kernel = tf.Variable(_kernel())
    spec = [_image(tf)]
    module.one = tf.function(lambda image: {"embedding": tf.matmul(image, kernel)}, spec)
    module.two = tf.function(lambda image: {"scores": tf.nn.softmax(image)}, spec)
    models = {
        "several_signatures": {"embed": module.one, "classify": module.two},
        "same_twice": {"serve": module.one, "serving_default": module.one},
        "no_signature": None,
    }
    for name, signatures in models.items():
        tf.saved_model.save(module, str(folder / name), signatures=signatures)


def _write_shared(tf: Any, folder: Path) -> None:
    """Write a model with two signatures that share a table, and have a kernel each."""
    import numpy as np

    rng = np.random.default_rng(0)
    sizes = {"table": (1000, 32), "first": (32, 512), "second": (32, 600)}
    module = tf.Module()
    for name, size in sizes.items():
        setattr(module, name, tf.Variable(rng.normal(size=size).astype(np.float32), name=name))

    def look_up(ids: Any, kernel: Any) -> Any:
        return tf.reduce_mean(tf.gather(module.table, ids), 1) @ kernel

    spec = [tf.TensorSpec([None, 4], tf.int32, "token_ids")]
    module.f = tf.function(lambda token_ids: {"code": look_up(token_ids, module.first)}, spec)
    module.g = tf.function(lambda token_ids: {"topic": look_up(token_ids, module.second)}, spec)
    signatures = {"encode": module.f, "Find_topic": module.g}
    tf.saved_model.save(module, str(folder / "shared"), signatures=signatures)


def _write_callable(tf: Any, folder: Path) -> None:
    """Write a model without signatures that can be called, as reusable models of TF Hub can."""

    class Reusable(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.count = tf.Variable([[1.0], [2.0]]), tf.Variable(0.5)

        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec([None, 2], name="x"), tf.TensorSpec([], name="scale")]
        )
        def encode(self, x: Any, scale: Any) -> Any:
            return [x * scale, {"mean": tf.reduce_mean(x)}]

        @tf.function  # type: ignore[untyped-decorator]
        def __call__(self, inputs: Any, training: bool = False) -> Any:  # noqa: FBT002
            if training:
                self.count.assign_add(1.0)
            return {"score": inputs["a"] @ self.weight + self.count, "twice": inputs["b"] * 2}

    model = Reusable()
    given = {"a": tf.TensorSpec([None, 2]), "b": tf.TensorSpec([None])}
    for training in (True, False):
        model.__call__.get_concrete_function(given, training=training)
    tf.saved_model.save(model, str(folder / "reusable"))


def _write_control_flow(tf: Any, folder: Path) -> None:
    """Write a model with a loop and a branch."""
    kernel = tf.Variable(_kernel())

    def loop(times: Any) -> Any:
        value = tf.constant(1.0)
        while times > 0:
            value = value * 2.0 + kernel[0, 0]
            times -= 1
        if value > 100.0:
            value = -value
        return {"value": value}

    times = tf.TensorSpec([], tf.int32, name="times")
    _save(tf, folder / "control_flow", loop, times, kernel=kernel)


def _write_tables(tf: Any, folder: Path) -> None:
    """Write models with a lookup table, filled from constants and from a file."""
    names = tf.TensorSpec([None], tf.string, name="names")
    constants = tf.lookup.KeyValueTensorInitializer(["cat", "dog"], [3, 4], value_dtype=tf.int32)
    words = folder / "words.txt"
    words.write_text("cat\ndog\n")
    index = tf.lookup.TextFileIndex
    file = tf.lookup.TextFileInitializer(
        str(words), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )
    for name, initializer in {"table": constants, "table_from_asset": file}.items():
        table = tf.lookup.StaticHashTable(initializer, -1)

        _save(tf, folder / name, _look_up(table), names, table=table)


def _write_two_tables(tf: Any, folder: Path) -> None:
    """Write a model with two tables and a signature for each."""
    names = tf.TensorSpec([None], tf.string, name="names")
    module = tf.Module()
    signatures = {}
    for i, name in enumerate(("one", "two")):
        constants = tf.lookup.KeyValueTensorInitializer(["cat"], [i], value_dtype=tf.int32)
        table = tf.lookup.StaticHashTable(constants, -1)
        setattr(module, name, table)
        signatures[name] = tf.function(_look_up(table), [names]).get_concrete_function()
    tf.saved_model.save(module, str(folder / "two_tables"), signatures=signatures)


def _look_up(table: Any) -> Callable[[Any], Any]:
    return lambda names: {"ids": table.lookup(names)}


def _write_numbers(tf: Any, folder: Path) -> None:
    """Write models with constants that fit into int32 and float32, and that do not."""
    models: dict[str, tuple[Any, list[Any]]] = {
        "big_integer": (tf.int64, [2**40]),
        "small_integer": (tf.int64, [1, 2, 3, 4]),
        "big_double": (tf.float64, [1e300, 1.0, 1.0, 1.0]),
    }
    for name, (dtype, values) in models.items():
        _save(tf, folder / name, _multiply(tf, dtype, values))


def _multiply(tf: Any, dtype: Any, values: list[Any]) -> Callable[[Any], Any]:
    return lambda image: {"y": tf.cast(image, dtype) * tf.constant(values, dtype)}


def _write_unsupported(tf: Any, folder: Path) -> None:
    """Write models with ops that TensorFlow.js does not have."""

    def check(image: Any) -> Any:
        return {"y": tf.debugging.check_numerics(image, "bad") + 1.0}

    def compute(image: Any) -> Any:
        singular = tf.linalg.svd(image, compute_uv=False)
        return {"s": singular, "b": tf.math.betainc(image, image, image)}

    def refuse(image: Any) -> Any:
        with tf.control_dependencies([tf.debugging.Assert(tf.size(image) > 0, ["empty"])]):
            return {"y": image + 1.0}

    def fold(image: Any) -> Any:
        return {"y": image + tf.linalg.svd(tf.ones([4, 4]), compute_uv=False)}

    def fill(image: Any) -> Any:
        return {"y": tf.reduce_sum(image) + tf.fill([2_800_000], 0.5)}

    _save(tf, folder / "checked", check)
    _save(tf, folder / "unsupported", compute)
    _save(tf, folder / "asserted", refuse)
    _save(tf, folder / "folded", fold)
    _save(tf, folder / "large_fill", fill)


def _write_touching(tf: Any, folder: Path) -> None:
    """Write models that would touch the machine; nothing of it is run here."""

    def call_python(image: Any) -> Any:
        return {"y": tf.numpy_function(lambda x: x, [image], tf.float32)}

    def write(image: Any) -> Any:
        tf.io.write_file("written.txt", "x")
        return {"y": image + 1.0}

    def print_to_file(image: Any) -> Any:
        tf.print(image, output_stream="file://printed.txt")
        return {"y": image + 1.0}

    def restore(image: Any) -> Any:
        (value,) = tf.raw_ops.RestoreV2(
            prefix="elsewhere", tensor_names=["v"], shape_and_slices=[""], dtypes=[tf.float32]
        )
        return {"y": image + value}

    def read(image: Any) -> Any:
        return {"y": tf.io.read_file("secret.txt"), "z": image}

    _save(tf, folder / "python_function", call_python)
    _save(tf, folder / "reads_a_file", read)
    _save(tf, folder / "writes_a_file", write)
    _save(tf, folder / "prints_to_a_file", print_to_file)
    _save(tf, folder / "restores_a_checkpoint", restore)


def _write_v1(v1: Any, folder: Path) -> None:
    """Write SavedModels in the way of TensorFlow 1."""
    models: dict[str, list[list[str]]] = {
        "v1": [["serve"]],
        "v1_table": [["serve"]],
        "v1_empty_tags": [[]],
        "v1_two_tag_sets": [["serve"], ["serve", "gpu"]],
    }
    for name, tag_sets in models.items():
        with v1.Graph().as_default(), v1.Session() as session:
            image = v1.placeholder("float32", [None, 4], name="image")
            kernel = v1.get_variable("kernel", initializer=_kernel())
            logits = v1.matmul(image, kernel, name="logits")
            outputs = {"zeta": logits, "probabilities": v1.nn.softmax(logits, name="softmax")}
            outputs["again"] = logits
            if name == "v1_table":
                initializer = v1.lookup.KeyValueTensorInitializer([1, 2], [5, 6], "int32", "int32")
                table = v1.lookup.StaticHashTable(initializer, -1)
                outputs["ids"] = table.lookup(v1.cast(image, "int32"))
            signature = v1.saved_model.predict_signature_def({"image": image}, outputs)
            signatures = {"serving_default": signature, "predict": signature}
            _build_v1(v1, session, folder / name, tag_sets, signatures)


def _build_v1(
    v1: Any, session: Any, folder: Path, tag_sets: list[list[str]], signatures: dict[str, Any]
) -> None:
    tables = v1.tables_initializer()
    session.run([v1.global_variables_initializer(), tables])
    builder = v1.saved_model.Builder(str(folder))
    first, *others = tag_sets
    builder.add_meta_graph_and_variables(session, first, signatures, main_op=tables)
    for tags in others:
        builder.add_meta_graph(tags, signatures)
    builder.save()


def _write_tampered(folder: Path) -> None:
    """Write copies of models whose graph someone has changed by hand."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    def asset_outside(graph: Any) -> None:
        graph.asset_file_def[0].filename = "../../words.txt"

    def save_on_loading(graph: Any) -> None:
        nodes = {node.name: node for node in graph.graph_def.node}
        nodes["save/restore_all"].input.append("^save/SaveV2")

    def unknown_op(graph: Any) -> None:
        next(node for node in graph.graph_def.node if node.op == "Softmax").op = "SofterMax"

    for name, original, change in [
        ("asset_outside", "table_from_asset", asset_outside),
        ("words_from_anywhere", "table_from_asset", _words_from_anywhere),
        ("words_from_constant", "table_from_asset", _words_from_constant),
        ("words_in_disguise", "table_from_asset", _words_in_disguise),
        ("saves_on_loading", "v1", save_on_loading),
        ("unknown_op", "v1", unknown_op),
    ]:
        shutil.copytree(folder / original, folder / name)
        path = folder / name / "saved_model.pb"
        saved_model = SavedModel.FromString(path.read_bytes())
        change(saved_model.meta_graphs[0])
        path.write_bytes(saved_model.SerializeToString())


def _words_from_anywhere(graph: Any) -> None:
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op == "InitializeTableFromTextFileV2":
                node.input[1] = "anywhere:output:0"
        function.node_def.add(name="anywhere", op="Const")


def _words_from_constant(graph: Any) -> None:
    objects = graph.object_graph_def
    filler = next(f for f in graph.graph_def.library.function if "initializer" in f.signature.name)
    bound = objects.concrete_functions[filler.signature.name].bound_inputs
    asset = next(i for i in bound if objects.nodes[i].WhichOneof("kind") == "asset")
    objects.nodes[asset].constant.operation = "elsewhere"
    graph.graph_def.node.add(name="elsewhere", op="Const").attr["dtype"].type = _STRING


def _words_in_disguise(graph: Any) -> None:
    _words_from_anywhere(graph)
    asset = graph.asset_file_def[0].tensor_info.name.partition(":")[0]
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            node.name = asset if node.name == "anywhere" else node.name
            if node.op == "InitializeTableFromTextFileV2":
                node.input[1] = f"{asset}:output:0"


def _write_keras(folder: Path) -> None:
    """Write two real architectures, and a small one with named outputs, as Keras 3 exports them."""
    import keras

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
