"""Mapping: turns the manifest's `map` into the tensor of each role.

The manifest names an output by its source name ("detection_boxes"), by its tensor
("Identity_1:0") or by that tensor's node ("Identity_1"). This module never guesses a role that the
manifest does not state. It opens no file.
"""

from collections.abc import Callable, Mapping, Sequence

from pipeline.errors import MappingError
from pipeline.records.signature import SignatureOutput
from pipeline.text.suggest import did_you_mean, find_similar
from pipeline.tfjs.model.topology import split_tensor_name


def resolve_map(
    outputs: Sequence[SignatureOutput], roles: Mapping[str, str | None] | None
) -> dict[str, str | None]:
    """Return the tensor of each role that the manifest states.

    Args:
        outputs: The outputs of the model.
        roles: The manifest's `map`: an output for each role, None where the role has no
            output of its own (classes by arg-max of the scores).

    Raises:
        MappingError: A role names no output of the model, or several.
    """
    return {
        role: None if name is None else _find_output(role, name, outputs)
        for role, name in (roles or {}).items()
    }


def _find_output(role: str, name: str, outputs: Sequence[SignatureOutput]) -> str:
    """Return the tensor of an output: "Identity_1:0"; a source name goes before a tensor."""
    aliases: tuple[Callable[[SignatureOutput], str], ...] = (
        lambda output: output.name,
        lambda output: output.tensor,
        lambda output: split_tensor_name(output.tensor)[0],
    )
    for alias in aliases:
        tensors = {output.tensor for output in outputs if alias(output) == name}
        if len(tensors) == 1:
            return tensors.pop()
        if tensors:
            raise MappingError(
                f"map: {role}: {name!r} is the node of {', '.join(sorted(tensors))}; "
                "expected one tensor"
            )
    raise _unknown(role, name, outputs)


def _unknown(role: str, name: str, outputs: Sequence[SignatureOutput]) -> MappingError:
    choices = [
        output.name if output.name == output.tensor else f"{output.name} ({output.tensor})"
        for output in outputs
    ]
    words = [word for output in outputs for word in (output.name, output.tensor)]
    return MappingError(
        f"map: {role}: no output is called {name!r}{did_you_mean(find_similar(name, words))}",
        hint=f"outputs of this model: {', '.join(choices)}",
    )
