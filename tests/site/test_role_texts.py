"""Roles in words."""

from collections.abc import Mapping

from loader_zoo import tensor
from site_zoo import model

from pipeline.site.role_texts import ConventionText, describe_roles, sort_roles

BOXES = {
    "tensor": "Identity:0",
    "source": "inferred",
    "evidence": ["its last axis is 4"],
    "conventions": {"order": "yxyx", "points": "17"},
}
DETECTOR = model(
    task="hand-detection",
    outputs=[tensor(0, "y", [1, 4], tensor="Identity:0", role="boxes")],
    map={"a": "Identity_2:0", "classes": None, "boxes": "Identity:0"},
    roles={"boxes": BOXES},
)


def test_the_most_important_comes_first_and_ones_own_last() -> None:
    assert sort_roles(DETECTOR) == ["boxes", "classes", "a"]


def test_numbered_roles_keep_their_order() -> None:
    matting = model(task="video-matting", map=dict.fromkeys(["state2", "state1", "alpha"]))

    assert sort_roles(matting) == ["alpha", "state1", "state2"]


def test_a_role_has_the_words_of_the_vocabulary() -> None:
    boxes, classes, own = describe_roles(DETECTOR)

    assert boxes.output == "y"
    assert boxes.meaning.startswith("Where each object is")
    assert boxes.readings[0].meaning.startswith("y_min, x_min")
    assert boxes.readings[1] == ConventionText(name="points", value="17", meaning="")
    assert (boxes.stated, list(boxes.evidence)) == (False, ["its last axis is 4"])
    assert classes.output is None
    assert "`" not in classes.meaning
    assert (own.meaning, own.stated) == ("", True)


def test_a_word_that_families_mean_differently_is_not_explained_without_a_task() -> None:
    inferred = {"tensor": "Identity:0", "source": "inferred", "evidence": [], "conventions": {}}
    softmax = inferred | {"conventions": {"normalization": "softmax"}}

    def meaning(task: str | None, role: str, told: Mapping[str, object]) -> str:
        made = model(task=task, map={role: "Identity:0"}, roles={role: told})
        (one,) = describe_roles(made)
        return one.meaning

    assert meaning(None, "scores", inferred) == ""
    assert meaning(None, "scores", softmax).startswith("Probability of each of several classes")
    assert meaning("image-classification", "scores", softmax).startswith("Probability of each cl")
    assert meaning(None, "boxes", inferred).startswith("Where each object is")
