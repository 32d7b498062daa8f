"""Labels, points, conventions and decode as a manifest states them."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.manifest.model import Model

GRIDS: dict[str, Any] = {
    "kind": "anchors",
    "boxes": ["a", "b"],
    "scores": ["c", "d"],
    "strides": [8, 16],
}
YOLO: dict[str, Any] = {
    "kind": "boxes",
    "boxes": ["a"],
    "columns": ["box", "objectness", "scores"],
    "order": "xy",
    "form": "centre",
    "scale": "pixels",
}


def read(**fields: Any) -> Model:
    """Return a model of the manifest."""
    return Model.model_validate({"name": "a", "source": "b", **fields})


def test_a_known_set_of_points_is_its_names_and_edges() -> None:
    points = read(points="hand-21").points

    assert points is not None
    assert (points.names[0], len(points.names), points.edges[0]) == ("wrist", 21, (1, 2))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": "coco-8"}, "found 'coco-8'; did you mean 'coco-80'"),
        ({"labels": [1, 2]}, "expected a list of names, a known set or a file"),
        ({"labels": {"scores": 3}}, "expected a list of names, a known set or a file"),
        ({"points": "coco17"}, "found 'coco17'; did you mean 'coco-17'"),
        ({"points": {"names": ["a"], "edges": [[0, 1]]}}, "there are 1 points"),
        ({"decode": {**GRIDS, "scores": ["c"]}}, "found 2 boxes and 1 scores"),
        ({"decode": {**GRIDS, "strides": [8, 16, 32]}}, "found 2 boxes for 3 strides"),
        ({"decode": {**GRIDS, "per_cell": [1]}}, "found 1 of 'per_cell' for 2 strides"),
        ({"decode": {**GRIDS, "variances": [0.1, 0.2]}}, "expected 'anchors' and 'variances'"),
        ({"decode": {**GRIDS, "kind": "distances", "per_cell": [1, 1]}}, "kind: distances has"),
        ({"decode": {**GRIDS, "scores": []}}, "expected 'scores' or 'columns'"),
        ({"decode": {**GRIDS, "columns": ["box", "scores"]}}, "expected 'scores' or 'columns'"),
        ({"decode": {**GRIDS, "form": "centre"}}, "found 'form'; kind: anchors has none"),
        ({"decode": {**YOLO, "strides": [8]}}, "found 'strides'; kind: boxes has none"),
        ({"decode": {key: YOLO[key] for key in YOLO if key != "order"}}, "expected 'order'"),
        ({"decode": {**YOLO, "columns": ["box", "classes"]}}, "found other columns"),
        ({"decode": {**YOLO, "columns": ["box", "scores", "scores"]}}, "found other columns"),
        ({"decode": {**YOLO, "columns": ["scores"]}}, "found no 'box' or no 'scores'"),
        ({"labels": "#words.bin"}, "found '#words.bin'; expected a file (.txt"),
        ({"labels": "npm:a#l.txt"}, "a package needs an exact version"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_faults(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        read(**fields)

    assert message in str(error.value)
