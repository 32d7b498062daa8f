"""Reading: labels, points and decode of the manifest, compared with the outputs. Pure."""

from collections.abc import Mapping, Sequence
from math import ceil, prod

from pipeline.catalog.known_sets import has_background
from pipeline.catalog.media import image_sizes, is_image
from pipeline.catalog.types import CatalogInput, CatalogOutput
from pipeline.errors import MappingError
from pipeline.records.reading import Decode, Points
from pipeline.records.roles import RoleMap
from pipeline.records.source import Labels
from pipeline.text.suggest import did_you_mean, find_similar

_BOX_SIZE = 4
_BACKGROUND = "background"
# Where names of classes belong if the manifest does not say it, the first that is there.
_LABELLED = ("classes", "detections", "scores", "logits", "mask")
_VALUES = ("classes", "detections")
# Of columns whose size need not be stated.
_SIZES = {"box": _BOX_SIZE, "objectness": 1}
_POINT_SIZES = {2, 3}


def find_output(name: str, outputs: Sequence[CatalogOutput], where: str) -> CatalogOutput:
    """Return an output by its name, its tensor, or the tensor's node.

    Raises:
        MappingError: There is none; the message begins with `where`.
    """
    for output in outputs:
        if name in {output.name, output.tensor, output.tensor.partition(":")[0]}:
            return output
    names = [output.name for output in outputs]
    raise MappingError(
        f"{where}: no output is called {name!r}{did_you_mean(find_similar(name, names))}"
    )


def check_decode(
    decode: Decode,
    outputs: Sequence[CatalogOutput],
    inputs: Sequence[CatalogInput],
    points: Points | None = None,
) -> Decode:
    """Return a rule with the names of its outputs and the sizes of its columns.

    Args:
        decode: The rule as the manifest states it.
        outputs: The outputs of the model.
        inputs: Its inputs.
        points: The points that it finds.

    Raises:
        MappingError: An output is not there, or its shape does not fit: its rows are not as many as
            the grids have, or its columns not as many as stated.
    """
    boxes = [find_output(name, outputs, "decode: boxes") for name in decode.boxes]
    scores = [find_output(name, outputs, "decode: scores") for name in decode.scores] or boxes
    names = {"boxes": [one.name for one in boxes], "scores": [one.name for one in scores]}
    decode = decode.model_copy(update=names)
    if decode.kind != "boxes":
        _check_rows(decode, boxes, scores, inputs)
    if decode.columns is not None:
        columns = [_count_columns(decode.columns, _width(one, decode), one) for one in boxes]
        if any(one != columns[0] for one in columns):
            raise MappingError(f"decode: {', '.join(decode.boxes)} have other numbers of columns")
        decode = decode.model_copy(update={"columns": columns[0]})
    for box in boxes:
        _check_box(decode, box, points)
    return decode


def _check_rows(
    decode: Decode,
    boxes: Sequence[CatalogOutput],
    scores: Sequence[CatalogOutput],
    inputs: Sequence[CatalogInput],
) -> None:
    image = next((one for one in inputs if is_image(one) and not one.is_filled), None)
    sizes = image_sizes(image) if image else None
    if sizes is None:
        raise MappingError(
            "decode: the size of the input is not known, so its grids are not either"
        )
    rows = _count_rows(decode, sizes)
    wanted = rows if len(boxes) > 1 else [sum(rows)]
    for number, box, score in zip(wanted, boxes, scores, strict=True):
        for output in (box, score):
            if _axis(output, 1 if decode.layout == "columns" else 0) != number:
                raise MappingError(
                    f"decode: {output.name} has shape {output.shape}; expected {number} rows by "
                    "the size of the input, the strides and the anchors"
                )


def _count_rows(decode: Decode, sizes: tuple[int, int]) -> list[int]:
    grids = len(decode.strides)
    anchors = decode.anchors or []
    each = [len(one) for one in anchors] or decode.per_cell or [1] * grids
    cells = (prod(ceil(size / stride) for size in sizes) for stride in decode.strides)
    return [number * many for number, many in zip(cells, each, strict=True)]


def _axis(output: CatalogOutput, number: int) -> int | None:
    """Return the size of one of the last two axes; None where there are no two."""
    shape = output.shape or []
    return shape[-2:][number] if len(shape) > 1 else None


def _width(output: CatalogOutput, decode: Decode) -> int:
    """Return how many numbers a candidate has; 0 where that is open."""
    if decode.layout == "columns":
        return max(_axis(output, 0) or 0, 0)
    return max((output.shape or [0])[-1], 0)


def _count_columns(columns: Sequence[str], width: int, output: CatalogOutput) -> list[str]:
    """Return columns with their sizes: ["box (4)", "objectness (1)", "scores (80)"]."""
    parts = [one.partition(" (") for one in columns]
    sizes = {
        name: int(size.removesuffix(")")) if size else _SIZES.get(name) for name, _, size in parts
    }
    left = width - sum(size or 0 for size in sizes.values())
    if list(sizes.values()).count(None) > 1:
        raise MappingError(
            f"decode: columns: which of the {width} numbers of {output.name} are which is open; "
            "expected the sizes of all but one, such as points (51)"
        )
    found = {name: left if size is None else size for name, size in sizes.items()}
    if sum(found.values()) != width or min(found.values()) < 1:
        raise MappingError(
            f"decode: {output.name} has {width} numbers for a candidate; the columns "
            f"{', '.join(columns)} do not add up to that"
        )
    return [f"{name} ({size})" for name, size in found.items()]


def _sizes(decode: Decode) -> dict[str, int]:
    """Return the sizes of columns, once they are known: {"box": 4, "scores": 80}."""
    parts = [one.removesuffix(")").split(" (") for one in decode.columns or []]
    return {name: int(size) for name, size in parts}


def _check_box(decode: Decode, box: CatalogOutput, points: Points | None) -> None:
    sizes = _sizes(decode)
    width = sizes.get("box", _width(box, decode))
    step = {"anchors": 2, "distances": _BOX_SIZE, "boxes": width or 1}[decode.kind]
    least = width == _BOX_SIZE if decode.kind == "boxes" else width >= _BOX_SIZE
    if not least or width % step:
        raise MappingError(f"decode: {box.name} has {width} columns, which are no box")
    if "points" not in sizes:
        return
    number = len(points.names) if points else 0
    if not number or sizes["points"] / number not in _POINT_SIZES:
        raise MappingError(
            f"decode: {sizes['points']} numbers are points; expected 2 or 3 for each of the "
            f"{number or 'names in points:'} points"
        )


def check_points(points: Points, roles: RoleMap) -> Points:
    """Return the points, once they are as many as the outputs have.

    Raises:
        MappingError: They are not.
    """
    for role, conventions in roles.conventions.items():
        number = conventions.get("points")
        if number is not None and number != str(len(points.names)):
            raise MappingError(f"points: {len(points.names)} names; {role} has {number} points")
    return points


def read_labels(
    stated: Mapping[str, Sequence[str]],
    outputs: Sequence[CatalogOutput],
    roles: RoleMap,
    decode: Decode | None,
) -> dict[str, Labels]:
    """Return the labels of outputs, by name.

    Args:
        stated: Names of classes by role or output; "" where the manifest does not say of which.
        outputs: The outputs of the model.
        roles: Their roles.
        decode: How boxes follow from them.

    Raises:
        MappingError: No output has classes, or another number of them.
    """
    found: dict[str, Labels] = {}
    for place, names in stated.items():
        for output, role in _find_labelled(place, outputs, roles, decode):
            found[output.name] = _fit(list(names), output, role, roles, decode)
    return found


def _find_labelled(
    place: str, outputs: Sequence[CatalogOutput], roles: RoleMap, decode: Decode | None
) -> list[tuple[CatalogOutput, str | None]]:
    """Return the outputs that names belong to, each with its role."""
    by_tensor = {output.tensor: output for output in outputs}
    if not place and decode is not None:
        return [(find_output(name, outputs, "labels"), "scores") for name in decode.scores]
    for role in [place] if place else _LABELLED:
        tensor = roles.map.get(role)
        if tensor is not None:
            return [(by_tensor[tensor], role)]
    if not place:
        raise MappingError("labels: no output has classes", hint="name it: labels: {OUTPUT: […]}")
    return [(find_output(place, outputs, "labels"), None)]


def _fit(
    names: list[str],
    output: CatalogOutput,
    role: str | None,
    roles: RoleMap,
    decode: Decode | None,
) -> Labels:
    """Return names with one for the background in front, where the output counts from 1.

    The number of a class is the place of its name.
    """
    if role in _VALUES:
        offset = roles.conventions.get(role, {}).get("offset")
        from_one = offset == "1" and not has_background(names)
        return Labels(of="values", names=[_BACKGROUND, *names] if from_one else names)
    packed = _sizes(decode).get("scores") if decode else None
    number = packed or _columns(output, role, roles)
    if (
        number == len(names) + 1
        and not has_background(names)
        and (decode is None or decode.background)
    ):
        names = [_BACKGROUND, *names]
    if number is not None and number != len(names):
        raise MappingError(f"labels: {len(names)} names; {output.name} has {number} classes")
    if packed:
        return Labels(of="scores", names=names)
    return Labels(of="axis" if len(names) > 1 else "values", names=names)


def find_classes(
    outputs: Sequence[CatalogOutput], roles: RoleMap
) -> tuple[CatalogOutput, slice] | None:
    """Return the output whose values are classes, and their places among its values; else None."""
    by_tensor = {output.tensor: output for output in outputs}
    for role in _VALUES:
        output = by_tensor.get(roles.map.get(role) or "")
        if output is not None:
            stated = roles.conventions.get(role, {}).get("columns", "class").split(", ")
            columns = [
                name for one in stated for name in ([one] * _BOX_SIZE if "(4)" in one else [one])
            ]
            if "class" in columns:
                return output, slice(columns.index("class"), None, len(columns))
    return None


def check_classes(output: str, labels: Labels, classes: Sequence[int]) -> None:
    """Check that each class that an output returned on the test inputs has a name.

    Args:
        output: Name of the output.
        labels: Names of its classes.
        classes: Numbers of classes.

    Raises:
        MappingError: One has none.
    """
    greatest, number = max(classes, default=0), len(labels.names)
    if greatest < number:
        return
    raise MappingError(
        f"labels: {output} returns the class {greatest}; {number} names are those of 0 to "
        f"{number - 1}",
        hint="classes that count from 1 are stated so: conventions: {classes: {offset: 1}}"
        if greatest == number
        else None,
    )


def _columns(output: CatalogOutput, role: str | None, roles: RoleMap) -> int | None:
    """Return the number of classes of an output with scores; None where it is open."""
    shape = output.shape
    if shape is None:
        return None
    boxes = roles.map.get("boxes")
    if role == "scores" and boxes is not None and len(shape) <= 2:  # noqa: PLR2004  # a score for each box
        return 1
    return shape[-1] if shape and shape[-1] > 0 else None
