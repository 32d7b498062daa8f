"""Small real models that try to touch the machine, each from another hiding place.

`python hostile_graphs.py FOLDER` writes them: a folder is a SavedModel, a .pb a frozen graph.
A test process calls `built`, which does that once in a child. Nothing of them is run here.
"""

import functools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from build_in_child import build_in_child

SECRET = "secret.txt"  # noqa: S105  # the name of a file
"""A file beside the models, which they try to read; as numbers it is the shape (2, 3)."""

_STRING, _VARIANT, _FLOAT, _BOOL = 7, 21, 1, 10


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="hostile graphs ")


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import tensorflow as tf

    (folder / SECRET).write_bytes(bytes([2, 0, 0, 0, 3, 0, 0, 0]))
    _write_hidden_graphs(tf, folder)
    _write_datasets(tf, folder)
    _write_called(tf, folder)
    _write_frozen(tf, folder)
    _write_sessions(tf.compat.v1, folder)
    _write_tampered(tf, folder)


def _save(tf: Any, folder: Path, function: Callable[..., Any], **members: Any) -> None:
    module = tf.Module()
    for name, value in members.items():
        setattr(module, name, value)
    spec = tf.TensorSpec([None, 4], tf.float32, name="image")
    module.call = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})


def _write_hidden_graphs(tf: Any, folder: Path) -> None:
    """Write models whose ops stand in a graph in a string, run by an initializer."""
    raw = tf.raw_ops

    class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        def __init__(self, run: Callable[[], Any]) -> None:
            super().__init__(device="CPU")
            self.run = run

        def _create_resource(self) -> Any:
            return raw.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="e")

        def _initialize(self) -> Any:
            return self.run()

    def write(x: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(folder / "written"), "owned")]):
            return tf.identity(x)

    datasets = {
        "hidden_read": tf.data.TextLineDataset(str(folder / SECRET)),
        "hidden_write": tf.data.Dataset.range(1).map(write),
    }
    for name, dataset in datasets.items():
        variant = dataset._variant_tensor
        graph = raw.DatasetToGraphV2(input_dataset=variant, external_state_policy=1).numpy()
        variable = tf.Variable(tf.zeros([4]))
        dtype = dataset.element_spec.dtype

        def run(graph: Any = graph, variable: Any = variable, dtype: Any = dtype) -> Any:
            # The text depends on a variable, or the optimizer would fold a variant.
            is_zero = tf.reduce_sum(variable.read_value()) >= -1.0
            text = tf.where(is_zero, tf.constant(graph), tf.constant(""))
            raw.DatasetToSingleElement(
                dataset=raw.DatasetFromGraph(graph_def=text),
                output_types=[dtype],
                output_shapes=[[]],
            )
            return tf.constant(1.0)

        resource = Resource(run)
        _save(tf, folder / name, _scale, variable=variable, resource=resource)


def _scale(image: Any) -> Any:
    return {"y": image * 2.0}


def _write_datasets(tf: Any, folder: Path) -> None:
    """Write a model whose signature runs a pipeline that stays in memory."""

    def sum_up(image: Any) -> Any:
        dataset = tf.data.Dataset.range(3)
        return {"y": image + tf.cast(dataset.reduce(tf.constant(0, tf.int64), tf.add), tf.float32)}

    _save(tf, folder / "pipeline", sum_up)


def _write_called(tf: Any, folder: Path) -> None:
    """Write a model with ops of each class that no SavedModel needs."""
    raw = tf.raw_ops

    def run(image: Any) -> Any:
        raw.Abort(error_msg="", exit_without_error=True)
        left = raw.ImmutableConst(dtype=tf.float32, shape=[4], memory_region_name="/etc/passwd")
        unwritten = raw.Empty(shape=[4], dtype=tf.float32)
        raw.NcclAllReduce(input=image, reduction="sum", num_devices=2, shared_name="n")
        raw.FixedUnigramCandidateSampler(
            true_classes=[[tf.constant(1, tf.int64)]],
            num_true=1,
            num_sampled=1,
            unique=False,
            range_max=2,
            vocab_file="/etc/passwd",
        )
        descriptor = {"descriptor_source": "/etc/passwd", "message_type": "M"}
        raw.DecodeProtoV2(bytes=[""], field_names=[], output_types=[], **descriptor)
        variant = raw.ParseTensor(serialized="", out_type=tf.variant)
        raw.TensorListLength(input_handle=variant)
        return {"y": image + left + unwritten}

    _save(tf, folder / "ops", run)


def _write_frozen(tf: Any, folder: Path) -> None:
    """Write frozen graphs, some with nodes that TensorFlow's own functions do not make."""
    v1 = tf.compat.v1
    secret = str(folder / SECRET)
    with v1.Graph().as_default() as graph:
        image = v1.placeholder("float32", [6], name="image")
        shape = tf.io.decode_raw(tf.io.read_file(secret), tf.int32)
        tf.reshape(image, shape, name="reshaped")
        tf.nn.relu(image, name="relu")
    _write_graph(folder / "read_on_import.pb", graph.as_graph_def())

    with v1.Graph().as_default() as graph:
        v1.placeholder("bool", [], name="is_first")
        tf.constant(secret, name="path")
    branches = graph.as_graph_def()
    node = branches.node.add(name="read", op="StatelessIf", input=["is_first", "path"])
    node.attr["Tcond"].type = _BOOL
    node.attr["Tin"].list.type.append(_STRING)
    node.attr["Tout"].list.type.append(_STRING)
    node.attr["_lower_using_switch_merge"].b = True
    for name in ("then_branch", "else_branch"):
        node.attr[name].func.name = "ReadFile"
    _write_graph(folder / "branch_is_an_op.pb", branches)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])  # type: ignore[untyped-decorator]
    def say(text: Any) -> Any:
        tf.raw_ops.PrintV2(input=text, output_stream="file:///tmp/owned")
        return tf.identity(text)

    with v1.Graph().as_default() as graph:
        tf.identity(say(v1.placeholder("string", [], name="text")), name="said")
    told = graph.as_graph_def()
    _leave_to_call(told, "PrintV2", "output_stream")
    _write_graph(folder / "attribute_of_the_call.pb", told)
    by_name = graph.as_graph_def()
    call = next(node for node in by_name.node if node.op.endswith("PartitionedCall"))
    call.op = call.attr["f"].func.name
    call.ClearField("attr")
    _write_graph(folder / "function_is_an_op.pb", by_name)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])  # type: ignore[untyped-decorator]
    def unpack(text: Any) -> Any:
        handle = tf.raw_ops.ParseTensor(serialized=text, out_type=tf.variant)
        return tf.raw_ops.TensorListLength(input_handle=handle)

    with v1.Graph().as_default() as graph:
        tf.identity(unpack(v1.placeholder("string", [], name="text")), name="length")
    unpacked = graph.as_graph_def()
    _leave_to_call(unpacked, "ParseTensor", "out_type")
    _write_graph(folder / "type_of_the_call.pb", unpacked)

    with v1.Graph().as_default() as graph:
        tf.identity(v1.placeholder("float32", [4], name="image"), name="y")
    remote = graph.as_graph_def()
    for node in remote.node:
        node.device = "/job:ps/replica:0/task:0/device:CPU:0"
    _write_graph(folder / "on_another_machine.pb", remote)
    held = graph.as_graph_def()
    constant = held.node.add(name="handle", op="Const")
    constant.attr["dtype"].type = _VARIANT
    constant.attr["value"].tensor.dtype = _VARIANT
    next(node for node in held.node if node.name == "y").input.append("^handle")
    _write_graph(folder / "constant_is_a_handle.pb", held)


def _leave_to_call(graph: Any, op: str, attribute: str) -> None:
    """Let the call of a function say what an attribute of an op in the function is."""
    value = None
    for node in graph.library.function[0].node_def:
        if node.op == op:
            value = type(node.attr[attribute]).FromString(node.attr[attribute].SerializeToString())
            node.attr[attribute].placeholder = "left"
    for node in graph.node:
        if node.op.endswith("PartitionedCall"):
            node.attr["f"].func.attr["left"].CopyFrom(value)


def _write_graph(path: Path, graph: Any) -> None:
    path.write_bytes(graph.SerializeToString())


def _write_sessions(v1: Any, folder: Path) -> None:
    """Write SavedModels of TensorFlow 1 with tables from files and with a left-over pipeline."""
    import tensorflow as tf

    words = folder / "words.txt"
    words.write_text("cat\ndog\n")
    for name in ("table_of_asset", "table_of_text", "table_in_signature"):
        with v1.Graph().as_default(), v1.Session() as session:
            names = v1.placeholder("string", [None], name="names")
            path = v1.constant(str(words), name="path")
            if name == "table_of_text":
                path = v1.strings.join([path, ""])
            else:
                v1.add_to_collection("asset_filepaths", path)
            keys = {"key_dtype": "string", "value_dtype": "int64"}
            table = tf.raw_ops.HashTableV2(**keys, shared_name=name)
            columns = {"key_index": -2, "value_index": -1}
            fill = tf.raw_ops.InitializeTableFromTextFileV2(
                table_handle=table, filename=path, **columns
            )
            default = tf.constant(-1, tf.int64)
            with v1.control_dependencies([fill] if name == "table_in_signature" else []):
                found = tf.raw_ops.LookupTableFindV2(
                    table_handle=table, keys=names, default_value=default
                )
            main_op = v1.no_op() if name == "table_in_signature" else fill
            _build(session, folder / name, {"names": names}, {"ids": found}, main_op)
    with v1.Graph().as_default(), v1.Session() as session:
        dataset = v1.data.Dataset.from_tensor_slices(tf.zeros([8, 4])).batch(2)
        image = v1.data.make_initializable_iterator(dataset).get_next()
        queue = v1.FIFOQueue(2, ["float32"], shapes=[[4]])
        queue.enqueue([tf.zeros([4])])
        _build(session, folder / "left_over", {"image": image}, {"y": image * 2.0})
        outputs = {"y": image * 2.0 + queue.dequeue()}
        _build(session, folder / "queue", {"image": image}, outputs)
    with v1.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder("float32", [None, 4], name="image")
        kernel = v1.get_variable("kernel", initializer=tf.ones([4, 3]))
        session.run(kernel.initializer)
        _build(session, folder / "v1", {"image": image}, {"y": tf.matmul(image, kernel)})


def _build(session: Any, folder: Path, inputs: Any, outputs: Any, main_op: Any = None) -> None:
    from tensorflow.compat import v1

    signature = v1.saved_model.predict_signature_def(inputs, outputs)
    builder = v1.saved_model.Builder(str(folder))
    builder.add_meta_graph_and_variables(
        session,
        ["serve"],
        {"serving_default": signature},
        assets_collection=v1.get_collection("asset_filepaths"),
        main_op=main_op,
    )
    builder.save()


def _write_tampered(tf: Any, folder: Path) -> None:
    """Write copies of models whose graph someone has changed by hand."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    words = folder / "words.txt"
    index = tf.lookup.TextFileIndex
    initializer = tf.lookup.TextFileInitializer(
        str(words), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )
    table = tf.lookup.StaticHashTable(initializer, -1)
    _save(
        tf,
        folder / "asset",
        lambda image: {"y": image + tf.cast(table.lookup(tf.constant("cat")), tf.float32)},
        table=table,
    )
    for name, (original, change) in _TAMPERED.items():
        shutil.copytree(folder / original, folder / name)
        path = folder / name / "saved_model.pb"
        saved_model = SavedModel.FromString(path.read_bytes())
        change(saved_model)
        path.write_bytes(saved_model.SerializeToString())


def _list_twice(saved_model: Any) -> None:
    """List a file outside the folder, and the real one after it for the same tensor."""
    assets = saved_model.meta_graphs[0].asset_file_def
    assets.append(assets[0])
    assets[0].filename = "../../secret.txt"


def _list_elsewhere(saved_model: Any) -> None:
    """List the path that fills a table where TensorFlow does not look, for it has a list."""
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    graph = saved_model.meta_graphs[0]
    _add_text(graph.graph_def, "elsewhere")
    for node in graph.graph_def.node:
        if node.op == "InitializeTableFromTextFileV2":
            node.input[1] = "elsewhere"
    collection = graph.collection_def["saved_model_assets"].any_list.value
    collection[0].Unpack(graph.asset_file_def.add())
    listed = AssetFileDef(filename="words.txt")
    listed.tensor_info.name = "elsewhere:0"
    collection.add().Pack(listed)


def _add_text(graph: Any, name: str) -> None:
    text = graph.node.add(name=name, op="Const")
    text.attr["dtype"].type = _STRING
    text.attr["value"].tensor.dtype = _STRING
    text.attr["value"].tensor.tensor_shape.SetInParent()
    text.attr["value"].tensor.string_val.append(b"/elsewhere")


def _assign_another(saved_model: Any) -> None:
    """Assign another path to the variable that holds an asset's, through a second handle."""
    graph = saved_model.meta_graphs[0].graph_def
    variable = next(node for node in graph.node if node.op == "VarHandleOp")
    alias = graph.node.add()
    alias.CopyFrom(variable)
    alias.name = "alias"
    alias.attr["shared_name"].s = variable.attr["shared_name"].s or variable.name.encode()


def _bind_nothing(saved_model: Any) -> None:
    """Bind fewer objects to the function that fills a table than it has arguments."""
    for concrete in saved_model.meta_graphs[0].object_graph_def.concrete_functions.values():
        concrete.bound_inputs[:] = concrete.bound_inputs[1:]


def _bind_nobody(saved_model: Any) -> None:
    """Bind objects that are not there."""
    for concrete in saved_model.meta_graphs[0].object_graph_def.concrete_functions.values():
        concrete.bound_inputs[:] = [2**30 for _ in concrete.bound_inputs]


def _restore_another(saved_model: Any) -> None:
    """Restore the variables from a checkpoint that the graph names."""
    graph = saved_model.meta_graphs[0].graph_def
    _add_text(graph, "prefix")
    for node in graph.node:
        if node.op == "RestoreV2":
            node.input[0] = "prefix"


def _restore_in_another_place(saved_model: Any) -> None:
    """Put a checkpoint into a function that TensorFlow may choose for another."""
    library = saved_model.meta_graphs[0].graph_def.library
    function = library.function.add()
    function.signature.name = "chosen"
    function.attr["api_implements"].s = b"lstm"
    function.node_def.add(name="restore", op="RestoreV2")


def _same_tags(saved_model: Any) -> None:
    """Have two graphs for the same tags, of which TensorFlow takes the first."""
    second = saved_model.meta_graphs.add()
    second.CopyFrom(saved_model.meta_graphs[0])
    second.meta_info_def.tags.append(second.meta_info_def.tags[0])


_TAMPERED: dict[str, tuple[str, Callable[[Any], None]]] = {
    "asset_listed_twice": ("asset", _list_twice),
    "asset_listed_elsewhere": ("table_of_asset", _list_elsewhere),
    "asset_with_an_alias": ("asset", _assign_another),
    "asset_bound_wrongly": ("asset", _bind_nothing),
    "asset_bound_to_nobody": ("asset", _bind_nobody),
    "another_checkpoint": ("v1", _restore_another),
    "checkpoint_to_choose": ("v1", _restore_in_another_place),
    "same_tags": ("v1", _same_tags),
}


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
