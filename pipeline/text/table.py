"""Tables: cells in aligned columns. Pure.

It leaves out what rich's tables do with wide rows, which is to fold their cells: where a row is
wider than the terminal, the widest columns lose the middle of their texts.
"""

from collections.abc import Collection, Sequence

from pipeline.text.line import Cell, Line, count_cells, crop_middle, pad_text

GAP = "  "
MIN_COLUMN = 12


def format_rows(
    rows: Sequence[Sequence[Cell]], *, right: Collection[int] = (), width: int | None = None
) -> list[Line]:
    """Return rows as lines: "gear     ok      2 KiB" above "corrupt  failed    0 B".

    Args:
        rows: Cells of one line each; every row has as many. Columns without text are left out.
        right: Numbers of the columns whose texts stand to the right.
        width: Cells of a line of the terminal; None where lines have no end.
    """
    columns = list(zip(*rows, strict=True))
    sizes = [max(count_cells(text) for text, _ in column) for column in columns]
    shown = [number for number, size in enumerate(sizes) if size]
    if width is not None:
        _narrow(sizes, width - len(GAP) * (len(shown) - 1))
    return [_join([_fit(row[i], sizes[i], right=i in right) for i in shown]) for row in rows]


def _fit(cell: Cell, size: int, *, right: bool) -> Cell:
    text, style = cell
    return pad_text(crop_middle(text, size), size, right=right), style


def _join(cells: Sequence[Cell]) -> Line:
    line: list[Cell] = []
    for cell in cells:
        line += [(GAP, ""), cell]
    return tuple(line[1:])


def _narrow(sizes: list[int], room: int) -> None:
    """Make columns narrower until they fit, the widest first, none below `MIN_COLUMN`."""
    while sum(sizes) > room:
        widest = max(range(len(sizes)), key=sizes.__getitem__)
        if sizes[widest] <= MIN_COLUMN:
            return
        sizes[widest] -= 1
