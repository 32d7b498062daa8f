"""What importing the converter costs, and what stubs for its optional imports would save.

`python benchmarks/convert_imports.py` prints seconds and MiB, the best of three fresh
processes each. Measured on 2 cores with byte code cached: all of it 2.5 s and 714 MiB; without
tensorflow_decision_forests 2.5 s and 690 MiB; without jax_conversion, which imports JAX
only when called, no difference.
"""

import subprocess
import sys

STUBS = {
    "none": [],
    "decision forests": ["tensorflow_decision_forests"],
    "jax": ["tensorflowjs.converters.jax_conversion"],
    "both": ["tensorflow_decision_forests", "tensorflowjs.converters.jax_conversion"],
}
CODE = """
import resource, sys, time, types
for name in sys.argv[1:]:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].convert_jax = None
start = time.perf_counter()
import tensorflowjs.converters.tf_saved_model_conversion_v2
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print("RESULT", time.perf_counter() - start, peak)
"""


def main() -> None:
    """Measure each choice of stubs."""
    print(f"{'stubs':<20}{'seconds':>9}{'MiB':>7}")
    for title, names in STUBS.items():
        results = [measure(names) for _ in range(3)]
        seconds, peak = min(results)
        print(f"{title:<20}{seconds:>9.2f}{peak:>7.0f}")


def measure(stubs: list[str]) -> tuple[float, float]:
    """Return seconds and MiB of the import in a fresh process."""
    command = [sys.executable, "-c", CODE, *stubs]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    _, seconds, peak = line.split()
    return float(seconds), float(peak)


if __name__ == "__main__":
    main()
