"""Models that fetch their data: images as bytes, tf.Example records, queues; jobs of the pool."""

from pathlib import Path
from typing import Any


def publish(folder: Path) -> dict[str, Any]:
    """Write the models, convert them and run their references.

    Returns:
        By model, its inputs with dtype and shape, and its repairs; `<name>/base` and
        `<name>/reference` in the folder have the files.
    """
    import tensorflow as tf

    _write(tf, folder)
    return {source.stem: _publish(source, folder / "made" / source.stem) for source in
            sorted((folder / "sources").iterdir())}  # fmt: skip


def refuse(folder: Path) -> str:
    """Return what is said of a model that reads its texts in a loop, and decodes them, too."""
    import tensorflow as tf

    from pipeline.errors import PipelineError
    from pipeline.records.flags import ConversionFlags
    from pipeline.tf.saved_model.convert_saved_model import convert_saved_model

    def read(text: Any) -> Any:
        return tf.cast(tf.io.decode_png(text), tf.int32) + tf.strings.length(text)

    def decode(image_bytes: Any) -> Any:
        return {"y": tf.map_fn(read, image_bytes, fn_output_signature=tf.int32)}

    _save(tf, folder / "looped", decode, tf.TensorSpec([None], tf.string, "image_bytes"))
    (folder / "base").mkdir()
    try:
        convert_saved_model(
            source=folder / "looped", folder=folder / "base", flags=ConversionFlags()
        )
    except PipelineError as error:
        return error.describe()
    return ""


def _publish(source: Path, folder: Path) -> dict[str, Any]:
    from dataclasses import replace

    from pipeline.proof.inputs.find_contracts import find_contracts
    from pipeline.records.flags import ConversionFlags, SourceFlags
    from pipeline.tf.frozen.convert_frozen_model import convert_frozen_model
    from pipeline.tf.frozen.frozen_reference import run_frozen_model
    from pipeline.tf.saved_model.convert_saved_model import convert_saved_model
    from pipeline.tf.saved_model.saved_model_reference import run_saved_model
    from pipeline.tfjs.model.model_json import format_model_json, load_model_json
    from pipeline.tfjs.model.signature import read_signature
    from pipeline.tfjs.rewrite.rewrite import rewrite_graph

    base, reference = folder / "base", folder / "reference"
    base.mkdir(parents=True)
    reference.mkdir()
    frozen = source.suffix == ".pb"
    convert = convert_frozen_model if frozen else convert_saved_model
    flags = ConversionFlags(control_flow_v2=source.stem.endswith("functions"))
    record = convert(source=source, folder=base, flags=flags)
    made = load_model_json(base / "model.json")
    content, _ = rewrite_graph(made.content)
    made = replace(made, content=content)
    (base / "model.json").write_bytes(format_model_json(made))
    signature = read_signature(made, record)
    run = run_frozen_model if frozen else run_saved_model
    run(
        source=source,
        record=record,
        flags=SourceFlags(),
        folder=reference,
        signature=signature,
        seed="test",
        task=None,
        given=None,
        contracts=find_contracts(made, base, signature.inputs, record),
    )
    inputs = {each.name: [each.dtype, list(each.shape or ())] for each in signature.inputs}
    return {"inputs": inputs, "repairs": record.repairs}


def _write(tf: Any, folder: Path) -> None:
    sources = folder / "sources"
    sources.mkdir()

    def score(image: Any) -> Any:
        pixels = tf.image.resize(tf.cast(image, tf.float32)[None], [8, 8])
        return tf.nn.softmax(tf.reduce_mean(pixels, [1, 2]) / 50.0, name="scores")

    def classify(image: Any) -> Any:
        return {"scores": score(tf.io.decode_image(image, 3, expand_animations=False))}

    def prepare(text: Any) -> Any:
        image = tf.io.decode_jpeg(tf.reshape(text, []), channels=3)
        return tf.image.resize(tf.image.convert_image_dtype(image, tf.float32), [8, 8])

    def serve(image_bytes: Any, key: Any) -> Any:
        images = tf.map_fn(prepare, image_bytes, fn_output_signature=tf.float32)
        return {"scores": tf.nn.softmax(tf.reduce_mean(images, [1, 2])), "key": key}

    def estimate(examples: Any) -> Any:
        fixed = tf.io.FixedLenFeature
        features = {"age": fixed([1], tf.float32), "sizes": fixed([2], tf.int64, [0, 1])}
        read = tf.io.parse_example(examples, features)
        return {"y": read["age"] + tf.cast(read["sizes"], tf.float32)}

    _save(tf, sources / "bytes", classify, tf.TensorSpec([], tf.string, "image"))
    texts = tf.TensorSpec([None], tf.string, "image_bytes")
    _save(tf, sources / "batch", serve, texts, tf.TensorSpec([None], tf.int32, "key"))
    _save(tf, sources / "batch_functions", serve, texts, tf.TensorSpec([None], tf.int32, "key"))
    _save_with_tables(tf, sources, prepare)
    with tf.Graph().as_default() as graph:
        prepared = tf.compat.v1.placeholder(tf.string, [None], "encoded")
        tf.compat.v1.disable_control_flow_v2()
        images = tf.compat.v1.map_fn(prepare, tf.reshape(prepared, [-1]), tf.float32)
        tf.compat.v1.enable_control_flow_v2()
        tf.reduce_mean(images, [1, 2], name="y")
    (sources / "batch_v1.pb").write_bytes(graph.as_graph_def().SerializeToString())
    _save(tf, sources / "records", estimate, tf.TensorSpec([None], tf.string, "examples"))
    with tf.Graph().as_default() as graph:
        contents = tf.compat.v1.placeholder(tf.string, [], "DecodeJpeg/contents")
        score(tf.raw_ops.DecodeJpeg(contents=contents, channels=3, name="DecodeJpeg"))
    (sources / "inception.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with tf.Graph().as_default() as graph:
        queue = tf.queue.FIFOQueue(9, [tf.float32, tf.int32], [[4, 3], []], name="queue")
        rows, labels = queue.dequeue_many(2, name="batch")
        tf.add(tf.reduce_sum(rows, [1, 2]), tf.cast(labels, tf.float32), name="y")
    (sources / "queue.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with tf.Graph().as_default() as graph:
        handle = tf.compat.v1.placeholder(tf.string, [], "handle")
        data = tf.compat.v1.data.Iterator.from_string_handle(handle, tf.float32, [None, 3])
        scan = tf.compat.v1.placeholder_with_default(data.get_next(), [None, 3], "scan")
        tf.tanh(scan, name="y")
    (sources / "iterator.pb").write_bytes(graph.as_graph_def().SerializeToString())


def _save_with_tables(tf: Any, folder: Path, prepare: Any) -> None:
    """Write a classifier of encoded images that looks up labels and counts its calls."""
    filler = tf.lookup.KeyValueTensorInitializer([0, 1, 2], ["r", "g", "b"], tf.int64, tf.string)
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(filler, "?")
    module.calls = tf.Variable(0.0, name="calls")

    def classify(image_bytes: Any) -> Any:
        images = tf.map_fn(prepare, image_bytes, fn_output_signature=tf.float32)
        best = tf.argmax(tf.reduce_mean(images, [1, 2]), 1)
        return {"label": module.table.lookup(best)}

    def count(image_bytes: Any) -> Any:
        calls = module.calls.assign_add(1.0)
        images = tf.map_fn(prepare, image_bytes, fn_output_signature=tf.float32)
        return {"y": tf.reduce_mean(images, [1, 2, 3]) + calls}

    texts = tf.TensorSpec([None], tf.string, "image_bytes")
    for name, compute in (("labels", classify), ("counted", count)):
        module.call = tf.function(compute, [texts])
        tf.saved_model.save(module, str(folder / name), signatures=module.call)


def _save(tf: Any, folder: Path, compute: Any, *specs: Any) -> None:
    module = tf.Module()
    module.call = tf.function(compute, specs)
    tf.saved_model.save(module, str(folder), signatures=module.call)
