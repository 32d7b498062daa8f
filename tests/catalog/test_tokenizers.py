"""Tokenizers of models: what the loader can do, and the inputs that tokens fill."""

import json
import lzma
from typing import Any

import pytest
from paths import DATA
from site_zoo import model, tensor_in

from pipeline.catalog.tokenizers import check_tokenizer, find_token_inputs
from pipeline.errors import ManifestError, MappingError

MODEL: dict[str, Any] = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}


def inputs(*names: str, **others: Any) -> list[Any]:
    """Return the inputs of a model, int32 with open sizes."""
    tensors = [tensor_in(i, one, [-1, -1], dtype="int32", **others) for i, one in enumerate(names)]
    return list(model(inputs=tensors).inputs)


def test_tokenizers_of_the_usual_kinds_are_known() -> None:
    known = json.loads(lzma.decompress((DATA / "tokenizers/cases.json.xz").read_bytes()))

    for name, found in known.items():
        check_tokenizer(json.dumps(found["tokenizer"]).encode(), name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[", "t.json: not JSON"),
        (b"[" * 100_000, "t.json: not JSON"),
        (b"[]", "has no model"),
        ({"model": {"type": "Other"}}, "the model Other is not known to the loader; expected BPE,"),
        (
            {"model": MODEL, "normalizer": {"type": "Sequence", "normalizers": [{"type": "X"}]}},
            "the normalizer X is not known",
        ),
        (
            {"model": MODEL, "pre_tokenizer": {"type": "UnicodeScripts"}},
            "the pre-tokenizer UnicodeScripts is not known",
        ),
    ],
    ids=["cut off", "deep", "a list", "model", "normalizer", "pre-tokenizer"],
)
def test_what_the_loader_cannot_do_is_refused(content: Any, message: str) -> None:
    given = content if isinstance(content, bytes) else json.dumps(content).encode()

    with pytest.raises(ManifestError, match=message):
        check_tokenizer(given, "t.json")


def test_inputs_are_found_by_their_names() -> None:
    assert find_token_inputs(inputs("input_ids", "attention_mask", "token_type_ids")) == {
        "ids": "input_ids",
        "mask": "attention_mask",
        "types": "token_type_ids",
    }
    assert find_token_inputs(inputs("x")) == {"ids": "x"}
    assert find_token_inputs(inputs("input_word_ids", "input_mask", "segment_ids")) == {
        "ids": "input_word_ids",
        "mask": "input_mask",
        "types": "segment_ids",
    }


def test_an_input_that_no_token_fills_is_named() -> None:
    with pytest.raises(MappingError, match="the input 'speed' is neither ids, mask nor types"):
        find_token_inputs(inputs("input_ids", "speed"))
    with pytest.raises(MappingError, match="the input 'b_ids' is neither"):
        find_token_inputs(inputs("a_ids", "b_ids"))
