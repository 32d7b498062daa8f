"""SavedModels without signatures, whose object can be called: reusable models of TF Hub.

`hub.load(…)(image)` calls the object; its functions were traced before it was saved. One of them
becomes a signature: `__call__`, or the function that `signature_name` names. It is the one for
inference where there are others, for training.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.errors import SignatureError
from pipeline.text.suggest import did_you_mean, find_similar, join_words
from pipeline.tf.saved_model.freeze import load_model
from pipeline.tf.saved_model.signatures import DEFAULT_KEY

_CALL = "__call__"
_NUM_LISTED = 8


def sign_call(source: Path, tags: Sequence[str], name: str | None, folder: Path) -> str:
    """Write a model again, with one of its functions as its signature; return the key.

    Args:
        source: Folder that holds saved_model.pb.
        tags: Those of the graph.
        name: The function, as the manifest has it; None for the call.
        folder: The folder to write to.

    Raises:
        SignatureError: It has no such function, or its arguments are not tensors.
        ConversionError: It cannot be loaded.
    """
    model = load_model(source, tags)
    key, function = find_call(model, name)
    holder = tf.Module()
    holder.model = model
    tf.saved_model.save(holder, str(folder), signatures={key: function})
    return key


def find_call(model: Any, name: str | None) -> tuple[str, Any]:
    """Return a key and the function that takes and returns tensors by name."""
    functions = {
        own: value
        for own, value in vars(model).items()
        if hasattr(value, "concrete_functions") and value.concrete_functions
    }
    wanted = _CALL if name in (None, DEFAULT_KEY) else str(name)
    if wanted not in functions:
        _refuse(wanted, name, functions)
    restored = functions[wanted]
    chosen = _choose([one.structured_input_signature for one in restored.concrete_functions])
    key = DEFAULT_KEY if wanted == _CALL else wanted
    return key, _name_ends(model, restored, chosen)


def _refuse(wanted: str, name: str | None, functions: Mapping[str, Any]) -> None:
    listed = sorted(set(functions) - {_CALL})
    if name is not None:
        meant = did_you_mean(find_similar(wanted, listed))
        raise SignatureError(
            f"signature_name: the model has no signature and no function {name!r}{meant}"
        )
    if not listed:
        raise SignatureError(
            "the SavedModel has no signature",
            hint="save it again with tf.saved_model.save(model, folder, signatures=…)",
        )
    quoted = join_words([f"'{one}'" for one in listed[:_NUM_LISTED]], "or")
    raise SignatureError(
        "the SavedModel has no signature, and its object cannot be called",
        hint=f"choose one of its functions with `signature_name:`: {quoted}",
    )


def _choose(signatures: Sequence[Any]) -> Any:
    """Return the arguments for inference: without true, and of the fewest constants."""
    inferring = [one for one in signatures if not _constants(one, is_true=True)] or signatures
    return min(inferring, key=lambda one: len(_constants(one)))


def _constants(signature: Any, *, is_true: bool = False) -> list[Any]:
    leaves = [leaf for leaf in tf.nest.flatten(signature) if not isinstance(leaf, tf.TypeSpec)]
    return [leaf for leaf in leaves if leaf is True] if is_true else leaves


def _name_ends(model: Any, function: Any, signature: Any) -> Any:
    """Return a concrete function of named tensors that calls a function with a signature."""
    leaves = tf.nest.flatten(signature)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, tf.TypeSpec)]
    if any(not isinstance(leaves[place], tf.TensorSpec) for place in places):
        raise SignatureError("the model's function takes sparse or ragged tensors")
    names = _unique([leaves[place].name or "input" for place in places])

    def call(**given: Any) -> dict[str, Any]:
        filled = list(leaves)
        for place, name in zip(places, names, strict=True):
            filled[place] = given[name]
        arguments, options = tf.nest.pack_sequence_as(signature, filled)
        return dict(_name_results(function(*arguments, **options)))

    call.model = model  # type: ignore[attr-defined]  # its variables die with it
    specs = {
        name: tf.TensorSpec(leaves[place].shape, leaves[place].dtype, name)
        for place, name in zip(places, names, strict=True)
    }
    return tf.function(call, autograph=False).get_concrete_function(**specs)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names as arguments can have, each once: ["x", "x_1"]."""
    made: list[str] = []
    for name in names:
        plain = "".join(char if char.isalnum() else "_" for char in name)
        plain = plain if plain[:1].isalpha() else f"input_{plain}".rstrip("_")
        count = sum(one == plain or one.rpartition("_")[0] == plain for one in made)
        made.append(f"{plain}_{count}" if plain in made else plain)
    return made


def _name_results(results: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return tensors by their path: {"a": {"b": t}} as a_b, a list as output_0 and so on."""
    if isinstance(results, Mapping):
        parts = [(str(key), results[key]) for key in sorted(results, key=str)]
    elif isinstance(results, list | tuple):
        parts = [(str(i) if prefix else f"output_{i}", part) for i, part in enumerate(results)]
    else:
        return [(prefix or "output_0", results)]
    named = []
    for key, part in parts:
        named += _name_results(part, f"{prefix}_{key}" if prefix else key)
    return named
