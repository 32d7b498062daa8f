"""The audit of dist/: its files are compared with the build's record and with the catalog."""

import os

from pipeline.audit.damage import Content, Damage, Found
from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.layout import Layout
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.publish.generations.file_listing import FileListing
from pipeline.steps.placed import parse_placed_list


def survey_dist(layout: Layout) -> Found:
    """Check every file of dist/ that the build put there; files of other people are left alone."""
    yield from _survey_placed(layout)
    yield from _survey_catalog(layout)


def _survey_placed(layout: Layout) -> Found:
    state = layout.dist_state
    if not os.path.lexists(state):
        return
    try:
        placed = dict(parse_placed_list(state.read_bytes()).files())
    except (OSError, WrongJsonError) as error:
        where = state.relative_to(layout.root).as_posix()
        yield Damage(part="dist", where=where, found=_describe(error), forget=(state,))
        return
    for path, was in placed.items():
        # Files for readers of an earlier catalog may be removed at any time.
        if was.unlisted is None or os.path.lexists(layout.dist / path):
            yield _content(layout, path, was.bytes, was.sha256)


def _survey_catalog(layout: Layout) -> Found:
    file = layout.dist / CATALOG_FILE
    if not os.path.lexists(file):
        return
    try:
        listing = parse_json(FileListing, file.read_bytes())
    except (OSError, WrongJsonError) as error:
        where = f"{layout.output}/{CATALOG_FILE}"
        yield Damage(part="dist", where=where, found=_describe(error), forget=(file,))
        return
    for model in listing.models:
        for listed in model.files():
            yield _content(layout, listed.path, listed.bytes, listed.sha256)


def _content(layout: Layout, path: str, num_bytes: int, sha256: str) -> Content:
    file = layout.dist / path
    where = f"{layout.output}/{path}"
    return Content(
        part="dist", where=where, path=file, bytes=num_bytes, sha256=sha256, forget=(file,)
    )


def _describe(error: OSError | WrongJsonError) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    return str(error)
