"""Variants: peak memory by model size, and time beside the converter's own quantization.

    python benchmarks/variants.py

Two synthetic models, 50 MB and 500 MB of float32 in tensors of 9.4 MB, each made into a
variant in a process of its own. "tensorflowjs" is its `read_weights` and `write_weights` on the
same files, in a process that has imported TensorFlow already: conversion is not counted, nor
the import.

Last result (2 cores, Python 3.11.7, numpy 2.1.3, tensorflowjs 4.22.0):

    model    dtype     ours: time   peak   tensorflowjs: time    peak   ratio of times
      50 MB  float16        0.04 s    49 MB            0.10 s    870 MB             2.5
      50 MB  uint8          0.04 s    48 MB            0.10 s    864 MB             2.7
      50 MB  uint16         0.04 s    50 MB            0.11 s    895 MB             2.8
     500 MB  float16        0.36 s    49 MB            2.07 s   1758 MB             5.8
     500 MB  uint8          0.25 s    48 MB            1.35 s   1753 MB             5.3
     500 MB  uint16         0.31 s    50 MB            1.98 s   1781 MB             6.4
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.records.flags import DEFAULT_SHARD_BYTES
from pipeline.tfjs.model.model_json import ModelJson, format_model_json
from pipeline.tfjs.model.shards import ShardWriter
from pipeline.tfjs.model.weight_manifest import WeightGroup, WeightSpec
from pipeline.tfjs.quantize.variant_files import write_variant

MB = 1_000_000
SHAPE = (1536, 1536)
DTYPES = ("float16", "uint8", "uint16")


def main() -> None:
    """Measure all and print a table; or, as a child, one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=3, metavar=("TOOL", "BASE", "DTYPE"))
    child = parser.parse_args().child
    if child:
        tool, base, dtype = child
        measure = {"ours": measure_ours, "tensorflowjs": measure_tensorflowjs}[tool]
        with tempfile.TemporaryDirectory() as folder:
            seconds = measure(Path(base), dtype, Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
        print(json.dumps({"seconds": seconds, "peak": peak}))
        return
    print("model    dtype     ours: time   peak   tensorflowjs: time    peak   ratio of times")
    for megabytes in (50, 500):
        with tempfile.TemporaryDirectory() as folder:
            write_base(Path(folder), megabytes * MB)
            for dtype in DTYPES:
                ours, theirs = (run(tool, folder, dtype) for tool in ("ours", "tensorflowjs"))
                print(
                    f"{megabytes:4} MB  {dtype:8}"
                    f"  {ours['seconds']:9.2f} s {ours['peak'] / MB:5.0f} MB"
                    f"  {theirs['seconds']:14.2f} s {theirs['peak'] / MB:6.0f} MB"
                    f"  {theirs['seconds'] / ours['seconds']:14.1f}",
                    flush=True,
                )


def run(tool: str, base: str, dtype: str) -> dict[str, float]:
    """Measure in a process of its own, the better of two."""
    command = [sys.executable, __file__, "--child", tool, base, dtype]
    results: list[dict[str, float]] = []
    for _ in range(2):
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(output.splitlines()[-1]))
    return min(results, key=lambda result: result["seconds"])


def write_base(folder: Path, num_bytes: int) -> None:
    """Write a float32 model tensor by tensor: a child is said to have its parent's peak."""
    rng = np.random.default_rng(0)
    writer = ShardWriter(folder, group=1, shard_size_bytes=DEFAULT_SHARD_BYTES)
    specs: list[WeightSpec] = []
    while writer.size < num_bytes:
        specs.append(WeightSpec(name=f"kernel{len(specs)}", shape=SHAPE, dtype="float32"))
        writer.write(rng.standard_normal(SHAPE, np.float32).data)
    group = WeightGroup(paths=writer.finish(), weights=tuple(specs))
    content = {"format": "graph-model", "modelTopology": {"node": []}}
    model_json = ModelJson(content=content, groups=(group,))
    (folder / "model.json").write_bytes(format_model_json(model_json))


def measure_ours(base: Path, dtype: str, folder: Path) -> float:
    """Return the seconds that our variant takes."""
    start = time.perf_counter()
    write_variant(
        base=base,
        signature=None,
        name=dtype,
        quantize={dtype: ["*"]},
        shard_size_bytes=DEFAULT_SHARD_BYTES,
        folder=folder,
    )
    return time.perf_counter() - start


def measure_tensorflowjs(base: Path, dtype: str, folder: Path) -> float:
    """Return the seconds that the converter's functions take for the same."""
    from tensorflowjs.read_weights import read_weights  # noqa: PLC0415  # seconds, gigabytes
    from tensorflowjs.write_weights import write_weights  # noqa: PLC0415  # seconds, gigabytes

    manifest = json.loads((base / "model.json").read_bytes())["weightsManifest"]
    start = time.perf_counter()
    groups = read_weights(manifest, str(base))
    write_weights(
        groups,
        str(folder),
        shard_size_bytes=DEFAULT_SHARD_BYTES,
        quantization_dtype_map={dtype: True},
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
