"""Maps: roles that the manifest gives to outputs."""

import pytest
from signatures import Port, outputs_of

from pipeline.errors import MappingError
from pipeline.records.signature import SignatureOutput
from pipeline.roles.mapping import resolve_map


def outputs(**tensors: str) -> list[SignatureOutput]:
    """Return outputs with these names and tensors."""
    return outputs_of(*(Port(name=name, tensor=tensor) for name, tensor in tensors.items()))


DETECTOR = outputs(detection_boxes="Identity:0", detection_scores="Identity_1:0")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("detection_scores", id="source name"),
        pytest.param("Identity_1:0", id="tensor"),
        pytest.param("Identity_1", id="node"),
    ],
)
def test_an_output_can_be_named_in_three_ways(name: str) -> None:
    assert resolve_map(DETECTOR, {"scores": name}) == {"scores": "Identity_1:0"}


def test_a_role_without_an_output_is_kept() -> None:
    resolved = resolve_map(DETECTOR, {"boxes": "Identity", "classes": None})

    assert resolved == {"boxes": "Identity:0", "classes": None}


@pytest.mark.parametrize("roles", [None, {}])
def test_nothing_is_guessed(roles: dict[str, str | None] | None) -> None:
    assert resolve_map(DETECTOR, roles) == {}


def test_roles_can_share_an_output() -> None:
    resolved = resolve_map(DETECTOR, {"boxes": "detection_boxes", "scores": "detection_boxes"})

    assert resolved == {"boxes": "Identity:0", "scores": "Identity:0"}


def test_a_source_name_goes_before_a_node_of_that_name() -> None:
    crossed = outputs(Identity="Identity_1:0", other="Identity:0")

    assert resolve_map(crossed, {"a": "Identity"}) == {"a": "Identity_1:0"}
    assert resolve_map(crossed, {"a": "Identity:0"}) == {"a": "Identity:0"}


def test_an_unknown_output_is_told_with_the_choices() -> None:
    with pytest.raises(MappingError) as caught:
        resolve_map(DETECTOR, {"boxes": "detection_box"})

    assert caught.value.message == (
        "map: boxes: no output is called 'detection_box'; did you mean 'detection_boxes'?"
    )
    assert caught.value.hint == (
        "outputs of this model: detection_boxes (Identity:0), detection_scores (Identity_1:0)"
    )


def test_a_far_name_gets_no_guess() -> None:
    with pytest.raises(MappingError, match=r"no output is called 'zzz'$"):
        resolve_map(DETECTOR, {"boxes": "zzz"})


def test_a_node_with_several_outputs_is_ambiguous() -> None:
    top = outputs(values="top:0", indices="top:1")

    with pytest.raises(MappingError, match="'top' is the node of top:0, top:1; expected one"):
        resolve_map(top, {"scores": "top"})
