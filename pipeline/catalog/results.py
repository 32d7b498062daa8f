"""Results: the method of the loader that reads the outputs of a model, or why none does. Pure."""

from collections.abc import Callable, Mapping

from pipeline.catalog.media import is_image, is_sound
from pipeline.catalog.types import CatalogModel
from pipeline.records.reading import Method, Results
from pipeline.text.suggest import join_words

ATTRIBUTES = ("age", "gender", "race", "emotion")
_PITCHES = 88
# Methods whose results are places in an image, or an image.
_OF_IMAGES = frozenset({"detect", "enhance", "keypoints", "segment"})


def find_results(model: CatalogModel) -> Results:
    """Return the method of a model by its roles and their conventions."""
    reasons: list[str] = []
    for method, missing in _RULES:
        # The scores of a detector or of landmarks are no classes of the image.
        if method == "classify" and reasons:
            break
        reason = missing(model)
        if reason is None:
            reason = _describe_input(method, model)
            return Results(method=None if reason else method, missing=reason)
        if reason:
            reasons.append(reason)
    roles = join_words(sorted(model.map))
    fallback = f"no method reads its roles, {roles}" if roles else "its outputs have no roles"
    return Results(method=None, missing=reasons[0] if reasons else fallback)


def _describe_input(method: Method, model: CatalogModel) -> str | None:
    """Return why a method cannot be given the inputs of a model, else None."""
    asked = [one for one in model.inputs if not one.is_filled]
    if model.tokenizer is not None and method not in _OF_IMAGES | {"transcribe"}:
        return None
    if len(asked) != 1:
        return f"it takes {len(asked)} inputs, and {method}() gives one"
    if method in _OF_IMAGES and not is_image(asked[0]):
        return f"it takes no image, and {method}() is for images"
    if method == "transcribe" and not is_sound(asked[0]):
        return "nobody states the sample rate of its sound"
    return None


def _conventions(model: CatalogModel, role: str) -> Mapping[str, str]:
    known = model.roles.get(role)
    return known.conventions if known else {}


def _lacks(model: CatalogModel, role: str, *names: str) -> str | None:
    """Return that conventions of a role are unknown: "nobody states order of its boxes …"."""
    known = _conventions(model, role)
    lacking = [name for name in names if name not in known]
    if not lacking:
        return None
    return f"nobody states {join_words(lacking)} of its {role} (conventions: in models.yaml)"


# Each returns None where its method can be used, "" where no role speaks for it, else its lack.


def _detect(model: CatalogModel) -> str | None:
    if model.decode is not None:
        return None
    if model.map.get("detections"):
        return _lacks(model, "detections", "columns", "order", "scale")
    if model.map.get("boxes") and model.map.get("scores"):
        return _lacks(model, "boxes", "order", "scale")
    return ""


def _keypoints(model: CatalogModel) -> str | None:
    if model.map.get("keypoints"):
        ordered = "columns" if "columns" in _conventions(model, "keypoints") else "order"
        return _lacks(model, "keypoints", ordered, "scale")
    if model.map.get("landmarks"):
        counted = () if model.points else ("points",)
        return _lacks(model, "landmarks", *counted, "scale")
    return None if model.map.get("heatmaps") else ""


def _transcribe(model: CatalogModel) -> str | None:
    shapes = {output.tensor: output.shape for output in model.outputs}
    tensors = [model.map.get(role) for role in ("note", "onset")]
    if not all(tensors):
        return ""
    found = [shapes.get(tensor or "") for tensor in tensors]
    is_piano = all(shape and shape[-1] == _PITCHES for shape in found)
    return None if is_piano else f"its notes have not the {_PITCHES} pitches of a piano"


def _embed(model: CatalogModel) -> str | None:
    if model.map.get("embedding"):
        return None
    return _lacks(model, "tokenEmbeddings", "pooling") if model.map.get("tokenEmbeddings") else ""


def _by_role(*roles: str) -> Callable[[CatalogModel], str | None]:
    return lambda model: None if any(model.map.get(role) for role in roles) else ""


_RULES: tuple[tuple[Method, Callable[[CatalogModel], str | None]], ...] = (
    ("detect", _detect),
    ("keypoints", _keypoints),
    ("segment", _by_role("mask", "alpha")),
    ("attributes", _by_role(*ATTRIBUTES)),
    ("transcribe", _transcribe),
    ("embed", _embed),
    ("enhance", _by_role("image")),
    ("classify", _by_role("scores", "logits")),
)
