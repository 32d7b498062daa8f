"""Sources on a command line: a path on this machine, or an address as in models.yaml."""

from pathlib import Path

from pipeline.fetch.address.source import parse_source
from pipeline.fetch.address.source_type import Source
from pipeline.fetch.newest import state_version


def parse_argument(text: str, *, root: Path, cache: Path) -> tuple[Source, str]:
    """Return the source that an argument names, and the argument as models.yaml writes it.

    An existing path wins over an address. A package without a version is taken in its newest.

    Raises:
        SourceError: It is no source.
        FetchError: Its registry has no such package, or does not answer.
    """
    path = root / text
    if path.exists() and "#" not in text:
        archive = path.is_file() and parse_source(f"./{path.name}").archive
        return Source(kind="path", uri=text, location=text, archive=archive), text
    stated = state_version(text, root=root, cache=cache)
    return parse_source(stated), stated
