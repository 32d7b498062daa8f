"""What the proof takes: the steps `reference` and `verify` of two versions of this repository.

    python benchmarks/proof_time.py OTHER [MODEL…]

builds the models that both versions have in their models.yaml (by default all) with OTHER, the
folder of another version, and with this one: in turn, four models at a time, one step at a time, in
fresh folders, with the downloads at hand. Both run in the environment of this program. Of each four
the steps before the proof come first, and do not count. The processor's time is the figure, because
other work on the machine does not change it; it includes the start of doit, and one import of
TensorFlow where a step needs it.

Last result (2026-11-30, 2 cores with much other work on them, against d51d45d, the last version
whose references ran on the cpu backend, and which ran each base on it too): 12 models, 0.35 of the
processor's time. The new proof has more vectors, and four runs in TensorFlow for the noise floor.

| models | CPU, other | CPU, this | wall, other | wall, this |
|---|---|---|---|---|
| iris, movenet-lightning, faceboxes, basic-pitch-js | 49.6 s | 31.8 s | 225.6 s | 243.1 s |
| selfie, gear, posenet, handtrack | 116.8 s | 32.0 s | 626.8 s | 191.6 s |
| antispoof, blazeface, mobilefacenet, centernet | 85.4 s | 24.6 s | 402.2 s | 121.2 s |
| all | 251.8 s | 88.4 s | 1,254.6 s | 555.9 s |
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
_AT_A_TIME = 4


def main() -> None:
    """Build in turn, and print a table and its sums."""
    versions = [Path(sys.argv[1]).resolve(), ROOT]
    manifests = [yaml.safe_load((version / "models.yaml").read_bytes()) for version in versions]
    shared = {model["name"] for model in manifests[0]["models"]}
    names = sys.argv[2:] or [model["name"] for model in manifests[1]["models"]]
    print("| models | CPU, other | CPU, this | wall, other | wall, this |\n|---|---|---|---|---|")
    sums = [0.0] * 4
    for chosen in _part([name for name in names if name in shared]):
        taken = [_prove(v, m, chosen) for v, m in zip(versions, manifests, strict=True)]
        seconds = [one[figure] for figure in (0, 1) for one in taken]
        _print(", ".join(chosen), seconds)
        sums = [total + one for total, one in zip(sums, seconds, strict=True)]
    _print("all", sums)
    print(f"\n{sums[1] / sums[0]:.2f} of the processor's time")


def _part(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[at : at + _AT_A_TIME] for at in range(0, len(names), _AT_A_TIME))


def _print(name: str, seconds: Sequence[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{one:,.1f} s" for one in seconds) + " |", flush=True)


def _prove(version: Path, manifest: dict[str, Any], names: Sequence[str]) -> tuple[float, float]:
    """Return the seconds of the processor, and of the clock, that the proof of models takes."""
    models = [model for model in manifest["models"] if model["name"] in names]
    with tempfile.TemporaryDirectory() as folder:
        text = yaml.safe_dump({**manifest, "models": models})
        (Path(folder) / "models.yaml").write_text(text, encoding="utf-8")
        _build(
            version,
            folder,
            [f"{step}:{name}*" for step in ("signature", "variant") for name in names],
        )
        before, start = _cpu(), time.perf_counter()
        _build(version, folder, [f"verify:{name}" for name in names])
        proved = [Path(folder) / ".zoo" / "build" / name / "verify.json" for name in names]
        assert all(path.exists() for path in proved), version
        return _cpu() - before, time.perf_counter() - start


def _cpu() -> float:
    """Return the processor's time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _build(version: Path, folder: str, tasks: Sequence[str]) -> None:
    command = ["-m", "doit", "-f", str(version / "dodo.py"), "-d", folder, "-n", "1", *tasks]
    subprocess.run(
        [sys.executable, *command],
        check=False,  # a model may fail
        cwd=folder,  # the current folder comes before PYTHONPATH
        env={**os.environ, "PYTHONPATH": str(version)},
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
