"""The smallest change of a model that its limits catch: a line for each model of a built zoo.

    python benchmarks/limits/mutations.py ZOO [--weights 5] [--seed 0] [MODEL...]

Random weights of each base are multiplied by a factor, one weight at a time, by a node that is put
behind the weight; random bits of the stored weights are flipped; outputs of one shape are swapped.
Every changed model runs in TensorFlow.js on wasm, and is judged twice: by the limits that its noise
floor gives, and by the fixed limits of float32. A weight on which no output depends is seen by no
limit, so what counts is the difference of the two.
"""

import argparse
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.disk.layout import cache_folder
from pipeline.proof.judge.check import Candidate, judge_run
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.verify_variants import gather_model
from pipeline.records.signature import Signature
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import fetch_packages
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.weights import Array, walk_weights
from pipeline.workers.limits import Budget, ResourceLimits

Json = dict[str, Any]

FACTORS = (1.001, 1.003, 1.01, 1.03, 1.1)
BITS = 4
BASE = Candidate(name="base")
GIB = 1024**3
COLUMNS = "{:22} {:>8} {:>28} {:>28} {:>9} {:>9}"


@dataclass(frozen=True, kw_only=True)
class Caught:
    """What one kind of limit catches in a model.

    Attributes:
        factors: For each weight the smallest factor that is caught; infinite for none.
        bits: Number of flipped bits that are caught.
        swaps: Number of swapped pairs that are caught.
    """

    factors: Sequence[float]
    bits: int
    swaps: int


def scale_weight(base: Path, folder: Path, name: str, factor: float) -> None:
    """Write a graph model with one of its weights multiplied by a factor."""
    content = json.loads((base / "model.json").read_bytes())
    nodes: list[Json] = content["modelTopology"]["node"]
    scaled, constant = f"{name}/times", f"{name}/factor"
    for node in nodes:
        node["input"] = [_redirect(one, name, scaled) for one in node.get("input", ())]
    dtype: Json = {"type": "DT_FLOAT"}
    nodes += [
        {"name": constant, "op": "Const", "attr": {"dtype": dtype, "value": {"tensor": {}}}},
        {"name": scaled, "op": "Mul", "input": [name, constant], "attr": {"T": dtype}},
    ]
    spec = {"name": constant, "shape": [], "dtype": "float32"}
    content["weightsManifest"].append({"paths": ["factor.bin"], "weights": [spec]})
    _link_shards(base, folder)
    (folder / "factor.bin").write_bytes(np.float32(factor).tobytes())
    (folder / "model.json").write_text(json.dumps(content))


def _redirect(tensor: str, old: str, new: str) -> str:
    return new if tensor in (old, f"{old}:0") else tensor


def flip_bit(base: Path, folder: Path, rng: np.random.Generator) -> None:
    """Write a graph model with one high bit of its stored weights flipped."""
    _link_shards(base, folder)
    os.link(base / "model.json", folder / "model.json")
    group = json.loads((base / "model.json").read_bytes())["weightsManifest"][0]
    shard = folder / group["paths"][0]
    content = bytearray(shard.read_bytes())
    # The highest byte of a float32 or float16 in little-endian order: sign and exponent.
    place = int(rng.integers(len(content) // 4)) * 4 + 3
    content[place] ^= 1 << int(rng.integers(4, 8))
    shard.unlink()
    shard.write_bytes(content)


def _link_shards(base: Path, folder: Path) -> None:
    folder.mkdir()
    for path in base.iterdir():
        if path.name not in ("model.json", "receipt.json", "run.json", "variant.json"):
            os.link(path, folder / path.name)


def choose_weights(base: Path, count: int, rng: np.random.Generator) -> list[str]:
    """Return the names of random weights: float constants of two values or more."""
    content = load_model_json(base / "model.json")
    names = [
        part.spec.name
        for part in walk_weights(content, base)
        if part.spec.dtype == "float32" and math.prod(part.spec.shape) > 1
    ]
    return [names[i] for i in sorted(rng.choice(len(names), min(count, len(names)), replace=False))]


def run_all(models: Mapping[str, Path], vectors: Path, folder: Path) -> Mapping[str, ModelRun]:
    """Run models in TensorFlow.js on wasm."""
    packages = fetch_packages(
        cache=cache_folder({}), root=Path(), progress=lambda _done, _total: None
    )
    runs = run_models(
        models=models,
        vectors=vectors,
        backends={"wasm": list(models)},
        folder=folder,
        packages=packages,
        log=folder.parent / "log.txt",
        budget=Budget(ResourceLimits(timeout_seconds=3600, memory_bytes=6 * GIB)),
        trusted=False,
        progress=lambda _done, _total: None,
    )
    return runs["wasm"]


def is_caught(model: ModelUnderTest, run: ModelRun) -> bool:
    """Return whether the limits of a base refuse a run."""
    return judge_run(model, BASE, run).agreement != "equal"


def swap_outputs(model: ModelUnderTest, run: ModelRun) -> Iterator[ModelRun]:
    """Yield the run with each two outputs of one shape exchanged."""
    first = run.outputs[0]
    for one, other in combinations(model.outputs, 2):
        if first[one].shape == first[other].shape and first[one].dtype == first[other].dtype:
            outputs: dict[int, dict[str, Array]] = {
                i: {**outputs, one: outputs[other], other: outputs[one]}
                for i, outputs in run.outputs.items()
            }
            yield replace(run, outputs=outputs)  # type: ignore[arg-type]  # a mapping, as from files


def survey(build: Path, count: int, seed: int) -> tuple[Caught, Caught, int, int] | None:
    """Return what measured and fixed limits catch, and the number of bits and swaps tried."""
    base, signature = build / "variant" / "base", Signature.load(build / "signature")
    inputs = {name: build / name for name in ("reference", "map")}
    model = gather_model({**inputs, "variant:base": base}, signature)
    if not model.floors:
        return None
    rng = np.random.default_rng(seed)
    weights = choose_weights(base, count, rng)
    with tempfile.TemporaryDirectory(dir=build.parent.parent) as name:
        folder = Path(name)
        models = {"base": base}
        for i, weight in enumerate(weights):
            for factor in FACTORS:
                models[f"{i}-{factor}"] = folder / f"{i}-{factor}"
                scale_weight(base, models[f"{i}-{factor}"], weight, factor)
        for i in range(BITS):
            models[f"bit-{i}"] = folder / f"bit-{i}"
            flip_bit(base, models[f"bit-{i}"], rng)
        (folder / "runs").mkdir()
        runs = run_all(models, build / "reference", folder / "runs")
        plain = runs["base"]
        if plain.status != "ok":
            return None
        swapped = list(swap_outputs(model, plain))
        fixed = replace(model, floors={})
        measured, today = (
            Caught(
                factors=[
                    next((f for f in FACTORS if is_caught(limits, runs[f"{i}-{f}"])), math.inf)
                    for i in range(len(weights))
                ],
                bits=sum(is_caught(limits, runs[f"bit-{i}"]) for i in range(BITS)),
                swaps=sum(is_caught(limits, run) for run in swapped),
            )
            for limits in (model, fixed)
        )
        assert not is_caught(model, plain), f"{build.name}: the base itself is not equal"
    return measured, today, BITS, len(swapped)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("zoo", type=Path)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--weights", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(COLUMNS.format("model", "weights", "measured limits", "fixed limits", "bits", "swaps"))
    totals: dict[str, list[float]] = {"measured": [], "fixed": []}
    for build in sorted((options.zoo / ".zoo" / "build").iterdir()):
        if options.models and build.name not in options.models:
            continue
        found = survey(build, options.weights, options.seed)
        if found is None:
            print(f"{build.name:22} no noise floor", flush=True)
            continue
        measured, fixed, bits, swaps = found
        totals["measured"] += measured.factors
        totals["fixed"] += fixed.factors
        print(
            COLUMNS.format(
                build.name,
                len(measured.factors),
                *(" ".join(_format(f) for f in one.factors) for one in (measured, fixed)),
                f"{measured.bits}/{fixed.bits}/{bits}",
                f"{measured.swaps}/{fixed.swaps}/{swaps}",
            ),
            flush=True,
        )
    for kind, factors in totals.items():
        shares = ", ".join(f"{f}: {sum(one <= f for one in factors)}" for f in FACTORS)
        print(f"{kind} limits, {len(factors)} weights, caught up to {shares}")


def _format(factor: float) -> str:
    return "-" if math.isinf(factor) else f"{factor:g}"


if __name__ == "__main__":
    main()
