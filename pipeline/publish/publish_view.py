"""The results of `doit publish` as lines of a terminal. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.publish.findings import FileFinding
from pipeline.publish.generations.generation import Index, PublishedFile
from pipeline.publish.generations.old_generations import Pruned
from pipeline.publish.plan import Plan
from pipeline.publish.publish import Published
from pipeline.publish.readback import ReadBack
from pipeline.text.line import BLANK, Line, Style, first_line
from pipeline.text.quantity import count, format_bytes

_NUM_SHOWN = 3
_PAGES = "pages"
_STYLES: Mapping[str, Style] = {
    "new": "good",
    "changed": "bold",
    "kept": "warn",
    "gone": "warn",
    "lost": "bad",
    "as published": "dim",
}
_KIND_TITLES = {
    "missing": "cannot be fetched",
    "content": "other content than published",
    "type": "content type",
    "cors": "CORS: other origins cannot read it",
    "range": "Range: parts cannot be fetched",
    "cache": "cache headers",
}

Row = tuple[str, str, str]


def format_published(done: Published, *, target: str, dry_run: bool) -> list[Line]:
    """Return a title, a table of the models that differ, and the number of uploaded files."""
    plan = done.plan
    rows = _rows(plan, done.before.files if done.before else {})
    lines: list[Line] = [_title(done, target, dry_run=dry_run), BLANK]
    lines += _table([row for row in rows if row[1] != "as published"])
    same = sum(row[1] == "as published" for row in rows)
    if same:
        lines.append(((f"  {count(same, 'model')} as published", "dim"),))
    for name, reason in plan.kept.items():
        text = f"  {name} failed ({first_line(reason)}); what is published of it stays"
        lines.append(((text, "warn"),))
    for name, path in plan.lost.items():
        text = f"  {name} failed, and cannot stay: {path} is gone from the place"
        lines.append(((text, "bad"),))
    written = plan.written
    size = format_bytes(sum(file.bytes for file in written.values()))
    verb = "would upload" if dry_run else "uploaded"
    there = len(plan.contents.files) - len(written)
    summary = f"{verb} {count(len(written), 'file')}, {size}"
    lines += [BLANK, ((f"{summary}; {count(there, 'file')} there already", ""),)]
    return lines


def format_unchanged(done: Published, *, target: str) -> list[Line]:
    """Return a line for a publish that had nothing to do."""
    shown = done.shown
    text = f"{target}: nothing to publish, generation {shown.number} is what is offered"
    return [((text, ""),)]


def format_rolled_back(done: Published, *, target: str) -> list[Line]:
    """Return a line about a rollback."""
    shown, before = done.shown, done.before
    from_number = before.number if before else 0
    if done.plan.is_empty:
        text = f"{target}: generation {from_number} shows the same; nothing was changed"
        return [((text, ""),)]
    text = (
        f"{target}: generation {shown.number} shows generation {shown.rollback_of} again, "
        f"in place of {from_number}"
    )
    swapped = sum(map(len, done.plan.swap))
    return [((text, "good"),), ((f"{count(swapped, 'file')} replaced", ""),)]


def format_generations(index: Index, *, target: str) -> list[Line]:
    """Return a table of the generations that are kept."""
    if not index.generations:
        return [((f"{target}: nothing was published yet", ""),)]
    lines: list[Line] = []
    for line in reversed(index.generations):
        note = f"  shows {line.rollback_of} again" if line.rollback_of else ""
        shown = "  shown" if line.replaced is None else ""
        text = (
            f"{line.number:>6}  {line.published}  {count(line.models, 'model'):>11}  "
            f"{count(line.files, 'file'):>12}  {format_bytes(line.bytes):>9}"
        )
        lines.append(((text, ""), (note, "dim"), (shown, "good")))
    return lines


def format_pruned(pruned: Pruned, *, target: str, dry_run: bool) -> list[Line]:
    """Return what was removed, or would be."""
    lines: list[Line] = [((f"  {path}", "dim"),) for path in pruned.files] if dry_run else []
    verb = "would remove" if dry_run else "removed"
    size = format_bytes(sum(pruned.files.values()))
    generations = count(len(pruned.generations), "generation")
    text = f"{target}: {verb} {count(len(pruned.files), 'file')} of {generations}, {size}"
    return [*lines, ((text, ""),)]


def format_read_back(done: ReadBack) -> list[Line]:
    """Return the findings of reading a zoo back, or one line if there are none."""
    lines: list[Line] = []
    for findings, style in ((done.faults, "bad"), (done.warnings, "warn")):
        for kind in dict.fromkeys(finding.kind for finding in findings):
            alike = [finding for finding in findings if finding.kind == kind]
            lines += _findings(alike, "bad" if style == "bad" else "warn")
    read = f"{count(done.files, 'file')}, {format_bytes(done.bytes)}"
    if done.faults:
        broken = len({finding.path for finding in done.faults})
        pronoun = "it" if broken == 1 else "they"
        text = f"{done.url}: read back {read}; {count(broken, 'file')} not as {pronoun} should be"
        return [((text, "bad"),), *lines]
    right = ["every hash", "CORS", "content types"]
    kinds = {finding.kind for finding in done.warnings}
    right += [
        name for name, kind in (("Range", "range"), ("caching", "cache")) if kind not in kinds
    ]
    text = f"{done.url}: read back {read}; right: {', '.join(right)}"
    return [((text, "good"),), *lines]


def _findings(alike: Sequence[FileFinding], style: Style) -> list[Line]:
    title = f"  {_KIND_TITLES[alike[0].kind]}: {count(len(alike), 'file')}"
    lines: list[Line] = [((title, style),)]
    lines += [((f"    {found.path}: {found.text}", ""),) for found in alike[:_NUM_SHOWN]]
    if len(alike) > _NUM_SHOWN:
        lines.append(((f"    and {len(alike) - _NUM_SHOWN:,} more", "dim"),))
    hints = dict.fromkeys(found.hint for found in alike if found.hint is not None)
    return [*lines, *(((f"    {hint}", ""),) for hint in hints)]


def _title(done: Published, target: str, *, dry_run: bool) -> Line:
    models = count(done.plan.contents.catalog.num_models, "model")
    verb = "would be" if dry_run else "is"
    text = f"{target}: generation {done.plan.number} {verb} {models}"
    after = f", after generation {done.before.number}" if done.before else ", the first"
    return ((text, "bold"), (after, ""))


def _rows(plan: Plan, before: Mapping[str, PublishedFile]) -> list[Row]:
    """Return a row for each model, and for the pages: name, fate and uploaded size."""
    written: Counter[str] = Counter()
    for path, file in plan.written.items():
        written[_owner(path)] += file.bytes
    offered = {model.name: bool(model.model_path) for model in plan.contents.catalog.models}
    earlier = {_owner(path) for path, file in before.items() if file.immutable} - {_PAGES}
    # A file of no bytes is written, too.
    uploaded = {*map(_owner, plan.upload), *(name for name, size in written.items() if size)}
    rows = []
    for name in sorted({*offered, *earlier}):
        if not offered.get(name) and name not in earlier:
            continue
        fate = _fate(name, plan, offered, earlier, uploaded)
        rows.append((name, fate, _size(written[name])))
    if written[_PAGES]:
        rows.append((_PAGES, "changed" if before else "new", _size(written[_PAGES])))
    return rows


def _fate(
    name: str,
    plan: Plan,
    offered: Mapping[str, bool],
    earlier: set[str],
    uploaded: set[str],
) -> str:
    if name in plan.kept:
        return "kept"
    if name in plan.lost:
        return "lost"
    if not offered.get(name):
        return "gone"
    if name not in earlier:
        return "new"
    return "changed" if name in uploaded else "as published"


def _owner(path: str) -> str:
    """Return the model that a file belongs to, or "pages" for pages, also those of a model."""
    parts = path.split("/")
    in_model = parts[0] == "models" and len(parts) > 3  # noqa: PLR2004  # models/NAME/VARIANT/…
    return parts[1] if in_model else _PAGES


def _size(num_bytes: int) -> str:
    return format_bytes(num_bytes) if num_bytes else ""


def _table(rows: Sequence[Row]) -> list[Line]:
    if not rows:
        return []
    width = max(len(name) for name, _, _ in rows)
    return [
        ((f"  {name:<{width}}  ", ""), (f"{fate:<8}", _STYLES[fate]), (f"  {size:>9}", ""))
        for name, fate, size in rows
    ]
