"""Floor figures: the difference of stirred runs, merged over all of them."""

import numpy as np

from pipeline.proof.judge.fidelity import Array
from pipeline.proof.judge.floor_figures import find_floor, merge_floors
from pipeline.records.noise_floor import OutputFloor

INPUTS = [{"x": np.zeros((1, 2), np.float32)}]


def values(*numbers: float) -> dict[str, Array]:
    return {"y": np.array([numbers], np.float32)}


def test_the_floor_is_the_largest_difference_and_its_mean_square() -> None:
    found = find_floor([values(1, 2, 3, 4)], [values(1, 2.5, 3, 4)], {}, INPUTS)

    assert found == {"y": [OutputFloor(error=0.5, rms=0.25, agreement=1.0)]}


def test_floors_of_several_runs_are_the_largest_of_each_vector() -> None:
    first = find_floor([values(0, 9)], [values(1, 9)], {}, INPUTS)
    second = find_floor([values(0, 9)], [values(0, 7)], {}, INPUTS)

    assert merge_floors({}, first) == first
    assert merge_floors(first, second)["y"][0].error == 2
    assert merge_floors(second, first)["y"][0].error == 2


def test_rows_that_change_places_agree_and_rows_that_are_others_do_not() -> None:
    rows = {"y": np.arange(20, dtype=np.float32).reshape(1, 10, 2)}
    turned = {"y": rows["y"][:, ::-1]}
    other = {"y": rows["y"] + np.array([[[5], *[[0]] * 9]], np.float32)}
    behind = {"y": ("TopKV2",)}

    assert find_floor([rows], [turned], behind, INPUTS)["y"][0].agreement == 1.0
    assert find_floor([rows], [other], behind, INPUTS)["y"][0].agreement == 0.9


def test_choices_agree_at_their_places() -> None:
    classes = {"y": np.array([3, 1, 2, 0], np.int32)}
    turned = {"y": classes["y"][::-1].copy()}

    (floor,) = find_floor([classes], [turned], {"y": ("ArgMax",)}, INPUTS)["y"]

    assert floor.agreement == 0.0


def test_texts_and_shapes_that_change_have_no_error() -> None:
    texts = {"y": np.array([b"a", b"b"], object)}
    longer = values(1, 2, 3)

    assert find_floor([texts], [texts], {}, INPUTS)["y"][0].error == 0.0
    assert find_floor([values(1, 2)], [longer], {}, INPUTS)["y"][0].error == 0.0
