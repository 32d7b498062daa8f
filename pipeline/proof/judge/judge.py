"""Judge: judges each output of one run by the gate that fits it.

- `values`: raw outputs, value by value.
- `boxes`: the outputs of a detector behind suppression or top-k, together as a set: boxes,
  scores, classes, count.
- `rows`: other outputs behind suppression or top-k, with unknown meaning: their rows as a set,
  in any order.
- `choice`: outputs behind arg-max only: the share of values that agree; of `keypoints`, points.

Every output whose shapes allow it gets the figures of its values, also if another gate decides.
A NaN passes only where the source has one. This module opens no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.proof.judge.box_matching import (
    DetectionLimits,
    Detections,
    compare_detections,
    read_detections,
)
from pipeline.proof.judge.fidelity import Array, Fidelity, compare, measure_scale
from pipeline.proof.judge.gate import judge_agreement, judge_discrete, judge_values
from pipeline.proof.judge.keypoint_distances import are_keypoints, compare_keypoints
from pipeline.proof.judge.model_under_test import Figures, ModelUnderTest, OutputCheck
from pipeline.proof.judge.row_matching import compare_rows
from pipeline.proof.judge.selection import selects_rows
from pipeline.proof.judge.task_figures import POINT_LIMIT, SOURCE, measure_task
from pipeline.proof.judge.value_limits import Limit
from pipeline.proof.vector_files import Tensors


def judge_outputs(
    model: ModelUnderTest, limits: Mapping[str, Limit], found: Sequence[Tensors]
) -> dict[str, OutputCheck]:
    """Judge all outputs of a run.

    Args:
        model: The model.
        limits: The limit of each output, by name.
        found: The outputs of TensorFlow.js on each vector.
    """
    checks = {}
    detector = model.detector
    # Not `name in outputs`: that would read the output from its file.
    returned = [set(tensors) for tensors in found]
    for name in model.outputs:
        missing = [vector for vector, names in enumerate(returned) if name not in names]
        if missing:
            vector = model.number(missing[0])
            fault = f"TensorFlow.js returns no such output on vector {vector}"
            checks[name] = OutputCheck(fault=fault, limit=limits[name])
        elif name in model.vectors.random:
            checks[name] = _judge_random(model, name, found)
        elif name not in detector.values():
            checks[name] = _judge_output(model, name, limits[name], found)
    if detector and checks.keys().isdisjoint(detector.values()):
        checks |= _judge_detector(model, detector, limits, found)
    for name in model.outputs:
        # If one of a detector's outputs is random or missing, the others are judged alone.
        if name not in checks:
            checks[name] = _judge_output(model, name, limits[name], found)
    return {name: checks[name].renumbered(model.numbers) for name in model.outputs}


def _judge_random(model: ModelUnderTest, name: str, found: Sequence[Tensors]) -> OutputCheck:
    """Check that a random output is finite: nothing else can be asked of it."""
    nan = sum(_count_nan(tensors[name]) for tensors in found)
    fault = f"{nan:,} values are NaN" if nan else None
    return OutputCheck(fault=fault, unproved=f"random: {model.vectors.random[name]}")


def _judge_output(
    model: ModelUnderTest, name: str, limit: Limit, found: Sequence[Tensors]
) -> OutputCheck:
    reference, values = model.reference(name), [tensors[name] for tensors in found]
    check = OutputCheck(limit=limit, unproved=_find_unproved(model, name, reference))
    ops = model.selection.get(name, ())
    fault = _compare_kinds(reference, values)
    if not fault and selects_rows(ops):
        return _judge_rows(check, reference, values, model.batches)
    fault = fault or _compare_shapes(model, reference, values)
    if fault:
        return replace(check, fault=fault)
    roles = model.roles.get(name, ())
    if ops:
        return _judge_choice(check, roles, reference, values)
    return _judge_values(check, roles, reference, values, model.numbers)


def _find_unproved(model: ModelUnderTest, name: str, reference: Sequence[Array]) -> str | None:
    """Return why an output proves nothing, else None: "constant: 0 on every vector"."""
    constant = model.vectors.constant.get(name)
    if constant:
        return f"constant: {constant}"
    floats = [array for array in reference if array.dtype.kind in "fc" and array.size]
    if floats and not any(np.isfinite(array).any() for array in floats):
        return "the source returns NaN or infinity"
    return None


def _judge_values(
    check: OutputCheck,
    roles: Sequence[str],
    reference: Sequence[Array],
    values: Sequence[Array],
    numbers: Sequence[int] | None,
) -> OutputCheck:
    """Judge an output value by value, by the figure of its task before that if it has one."""
    limit = check.limit
    assert limit is not None
    metrics = {
        figure: value
        for role in roles
        for figure, value in measure_task(role, reference, values).items()
    }
    fault = None
    value = limit.figure.measured(metrics) if limit.figure else None
    if limit.figure and value is not None:
        fault = limit.figure.judge(value)
        limit = limit.by_task(limit.figure.error)
    fidelity = _compare(reference, values, limit)
    judge = judge_discrete if _are_discrete(reference) else judge_values
    return replace(
        check,
        fault=fault or judge(fidelity, limit, numbers),
        fidelity=fidelity,
        metrics=metrics,
        limit=limit,
    )


def _judge_rows(
    check: OutputCheck,
    reference: Sequence[Array],
    values: Sequence[Array],
    batches: Sequence[int | None],
) -> OutputCheck:
    limit = check.limit
    assert limit is not None
    rows = compare_rows(
        reference, values, atol=_allowed(reference, limit), rtol=limit.rtol, batches=batches
    )
    empty = None if rows.num_reference else "the source returns no rows on any vector"
    return replace(
        check,
        gate="rows",
        fault=_name_strange(reference, values)
        or judge_agreement(rows.agreement, limit, noun="rows"),
        unproved=check.unproved or empty,
        fidelity=_measure(reference, values, limit),
        metrics=rows.figures(),
    )


def _judge_choice(
    check: OutputCheck, roles: Sequence[str], reference: Sequence[Array], values: Sequence[Array]
) -> OutputCheck:
    limit = check.limit
    assert limit is not None
    strange = _name_strange(reference, values)
    check = replace(check, fidelity=_measure(reference, values, limit))
    if "keypoints" not in roles or not all(are_keypoints(array) for array in reference):
        agreement = _agreeing(reference, values, limit)
        fault = strange or judge_agreement(agreement, limit, noun="values")
        return replace(check, gate="choice", fault=fault, metrics={"agreement": agreement})
    if limit.figure:
        least, limit = limit.figure.least, limit.by_task(POINT_LIMIT)
        limit = replace(limit, agreement=least, source=SOURCE)
    points = compare_keypoints(reference, values, limit=limit.relative or 0.0)
    rest = _agreeing([r[..., 2:] for r in reference], [a[..., 2:] for a in values], limit)
    fault = judge_agreement(points.agreement, limit, noun="keypoints") or judge_agreement(
        rest, limit, noun="values beside the keypoints"
    )
    return replace(
        check, gate="keypoints", fault=strange or fault, metrics=points.figures(), limit=limit
    )


def _judge_detector(
    model: ModelUnderTest,
    detector: Mapping[str, str],
    limits: Mapping[str, Limit],
    found: Sequence[Tensors],
) -> dict[str, OutputCheck]:
    """Judge the outputs of a detector together; empty if the reference has no boxes."""
    reference = {role: model.reference(name) for role, name in detector.items()}
    values = {role: [tensors[name] for tensors in found] for role, name in detector.items()}
    boxes, scores = detector["boxes"], detector["scores"]
    try:
        expected = _read_images(reference, model.box_form)
    except ValueError:
        return {}
    metrics: Figures = {}
    try:
        actual = _read_images(values, model.box_form)
        if len(actual) != len(expected):
            raise ValueError(f"boxes of {len(actual)} images; expected {len(expected)}")  # noqa: TRY301  # one handler for all faults
    except ValueError as error:
        fault: str | None = str(error)
    else:
        figures = compare_detections(
            expected,
            actual,
            DetectionLimits(
                box=_allowed(reference["boxes"], limits[boxes]),
                score=_allowed(reference["scores"], limits[scores]),
            ),
        )
        metrics = figures.figures()
        fault = judge_agreement(figures.agreement, limits[boxes], noun="boxes")
    some = any(len(image.scores) for image in expected)
    return {
        name: OutputCheck(
            gate="boxes",
            fault=_name_strange(reference[role], values[role]) or fault,
            unproved=None if some else "the source detects nothing on any vector",
            fidelity=_measure(reference[role], values[role], limits[name]),
            metrics=metrics if role == "boxes" else {},
            limit=limits[name],
        )
        for role, name in detector.items()
    }


def _read_images(by_role: Mapping[str, Sequence[Array]], form: str | None) -> list[Detections]:
    return [
        image
        for arrays in zip(*by_role.values(), strict=True)
        for image in read_detections(dict(zip(by_role, arrays, strict=True)), form=form)
    ]


def _measure(reference: Sequence[Array], values: Sequence[Array], limit: Limit) -> Fidelity | None:
    """Return the figures of values; None if shapes differ."""
    if any(r.shape != a.shape for r, a in zip(reference, values, strict=True)):
        return None
    return _compare(reference, values, limit)


def _compare(reference: Sequence[Array], values: Sequence[Array], limit: Limit) -> Fidelity:
    if any(array.dtype.kind in "OSU" for array in reference):
        return compare(reference, values, atol=0.0, rtol=0.0)
    atol = limit.allowed_each(measure_scale(reference), len(reference))
    return compare(reference, values, atol=atol, rtol=limit.rtol)


def _allowed(reference: Sequence[Array], limit: Limit) -> float:
    """Return the largest error of a value of a set, whose floor is unknown value by value."""
    if any(array.dtype.kind in "OSU" for array in reference):
        return 0.0
    return limit.allowed(measure_scale(reference))


def _agreeing(reference: Sequence[Array], values: Sequence[Array], limit: Limit) -> float:
    """Return the share of values that agree; whole numbers are classes, which agree if equal."""
    discrete = _are_discrete(reference)
    atol = 0.0 if discrete else _allowed(reference, limit)
    figures = compare(reference, values, atol=atol, rtol=0.0 if discrete else limit.rtol)
    return 1.0 - figures.mismatches / figures.num_values if figures.num_values else 1.0


def _compare_kinds(reference: Sequence[Array], values: Sequence[Array]) -> str | None:
    for r, a in zip(reference, values, strict=True):
        kinds = ["string" if array.dtype.kind in "OSU" else "number" for array in (r, a)]
        if kinds[0] != kinds[1]:
            return f"its values are {kinds[1]}s; expected {kinds[0]}s"
    return None


def _compare_shapes(
    model: ModelUnderTest, reference: Sequence[Array], values: Sequence[Array]
) -> str | None:
    for vector, (r, a) in enumerate(zip(reference, values, strict=True)):
        if r.shape != a.shape:
            return f"its shape is {a.shape} on vector {model.number(vector)}; expected {r.shape}"
    return None


def _are_discrete(arrays: Sequence[Array]) -> bool:
    return any(array.dtype.kind not in "fc" for array in arrays)


def _count_nan(array: Array) -> int:
    return int(np.isnan(array).sum()) if array.dtype.kind in "fc" else 0


def _count_infinite(arrays: Sequence[Array]) -> int:
    return sum(int(np.isinf(array).sum()) for array in arrays if array.dtype.kind in "fc")


def _name_strange(reference: Sequence[Array], values: Sequence[Array]) -> str | None:
    """Return the fault of values that never pass: NaN, and infinities that the source lacks."""
    nan = sum(_count_nan(array) for array in values)
    if nan > sum(_count_nan(array) for array in reference):
        return f"{nan:,} values are NaN"
    infinite = _count_infinite(values)
    if infinite and not _count_infinite(reference):
        return f"{infinite:,} values are infinite"
    return None
