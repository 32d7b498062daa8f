"""Tokenizers: tokenizer.json of a model that reads texts, and the inputs that it fills. Pure.

The loader computes what the library `tokenizers` of Hugging Face does (`site/zoo/tokenizer.js`); a
part that it does not know is refused here, by name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.catalog.types import CatalogInput
from pipeline.errors import ManifestError, MappingError
from pipeline.text.suggest import join_words

MAX_BYTES = 64 * 1024 * 1024

_KNOWN: Mapping[str, frozenset[str]] = {
    "normalizer": frozenset(
        {
            *("BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt"),
            *("Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents"),
        }
    ),
    "pre_tokenizer": frozenset(
        {
            *("BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "Metaspace"),
            *("Punctuation", "Sequence", "Split", "Whitespace", "WhitespaceSplit"),
        }
    ),
    "model": frozenset({"BPE", "Unigram", "WordLevel", "WordPiece"}),
    "post_processor": frozenset(
        {"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"}
    ),
}
_PARTS = ("normalizers", "pretokenizers", "processors")
# What an input is for, by the words of its name, the first that is found.
_PURPOSES = (("types", r"type|segment"), ("mask", r"mask"), ("ids", r"ids|tokens|words?"))


def check_tokenizer(content: bytes, shown: str) -> None:
    """Check that the loader can do what a tokenizer.json says.

    Args:
        content: The file.
        shown: Its name in the manifest.

    Raises:
        ManifestError: It is no tokenizer.json, or has a part that the loader does not know.
    """
    try:
        stated = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"tokenizer: {shown}: not JSON: {error}") from None
    if not isinstance(stated, dict) or not isinstance(stated.get("model"), dict):
        raise ManifestError(
            f"tokenizer: {shown}: has no model",
            hint="expected a tokenizer.json, as the library tokenizers and transformers' "
            "save_pretrained() write it",
        )
    for part, known in _KNOWN.items():
        for kind in _list_kinds(stated.get(part)):
            if kind not in known:
                raise ManifestError(
                    f"tokenizer: {shown}: the {part.replace('_', '-')} {kind} is not known to the "
                    f"loader; expected {join_words(sorted(known), last='or')}"
                )


def _list_kinds(part: Any) -> Iterator[str]:
    """Yield the type of a part, and those of its own parts; a model may leave its type out."""
    if not isinstance(part, dict):
        return
    if "type" in part:
        yield str(part["type"])
    for key in _PARTS:
        listed = part.get(key)
        for one in listed if isinstance(listed, list) else ():
            yield from _list_kinds(one)


def find_token_inputs(inputs: Sequence[CatalogInput]) -> dict[str, str]:
    """Return the inputs that tokens fill, by their purpose: {"ids": "input_ids", "mask": …}.

    Raises:
        MappingError: An input is left that nothing fills, or two have one purpose.
    """
    found: dict[str, str] = {}
    for tensor in inputs:
        purposes = (one for one, words in _PURPOSES if re.search(words, tensor.name.lower()))
        purpose = "ids" if len(inputs) == 1 else next(purposes, None)
        if tensor.is_filled and purpose != "mask":
            continue
        if purpose is None or purpose in found or tensor.js_dtype == "string":
            raise MappingError(
                f"tokenizer: the input {tensor.name!r} is neither ids, mask nor types of tokens",
                hint="a value that is always the same is stated: inputs: {NAME: {constant: 0}}",
            )
        found[purpose] = tensor.name
    if "ids" not in found:
        raise MappingError("tokenizer: no input takes the numbers of tokens, such as input_ids")
    return found
