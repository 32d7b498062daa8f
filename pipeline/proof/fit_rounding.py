"""Fits the rounding of a variant's weights, in a process with TensorFlow, and reads the numbers."""

from collections.abc import Mapping, Sequence
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
_ANSWER = "answer of the fit"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How inputs are made that rounding is fitted to.

    Attributes:
        seed: Text from which they follow, another than that of the test vectors.
        task: The task of the model, as in the manifest.
    """

    seed: str
    task: str | None


def find_calibration(seed: str | None, task: str | None) -> Calibration:
    """Return how the inputs of a model are made, the same for its search and for its files."""
    return Calibration(seed=f"{seed} calibration", task=task)


def fit_rounding(
    work: Work[Any], forms: Mapping[str, Form], *, seed: str | None, task: str | None
) -> dict[str, Array]:
    """Return the whole numbers of each weight whose rounding can be fitted, as bytes.

    Args:
        work: A step that needs `convert`, `signature` and `reference`.
        forms: Forms by weight; those with channels are fitted.
        seed: What the inputs follow from: the name of the model.
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
                calibration=find_calibration(seed, task),
                folder=work.folder,
                file=_FILE,
                trust=work.trusted,
            )
    except TensorFlowCannotRunError as error:
        raise StepSkipped(f"its rounding cannot be fitted: {error}") from None
    finally:
        numbers = take_bytes(work.folder / _FILE)
    sizes = {
        name: size.whole()
        for name, size in JsonValue(answer, _ANSWER, error=UntrustedSourceError).fields()
    }
    known = _count_numbers(work.inputs["convert"], scaled)
    if any(size != known.get(name) for name, size in sizes.items()):
        raise UntrustedSourceError(f"{_ANSWER}: found other numbers than the weights have")
    return _split(numbers, sizes)


def split_numbers(
    numbers: Array, base: Path, forms: Mapping[str, Form], fitted: Sequence[str]
) -> dict[str, Array]:
    """Return the whole numbers of weights that lie one after the other.

    Args:
        numbers: Their bytes.
        base: Folder of the base's model.json.
        forms: Forms by weight.
        fitted: The weights, in this order.

    Raises:
        UntrustedSourceError: There are more or fewer numbers than these weights have.
    """
    known = _count_numbers(base, forms)
    return _split(numbers, {name: known.get(name, 0) for name in fitted})


def _count_numbers(base: Path, forms: Mapping[str, Form]) -> dict[str, int]:
    """Return the number of bytes of each weight in its form with scales."""
    return {
        spec.name: spec.size * forms[spec.name].bits // BITS
        for spec in load_model_json(base / "model.json").weights
        if spec.name in forms
    }


def _split(numbers: Array, sizes: Mapping[str, int]) -> dict[str, Array]:
    if len(numbers) != sum(sizes.values()):
        raise UntrustedSourceError(f"{_ANSWER}: found {len(numbers):,} numbers in all")
    ends = np.cumsum([*sizes.values()], dtype=np.int64)
    return dict(zip(sizes, np.split(numbers, ends)[:-1], strict=True))


def take_bytes(path: Path) -> Array:
    """Return the bytes of a file, which goes; none without the file."""
    if not path.exists():
        return np.empty(0, np.uint8)
    found = np.fromfile(path, np.uint8)
    path.unlink()
    return found
