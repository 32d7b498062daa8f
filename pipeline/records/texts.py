"""Record of the files of a model that lie elsewhere than its source: labels, tokenizer."""

from typing import ClassVar

from pipeline.records.record import Record


class FetchedTexts(Record):
    """What `texts` brought; the files lie beside it."""

    FILE: ClassVar[str] = "texts.json"

    files: dict[str, str]
    """Path of each file, by its address in the form of a source."""
