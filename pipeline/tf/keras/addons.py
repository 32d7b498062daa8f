"""Finds the layers and activations of add-ons to Keras in a config, without their code.

Each is known by the name under which its add-on registers it and by the options in its config,
because other authors use the same names for other formulas. What does not fit stays foreign.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.text.suggest import join_words
from pipeline.tf.keras.addon_formula import BASE_OPTIONS
from pipeline.tf.keras.keras_config import object_options, walk_objects

_NO_OPTIONS = frozenset[str]()


@dataclass(frozen=True, kw_only=True)
class Addon:
    """A class or function of an add-on.

    Attributes:
        value: The class or function.
        origin: The add-on, for people: "tensorflow_addons".
        options: Its options in a config, beside those of every layer; None for a function.
        optional: Options that may be there too.
        fits: Whether the formula holds for the values of these options.
        before: First version of Keras that has a class of the same name, None if none has.
    """

    value: Any
    origin: str
    options: frozenset[str] | None = _NO_OPTIONS
    optional: frozenset[str] = _NO_OPTIONS
    fits: Callable[[Mapping[str, Any]], bool] = lambda _: True
    before: tuple[int, int] | None = None


def find_addons(config: Any, version: str, known: Mapping[str, Addon]) -> dict[str, Addon]:
    """Return the add-ons that a config names, and whose formula is known, by name.

    A name that one of its objects does not fit is left out.

    Args:
        config: The model's config.
        version: Version of Keras that saved it: "2.4.0".
        known: The add-ons of its generation of Keras: `ADDONS` of `addon_table`, or
            `HUB_ADDONS` of `hub_addons`.
    """
    found: dict[str, Addon] = {}
    strangers = set()
    for name, options in _named(config):
        addon = known.get(name)
        if addon is None or not _is_before(version, addon.before):
            continue
        if _fits(addon, options):
            found[name] = addon
        else:
            strangers.add(name)
    return {name: addon for name, addon in found.items() if name not in strangers}


def describe_addons(found: Mapping[str, Addon]) -> tuple[str, ...]:
    """Return a sentence for each add-on: `("Mish and hswish of … are computed by …",)`."""
    named: dict[str, list[str]] = {}
    for name, addon in sorted(found.items()):
        named.setdefault(addon.origin, []).append(name.rpartition(">")[2])
    return tuple(
        f"{join_words(names, 'and')} of {origin}, whose code is not in the file: computed by the "
        "published formula"
        for origin, names in named.items()
    )


def later_names(version: str, known: Mapping[str, Addon]) -> set[str]:
    """Return names that only an add-on had in a version of Keras, and that are Keras' own today."""
    return {
        name for name, addon in known.items() if addon.before and _is_before(version, addon.before)
    }


def _named(config: Any) -> list[tuple[str, Mapping[str, Any] | None]]:
    """Return the names of all objects with their options; functions have None."""
    named: list[tuple[str, Mapping[str, Any] | None]] = []
    for _, node in walk_objects(config):
        options = object_options(node)
        if node["class_name"] == "function":
            named += [(str(node.get(key)), None) for key in ("registered_name", "config")]
            continue
        registered = node.get("registered_name")
        named.append((registered if isinstance(registered, str) else node["class_name"], options))
        # Keras 2 names the function of an activation by a text alone.
        activation = options.get("activation")
        named += [(activation, None)] if isinstance(activation, str) else []
    return named


def _is_before(version: str, limit: tuple[int, int] | None) -> bool:
    if limit is None:
        return True
    stated = re.match(r"(\d+)\.(\d+)", version)
    return stated is None or (int(stated[1]), int(stated[2])) < limit


def _fits(addon: Addon, options: Mapping[str, Any] | None) -> bool:
    if options is None or addon.options is None:
        return options is None and addon.options is None
    own = options.keys() - BASE_OPTIONS
    return addon.options <= own <= addon.options | addon.optional and addon.fits(options)
