"""Functions with control flow, written before and after repair: `python flows.py FOLDER`.

Each function gets a folder for each way, "a map of maps v2 after", with its graph model, what it
shall be run on, and expected.npz. A test calls `written`, which does that once in a child.
"""

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from build_in_child import build_in_child
from run_cases import write_inputs

Json = dict[str, Any]


@functools.cache
def written() -> Path:
    """Return the folder that the program wrote; it is removed at exit."""
    return build_in_child(__file__, prefix="flows ")


def name_folder(name: str, *, v2: bool, after: bool) -> str:
    """Return the name of a function's folder: "a map of maps v2 after"."""
    return f"{name} v{2 if v2 else 1} {'after' if after else 'before'}"


def write_flow(
    case: Any, folder: Path, *, v2: bool, after: bool, skip_op_check: bool = True
) -> list[str]:
    """Write a function as a graph model; imports TensorFlow.

    Returns:
        The sentences on its repairs.
    """
    import tensorflow as tf

    from pipeline.proof.vector_files import narrow
    from pipeline.records.flags import ConversionFlags
    from pipeline.tf.freeze_function import write_function
    from pipeline.tfjs.rewrite.rewrite import rewrite_graph

    function, arrays = case
    specs = [
        tf.TensorSpec([None] * np.ndim(array), np.asarray(array).dtype, name=f"in{i}")
        for i, array in enumerate(arrays)
    ]

    def call(*given: Any) -> Any:
        return [tf.identity(tensor) for tensor in tf.nest.flatten(function(*given))]

    concrete = tf.function(call, input_signature=specs).get_concrete_function()
    results = [np.asarray(tensor.numpy()) for tensor in concrete(*map(tf.constant, arrays))]
    names = [f"out{i}" for i in range(len(results))]
    folder.mkdir(parents=True)
    unchanged: Any = mock.patch(
        "pipeline.tf.write_graph_model._lower", lambda frozen, _: (frozen.graph_def, [])
    )
    with mock.patch.dict(os.environ) if after else unchanged:
        record = write_function(
            concrete,
            inputs=[spec.name for spec in specs],
            outputs=names,
            source=folder,
            folder=folder,
            flags=ConversionFlags(control_flow_v2=v2, skip_op_check=skip_op_check),
        )
    content: Json = json.loads((folder / "model.json").read_bytes())
    repairs: list[str] = []
    if after:
        content, repairs = rewrite_graph(content)
    (folder / "model.json").write_text(json.dumps(content))
    write_inputs(
        folder, {f"in{i}": narrow(np.asarray(a), where="in") for i, a in enumerate(arrays)}
    )
    with (folder / "expected.npz").open("wb") as file:
        np.savez(
            file, **{name: narrow(a, where="out") for name, a in zip(names, results, strict=True)}
        )
    return [*record.repairs, *repairs]


def write_all(folder: Path) -> None:
    """Write all functions in all ways."""
    from flow_cases import CASES

    for name, case in CASES.items():
        for v2 in (False, True):
            for after in (False, True):
                write_flow(case, folder / name_folder(name, v2=v2, after=after), v2=v2, after=after)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
