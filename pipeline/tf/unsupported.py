"""The error for operators of a source that cannot be converted."""

from collections.abc import Mapping, Sequence

from pipeline.errors import ConversionError
from pipeline.text.suggest import list_first

_NUM_PLACES = 3


def refuse_operators(
    places: Mapping[str, Sequence[str]], reasons: Mapping[str, str], *, page: str
) -> ConversionError:
    """Return an error that lists operators, each with its number, places and the reason.

    Args:
        places: Where each operator stands: {"Foo": ["node 3", "node 7"]}.
        reasons: Why each cannot be converted.
        page: The page that lists what can: "docs/onnx.md".
    """
    listed = "; ".join(
        f"{name}{f' {len(found)} times' if len(found) > 1 else ''} "
        f"({list_first(found, _NUM_PLACES)}): {reasons[name]}"
        for name, found in sorted(places.items())
    )
    return ConversionError(
        f"operators that cannot be converted: {listed}",
        hint=f"{page} lists what can be converted; a model without them can",
    )
