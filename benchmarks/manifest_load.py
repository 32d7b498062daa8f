"""How long a manifest takes to load: 1,000 and 10,000 models.

    python benchmarks/manifest_load.py

Measured on 2 cores (one is used), Python 3.11, with libyaml, best of 3:

    import, with the start of Python: 0.16 s
     1,000 models: 0.13 s
    10,000 models: 1.35 s
"""

import subprocess
import sys
import time

from pipeline.manifest.load import parse_manifest

HEAD = """\
zoo: {name: Benchmark, output: dist}
defaults:
  output_format: tfjs_graph_model
  control_flow_v2: true
  variants: [float16, uint8, uint16]
models:
"""
MODEL = """\
  - name: model-{index}
    title: Model {index}
    task: object-detection
    tags: [hand, fast]
    license: Apache-2.0
    source: npm:@example/models@1.0.{index}#models/model-{index}.json
    map: {{boxes: "Identity_1:0", scores: "Identity_4:0", classes: null}}
    variants:
      - float16
      - {{name: small, quantize_uint8: ["*/weights"], quantize_float16: true}}
    tolerance: {{max_relative_error: 1.0e-3}}
    extra: {{minScore: 0.2, tensorSize: [320, 320]}}
"""


def measure(num_models: int, *, repeats: int = 3) -> float:
    """Return the shortest time in seconds that a manifest of so many models took."""
    text = HEAD + "".join(MODEL.format(index=index) for index in range(num_models))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        parse_manifest(text)
        times.append(time.perf_counter() - start)
    return min(times)


def measure_import(*, repeats: int = 3) -> float:
    """Return the shortest time in seconds of a process that only imports the loader."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import pipeline.manifest.load"], check=True)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    print(f"import, with the start of Python: {measure_import():.2f} s")
    for count in (1_000, 10_000):
        print(f"{count:6,} models: {measure(count):.2f} s")
