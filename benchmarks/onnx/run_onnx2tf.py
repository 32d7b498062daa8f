"""Converts ONNX files with onnx2tf and runs the result; it runs in an environment of onnx2tf's own.

    python run_onnx2tf.py FOLDER

Each folder in FOLDER has model.onnx, inputs.npz and options.json; it gets result.json and, if all
went well, outputs.npz. A folder that has a result is left alone, so that the program can be started
again after a crash; what takes too long ends it, too.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx2tf
import onnx2tf.onnx2tf
import tensorflow as tf

_SECONDS = 60


def _draw_images() -> Any:
    """Stand for the pictures that onnx2tf downloads to compare layouts with."""
    return np.random.default_rng(0).random((20, 128, 128, 3), np.float32)


def _run(folder: Path) -> list[Any]:
    options = json.loads((folder / "options.json").read_text())
    model = onnx2tf.convert(
        input_onnx_file_path=str(folder / "model.onnx"),
        output_folder_path=str(folder / "saved_model"),
        disable_model_save=True,
        non_verbose=True,
        **options,
    )
    with np.load(folder / "inputs.npz") as arrays:
        fed = [_fit(arrays[_plain(end.name)], end) for end in model.inputs]
    made = model(fed if len(fed) > 1 else fed[0])
    return [np.asarray(each) for each in (made if isinstance(made, list | tuple) else [made])]


def _plain(name: str) -> str:
    return name.split(":", maxsplit=1)[0]


def _fit(array: Any, end: Any) -> Any:
    """Return an input in the dtype that the graph asks for, its channels last where it does."""
    if array.ndim != len(end.shape):
        array = array.reshape([size or -1 for size in end.shape])
    turned = np.moveaxis(array, 1, -1) if array.ndim > 2 else array  # noqa: PLR2004
    if not end.shape.is_compatible_with(array.shape) and end.shape.is_compatible_with(turned.shape):
        array = turned
    return tf.cast(tf.constant(array), end.dtype)


def main() -> None:
    """Run every folder that has no result."""
    onnx2tf.onnx2tf.download_test_image_data = _draw_images
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        result = folder / "result.json"
        if result.exists():
            continue
        result.write_text(json.dumps(f"it died, or took more than {_SECONDS} s"))
        signal.alarm(_SECONDS)
        try:
            np.savez(folder / "outputs.npz", *_run(folder))
            result.write_text(json.dumps(""))
        except (Exception, SystemExit) as error:  # noqa: BLE001
            result.write_text(json.dumps(f"{type(error).__name__}: {error}"))
        signal.alarm(0)
        tf.keras.backend.clear_session()


if __name__ == "__main__":
    main()
