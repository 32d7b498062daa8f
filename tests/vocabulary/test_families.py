"""The vocabulary of roles: consistent in itself, and the page that is made of it."""

import pytest
from paths import ROOT

from pipeline.vocabulary.families import (
    FAMILIES,
    convention_names,
    entries,
    find_family,
    find_role,
    has_role,
    near_role,
    role_names,
)
from pipeline.vocabulary.role_names import name_role
from pipeline.vocabulary.role_types import CONVENTIONS
from pipeline.vocabulary.vocabulary_document import format_vocabulary

PAGE = ROOT / "docs" / "roles.md"


def test_page_is_made_from_the_vocabulary() -> None:
    """After a change, write to the page what `pipeline.vocabulary.vocabulary_document` formats."""
    assert PAGE.read_text(encoding="utf-8") == format_vocabulary()


def test_roles_of_a_family_have_names_of_their_own() -> None:
    for family in FAMILIES:
        names = [*(role.name for role in family.roles), *family.also]

        assert len(names) == len(set(names)), family.name


def test_what_a_family_borrows_is_another_ones() -> None:
    borrowed = {name for family in FAMILIES for name in family.also}

    assert borrowed <= role_names()


def test_conventions_of_roles_are_explained() -> None:
    used = {name for entry in entries() for name in entry.role.conventions}

    assert used == set(CONVENTIONS)


def test_each_task_belongs_to_one_family() -> None:
    tasks = [task for family in FAMILIES for task in family.tasks]

    assert len(tasks) == len(set(tasks))
    assert all(find_family(task) is family for family in FAMILIES for task in family.tasks)


@pytest.mark.parametrize(
    ("task", "family"),
    [
        ("object-detection", "Detection"),
        ("face-detection", "Detection"),
        ("pose-detection", "Pose"),
        ("hand-landmark-detection", "Landmarks"),
        ("face-landmarks", "Landmarks"),
        ("token-classification", "Classification"),
        ("face-antispoofing", "Classification"),
        ("video-matting", "Matting"),
        ("speech-recognition", None),
        ("chess", None),
        (None, None),
    ],
)
def test_family_of_a_task(task: str | None, family: str | None) -> None:
    found = find_family(task)

    assert (found.name if found else None) == family


def test_numbered_roles() -> None:
    matting = find_family("video-matting")

    assert matting is not None
    assert has_role(matting, "state3")
    assert find_role("state3", None) is find_role("stateN", None)
    assert find_role("boxes3", None) is None


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("bxes", "boxes"),
        ("Boxes", "boxes"),
        ("raw_boxes", "rawBoxes"),
        ("detection_boxes", "boxes"),
        ("world_landmarks", "worldLandmarks"),
        ("gesture", None),
        ("mesh", None),
        ("temperature", None),
    ],
)
def test_role_that_a_name_was_meant_to_be(name: str, role: str | None) -> None:
    assert near_role(name) == role


def test_without_a_family_a_role_has_the_conventions_of_all() -> None:
    assert convention_names("scores", None) == {"activation", "normalization"}
    assert convention_names("scores", find_family("face-landmarks")) == {"activation"}
    assert convention_names("gesture", None) == frozenset()


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("detection_boxes", "boxes"),
        ("raw_detection_scores", "rawScores"),
        ("detection_anchor_indices", "anchors"),
        ("num_detections", "count"),
        ("MobilenetV1/heatmap_2/BiasAdd", "heatmaps"),
        ("MobilenetV1/displacement_fwd_2/BiasAdd", "displacementsForward"),
        ("gender_pred/Sigmoid", "gender"),
        ("age_output", "age"),
        ("output_faceflag", "scores"),
        ("ld_3d", "landmarks"),
        ("world_3d", "worldLandmarks"),
        ("activation_segmentation", "mask"),
        ("StatefulPartitionedCall/detection_classes:0", "classes"),
        ("detectionBoxes", "boxes"),
        ("Identity_1", None),
        ("tower_0/wh", None),
        ("global_pooling/Mean", None),
        ("upscaled_confs/BiasAdd", None),
        ("attention_mask", None),
        ("", None),
        ("7", None),
    ],
)
def test_role_that_an_outputs_name_means(name: str, role: str | None) -> None:
    found = name_role(name)

    assert (found[0] if found else None) == role
