"""Images: masks, mattes and other outputs in the layout of the input image.

This module opens no file.
"""

from collections.abc import Iterator

from pipeline.roles.evidence.finding import Claim
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.roles.evidence.structure import SIGMOID, SOFTMAX
from pipeline.vocabulary.object_roles import DEPTH, IMAGE, MATTING, SEGMENTATION

LOGIT_REACH = 2.0
"""Logits reach this far beyond 0 and 1: a sigmoid makes 0.12 of -2."""

_COLOURS = 3
_MIN_SHARE = 1 / 33
# Height and width shrink alike, but for rounding.
_MAX_DISTORTION = 1.25


def find_images(model: Observed) -> Iterator[Claim]:
    """Yield the roles of outputs that are images, if the manifest names the task."""
    if model.does(MATTING):
        yield from _find_matte(model)
    if len(model.numeric) != 1 or not model.numeric[0].varies:
        return
    output = model.numeric[0]
    task = f"the only output of a model for {model.task}"
    if model.does(SEGMENTATION) and _covers_image(output, model):
        yield _claim_mask(output, model, task)
    elif model.does(DEPTH) and output.plane and output.plane[2] == 1:
        yield Claim(role="depth", output=output, evidence=(task, _describe_size(output)))
    elif model.does(IMAGE) and output.plane and output.plane[2] in (1, _COLOURS):
        yield Claim(role="image", output=output, evidence=(task, _describe_size(output)))


def read_activation(output: Output, model: Observed) -> dict[str, str]:
    """Return `activation` and `normalization` of values, as far as known."""
    activation = model.structure.activation(output.tensor)
    if output.in_unit_range and (activation == SOFTMAX or output.sums_to_one):
        return {"activation": "probability", "normalization": "softmax"}
    if output.in_unit_range and activation == SIGMOID:
        return {"activation": "probability", "normalization": "sigmoid"}
    if are_logits(output, model):
        return {"activation": "logit"}
    return {}


def are_logits(output: Output, model: Observed) -> bool:
    """Return whether values are linear outputs that reach far below 0, or far beyond 1.

    A network trained to give heat maps of 0 to 1 without a sigmoid leaves that range only a
    little, and gives no logits.
    """
    far = output.is_known and (output.low <= -LOGIT_REACH or output.high >= 1.0 + LOGIT_REACH)
    return far and model.structure.is_linear(output.tensor)


def _covers_image(output: Output, model: Observed) -> bool:
    """Return whether an output is an image of the input's proportions, if these are known."""
    if output.plane is None:
        return False
    if model.image_size is None:
        return True
    shares = [mine / its for mine, its in zip(output.plane, model.image_size, strict=False)]
    return min(shares) >= _MIN_SHARE and max(shares) / min(shares) <= _MAX_DISTORTION


def _claim_mask(output: Output, model: Observed, task: str) -> Claim:
    conventions = read_activation(output, model)
    evidence = [task, _describe_size(output)]
    if conventions:
        how = ", ".join(conventions.values())
        evidence.append(f"values from {output.low:.4g} to {output.high:.4g}: {how}")
    return Claim(role="mask", output=output, evidence=tuple(evidence), conventions=conventions)


def _find_matte(model: Observed) -> Iterator[Claim]:
    """Yield `alpha` and `foreground` if exactly one output for each has the image's size."""
    sized = [o for o in model.numeric if o.varies and model.is_image_sized(o) and o.in_unit_range]
    for role, channels in (("alpha", 1), ("foreground", _COLOURS)):
        found = [o for o in sized if o.plane and o.plane[2] == channels]
        if len(found) == 1:
            yield Claim(
                role=role,
                output=found[0],
                evidence=(
                    (
                        f"the only output of the image's size with {channels} "
                        f"channel{'s' * (channels > 1)}; all its values lie from 0 to 1"
                    ),
                ),
            )


def _describe_size(output: Output) -> str:
    assert output.plane is not None
    height, width, channels = output.plane
    return f"{height} x {width}, {channels} channel{'s' * (channels > 1)}"
