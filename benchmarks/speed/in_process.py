"""One side of a row inside a warm process: prints costs as lines of JSON.

    python benchmarks/speed/in_process.py convert SAVED_MODEL REPEATS
    python benchmarks/speed/in_process.py variant BASE DTYPE FOLDER

`convert` converts a SavedModel in turns by the converter's own function and by ours, after one
conversion by each that does not count. `variant` writes a variant of a graph model once.
"""

import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.disk.transfer_sizes import measure_transfer
from pipeline.records.flags import DEFAULT_SHARD_BYTES, ConversionFlags
from pipeline.tfjs.quantize.variant_files import write_variant


def measure(name: str, act: Callable[[], object]) -> None:
    """Print what something costs."""
    started, cpu = time.perf_counter(), time.process_time()
    act()
    seconds, taken = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
    print("\n" + json.dumps([name, seconds, taken, peak]), flush=True)


def convert(source: Path, repeats: int) -> None:
    """Convert a SavedModel by both ways in turns."""
    from tensorflowjs.converters import (  # noqa: PLC0415  # seconds, which `variant` saves
        tf_saved_model_conversion_v2 as converter,
    )

    from pipeline.tf.saved_model.convert_saved_model import (  # noqa: PLC0415  # likewise
        convert_saved_model,
    )

    flags = ConversionFlags(control_flow_v2=True)
    sides: dict[str, Callable[[Path], object]] = {
        "library call": lambda folder: converter.convert_tf_saved_model(
            str(source), str(folder), control_flow_v2=True
        ),
        "direct conversion": lambda folder: convert_saved_model(
            source=source, folder=folder, flags=flags
        ),
    }
    with tempfile.TemporaryDirectory() as name:
        for i in range(repeats + 1):
            gc.freeze()  # what is imported is no garbage: as in the worker server
            for side, act in sides.items():
                folder = Path(name, f"{side} {i}")
                folder.mkdir()
                measure(side if i else "warm-up", partial(act, folder))


def variant(base: Path, dtype: str, folder: Path) -> None:
    """Write a variant as the step does, and measure the sizes of its files as they travel."""
    folder.mkdir()
    measure(
        dtype,
        lambda: write_variant(
            base=base,
            signature=None,
            name=dtype,
            quantize={dtype: ["*"]},
            shard_size_bytes=DEFAULT_SHARD_BYTES,
            folder=folder,
        ),
    )
    measure(f"{dtype}: its sizes as they travel", lambda: measure_transfer(folder.iterdir()))


if __name__ == "__main__":
    work, path, *more = sys.argv[1:]
    if work == "convert":
        convert(Path(path), int(more[0]))
    else:
        variant(Path(path), more[0], Path(more[1]))
