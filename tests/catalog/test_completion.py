"""Entries of catalogs that other versions wrote, or that are damaged."""

import pytest

from pipeline.catalog.completion import parse_model
from pipeline.errors import DamagedFileError


def test_what_another_version_did_not_write_is_empty() -> None:
    model = parse_model(
        {"name": "gear", "status": "ok", "variants": [{"name": "float32", "status": "ok"}]},
        "card.json",
        error=DamagedFileError,
    )

    assert (model.task, model.tags, model.source.uri) == (None, [], "")
    assert model.variants[0].checks == {}


def test_what_another_version_writes_besides_is_left_out() -> None:
    variant = {"name": "float32", "status": "ok", "compressed": True}
    model = parse_model(
        {"name": "gear", "status": "ok", "owner": "me", "variants": [variant]},
        "card.json",
        error=DamagedFileError,
    )

    assert not hasattr(model.variants[0], "compressed")
    assert model.model_extra == {"owner": "me"}


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        pytest.param([], r"^card\.json: expected an object$", id="no object"),
        pytest.param({"name": "gear"}, r"^card\.json: status: is missing$", id="no status"),
        pytest.param(
            {"status": "ok", "variants": [{"status": "ok", "bytes": "many"}]},
            r"^card\.json: variants\[0\]\.bytes: found 'many'; expected a valid integer",
            id="a text for a number",
        ),
    ],
)
def test_a_damaged_entry_is_said_to_be(wire: object, message: str) -> None:
    with pytest.raises(DamagedFileError, match=message):
        parse_model(wire, "card.json", error=DamagedFileError)
