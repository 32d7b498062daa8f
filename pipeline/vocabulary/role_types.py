"""Types of the vocabulary: roles, families of roles, and conventions with their list.

This module opens no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_COLUMN = r"[a-z]\w*( \(\d+\))?"
_NUMBER = r"-?\d+(\.\d+)?"


@dataclass(frozen=True, kw_only=True)
class Convention:
    """A question about a tensor that its shape does not answer.

    Attributes:
        meaning: The question.
        values: Each known answer, with its meaning; empty if the answer is a number or a list of
            words.
        pattern: The regular expression that another answer fits.
        example: Such an answer: "17".
    """

    meaning: str
    values: Mapping[str, str] = field(default_factory=dict)
    pattern: str = ""
    example: str = ""


@dataclass(frozen=True, kw_only=True)
class Role:
    """The purpose of an output.

    Attributes:
        name: Its key in `map`; a name that ends in N stands for N = 1, 2, 3 …
        shape: Axes of the tensor, in words: "(batch, boxes, 4)".
        meaning: The meaning of a value.
        conventions: Names of the conventions that belong to it.
        usable: Whether the tensor can be used as it is; False if it is input of another model.
    """

    name: str
    shape: str
    meaning: str
    conventions: tuple[str, ...] = ()
    usable: bool = True


@dataclass(frozen=True, kw_only=True)
class Family:
    """The models of one purpose, and the roles of their outputs.

    Attributes:
        name: A word or two.
        tasks: Values of the manifest's `task` that belong to it.
        endings: Endings of further tasks that belong to it.
        roles: Its roles, the most important first.
        also: Roles of other families that its models may have as well.
    """

    name: str
    tasks: tuple[str, ...]
    endings: tuple[str, ...] = ()
    roles: tuple[Role, ...]
    also: tuple[str, ...] = ()


CONVENTIONS: Mapping[str, Convention] = {
    "order": Convention(
        meaning="Order of the coordinates of a box or a point.",
        values={
            "yxyx": "y_min, x_min, y_max, x_max: as tf.image.nonMaxSuppression takes them",
            "xyxy": "x_min, y_min, x_max, y_max",
            "yx": "y before x",
            "xy": "x before y",
        },
    ),
    "form": Convention(
        meaning="What the four numbers of a box are.",
        values={
            "corners": "two opposite corners, the smaller first",
            "centre": "the centre and the size",
        },
    ),
    "scale": Convention(
        meaning="Unit of coordinates.",
        values={
            "fraction": "of the height and width of the input; 0 to 1 is inside of it",
            "pixels": "of the input image",
        },
    ),
    "activation": Convention(
        meaning="How a score is to be read.",
        values={
            "probability": "from 0 to 1; a sigmoid or softmax has been applied",
            "logit": "any number; sigmoid or softmax makes it a probability",
        },
    ),
    "normalization": Convention(
        meaning="Whether probabilities exclude one another.",
        values={
            "softmax": "they sum to 1 along the last axis",
            "sigmoid": "each is on its own",
        },
    ),
    "offset": Convention(
        meaning="Number of the first class.",
        values={
            "0": "a class is the row of a list of labels",
            "1": "labels are counted from 1; 0 is the background, or unused",
        },
    ),
    "columns": Convention(
        meaning="What the numbers along the last axis are, in order: `box (4), score, class`.",
        pattern=rf"{_COLUMN}(, {_COLUMN})*",
        example="box (4), score, class",
    ),
    "points": Convention(meaning="Number of points.", pattern=r"[1-9]\d*", example="17"),
    "range": Convention(
        meaning="Least and greatest value of a pixel: `0, 255`.",
        pattern=rf"{_NUMBER}, {_NUMBER}",
        example="0, 255",
    ),
    "length": Convention(
        meaning="Length of an embedding.",
        values={"unit": "1: the dot product is the cosine", "free": "not normalized"},
    ),
    "pooling": Convention(
        meaning="How the vectors of a text's tokens become the one of the text.",
        values={
            "mean": "the mean of all tokens that the attention mask counts",
            "first": "the vector of the first token ([CLS])",
            "last": "the vector of the last token that the attention mask counts",
        },
    ),
}
