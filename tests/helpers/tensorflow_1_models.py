"""Small real models of TensorFlow 1, made in a child process: SavedModels, modules, frozen graphs.

`python tensorflow_1_models.py FOLDER` writes them into FOLDER; a test process calls `built`.
"""

import functools
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from build_in_child import build_in_child


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="tensorflow 1 ")


def convert_stock(source: Path, folder: Path, outputs: str) -> None:
    """Convert a frozen graph as `tensorflowjs_converter` does; it runs in a job of the pool."""
    from tensorflowjs.converters import converter

    formats = ["--input_format=tf_frozen_model", "--output_format=tfjs_graph_model"]
    names = f"--output_node_names={outputs}"
    converter.convert([*formats, names, str(source), str(folder)])


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import tensorflow as tf

    tf.random.set_seed(0)
    _write_saved_models(tf.compat.v1, folder)
    _write_text(folder)
    for write in (_write_frozen, _write_frozen_flow, _write_frozen_calls, _write_frozen_edited):
        write(tf.compat.v1, folder)
    _write_others(folder)


def _kernel() -> Any:
    import numpy as np

    return np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def _image(v1: Any) -> Any:
    return v1.placeholder("float32", [None, 4], name="image")


def _dense(v1: Any, image: Any, **options: Any) -> Any:
    kernel = v1.get_variable("kernel", initializer=_kernel(), **options)
    return v1.matmul(image, kernel, name="logits")


def _write_saved_models(v1: Any, folder: Path) -> None:
    """Write SavedModels, a folder for each."""

    def predict(image: Any, **outputs: Any) -> dict[str, Any]:
        return {"predict": v1.saved_model.predict_signature_def({"image": image}, outputs)}

    def old_variable() -> dict[str, Any]:
        image = _image(v1)
        return predict(image, scores=v1.nn.softmax(_dense(v1, image, use_resource=False)))

    def returns_variable() -> dict[str, Any]:
        image = _image(v1)
        kernel = v1.get_variable("kernel", initializer=_kernel(), use_resource=False)
        return predict(image, kernel=kernel, scores=v1.matmul(image, kernel))

    def table() -> dict[str, Any]:
        ids = v1.placeholder("int32", [None], name="image")
        filler = v1.lookup.KeyValueTensorInitializer([1, 2], ["a", "b"], "int32", "string")
        return predict(ids, names=v1.lookup.StaticHashTable(filler, "?").lookup(ids))

    def words() -> dict[str, Any]:
        names = v1.placeholder("string", [None], name="image")
        path = folder / "words.txt"
        path.write_text("cat\ndog\n")
        index = v1.lookup.TextFileInitializer(str(path), "string", -2, "int64", -1)
        return predict(names, ids=v1.lookup.StaticHashTable(index, -1).lookup(names))

    def estimator() -> dict[str, Any]:
        records = v1.placeholder("string", [None], name="records")
        feature = v1.io.FixedLenFeature([4], "float32")
        read = v1.io.parse_example(
            records, {"image": feature, "tags": v1.io.VarLenFeature("string")}
        )
        image = read["image"]
        scores = v1.nn.softmax(_dense(v1, image))
        classes = v1.saved_model.classification_signature_def(records, None, scores)
        raw = v1.saved_model.predict_signature_def({"image": image}, {"scores": scores})
        return {"serving_default": classes, "classification": classes, "predict": raw}

    def only_records() -> dict[str, Any]:
        signatures = estimator()
        return {key: signatures[key] for key in ("serving_default", "classification")}

    def module() -> dict[str, Any]:
        image = _image(v1)
        logits = _dense(v1, image)
        define = v1.saved_model.predict_signature_def
        return {
            "default": define({"image": image}, {"default": v1.nn.softmax(logits)}),
            "features": define({"image": image}, {"default": logits}),
        }

    _save(v1, folder / "old_variable", old_variable)
    _save(v1, folder / "returns_variable", returns_variable)
    # As programs do that build a graph by hand: an initializer, but no collection of it.
    _save(v1, folder / "table_without_collection", table, forget="table_initializer")
    _save(v1, folder / "words_from_file", words)
    _save(v1, folder / "estimator", estimator)
    _save(v1, folder / "only_records", only_records)
    _save(v1, folder / "module", module, tag_sets=[[], ["train"]])
    (folder / "module/tfhub_module.pb").write_bytes(b"\x08\x03")


def _save(
    v1: Any,
    folder: Path,
    build: Callable[[], dict[str, Any]],
    *,
    tag_sets: Sequence[Sequence[str]] = (("serve",),),
    forget: str | None = None,
) -> None:
    with v1.Graph().as_default() as graph, v1.Session() as session:
        signatures = build()
        tables = v1.tables_initializer()
        session.run([v1.global_variables_initializer(), tables])
        if forget:
            graph.clear_collection(forget)
        builder = v1.saved_model.Builder(str(folder))
        first, *others = tag_sets
        builder.add_meta_graph_and_variables(
            session,
            list(first),
            signatures,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=None if others else tables,
        )
        for tags in others:
            builder.add_meta_graph(list(tags), signatures)
        builder.save()


def _write_text(folder: Path) -> None:
    """Write a SavedModel as text."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(folder / "old_variable", folder / "text")
    path = folder / "text/saved_model.pb"
    saved_model = SavedModel.FromString(path.read_bytes())
    path.with_suffix(".pbtxt").write_text(text_format.MessageToString(saved_model))
    path.unlink()


def _write_frozen(v1: Any, folder: Path) -> None:
    """Write frozen graphs without control flow."""

    def one() -> None:
        v1.nn.softmax(_dense(v1, _image(v1)), name="scores")

    def two() -> None:
        logits = _dense(v1, _image(v1))
        v1.nn.softmax(logits, name="scores")
        v1.argmax(logits, 1, name="label")

    def best() -> None:
        v1.math.top_k(_dense(v1, _image(v1)), 2, name="best")

    def default() -> None:
        image = v1.placeholder_with_default(_kernel().T.copy(), [None, 4], name="image")
        _dense(v1, image)

    def anchors() -> None:
        v1.constant(_kernel(), name="anchors")
        one()

    def names() -> None:
        ids = v1.placeholder("int32", [None], name="ids")
        filler = v1.lookup.KeyValueTensorInitializer([1, 2], ["a", "b"], "int32", "string")
        v1.identity(v1.lookup.StaticHashTable(filler, "?").lookup(ids), name="names")
        v1.tables_initializer(name="fill")

    def reads() -> None:
        v1.math.multiply(_image(v1), v1.io.decode_raw(v1.io.read_file("x"), "float32"), name="y")

    _freeze(v1, folder / "one.pb", one, ["scores"])
    _freeze(v1, folder / "one.pbtxt", one, ["scores"])
    _freeze(v1, folder / "two.pb", two, ["scores", "label"])
    _freeze(v1, folder / "best.pb", best, ["best"])
    _freeze(v1, folder / "default.pb", default, ["logits"])
    _freeze(v1, folder / "anchors.pb", anchors, ["scores", "anchors"])
    _freeze(v1, folder / "names.pb", names, ["names", "fill"])
    _freeze(v1, folder / "empty_table.pb", names, ["names"])
    _freeze(v1, folder / "reads.pb", reads, ["y"])
    _freeze(v1, folder / "variables.pb", one, None)


def _write_frozen_flow(v1: Any, folder: Path) -> None:
    """Write frozen graphs with loops and branches, old and new."""

    def loop() -> None:
        value = _dense(v1, _image(v1))
        value = v1.cond(v1.reduce_sum(value) > 0, lambda: value * 2.0, lambda: value - 1.0)
        _, value = v1.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, x * 2.0), [0, value])
        v1.identity(value, name="out")

    def switch() -> None:
        training = v1.placeholder_with_default(False, [], name="training")
        value = _dense(v1, _image(v1))
        v1.identity(v1.cond(training, lambda: value * 0.0, lambda: value), name="out")

    def lost() -> None:
        image, other = _image(v1), v1.placeholder("float32", [None, 2], name="other")
        v1.multiply(image, v1.cast(v1.rank(other), "float32"), name="out")

    v1.disable_control_flow_v2()
    _freeze(v1, folder / "loop.pb", loop, ["out"])
    _freeze(v1, folder / "switch.pb", switch, ["out"])
    _freeze(v1, folder / "lost.pb", lost, ["out"])
    v1.enable_control_flow_v2()
    _freeze(v1, folder / "loop_of_functions.pb", loop, ["out"])


def _write_frozen_calls(v1: Any, folder: Path) -> None:
    """Write frozen graphs that call functions."""
    import tensorflow as tf

    @tf.function  # type: ignore[untyped-decorator]
    def double(values: Any) -> Any:
        return tf.nn.relu(values) * 2.0

    @tf.function  # type: ignore[untyped-decorator]
    def add(values: Any) -> Any:
        return double(values) + 1.0

    def inside() -> None:
        v1.identity(add(_dense(v1, _image(v1))), name="out")

    def last() -> None:
        add(_dense(v1, _image(v1)))

    _freeze(v1, folder / "calls.pb", inside, ["out"])
    _freeze(v1, folder / "ends_in_a_call.pb", last, ["PartitionedCall"])


def _write_frozen_edited(v1: Any, folder: Path) -> None:
    """Write frozen graphs as older or other programs write them."""

    def build() -> None:
        v1.nn.softmax(_dense(v1, _image(v1)), name="scores")

    def of_2016(graph: Any) -> None:
        graph.versions.producer = 21
        image = next(node for node in graph.node if node.op == "Placeholder")
        image.attr["shape"].shape.Clear()
        image.attr["shape"].shape.SetInParent()

    def custom(graph: Any) -> None:
        next(node for node in graph.node if node.op == "Softmax").op = "SofterMax"

    def custom_aside(graph: Any) -> None:
        graph.node.add(name="aside", op="SofterMax", input=["logits"])

    for name, edit in [("old", of_2016), ("custom", custom), ("custom_aside", custom_aside)]:
        _freeze(v1, folder / f"{name}.pb", build, ["scores"], edit)


def _freeze(
    v1: Any,
    path: Path,
    build: Callable[[], None],
    outputs: list[str] | None,
    edit: Callable[[Any], None] = lambda _: None,
) -> None:
    with v1.Graph().as_default() as graph, v1.Session() as session:
        build()
        session.run(v1.global_variables_initializer())
        frozen = graph.as_graph_def()
        if outputs:
            frozen = v1.graph_util.convert_variables_to_constants(session, frozen, outputs)
    edit(frozen)
    v1.io.write_graph(frozen, str(path.parent), path.name, as_text=path.suffix == ".pbtxt")


def _write_others(folder: Path) -> None:
    """Write what people take for a frozen graph."""
    (folder / "labels.pbtxt").write_text('item {\n  name: "cat"\n  id: 1\n}\n')
    (folder / "cut_off.pb").write_bytes((folder / "one.pb").read_bytes()[:-20])
    shutil.copyfile(folder / "old_variable/saved_model.pb", folder / "renamed.pb")


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
