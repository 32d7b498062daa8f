"""Addresses of files that belong to a model and lie elsewhere than its manifest: labels.

They have the forms of a source (`source.py`). "#path" alone is a file of the model's own source: of
its archive, package or repository, or beside its URL. It opens no file.
"""

import re
from urllib.parse import urljoin

from pipeline.errors import SourceError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.address.source_type import Source, parse_inside

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*:")


def is_address(text: str) -> bool:
    """Return whether a text is an address, and not a path relative to the manifest."""
    return "#" in text or _SCHEME.match(text) is not None


def find_beside(text: str, source: str) -> str:
    """Return the address of a file in the form of a source: "npm:a@1.0.0#b.txt" for "#b.txt".

    Args:
        text: An address.
        source: The source of the model, as the manifest has it.

    Raises:
        SourceError: It is no address, or the source has no files beside the model's.
    """
    if not text.startswith("#"):
        parse_source(text)
        return text
    model = parse_source(source)
    if model.archive:
        address = f"{source.partition('#')[0]}{text}"
    elif model.kind == "http":
        address = urljoin(source, parse_inside(text, text[1:]) or "")
    else:
        raise SourceError(
            f"{text!r}: '#path' is a file of the model's archive, package or URL, and "
            f"{model.uri!r} is none; expected a path relative to models.yaml, or an address"
        )
    parse_source(address)
    return address


def name_of(source: Source) -> str:
    """Return the name of the file that a source stands for: "labels.txt"."""
    path = source.nested or source.inside or source.location
    return path.partition("?")[0].rpartition("/")[2]
