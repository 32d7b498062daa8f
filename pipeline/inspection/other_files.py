"""Other files: models of formats that are recognized and not looked into.

A name can lie; the first bytes say what a file is.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.formats.model_files import ModelFiles
from pipeline.formats.table import find_format
from pipeline.inspection.description import Description


def inspect_other_file(path: Path, model_format: str) -> Description:
    """Describe a model by its format, and by a fault if its name lies."""
    faults = list(_find_faults(path, model_format))
    return Description(format=model_format, supported=False, faults=faults)


def _find_faults(path: Path, model_format: str) -> Iterator[str]:
    named = find_format(model_format)
    if named.looks_like is not None and not named.looks_like(ModelFiles(path=path)):
        yield f"the name says {named.title}, and the content is something else"
