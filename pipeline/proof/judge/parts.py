"""Parts: the vectors of a model that are judged together.

Vectors of one group form a part: where nobody states the range of an image, those of 0..1, of
0..255 and of -1..1 are groups, and a model is right on the one that it was made for. Vectors of
extreme values form the last part. This module opens no file.
"""

from dataclasses import dataclass

from pipeline.proof.judge.model_under_test import ModelUnderTest

EDGE = "edge"


@dataclass(frozen=True, kw_only=True)
class VectorPart:
    """Vectors that are judged together.

    Attributes:
        label: Its name in messages: the group, "extreme values", or "" for the only part.
        group: The group; None where there is one only.
        is_edge: Whether its values are extreme.
        model: The model with these vectors only.
    """

    label: str
    group: str | None
    is_edge: bool
    model: ModelUnderTest


def split_vectors(model: ModelUnderTest) -> list[VectorPart]:
    """Return the parts of a model's vectors, those of extreme values last."""
    numbers: dict[tuple[bool, str | None], list[int]] = {}
    for i, vector in enumerate(model.vectors.vectors):
        is_edge = vector.kind == EDGE
        numbers.setdefault((is_edge, None if is_edge else vector.group), []).append(i)
    return [
        VectorPart(
            label="extreme values" if is_edge else group or "",
            group=group,
            is_edge=is_edge,
            model=model if len(numbers) == 1 else model.part(chosen),
        )
        for (is_edge, group), chosen in sorted(numbers.items(), key=lambda item: item[0][0])
    ]
