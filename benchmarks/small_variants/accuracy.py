"""Accuracy of variants on labelled data: a classifier and a detector of digits, trained here.

    pip install scikit-learn
    python benchmarks/small_variants/accuracy.py FOLDER >benchmarks/small_variants/accuracy.md

The classifier reads the digits of scikit-learn (UCI, 8x8 pixels, written by 43 people). The
detector finds up to six of them in scenes of 48x48 pixels, in sizes of 8 to 14 pixels, on a noisy
ground; a box is right if its class is and it overlaps by half. Digits of the test are in no
training scene. Both are trained, built as a zoo by doit, and every variant is run on the test in
TensorFlow.js. `accuracy.md` has the last result.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

from tfjs_runtime import run

Array = npt.NDArray[Any]
Outputs = Mapping[str, Array]

DODO = Path(__file__).parents[2] / "dodo.py"
VARIANTS: Sequence[Any] = [
    "float16",
    "uint8",
    {"name": "channel", "quantize_uint8": True, "per_channel": True, "quantize_float16": True},
    {
        "name": "fitted",
        "quantize_uint8": True,
        "per_channel": True,
        "quantize_float16": True,
        "calibrate": True,
    },
    "smallest",
]
SEED = 5
TRAINED = 1200
"""Digits that are trained on; the others are the test."""
SCENES, TEST_SCENES = 4000, 500
SIZE, STRIDE = 48, 4
MOST_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Digits and their classes.

    Attributes:
        images: float32 (count, 8, 8), 0 to 1.
        labels: int64 (count,).
    """

    images: Array
    labels: Array

    def part(self, chosen: slice) -> "Digits":
        """Return some of them."""
        return Digits(images=self.images[chosen], labels=self.labels[chosen])


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Digits at places of an image.

    Attributes:
        image: float32 (48, 48, 1), 0 to 1.
        boxes: float64 (count, 3): the centre's y and x, and the size, in pixels.
        labels: int64 (count,).
    """

    image: Array
    boxes: Array
    labels: Array


def load_digits() -> Digits:
    """Return the digits of scikit-learn, shuffled."""
    from sklearn.datasets import load_digits as load  # noqa: PLC0415  # not among our packages

    found = load()
    order = np.random.default_rng(SEED).permutation(len(found.target))
    images = (found.images[order] / 16).astype(np.float32)
    return Digits(images=images, labels=found.target[order])


def compose(digits: Digits, random: np.random.Generator) -> Scene:
    """Return a scene of one to six digits that do not overlap."""
    image = random.uniform(0, 0.3) + random.normal(0, 0.05, (SIZE, SIZE))
    boxes: list[tuple[float, float, float]] = []
    labels: list[int] = []
    for _ in range(random.integers(1, MOST_DIGITS + 1)):
        size = int(random.integers(8, 15))
        top, left = random.integers(0, SIZE - size + 1, 2)
        y, x = top + size / 2, left + size / 2
        if any(max(abs(y - b[0]), abs(x - b[1])) < (size + b[2]) / 2 for b in boxes):
            continue
        chosen = int(random.integers(len(digits.labels)))
        steps = (np.arange(size) + 0.5) * 8 / size - 0.5
        ink = interpolate(interpolate(digits.images[chosen], steps).T, steps).T
        part = image[top : top + size, left : left + size]
        part += ink * (random.uniform(0.6, 1.0) - part)
        boxes.append((y, x, float(size)))
        labels.append(int(digits.labels[chosen]))
    pixels = np.clip(image, 0, 1).astype(np.float32)[..., None]
    return Scene(image=pixels, boxes=np.array(boxes), labels=np.array(labels))


def interpolate(rows: Array, steps: Array) -> Array:
    """Return rows at fractional places, the last row beyond the end."""
    steps = np.clip(steps, 0, len(rows) - 1)
    low = np.floor(steps).astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (steps - low)[:, None]
    made: Array = rows[low] * (1 - share) + rows[high] * share
    return made


def train_classifier(digits: Digits, path: Path) -> None:
    """Train a convolutional net of 0.1 million weights, and save it."""
    import keras  # noqa: PLC0415  # seconds

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1), name="image"),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.Conv2D(64, 1, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(96, activation="relu"),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(digits.images[..., None], digits.labels, epochs=40, batch_size=32, verbose=0)
    model.save(path)


def train_detector(scenes: Sequence[Scene], path: Path) -> None:
    """Train a detector with a score, a class and a box for each place of a grid, and save it."""
    import keras  # noqa: PLC0415  # seconds

    layers = keras.layers
    image = layers.Input((SIZE, SIZE, 1), name="image")
    x = image
    for filters, strides in ((24, 2), (48, 1), (48, 2), (64, 1), (64, 1)):
        if x is not image:
            x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.ReLU()(x)
        kernel, step = (3, strides) if x is image else (1, 1)
        x = layers.Conv2D(filters, kernel, step, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    x = layers.Conv2D(96, 3, padding="same", activation="relu")(x)
    outputs = [
        layers.Conv2D(1, 1, activation="sigmoid", name="score")(x),
        layers.Conv2D(10, 1, activation="softmax", name="digit")(x),
        layers.Conv2D(3, 1, name="box")(x),
    ]
    model = keras.Model(image, outputs)
    targets, weights = make_targets(scenes)
    losses = ["binary_crossentropy", "sparse_categorical_crossentropy", "mean_absolute_error"]
    model.compile("adam", losses)
    images = np.stack([scene.image for scene in scenes])
    model.fit(images, targets, sample_weight=weights, epochs=14, batch_size=32, verbose=0)
    model.save(path)


def make_targets(scenes: Sequence[Scene]) -> tuple[list[Array], list[Array]]:
    """Return the targets of score, class and box at each place, and how much each counts."""
    cells = SIZE // STRIDE
    shape = (len(scenes), cells, cells)
    score, digit, box = np.zeros((*shape, 1)), np.zeros(shape), np.zeros((*shape, 3))
    for i, scene in enumerate(scenes):
        for (y, x, size), label in zip(scene.boxes, scene.labels, strict=True):
            row, column = int(y // STRIDE), int(x // STRIDE)
            score[i, row, column] = 1
            digit[i, row, column] = label
            box[i, row, column] = y / STRIDE - row, x / STRIDE - column, size / 10
    there = score[..., 0]
    return [score, digit, box], [1 + 9 * there, 10 * there, 10 * there]


def measure_classifier(outputs: Outputs, digits: Digits) -> float:
    """Return the share of digits that get their class."""
    return float(np.mean(outputs["digit"].argmax(-1) == digits.labels))


def measure_detector(outputs: Outputs, scenes: Sequence[Scene]) -> float:
    """Return the F1 score of boxes and classes."""
    right = found = wanted = 0
    for i, scene in enumerate(scenes):
        left = list(range(len(scene.labels)))
        wanted += len(left)
        for y, x, size, label in find_boxes({name: one[i] for name, one in outputs.items()}):
            found += 1
            hits = [
                j
                for j in left
                if scene.labels[j] == label and overlap((y, x, size), scene.boxes[j]) >= 0.5  # noqa: PLR2004
            ]
            if hits:
                left.remove(hits[0])
                right += 1
    return 2 * right / (found + wanted)


def find_boxes(outputs: Outputs) -> list[tuple[float, float, float, int]]:
    """Return the boxes of a scene with their classes, the best first: y, x, size, class."""
    score = outputs["score"][..., 0]
    boxes: list[tuple[float, float, float, int]] = []
    for place in np.argsort(-score, axis=None):
        row, column = divmod(int(place), score.shape[1])
        if score[row, column] < 0.5:  # noqa: PLR2004
            break
        dy, dx, size = (float(one) for one in outputs["box"][row, column])
        box = (row + dy) * STRIDE, (column + dx) * STRIDE, size * 10
        if all(overlap(box, other[:3]) < 0.3 for other in boxes):  # noqa: PLR2004
            boxes.append((*box, int(outputs["digit"][row, column].argmax())))
    return boxes


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two squares share, by that of their union."""
    sides = [
        min(one[i] + one[2] / 2, other[i] + other[2] / 2)
        - max(one[i] - one[2] / 2, other[i] - other[2] / 2)
        for i in (0, 1)
    ]
    shared = max(0.0, sides[0]) * max(0.0, sides[1])
    return float(shared / (one[2] ** 2 + other[2] ** 2 - shared))


def build(folder: Path) -> None:
    """Build the zoo of both models."""
    models = [
        {"name": name, "source": f"{name}.keras", "inputs": {"image": {"range": [0, 1]}}}
        for name in ("digits", "scenes")
    ]
    content = {
        "zoo": {"name": "Digits", "site": False},
        "defaults": {"output_format": "tfjs_graph_model", "variants": list(VARIANTS)},
        "models": models,
    }
    (folder / "models.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    command = [sys.executable, "-m", "doit", "-f", str(DODO), "-d", str(folder), "run", "-n", "1"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def run_variants(folder: Path, name: str, images: Array) -> dict[str, Outputs]:
    """Return the outputs of each variant on all images in TensorFlow.js."""
    variants = folder / ".zoo/build" / name / "variant"
    models = {path.parent.name: path.parent for path in sorted(variants.glob("*/model.json"))}
    with tempfile.TemporaryDirectory() as text:
        given = [{"image": images}]
        found = run(Path(text), models, given, backends={"wasm": [*models]}, timeout_seconds=600)
        return {
            variant: {key: np.array(value) for key, value in one.outputs[0].items()}
            for variant, one in found["wasm"].items()
        }


def show(name: str, folder: Path, figures: Mapping[str, float]) -> None:
    """Print the rows of a model."""
    catalog = json.loads((folder / "dist/models.json").read_bytes())
    entry = next(one for one in catalog["models"] if one["name"] == name)
    statuses = {one["name"]: one["status"] for one in entry["variants"]}
    order = ["base", *(one if isinstance(one, str) else one["name"] for one in VARIANTS)]
    for variant in order:
        if variant not in figures:
            continue
        made = folder / ".zoo/build" / name / "variant" / variant
        size = json.loads((made / "variant.json").read_bytes())["bytes"]
        status = statuses.get(variant, "ok")
        print(f"| {name} | {variant} | {size / 1000:,.1f} | {figures[variant]:.2%} | {status} |")


def main() -> None:
    """Train what is not there yet, build, and print the table."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    digits = load_digits()
    known, unseen = digits.part(slice(TRAINED)), digits.part(slice(TRAINED, None))
    random = np.random.default_rng(SEED)
    scenes = [compose(known, random) for _ in range(SCENES)]
    tests = [compose(unseen, random) for _ in range(TEST_SCENES)]
    if not (folder / "scenes.keras").exists():
        import keras  # noqa: PLC0415  # seconds

        keras.utils.set_random_seed(SEED)
        train_classifier(known, folder / "digits.keras")
        train_detector(scenes, folder / "scenes.keras")
    build(folder)
    print(f"{len(unseen.labels)} digits, share that is right; {len(tests)} scenes, F1 of boxes.\n")
    print("| model | variant | kB | figure | published |\n|---|---|---|---|---|")
    found = run_variants(folder, "digits", unseen.images[..., None])
    show("digits", folder, {name: measure_classifier(one, unseen) for name, one in found.items()})
    images = np.stack([scene.image for scene in tests])
    found = run_variants(folder, "scenes", images)
    show("scenes", folder, {name: measure_detector(one, tests) for name, one in found.items()})


if __name__ == "__main__":
    main()
