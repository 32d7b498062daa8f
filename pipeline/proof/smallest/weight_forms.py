"""The forms of a graph's weights, decoded as TensorFlow.js decodes them; a few are kept."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.proof.smallest.mixes import Choice, Choices
from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.model.weight_manifest import WeightSpec
from pipeline.tfjs.model.weights import Array, walk_weights
from pipeline.tfjs.quantize.choice import possible_forms
from pipeline.tfjs.quantize.forms import (
    AS_IN_BASE,
    EncodedWeight,
    Form,
    encode,
    find_form_fault,
)
from pipeline.tfjs.quantize.scaled_weights import measure_form

# Bytes of decoded weights that are kept.
_KEPT_BYTES = 512 * 1024**2


@dataclass(kw_only=True)
class WeightForms:
    """The weights of a base that may be stored in fewer bytes.

    Attributes:
        values: Their values in the base, by name.
        forms: Their forms, that of the base first, with the bytes of each.
        fitted: Weights in those forms in which their rounding is fitted to inputs.
    """

    values: Mapping[str, Array]
    forms: Mapping[str, Mapping[Form, int]]
    fitted: Mapping[str, Mapping[Form, EncodedWeight]] = field(default_factory=dict)
    _kept: OrderedDict[tuple[str, Form], Array] = field(default_factory=OrderedDict)
    _kept_bytes: int = 0

    def decode(self, weight: str, form: Form) -> Array:
        """Return the values of a weight in a form, float32 in its own shape."""
        if form == AS_IN_BASE:
            return self.values[weight]
        key = weight, form
        if key not in self._kept:
            fitted = self.fitted.get(weight, {}).get(form)
            self._kept[key] = (fitted or encode(self.values[weight], form)).decode()
            self._kept_bytes += self._kept[key].nbytes
        self._kept.move_to_end(key)
        found = self._kept[key]
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return found

    def fit(self, fitted: Mapping[str, Mapping[Form, EncodedWeight]]) -> None:
        """Take weights whose rounding is fitted, in place of those before; none for none."""
        self.fitted = fitted
        self._kept.clear()
        self._kept_bytes = 0

    def relative_error(self, weight: str, form: Form) -> float:
        """Return the error of a weight in a form, as a share of its values: roots of squares.

        It is that of the nearest numbers. Those that are fitted are farther from the values, for
        they are nearer to the outputs of its op.
        """
        if form == AS_IN_BASE:
            return 0.0
        exact = self.values[weight].astype(np.float64)
        decoded = (
            encode(self.values[weight], form).decode()
            if weight in self.fitted
            else self.decode(weight, form)
        )
        error = np.linalg.norm(decoded - exact)
        return float(error / (np.linalg.norm(exact) or 1.0))

    def rough_choices(self) -> Choices:
        """Return the forms of each weight, the squares of relative errors in place of costs."""
        return {
            name: [
                Choice(
                    form=form,
                    num_bytes=size,
                    costs=np.array([self.relative_error(name, form) ** 2]),
                )
                for form, size in forms.items()
            ]
            for name, forms in self.forms.items()
        }


def load_weight_forms(model_json: ModelJson, folder: Path) -> WeightForms:
    """Read the weights of a base that may be stored in fewer bytes, and their forms."""
    possible = possible_forms(model_json)
    values: dict[str, Array] = {}
    forms: dict[str, dict[Form, int]] = {}
    for weight in walk_weights(model_json, folder):
        found = possible.get(weight.spec.name, ())
        if len(found) <= 1:
            continue
        read = weight.read()
        measured = dict(_measure(weight.spec, found, read))
        if len(measured) > 1:
            values[weight.spec.name], forms[weight.spec.name] = read, measured
    return WeightForms(values=values, forms=forms)


def _measure(spec: WeightSpec, forms: Sequence[Form], values: Array) -> Iterator[tuple[Form, int]]:
    """Yield the forms that can hold the values, with their bytes."""
    for form in forms:
        if find_form_fault(values, form) is None:
            yield form, measure_form(spec, form)
