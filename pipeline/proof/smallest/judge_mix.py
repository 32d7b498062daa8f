"""Judges a mix by its outputs in TensorFlow, with a margin for what TensorFlow.js computes.

The judge is that of `verify`. Where vectors have groups it is stricter: a mix has to be right on
every group on which the base is, for nobody knows yet which of them TensorFlow.js gets right. The
margin is in the outputs: their distance from the source's is made larger before they are judged.
This module runs no model.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.catalog.deviation import Deviation, measure_deviation
from pipeline.proof.judge.check import Candidate, Check, judge_run
from pipeline.proof.judge.limits import EXACT_DTYPE
from pipeline.proof.judge.model_under_test import ModelUnderTest
from pipeline.proof.judge.parts import EDGE
from pipeline.proof.judge.value_limits import DEFAULTS
from pipeline.proof.smallest.mix_search import Trial
from pipeline.proof.smallest.mixes import Array, Mix
from pipeline.proof.vector_files import Tensors
from pipeline.runtime.node_results import ModelRun
from pipeline.tfjs.quantize.forms import AS_IN_BASE

MARGIN = 1.1
"""Factor by which errors are larger than TensorFlow's before they are judged, without a proof."""

Groups = Collection[str | None]


@dataclass(frozen=True, kw_only=True)
class MixJudge:
    """Judges the runs of mixes of one model.

    Attributes:
        model: The model and the outputs of its source.
        candidate: The variant that is searched: its name and tolerances.
        base: The base's outputs on each vector, in TensorFlow.
        outputs: Names of the outputs whose errors are known, in their order.
        margin: Factor by which errors are made larger before they are judged.
    """

    model: ModelUnderTest
    candidate: Candidate
    base: Sequence[Tensors]
    outputs: Sequence[str]
    margin: float = MARGIN

    def base_groups(self) -> Groups:
        """Return the groups of vectors on which TensorFlow gets the base right."""
        check = self._check(self.model, self.base, EXACT_DTYPE, None)
        return check.groups if check.status == "ok" else ()

    def judge(
        self,
        mix: Mix,
        num_bytes: int,
        found: Mapping[int, Tensors],
        groups: Groups,
        *,
        dtype: str | None = None,
    ) -> Trial:
        """Judge a run of a mix.

        Args:
            mix: The form of each weight.
            num_bytes: Bytes of its weights.
            found: Its outputs by the number of a vector; other vectors do not count.
            groups: The groups of vectors that count.
            dtype: The dtype whose limits hold; None for the loosest of the mix.
        """
        numbers = sorted(found)
        model = replace(self.model.part(numbers), numbers=None)
        outputs = [
            _push(vector.outputs, found[number], self.margin)
            for number, vector in zip(numbers, model.vectors.vectors, strict=True)
        ]
        dtype = dtype or mix_dtype(mix)
        checks = [self._check(model, outputs, dtype, [group]) for group in sorted(groups, key=str)]
        reasons = [check.reason for check in checks if check.status != "ok"]
        failing = {
            i
            for i, name in enumerate(self.outputs)
            for check in checks
            if name in check.outputs and check.outputs[name].fault
        }
        worst = self._worst_deviation(checks)
        return Trial(
            mix=mix,
            num_bytes=num_bytes,
            failing=frozenset(failing),
            reason="; ".join(reason or "no reason given" for reason in reasons) or None,
            share=None if worst is None else worst.share / self.margin,
            strain=None if worst is None or not worst.limit else worst.strain / self.margin,
            what="of the range" if worst is None else worst.what,
        )

    def _check(
        self,
        model: ModelUnderTest,
        outputs: Sequence[Tensors],
        dtype: str,
        groups: Groups | None,
    ) -> Check:
        # The judge only reads outputs; those of TensorFlow.js lie in files.
        run = ModelRun(status="ok", outputs=dict(enumerate(outputs)))  # type: ignore[arg-type]
        return judge_run(model, replace(self.candidate, dtype=dtype), run, groups)

    def _worst_deviation(self, checks: Sequence[Check]) -> Deviation | None:
        first = self.model.vectors.vectors[0].outputs
        found = [
            deviation
            for check in checks
            for name, figures in check.record().outputs.items()
            for deviation in measure_deviation(
                name,
                figures,
                discrete=name in first and first[name].dtype.kind not in "fc",
                is_equal=check.agreement == "equal",
            )
        ]
        return max(found, key=lambda one: (one.strain, one.share), default=None)


def mix_dtype(mix: Mix) -> str:
    """Return the loosest dtype of a mix, whose limits hold; "float32" for that of the base."""
    used = {form.dtype for form in mix.values() if form != AS_IN_BASE}
    return [dtype for dtype in DEFAULTS if dtype in {EXACT_DTYPE, *used}][-1]


def deciding_vectors(model: ModelUnderTest) -> list[int]:
    """Return the numbers of the vectors that decide: all but those of extreme values."""
    numbers = range(len(model.vectors.vectors))
    return [i for i in numbers if model.vectors.vectors[i].kind != EDGE] or list(numbers)


def _push(reference: Tensors, found: Tensors, margin: float) -> dict[str, Array]:
    """Return outputs whose distance from the reference is larger by the margin."""
    return {
        name: reference[name] + (values - reference[name]) * np.float32(margin)
        if name in reference and _has_distance(reference[name], values)
        else values
        for name, values in found.items()
    }


def _has_distance(one: Array, other: Array) -> bool:
    return (
        one.dtype.kind == "f"
        and other.dtype.kind == "f"
        and one.shape == other.shape
        and bool(np.isfinite(one).all())
    )
