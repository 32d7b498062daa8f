"""What the numbers of boxes are, told from where they would lie."""

from typing import Literal

import numpy as np
import pytest

from pipeline.roles.evidence.box_forms import list_boxes, read_boxes
from pipeline.roles.evidence.observations import Floats

SIZE = (320, 320)


def boxes(form: Literal["corners", "centre"], *, count: int = 100, within: float = 1.0) -> Floats:
    """Return boxes in fractions of an image, all of them in the upper left part `within`."""
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, within, (count, 2, 2)), axis=1).reshape(count, 4)
    if form == "corners":
        return corners
    starts, ends = corners[:, :2], corners[:, 2:]
    return np.concatenate([(starts + ends) / 2, ends - starts], axis=1)


@pytest.mark.parametrize("scale", ["fraction", "pixels"])
def test_corners(scale: str) -> None:
    factor = 320.0 if scale == "pixels" else 1.0

    reading = read_boxes(boxes("corners") * factor, SIZE)

    assert reading.conventions == {"scale": scale, "form": "corners"}
    assert "in all 100 boxes the third number is no less than the first" in reading.evidence[1]


def test_centres_and_sizes_are_not_taken_for_corners() -> None:
    assert read_boxes(boxes("centre"), SIZE).conventions == {"scale": "fraction"}


def test_small_boxes_may_be_read_both_ways() -> None:
    assert "form" not in read_boxes(boxes("corners", within=0.1), SIZE).conventions


def test_few_boxes_say_nothing() -> None:
    assert read_boxes(boxes("corners", count=19), SIZE).conventions == {}


def test_pixels_are_not_known_without_the_size_of_the_image() -> None:
    assert read_boxes(boxes("corners") * 320, None).conventions == {}


def test_numbers_of_no_image() -> None:
    assert read_boxes(boxes("corners") * 5000, SIZE).conventions == {}


def test_padding_is_left_out() -> None:
    padded = np.concatenate([boxes("corners", count=30), np.zeros((70, 4))]).reshape(1, 100, 4)

    assert list_boxes([padded]).shape == (30, 4)
