"""The method that gives a model's results, or what is missing for one."""

from typing import Any

import pytest
from loader_zoo import tensor
from site_zoo import model, tensor_in

from pipeline.catalog.results import find_results

IMAGE = tensor_in(0, "image", [1, 64, 64, 3], color="rgb", range=[0, 1])
SOUND = tensor_in(0, "sound", [1, 16000], range=[-1, 1], sampleRate=16000)


def described(roles: dict[str, dict[str, str]], **others: Any) -> Any:
    """Return what is found for a model with roles and their conventions."""
    outputs = [tensor(i, role, [1, 100, 88]) for i, role in enumerate(roles)]
    known = {
        role: {"tensor": f"{role}:0", "source": "manifest", "evidence": [], "conventions": how}
        for role, how in roles.items()
    }
    made = model(
        **{
            "inputs": [IMAGE],
            "outputs": outputs,
            "map": {role: f"{role}:0" for role in roles},
            "roles": known,
            **others,
        }
    )
    found = find_results(made)
    return found.method or found.missing


@pytest.mark.parametrize(
    ("roles", "method"),
    [
        ({"boxes": {"order": "yxyx", "scale": "fraction"}, "scores": {}}, "detect"),
        ({"keypoints": {"order": "yx", "scale": "fraction"}}, "keypoints"),
        ({"landmarks": {"points": "21", "scale": "pixels"}, "scores": {}}, "keypoints"),
        ({"heatmaps": {}, "offsets": {}}, "keypoints"),
        ({"mask": {}}, "segment"),
        ({"alpha": {}, "foreground": {}}, "segment"),
        ({"age": {}, "gender": {}}, "attributes"),
        ({"embedding": {}}, "embed"),
        ({"tokenEmbeddings": {"pooling": "mean"}}, "embed"),
        ({"tokenEmbeddings": {}}, "nobody states pooling of its tokenEmbeddings"),
        ({"image": {}}, "enhance"),
        ({"scores": {}}, "classify"),
        ({"boxes": {"scale": "fraction"}, "scores": {}}, "nobody states order of its boxes"),
        ({"landmarks": {}}, "nobody states points and scale of its landmarks"),
        ({"depth": {}}, "no method reads its roles, depth"),
        ({}, "its outputs have no roles"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value) or "none",
)
def test_roles_and_conventions_decide(roles: dict[str, dict[str, str]], method: str) -> None:
    assert described(roles).startswith(method)


def test_the_input_has_to_be_what_the_method_takes() -> None:
    numbers = tensor_in(0, "x", [1, 8])
    notes: dict[str, dict[str, str]] = {"note": {}, "onset": {}}

    assert described({"mask": {}}, inputs=[numbers]).startswith("it takes no image")
    assert described({"scores": {}}, inputs=[numbers]) == "classify"
    assert described(notes, inputs=[SOUND]) == "transcribe"
    assert described(notes).startswith("nobody states the sample rate")
    assert described({"scores": {}}, inputs=[IMAGE, numbers]).startswith("it takes 2 inputs")
