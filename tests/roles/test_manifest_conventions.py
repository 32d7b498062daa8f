"""Conventions that the manifest states."""

import pytest

from pipeline.errors import MappingError
from pipeline.roles.evidence.finding import Finding
from pipeline.roles.manifest_conventions import state_conventions

BOXES = Finding(
    role="boxes",
    tensor="y:0",
    source="inferred",
    evidence=("its last axis is 4",),
    conventions={"scale": "fraction"},
)


def test_a_statement_adds_to_the_evidence() -> None:
    (found,) = state_conventions([BOXES], {"boxes": {"order": "yxyx", "scale": "fraction"}})

    assert found.conventions == {"order": "yxyx", "scale": "fraction"}
    assert found.evidence[-1] == "order and scale stated in the manifest"
    assert state_conventions([BOXES], {}) == [BOXES]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"boxes": {"scale": "pixels"}}, "scale is fraction by the evidence, not pixels"),
        ({"bixes": {"order": "yxyx"}}, "bixes: no output has this role; did you mean 'boxes'"),
    ],
    ids=["contradicted", "role"],
)
def test_a_wrong_statement_is_refused(stated: dict[str, dict[str, str]], message: str) -> None:
    with pytest.raises(MappingError, match=message):
        state_conventions([BOXES], stated)
