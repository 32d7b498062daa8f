"""Fits the rounding of a variant's weights, in a process with TensorFlow, and reads the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.disk.json_value import JsonValue
from pipeline.engine.step import StepSkipped, Work
from pipeline.errors import (
    UntrustedSourceError,
)
from pipeline.proof.graph_faults import TensorFlowCannotRunError, run_of_base
from pipeline.records.signature import Signature
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.quantize.forms import BITS, Form

_FIT = "pipeline.tf.tfjs_graph.fit_rounding:fit_rounding"
_FILE = "numbers.bin"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How inputs are made that rounding is fitted to.

    Attributes:
        seed: Text from which they follow, another than that of the test vectors.
        task: The task of the model, as in the manifest.
    """

    seed: str
    task: str | None


def find_calibration(model: str | None, task: str | None) -> Calibration:
    """Return how the inputs of a model are made, the same for its search and for its files."""
    return Calibration(seed=f"{model} calibration", task=task)


def fit_rounding(
    work: Work[Any], forms: Mapping[str, Form], *, task: str | None
) -> dict[str, Array]:
    """Return the whole numbers of each weight whose rounding can be fitted, as bytes.

    Args:
        work: A step that needs `convert`, `signature` and `reference`.
        forms: Forms by weight; those with channels are fitted.
        task: The task of the model, as in the manifest.

    Raises:
        StepSkipped: TensorFlow does not run the base on made inputs.
    """
    work.uses("numpy", "tensorflow")
    scaled = {name: form for name, form in forms.items() if form.is_scaled}
    try:
        with run_of_base():
            answer = work.run_in_tensorflow(
                _FIT,
                base=work.inputs["convert"],
                signature=Signature.load(work.inputs["signature"]),
                reference=work.inputs["reference"],
                forms=scaled,
                calibration=find_calibration(work.model, task),
                folder=work.folder,
                file=_FILE,
                trust=work.trusted,
            )
    except TensorFlowCannotRunError as error:
        raise StepSkipped(f"its rounding cannot be fitted: {error}") from None
    finally:
        numbers = _take_bytes(work.folder / _FILE)
    specs = load_model_json(work.inputs["convert"] / "model.json").weights
    known = {
        spec.name: spec.size * scaled[spec.name].bits // BITS
        for spec in specs
        if spec.name in scaled
    }
    found: dict[str, Array] = {}
    start = 0
    for name, size in JsonValue(answer, "answer of the fit", error=UntrustedSourceError).fields():
        end = start + known.get(name, 0)
        if size.whole() != end - start or end > len(numbers):
            size.refuse("the number of bytes of a weight")
        found[name] = numbers[start:end]
        start = end
    return found


def _take_bytes(path: Path) -> Array:
    """Return the bytes of a file, which goes; none without the file."""
    if not path.exists():
        return np.empty(0, np.uint8)
    found = np.fromfile(path, np.uint8)
    path.unlink()
    return found
