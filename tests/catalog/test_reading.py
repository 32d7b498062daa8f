"""Labels, points and decode of the manifest, compared with the outputs of a model."""

from typing import Any

import pytest
from loader_zoo import tensor
from site_zoo import model, tensor_in

from pipeline.catalog.known_sets import POINT_SETS, label_sets, read_label_set
from pipeline.catalog.reading import (
    check_classes,
    check_decode,
    check_points,
    find_classes,
    read_labels,
)
from pipeline.catalog.types import CatalogModel
from pipeline.errors import MappingError
from pipeline.records.reading import Decode, Points
from pipeline.records.roles import RoleMap
from pipeline.records.source import Labels

IMAGE = tensor_in(0, "image", [1, 64, 64, 3], color="rgb")
GRIDS: dict[str, Any] = {
    "kind": "anchors",
    "boxes": ["b16", "Identity_1"],
    "scores": ["s16", "s32"],
    "strides": [16, 32],
    "perCell": [2, 6],
}


def grid_model(columns: int = 16) -> CatalogModel:
    """Return a model with rows for grids of 4 x 4 and 2 x 2 cells."""
    return model(
        inputs=[IMAGE],
        outputs=[
            tensor(0, "b16", [1, 32, columns]),
            tensor(1, "b32", [1, 24, columns], tensor="Identity_1:0"),
            tensor(2, "s16", [1, 32, 1]),
            tensor(3, "s32", [1, 24, 1]),
        ],
    )


def role_map(conventions: dict[str, dict[str, str]] | None = None, **roles: str) -> RoleMap:
    """Return a map of roles to tensors."""
    return RoleMap(
        map=dict(roles),
        roles={},
        source={},
        evidence={},
        conventions=conventions or {},
        abstained={},
        usable=True,
    )


def test_grids_have_as_many_rows_as_the_strides_and_anchors_say() -> None:
    made = grid_model()
    decode = check_decode(Decode.model_validate(GRIDS), made.outputs, made.inputs)

    assert decode.boxes == ["b16", "b32"]
    assert decode.to_json()["perCell"] == [2, 6]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"boxes": ["b16", "b64"]}, "no output is called 'b64'; did you mean"),
        ({"perCell": [2, 3]}, r"b32 has shape \[1, 24, 16\]; expected 12 rows"),
        ({"boxes": ["b16"], "scores": ["s16"]}, "expected 56 rows"),
    ],
    ids=["no such output", "anchors", "one output for all grids"],
)
def test_grids_that_do_not_fit_are_refused(changed: dict[str, Any], message: str) -> None:
    made = grid_model()
    decode = Decode.model_validate({**GRIDS, **changed})

    with pytest.raises(MappingError, match=message):
        check_decode(decode, made.outputs, made.inputs)


def test_columns_that_are_no_box_are_refused() -> None:
    made = grid_model(columns=5)

    with pytest.raises(MappingError, match="5 columns, which are no box"):
        check_decode(Decode.model_validate(GRIDS), made.outputs, made.inputs)


YOLO: dict[str, Any] = {
    "kind": "boxes",
    "boxes": ["y"],
    "scores": [],
    "strides": [],
    "columns": ["box", "objectness", "scores"],
    "order": "xy",
    "form": "centre",
    "scale": "pixels",
}


@pytest.mark.parametrize(
    ("shape", "changed", "columns"),
    [
        ([1, -1, 85], {}, ["box (4)", "objectness (1)", "scores (80)"]),
        (
            [-1, 84, 8400],
            {"columns": ["box", "scores"], "layout": "columns"},
            ["box (4)", "scores (80)"],
        ),
        (
            [1, 9, 100],
            {"columns": ["box", "scores", "points (4)"], "layout": "columns"},
            ["box (4)", "scores (1)", "points (4)"],
        ),
    ],
    ids=["rows", "columns", "points"],
)
def test_columns_of_a_row_get_their_sizes(
    shape: list[int], changed: dict[str, Any], columns: list[str]
) -> None:
    outputs = model(outputs=[tensor(0, "y", shape)]).outputs
    points = Points(names=["a", "b"], edges=[])
    decode = check_decode(Decode.model_validate({**YOLO, **changed}), outputs, [], points)
    names = [str(number) for number in range(80)]

    assert (decode.scores, decode.columns) == (["y"], columns)
    if "points (4)" not in columns:
        labels = read_labels({"": names}, outputs, role_map(), decode)["y"]
        assert (labels.of, labels.names) == ("scores", names)
        with pytest.raises(MappingError, match="79 names; y has 80 classes"):
            read_labels({"": names[1:]}, outputs, role_map(), decode)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"columns": ["box", "scores (80)"]}, "y has 85 numbers for a candidate; the columns"),
        ({"columns": ["box", "scores", "rest"]}, "expected the sizes of all but one"),
        ({"columns": ["box (5)", "scores"]}, "5 columns, which are no box"),
        ({"columns": ["box", "scores", "points (51)"]}, "51 numbers are points; expected 2 or 3"),
        ({"kind": "distances", "strides": [8]}, "the size of the input is not known"),
    ],
    ids=["sum", "open", "box", "points", "grids"],
)
def test_columns_that_do_not_fit_are_refused(changed: dict[str, Any], message: str) -> None:
    outputs = model(outputs=[tensor(0, "y", [1, 100, 85])]).outputs
    points = Points(names=["a", "b"], edges=[])

    with pytest.raises(MappingError, match=message):
        check_decode(Decode.model_validate({**YOLO, **changed}), outputs, [], points)


@pytest.mark.parametrize(
    ("output", "roles", "given", "of", "names"),
    [
        (("y", [1, 3]), role_map(scores="y:0"), ["a", "b", "c"], "axis", ["a", "b", "c"]),
        (("y", [1, 3]), role_map(scores="y:0"), ["a", "b"], "axis", ["background", "a", "b"]),
        (
            ("y", [1, 9]),
            role_map({"classes": {"offset": "1"}}, classes="y:0"),
            ["a", "b"],
            "values",
            ["background", "a", "b"],
        ),
        (("y", [1, 9]), role_map(classes="y:0"), ["a", "b"], "values", ["a", "b"]),
        (("y", [1, 9]), role_map(boxes="z:0", scores="y:0"), ["face"], "values", ["face"]),
    ],
    ids=["columns", "a column for the background", "from one", "from zero", "a score for each box"],
)
def test_labels_belong_to_the_output_with_classes(
    output: tuple[str, list[int]], roles: RoleMap, given: list[str], of: str, names: list[str]
) -> None:
    made = model(outputs=[tensor(0, *output)])
    found = read_labels({"": given}, made.outputs, roles, None)

    assert {name: (one.of, one.names) for name, one in found.items()} == {"y": (of, names)}


def test_labels_of_another_number_are_refused() -> None:
    made = model(outputs=[tensor(0, "y", [1, 91])])

    with pytest.raises(MappingError, match="80 names; y has 91 classes"):
        read_labels({"": ["x"] * 80}, made.outputs, role_map(scores="y:0"), None)


def test_labels_of_a_decoder_belong_to_all_its_scores() -> None:
    made = grid_model()
    decode = check_decode(Decode.model_validate(GRIDS), made.outputs, made.inputs)

    assert set(read_labels({"": ["face"]}, made.outputs, role_map(), decode)) == {"s16", "s32"}


def test_labels_that_belong_nowhere_are_refused() -> None:
    with pytest.raises(MappingError, match="no output has classes"):
        read_labels({"": ["a"]}, model().outputs, role_map(), None)


def test_points_are_as_many_as_an_output_has() -> None:
    coco = POINT_SETS["coco-17"]
    points = Points(names=list(coco.names), edges=list(coco.edges))

    assert check_points(points, role_map({"keypoints": {"points": "17"}})) is points
    with pytest.raises(MappingError, match="17 names; landmarks has 21 points"):
        check_points(points, role_map({"landmarks": {"points": "21"}}))


def test_known_sets_have_the_names_of_their_data_sets() -> None:
    sizes = {name: len(read_label_set(name)) for name in label_sets()}

    assert sizes == {
        "audioset": 527,
        "coco-80": 80,
        "coco-91": 91,
        "imagenet-1k": 1000,
        "kinetics-400": 400,
        "voc-21": 21,
        "yamnet-521": 521,
    }
    assert read_label_set("coco-91")[1] == read_label_set("coco-80")[0] == "person"
    assert read_label_set("imagenet-1k")[281] == "tabby"
    assert read_label_set("audioset")[:2] == ("Speech", "Male speech, man speaking")
    assert read_label_set("yamnet-521")[132] == "Music"
    assert set(read_label_set("yamnet-521")) < set(read_label_set("audioset"))
    for points in POINT_SETS.values():
        assert len(set(points.names)) == len(points.names)
        assert all(max(edge) < len(points.names) for edge in points.edges)


def test_classes_that_a_source_returns_have_names() -> None:
    cats = Labels(of="values", names=["cat", "dog"])
    check_classes("y", cats, [0, 1])

    with pytest.raises(
        MappingError, match="y returns the class 2; 2 names are those of 0 to 1"
    ) as one:
        check_classes("y", cats, [0, 2])
    assert one.value.hint == (
        "classes that count from 1 are stated so: conventions: {classes: {offset: 1}}"
    )


def test_classes_are_found_in_a_column_of_detections() -> None:
    made = model(outputs=[tensor(0, "found", [1, 9, 6], role="detections")])
    roles = role_map({"detections": {"columns": "box (4), score, class"}})
    roles = roles.model_copy(update={"map": {"detections": made.outputs[0].tensor}})
    found = find_classes(made.outputs, roles)

    assert found is not None
    assert list(range(12))[found[1]] == [5, 11]
