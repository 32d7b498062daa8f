"""What `doit localize` prints: the verdict, the node, and the tensors around it. Pure."""

import math
from collections.abc import Iterator, Sequence

from pipeline.proof.localize.localization import Localization, WrongNode
from pipeline.proof.localize.localize_model import Account
from pipeline.proof.localize.node_deviation import Deviation
from pipeline.proof.localize.weight_losses import Loss
from pipeline.text.line import BLANK, Cell, Line, Style, wrap_text
from pipeline.text.table import format_rows

_LOSSES_SHOWN = 10
_INDENT = "  "


def format_account(name: str, account: Account, *, width: int | None) -> list[Line]:
    """Return the lines for a variant of a model.

    Args:
        name: Name of the model.
        account: What was found.
        width: Columns of the terminal; None where lines have no end.
    """
    found = account.localization
    style: Style = "good" if found.cause == "none" else "bad"
    title = f"{name}: {found.variant} on {found.backend}, vector {found.vector}"
    lines: list[Line] = [((title, "bold"),)]
    lines += wrap_text(found.sentence(), style, indent=_INDENT, width=width)
    if found.node is not None:
        lines += [BLANK, *_format_node(found.node, width)]
    lines += [BLANK, *_format_path(found, width)]
    if account.losses:
        lines += [BLANK, *_format_losses(account.losses, width)]
    return lines


def _format_node(node: WrongNode, width: int | None) -> Iterator[Line]:
    yield ((f"{_INDENT}{node.name} reads", ""),)
    for one in node.inputs:
        yield from wrap_text(one.describe(), "dim", indent=2 * _INDENT, width=width)
    if node.alone is not None:
        text = f"alone, from these inputs: error {_share(node.alone.error)}"
        yield ((f"{_INDENT}{text}, {_multiple(node.alone)} times what rounding explains", ""),)


def _format_path(found: Localization, width: int | None) -> list[Line]:
    """Return a table of the tensors that were measured around a node, in order."""
    head: list[Cell] = [
        (text, "dim") for text in ("", "error", "rounding", "times", "op", "tensor")
    ]
    rows = [head]
    for step in found.path:
        at = found.node is not None and step.tensor == found.node.tensor
        style: Style = "bad" if step.deviation.is_wrong else ""
        texts = (
            f"{_INDENT}→" if at else _INDENT,
            _share(step.deviation.error),
            _share(step.deviation.floor),
            _multiple(step.deviation),
            step.op,
            step.tensor,
        )
        rows.append([(text, style) for text in texts])
    return format_rows(rows, right=(1, 2, 3), width=width)


def _format_losses(losses: Sequence[Loss], width: int | None) -> list[Line]:
    """Return a table of the nodes whose weights cost most."""
    worst = losses[0]
    title = f"its quantized weights cost most at {worst.name}: {_share(worst.own)} of its values"
    heads = (_INDENT, "own loss", "before", "behind", "weights", "op", "tensor")
    rows: list[list[Cell]] = [[(text, "dim") for text in heads]]
    for loss in losses[:_LOSSES_SHOWN]:
        texts = (
            _INDENT,
            _share(loss.own),
            _share(loss.before),
            _share(loss.behind),
            ", ".join(dict.fromkeys(loss.weights.values())),
            loss.op,
            loss.tensor,
        )
        rows.append([(text, "") for text in texts])
    return [
        *wrap_text(title, "", indent=_INDENT, width=width),
        BLANK,
        *format_rows(rows, right=(1, 2, 3), width=width),
    ]


def _share(share: float | None) -> str:
    """Return a share: "0.45", "2.4e-07", "∞"; "?" if it is not known."""
    if share is None:
        return "?"
    return "∞" if math.isinf(share) else f"{share:.2g}"


def _multiple(deviation: Deviation) -> str:
    return "∞" if math.isinf(deviation.multiple) else f"{deviation.multiple:,.1f}"
