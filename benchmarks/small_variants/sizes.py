"""Sizes and errors of the variants of all models of some manifests, and whether `smallest` exists.

    python benchmarks/small_variants/sizes.py build ZOO MANIFEST
    python benchmarks/small_variants/sizes.py show ZOO… >benchmarks/small_variants/sizes.md

`build` writes the models of MANIFEST, each with the variants of `VARIANTS`, into the folder ZOO,
and builds their cards one after the other. `show` reads what was built. `sizes.md` has the last
result.
"""

import json
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.catalog.deviation import deciding_backend, worst_deviation
from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.engine.outcome import load_outcome
from pipeline.records.variant import VariantRecord

DODO = Path(__file__).parents[2] / "dodo.py"
VARIANTS: Sequence[Any] = [
    "float16",
    "uint8",
    {"name": "channel", "quantize_uint8": True, "per_channel": True, "quantize_float16": True},
    "smallest",
]
NAMES = ("float16", "uint8", "channel", "smallest")
PLAIN = ("base", "float16", "uint8")
"""What there is without scales per channel and without a search."""
FLOATS = ("float32", "float16")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A variant of a model.

    Attributes:
        bytes: Size of its files.
        status: "ok", "withheld" or "failed".
        error: Its worst error, in words.
    """

    bytes: int
    status: str
    error: str

    def __str__(self) -> str:
        text = f"{self.bytes / 1000:,.0f} {self.error}".strip()
        return f"**{text}**" if self.status == "ok" else text


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model.

    Attributes:
        name: Its name.
        kind: The dtype in which most bytes of its base are stored.
        cells: Its variants that were made, the base among them.
        reason: Why it has no `smallest`; None if it has.
        seconds: Time of the search; None where none ended.
    """

    name: str
    kind: str
    cells: Mapping[str, Cell]
    reason: str | None
    seconds: float | None

    @property
    def has_smallest(self) -> bool:
        """Whether `smallest` is published."""
        return "smallest" in self.cells and self.cells["smallest"].status == "ok"

    def ratio(self, others: Sequence[str], *, passing: bool) -> float | None:
        """Return the bytes of `smallest` as a share of the fewest of other variants."""
        sizes = [
            cell.bytes
            for name, cell in self.cells.items()
            if name in others and (cell.status == "ok" or not passing)
        ]
        return self.cells["smallest"].bytes / min(sizes) if self.has_smallest and sizes else None


def build(zoo: Path, manifest: Path) -> None:
    """Build the cards of a manifest's models, one after the other."""
    content = yaml.safe_load(manifest.read_text())
    for model in content["models"]:
        model.pop("variants", None)
        model.pop("expect", None)
        path = manifest.parent / model["source"]
        if ":" not in model["source"] and path.exists():
            model["source"] = str(path.resolve())
    content["defaults"] = {**content.get("defaults", {}), "variants": list(VARIANTS)}
    zoo.mkdir(parents=True, exist_ok=True)
    (zoo / "models.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    doit = [sys.executable, "-m", "doit", "-f", str(DODO), "-d", str(zoo), "run", "-n", "1"]
    for model in content["models"]:
        subprocess.run([*doit, f"card:{model['name']}"], check=False)


def read_rows(zoo: Path) -> Iterator[Row]:
    """Yield the models of a zoo that have a base and were searched."""
    for model in yaml.safe_load((zoo / "models.yaml").read_text())["models"]:
        folder = zoo / ".zoo/build" / model["name"]
        card = folder / "card/card.json"
        outcome = load_outcome(folder / "card.json")
        if outcome is None or outcome.status != "ok" or not card.exists():
            continue
        if load_outcome(folder / "search/smallest.json") is None:
            continue
        entry = CatalogModel.model_validate_json(card.read_bytes())
        yield Row(
            name=entry.name,
            kind=find_kind(folder / "variant/base"),
            cells=dict(read_cells(entry, folder)),
            reason=find_reason(entry, folder),
            seconds=read_seconds(folder),
        )


def find_kind(base: Path) -> str:
    """Return the dtype in which most bytes of a base are stored."""
    counts: Counter[str] = Counter()
    content = json.loads((base / "model.json").read_bytes())
    sizes = {"float32": 4, "int32": 4, "float16": 2, "uint16": 2}
    for group in content["weightsManifest"]:
        for weight in group["weights"]:
            dtype = weight.get("quantization", weight)["dtype"]
            number = 1
            for size in weight["shape"]:
                number *= size
            counts[dtype] += number * sizes.get(dtype, 1)
    return counts.most_common(1)[0][0] if counts else "none"


def read_cells(entry: CatalogModel, folder: Path) -> Iterator[tuple[str, Cell]]:
    """Yield the variants of a model that were made."""
    base = entry.variants[0]
    for variant in entry.variants:
        name = variant.name if variant.name in NAMES else "base"
        made = folder / "variant" / name
        outcome = load_outcome(made.with_suffix(".json"))
        if outcome is not None and outcome.status == "ok":
            size = VariantRecord.load(made).bytes
            error = describe_error(entry, variant, base)
            yield name, Cell(bytes=size, status=variant.status, error=error)


def describe_error(entry: CatalogModel, variant: CatalogVariant, base: CatalogVariant) -> str:
    """Return the worst error of a variant: "0.25 %", of the range where nothing else is said."""
    backend = deciding_backend(variant, base)
    if backend is None:
        return ""
    worst = worst_deviation(variant.checks[backend], entry.outputs)
    if worst is None:
        return ""
    of = "" if worst.what == "of the range" else f" {worst.what}"
    return f"{100 * worst.share:.2g} %{of}"


def find_reason(entry: CatalogModel, folder: Path) -> str | None:
    """Return why a model has no `smallest`."""
    for variant in entry.variants:
        if variant.name == "smallest" and variant.status != "ok":
            return variant.reason
    outcome = load_outcome(folder / "search/smallest.json")
    return None if outcome is None or outcome.status == "ok" else outcome.reason


def read_seconds(folder: Path) -> float | None:
    """Return the time of a search."""
    runs = [folder / f"search/{name}/run.json" for name in ("smallest", "smallest.failed")]
    found = next((path for path in runs if path.exists()), None)
    return None if found is None else float(json.loads(found.read_bytes())["seconds"])


def show(zoos: Sequence[Path]) -> None:
    """Print a table for each zoo, and what all models of a float base have in common."""
    everything: list[Row] = []
    for zoo in zoos:
        rows = list(read_rows(zoo))
        everything += rows
        print(f"## {yaml.safe_load((zoo / 'models.yaml').read_text())['zoo']['name']}\n")
        print("| model | base | float16 | uint8 | per channel | `smallest` | of float16 | search |")
        print("|---|---|---|---|---|---|---|---|")
        for row in rows:
            ratio = row.ratio(("float16", "base"), passing=False)
            cells = [str(row.cells.get(name, "-")) for name in NAMES]
            base = f"{row.cells['base'].bytes / 1000:,.0f} {row.kind}"
            share = "-" if ratio is None else f"{ratio:.2f}"
            time = "-" if row.seconds is None else f"{row.seconds:.0f} s"
            print(f"| {' | '.join([row.name, base, *cells, share, time])} |")
        print()
    summarize([row for row in everything if row.kind in FLOATS])


def summarize(rows: Sequence[Row]) -> None:
    """Print how many models have `smallest`, and medians of its size."""
    print("## All models whose base is of float32 or float16\n")
    has = [row for row in rows if row.has_smallest]
    print(f"- `smallest` exists for {len(has)} of {len(rows)} ({len(has) / len(rows):.0%}).")
    words = {"float16, passing or not": False, "the smallest of these that passes": True}
    for text, passing in words.items():
        others = PLAIN if passing else ("float16", "base")
        ratios = [one for row in has if (one := row.ratio(others, passing=passing)) is not None]
        median = statistics.median(ratios)
        print(f"- Its size is {median:.3f} of {text} (median of {len(ratios)}).")
    seconds = [row.seconds for row in rows if row.seconds is not None]
    print(
        f"- A search takes {statistics.median(seconds):.0f} s (median), at most {max(seconds):.0f}."
    )
    for row in rows:
        if not row.has_smallest:
            print(f"- {row.name} has none: {row.reason}")


def main() -> None:
    """Build or show."""
    task, *paths = sys.argv[1:]
    if task == "build":
        build(*map(Path, paths))
    else:
        show([Path(path) for path in paths])


if __name__ == "__main__":
    main()
