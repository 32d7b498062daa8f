"""Classification: scores or logits of classes.

This module opens no file.
"""

from collections.abc import Iterator

from pipeline.roles.evidence.finding import Claim, Doubt
from pipeline.roles.evidence.image_outputs import are_logits
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.structure import SIGMOID, SOFTMAX
from pipeline.vocabulary.object_roles import CLASSIFICATION

_MAX_NDIM = 3


def find_classification(model: Observed) -> Iterator[Claim | Doubt]:
    """Yield the role of a classifier's output, if only one output can have it."""
    if not (model.does(CLASSIFICATION) or model.family is None):
        return
    outputs = [o for o in model.numeric if o.ndim is not None and 1 < o.ndim <= _MAX_NDIM]
    if len(outputs) != 1 or len(model.numeric) != 1:
        for output in outputs if model.does(CLASSIFICATION) else ():
            yield Doubt(output=output, reason="several outputs may be the scores")
        return
    output = outputs[0]
    if not output.varies:
        return
    claim = _claim_softmax(output, model) or (
        _claim_stated(output, model) if model.does(CLASSIFICATION) else None
    )
    if claim is not None:
        yield claim


def _claim_softmax(output: Output, model: Observed) -> Claim | None:
    """Claim `scores` for values that sum to 1.

    Positions and weights may sum to 1 as well. So without a task in the manifest the graph must
    end in a softmax too.
    """
    if not output.sums_to_one or not output.in_unit_range:
        return None
    softmax = model.structure.activation(output.tensor) == SOFTMAX
    known = model.does(CLASSIFICATION)
    if not known and (not softmax or output.ndim == _MAX_NDIM):
        return None
    evidence = [f"its {output.last} values sum to 1 on each vector"]
    if softmax:
        evidence.append("they come out of a softmax")
    return Claim(
        role="scores",
        output=output,
        evidence=tuple(evidence),
        conventions={"activation": "probability", "normalization": "softmax"},
    )


def _claim_stated(output: Output, model: Observed) -> Claim | None:
    """Claim the role of the only output of a model whose task is classification."""
    task = f"the only output of a model for {model.task}"
    if output.in_unit_range and model.structure.activation(output.tensor) == SIGMOID:
        return Claim(
            role="scores",
            output=output,
            evidence=(task, "its values come out of a sigmoid"),
            conventions={"activation": "probability", "normalization": "sigmoid"},
        )
    if are_logits(output, model):
        return Claim(
            role="logits",
            output=output,
            evidence=(
                task,
                f"its values, {output.low:.4g} to {output.high:.4g}, are products with weights",
            ),
            conventions={"activation": "logit"},
        )
    return None
