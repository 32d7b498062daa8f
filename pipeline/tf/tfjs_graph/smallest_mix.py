"""Finds the smallest mix of forms of a graph's weights that passes, in TensorFlow.

The graph is opened once; mixes are fed as the values of its constants. It runs in a child process.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError
from pipeline.proof.fit_rounding import Calibration
from pipeline.proof.judge.check import Candidate
from pipeline.proof.judge.fidelity import measure_scale
from pipeline.proof.smallest.judge_mix import MARGIN, Groups, MixJudge, deciding_vectors
from pipeline.proof.smallest.mix_search import OutOfTime, Search, Trial
from pipeline.proof.smallest.mixes import Choice, Choices, Mix
from pipeline.proof.smallest.run_search import NUMBERS_FILE, PROGRESS_FILE
from pipeline.proof.smallest.weight_forms import WeightForms, load_weight_forms
from pipeline.proof.smallest.write_recipe import write_recipe
from pipeline.proof.vector_files import Vector
from pipeline.proof.verify_variants import gather_model
from pipeline.records.signature import Signature
from pipeline.tf.reasons import format_reason
from pipeline.tf.tfjs_graph.fit_rounding import make_feeds, walk_fitted
from pipeline.tf.tfjs_graph.graph_reference import name_tensor, open_graph
from pipeline.tf.tfjs_graph.weight_costs import Probed, measure_costs
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.quantize.forms import AS_IN_BASE, BITS, EncodedWeight, Form
from pipeline.tfjs.quantize.variant_files import measure_base, open_base

# The fit of rounding, and the costs of weights, end after these shares of the time.
_FIT_SHARE, _COSTS_SHARE = 0.4, 0.7


def find_smallest_mix(  # noqa: PLR0913  # what is judged, and how
    *,
    inputs: Mapping[str, Path],
    candidate: Candidate,
    seconds: float,
    trust: bool,
    folder: Path,
    calibration: Calibration | None = None,
    margin: float = MARGIN,
) -> dict[str, Any]:
    """Search the smallest mix of a model.

    Args:
        inputs: Folders of the steps `convert`, `signature`, `reference` and `map`.
        candidate: The variant that is searched: its name and tolerances.
        seconds: Longest time.
        trust: Whether the graph may touch the machine.
        folder: Folder for the file `progress`, and for the whole numbers of the weights whose
            rounding is fitted, one after the other.
        calibration: How inputs are made that rounding is fitted to. None for a quick search: few
            mixes are tried, of numbers that are rounded to the nearest, without costs of weights.
        margin: See `MixJudge`.

    Returns:
        A `Recipe` in JSON.

    Raises:
        ConversionError: TensorFlow cannot run the graph, or computes something else than the
            source does.
        UntrustedSourceError: The graph might touch the machine, and is not trusted.
    """
    clock = _Clock(seconds=seconds, file=folder / PROGRESS_FILE)
    runs = _open(inputs, candidate, clock, margin=margin, trust=trust)
    cut = False
    if calibration is not None:
        signature = Signature.load(inputs["signature"])
        cut = runs.fit(inputs["convert"], make_feeds(signature, inputs["reference"], calibration))
    rough = calibration is None or not runs.judge.outputs
    choices, late = (runs.weights.rough_choices(), False) if rough else runs.measure_choices()
    search = Search(choices=choices, run=runs.try_mix, cut=cut or late)
    search.find("quick" if calibration is None else "full")
    best = runs.settle(search)
    recipe = write_recipe(search, best, runs.base_bytes, runs.weights.fitted)
    if best is not None and recipe.fitted:
        stored = [runs.weights.fitted[name][best.mix[name]].stored for name in recipe.fitted]
        (folder / NUMBERS_FILE).write_bytes(b"".join(each.tobytes() for each in stored))
    return recipe.to_json()


@dataclass(kw_only=True)
class _Clock:
    """The time of a search, and the number of its runs so far."""

    seconds: float
    file: Path
    started: float = field(default_factory=time.monotonic)
    runs: int = 0
    _told: float = 0.0

    def tick(self, share: float = 1.0) -> None:
        """Count a run.

        Raises:
            OutOfTime: This share of the time is over.
        """
        now = time.monotonic()
        if now > self.started + share * self.seconds:
            raise OutOfTime
        self.runs += 1
        if now - self._told > 1:
            self.file.write_text(str(self.runs))
            self._told = now


@dataclass(kw_only=True)
class _MixRuns:
    """A graph in TensorFlow, whose weights are fed.

    Attributes:
        session: Its session.
        weights: The weights that may be stored in fewer bytes.
        feeds: The inputs of each vector, by tensor.
        fetches: The tensor of each output.
        judge: Judges runs.
        groups: The groups of vectors that count.
        base_bytes: Size of the base's files.
        clock: The time left.
    """

    session: tf.compat.v1.Session
    weights: WeightForms
    feeds: Sequence[Mapping[str, Array]]
    fetches: Mapping[str, str]
    judge: MixJudge
    groups: Groups
    base_bytes: int
    clock: _Clock
    deciding: Sequence[int] = field(default_factory=list)

    def fit(self, base: Path, feeds: Iterable[Mapping[str, Array]]) -> bool:
        """Fit the rounding of weights to inputs; return whether time ran out.

        It is kept if a mix that has it is as near to the source as one that has not.

        Args:
            base: Folder of the base's model.json.
            feeds: The inputs, by tensor.
        """
        tick = partial(self.clock.tick, share=_FIT_SHARE)
        forms = {name: list(forms) for name, forms in self.weights.forms.items()}
        fitted: dict[str, Mapping[Form, EncodedWeight]] = {}
        cut = False
        try:
            for name, encoded in walk_fitted(self.session, base, list(feeds), forms, tick):
                fitted[name] = encoded  # noqa: PERF403  # it stays when time runs out
        except OutOfTime:
            cut = True
        except ConversionError:
            return False
        mix = {name: _per_channel(forms) for name, forms in forms.items()}
        try:
            nearest = self.try_mix(mix, 0)
            self.weights.fit(fitted)
            if _distance(self.try_mix(mix, 0)) > _distance(nearest):
                self.weights.fit({})
        except OutOfTime:
            cut = True
        return cut

    def measure_choices(self) -> tuple[Choices, bool]:
        """Return the forms of each weight with bytes and costs, and whether time ran out."""
        reference = [self.judge.base[i] for i in self.deciding]
        outputs = [
            Probed(
                tensor=self.fetches[name],
                scale=measure_scale([one[name] for one in reference]) or 1.0,
                sizes=[one[name].size for one in reference],
            )
            for name in self.judge.outputs
        ]
        feeds = [self.feeds[i] for i in self.deciding]
        tick = partial(self.clock.tick, share=_COSTS_SHARE)
        costs, cut = measure_costs(self.session, self.weights, outputs, feeds, tick)
        choices = {
            name: [
                Choice(form=form, num_bytes=size, costs=costs[name][form])
                for form, size in forms.items()
            ]
            for name, forms in self.weights.forms.items()
        }
        return choices, cut

    def try_mix(self, mix: Mix, num_bytes: int) -> Trial:
        """Run a mix on the vectors that decide, and judge it.

        Raises:
            OutOfTime: The time is over.
        """
        self.clock.tick()
        return self.judge.judge(mix, num_bytes, self._run(mix, self.deciding), self.groups)

    def settle(self, search: Search) -> Trial | None:
        """Return the smallest mix that passes on extreme values too."""
        good = search.passing
        edges = [i for i in range(len(self.feeds)) if i not in self.deciding]
        for one in good if edges else good[:1]:
            found = self._run(one.mix, range(len(self.feeds)))
            if self.judge.judge(one.mix, one.num_bytes, found, self.groups).passes:
                return one
        return None

    def _run(self, mix: Mix, numbers: Sequence[int]) -> dict[int, dict[str, Array]]:
        fed = {
            f"{name}:0": self.weights.decode(name, form)
            for name, form in mix.items()
            if form != AS_IN_BASE
        }
        found = {}
        for number in numbers:
            found[number] = run_fed(self.session, self.fetches, {**self.feeds[number], **fed})
        return found


def _per_channel(forms: Sequence[Form]) -> Form:
    return next((one for one in forms if one.is_scaled and one.bits == BITS), AS_IN_BASE)


def _distance(trial: Trial) -> tuple[float, float]:
    """Return how far a mix is from the source; infinite where no number says so."""
    strain, share = (math.inf if one is None else one for one in (trial.strain, trial.share))
    return strain, share


def _open(
    inputs: Mapping[str, Path], candidate: Candidate, clock: _Clock, *, margin: float, trust: bool
) -> _MixRuns:
    base = inputs["convert"]
    signature = Signature.load(inputs["signature"])
    model = gather_model({**inputs, "variant:base": base}, signature)
    session = open_graph(base, trust=trust)
    fetches = {one.name: name_tensor(one.tensor) for one in signature.outputs}
    tensors = {one.name: name_tensor(one.tensor) for one in signature.inputs}
    vectors = model.vectors.vectors
    feeds = [_feed(session, tensors, vector) for vector in vectors]
    found = [run_fed(session, fetches, feed) for feed in feeds]
    proved = [
        name
        for name in fetches
        if all(name in one.outputs and one.outputs[name].dtype.kind == "f" for one in vectors)
    ]
    judge = MixJudge(model=model, candidate=candidate, base=found, outputs=proved, margin=margin)
    groups = judge.base_groups()
    if not groups:
        raise ConversionError("TensorFlow computes something else than the source does")
    model_json = open_base(base, signature)
    return _MixRuns(
        session=session,
        weights=load_weight_forms(model_json, base),
        feeds=feeds,
        fetches=fetches,
        judge=judge,
        groups=groups,
        base_bytes=measure_base(model_json, base),
        clock=clock,
        deciding=deciding_vectors(model),
    )


def _feed(
    session: tf.compat.v1.Session, tensors: Mapping[str, str], vector: Vector
) -> dict[str, Array]:
    """Return the inputs of a vector by tensor, in the dtypes of the graph."""
    fed = {}
    for name, values in vector.inputs.items():
        dtype = session.graph.get_tensor_by_name(tensors[name]).dtype
        fed[tensors[name]] = (
            values if values.dtype.kind == "O" else values.astype(dtype.as_numpy_dtype)
        )
    return fed


def run_fed(
    session: tf.compat.v1.Session, fetches: Mapping[str, str], feed: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the outputs of a run, by name.

    Raises:
        ConversionError: TensorFlow cannot run the graph.
    """
    try:
        found = session.run(dict(fetches), dict(feed))
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot run it: {format_reason(error)}") from error
    return {name: np.asarray(values) for name, values in found.items()}
