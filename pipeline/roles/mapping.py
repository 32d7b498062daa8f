"""Mapping: which output of a model is `boxes`, which `scores`.

The manifest names an output by its source name ("detection_boxes"), by its tensor
("Identity_1:0") or by that tensor's node ("Identity_1"); here it becomes the tensor.
A role that the manifest does not give is never guessed. It opens no file.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pipeline.errors import MappingError
from pipeline.tfjs.model.topology import split_tensor_name


def resolve_map(
    signature: Mapping[str, Any], roles: Mapping[str, str | None] | None
) -> dict[str, Any]:
    """Return the content of map.json.

    Args:
        signature: The content of signature.json.
        roles: The manifest's `map`: an output for each role, null where the role has no
            output of its own (classes by arg-max of the scores).

    Returns:
        `map`: the tensor of each role, or null. `roles`: for each tensor that has one, its
        role; roles that share an output are joined by ", ".

    Raises:
        MappingError: A role names no output of the model, or more than one.
    """
    outputs: Sequence[Mapping[str, Any]] = signature["outputs"]
    resolved = {
        role: None if name is None else _find_output(role, name, outputs)
        for role, name in (roles or {}).items()
    }
    by_tensor: dict[str, list[str]] = {}
    for role, tensor in resolved.items():
        if tensor is not None:
            by_tensor.setdefault(tensor, []).append(role)
    return {
        "map": resolved,
        "roles": {tensor: ", ".join(names) for tensor, names in by_tensor.items()},
    }


def _find_output(role: str, name: str, outputs: Sequence[Mapping[str, Any]]) -> str:
    """Return the tensor of an output; one way to name it goes before the next."""
    for alias in (
        lambda output: output["name"],
        lambda output: output["tensor"],
        lambda output: split_tensor_name(output["tensor"])[0],
    ):
        tensors = {output["tensor"] for output in outputs if alias(output) == name}
        if len(tensors) == 1:
            return str(tensors.pop())
        if tensors:
            raise MappingError(
                f"map: {role}: {name!r} is the node of {', '.join(sorted(tensors))}; "
                "expected one tensor"
            )
    raise _unknown(role, name, outputs)


def _unknown(role: str, name: str, outputs: Sequence[Mapping[str, Any]]) -> MappingError:
    choices = [
        output["name"]
        if output["name"] == output["tensor"]
        else f"{output['name']} ({output['tensor']})"
        for output in outputs
    ]
    words = [word for output in outputs for word in (output["name"], output["tensor"])]
    near = get_close_matches(name, words, n=1)
    question = f"; did you mean {near[0]!r}?" if near else ""
    return MappingError(
        f"map: {role}: no output is called {name!r}{question}",
        hint=f"outputs of this model: {', '.join(choices)}",
    )
