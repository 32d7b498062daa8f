"""Loads Keras models with the generation of Keras that saved them.

Models of Keras 1 and 2 go to tf_keras, those of Keras 3 to Keras 3; the file states the version.
A config is judged before it is built: Lambda layers, pickles and foreign classes run code of the
file or of any package that it names, and need the user's trust.
"""

import importlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import tf_keras

from pipeline.errors import ConversionError, FormatError, PipelineError, UntrustedSourceError
from pipeline.text.suggest import list_first
from pipeline.tf.keras.addon_table import ADDONS
from pipeline.tf.keras.addons import describe_addons, find_addons, later_names
from pipeline.tf.keras.custom_code import give_lambdas_names, run_custom_code
from pipeline.tf.keras.hub_addons import HUB_ADDONS
from pipeline.tf.keras.keras_1 import modernize, state_defaults
from pipeline.tf.keras.keras_builtin import known_parts
from pipeline.tf.keras.keras_config import Found, Known, find_foreign, find_running, list_models
from pipeline.tf.keras.keras_config_edits import (
    drop_training,
    drop_unread,
    forget_states,
    name_registered,
    take_functions,
    widen_floats,
)
from pipeline.tf.keras.keras_file import KerasFile, read_keras_file
from pipeline.tf.keras.keras_load import UNPACKED_NAME, load_keras_3, load_tf_keras
from pipeline.tf.keras.keras_names import Side, name_inputs, name_outputs
from pipeline.tf.keras.keras_op_layer import describe_op
from pipeline.tf.keras.keras_order import check_order
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.meta_graph import choose_meta_graph, load_saved_model
from pipeline.tf.untrusted.refuse import check_trusted

Generation = Literal["tf_keras", "keras 3"]

_SAVED_BY_KERAS_3 = 3
_NUM_NAMED = 10
_OF_COPIES = re.compile(rf"\S*/(model\.(h5|keras)|{UNPACKED_NAME}(/[\w.]+)?)\b")
CODE_HINT = (
    "write the classes and functions into a file beside models.yaml and set "
    "`custom_objects: layers.py` and `trust: true` for this model"
)
"""What to do for a model whose code is not in its file."""
_REPAIRS = {
    "widened": "16-bit floats (the model's dtype policy) are computed in float32, the only "
    "floating-point type of TensorFlow.js",
    "stateless": "recurrent layers with `stateful` start from zero at each call: a graph in "
    "TensorFlow.js keeps no state",
}


@dataclass(frozen=True, kw_only=True)
class LoadedKeras:
    """A Keras model that can be called.

    Attributes:
        model: The keras.Model or tf_keras.Model, not compiled.
        generation: "tf_keras" or "keras 3".
        file: The facts of its file, with the config in the file.
        config: The config from which it was built: `file.config` after `repairs`.
        inputs: Its inputs, in the order of the flattened structure that it takes.
        input_structure: That structure, for `tf.nest.pack_sequence_as`; its leaves mean nothing.
        outputs: Its outputs, in the order of the flattened structure that it returns; empty for
            a subclassed model, whose outputs are known after a call only.
        repairs: Sentences on the changes before it was built.
        trusted: Whether its code may run on this machine.
    """

    model: Any
    generation: Generation
    file: KerasFile
    config: Mapping[str, Any]
    inputs: Side
    input_structure: Any
    outputs: Side
    repairs: tuple[str, ...]
    trusted: bool

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the inputs, in structured order."""
        return tuple(tensor.name for tensor in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of the outputs, in structured order."""
        return tuple(tensor.name for tensor in self.outputs)


def load_keras_model(
    source: Path, *, trust: bool, code: Mapping[str, str] | None = None
) -> LoadedKeras:
    """Load a Keras model of any age and format; its bytes show the format.

    Args:
        source: An HDF5 file, a .keras zip, or a SavedModel folder that Keras saved.
        trust: Whether the code that it holds or names may run on this machine.
        code: Text of the files of `custom_objects:`, by path; it runs only with `trust`.

    Raises:
        FormatError: The file is no Keras model, is damaged, or holds weights only.
        UntrustedSourceError: The model would run code, and `trust` is not set.
        ConversionError: Its layers are unknown, or Keras cannot build it.
    """
    file = read_keras_file(source)
    generation: Generation = "keras 3" if file.major >= _SAVED_BY_KERAS_3 else "tf_keras"
    if file.kind == "keras_saved_model":
        generation = "tf_keras"  # Keras 3 neither saves nor loads them
    known = known_parts(generation)
    if generation == "tf_keras":
        known = replace(known, names=known.names - later_names(file.version, ADDONS))
    is_folder = file.kind == "keras_saved_model"  # Keras reads its configs there, as they are
    config = file.config if is_folder else _prepare(file, known)
    listed = ADDONS if generation == "tf_keras" else HUB_ADDONS
    addons = find_addons(config, file.version, listed)
    custom = {name: addon.value for name, addon in addons.items()}
    if trust:
        custom |= run_custom_code(code or {}, of_tf_keras=generation == "tf_keras")
        config = take_functions(config, custom)
        give_lambdas_names(custom, of_tf_keras=generation == "tf_keras")
    custom |= _check(config, file, known, custom, trust=trust)
    if generation == "tf_keras":
        for layers in list_models(config):
            check_order(layers)
        if file.kind == "keras":
            config = name_registered(config, custom)
    config, repairs = _repair(config, file)
    _forget_names()
    try:
        load = load_tf_keras if generation == "tf_keras" else load_keras_3
        model = load(file, config, custom, trust=trust)
        inputs, structure = name_inputs(model, generation)
        outputs = name_outputs(model, generation)
    except PipelineError:
        raise
    except Exception as error:
        # Keras loaded a copy of the file.
        reason = _OF_COPIES.sub(file.path.name, format_reason(error, source))
        raise ConversionError(
            f"Keras cannot build the model: {reason}",
            hint=hint_of_code(reason),
        ) from error
    return LoadedKeras(
        model=model,
        generation=generation,
        file=file,
        config=config,
        inputs=inputs,
        input_structure=structure,
        outputs=outputs,
        repairs=(*describe_addons(addons), *repairs),
        trusted=trust,
    )


def hint_of_code(reason: str) -> str | None:
    """Return the hint to bring code if Keras lacks a name: "write the classes and …"."""
    lacks = any(text in reason for text in ("Unknown ", "Could not locate", "is not defined"))
    return CODE_HINT if lacks else None


def _prepare(file: KerasFile, known: Known) -> Any:
    """Return a config for the installed Keras, without options that only training reads."""
    config: Any = file.config
    if file.major < _SAVED_BY_KERAS_3:
        if file.backend == "theano":
            # Theano's convolutions mirror their kernels; tf_keras does not.
            raise ConversionError(
                "the model was saved by Keras with Theano, whose convolutions are mirrored",
                hint="load it with Keras 2 and TensorFlow, which turns them, and save it again",
            )
        config = state_defaults(_modernize(config, file) if file.major == 1 else config)
    return drop_unread(config, known)


def _modernize(config: Any, file: KerasFile) -> Any:
    try:
        return modernize(config)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{file.path.name}: the config is none of Keras 1: {format_reason(error)}"
        ) from error


def _check(
    config: Mapping[str, Any],
    file: KerasFile,
    known: Known,
    custom: Mapping[str, Any],
    *,
    trust: bool,
) -> dict[str, Any]:
    """Return more foreign classes and functions by name, imported because they are trusted.

    Args:
        config: The model's config.
        file: The facts of its file.
        known: The classes and functions of its Keras.
        custom: Those that are known beside, by name.
        trust: Whether code may run.

    Raises:
        UntrustedSourceError: The model would run code, and `trust` is not set.
        ConversionError: It needs code that is not installed.
    """
    running = find_running(drop_training(config), judge_op=describe_op)
    if running and not trust:
        raise UntrustedSourceError(
            f"building the model would run {_list(running)}",
            hint="set `trust: true` for this model if you know who made it",
        )
    if file.kind == "keras_saved_model":
        if not trust:
            check_trusted(choose_meta_graph(load_saved_model(file.path), None))
        return {}  # foreign objects are revived from the graph
    foreign, renamed = [], {}
    for found in find_foreign(config, known):
        names = (found.registered or "", found.name, found.name.rpartition(">")[2])
        given = [custom[name] for name in names if name in custom]
        if given:
            renamed[found.registered or found.name] = given[0]
        else:
            foreign.append(found)
    missing = [found for found in foreign if not _is_installed(found.module)]
    if missing:
        raise ConversionError(
            f"the model needs code that is neither in the file nor in Keras: {_list(missing)}",
            hint=f"{CODE_HINT}, or install the package that has it and set `trust: true`, or "
            "load the model where it was made and save it with `model.export('folder')` as a "
            "SavedModel",
        )
    if foreign and not trust:
        raise UntrustedSourceError(
            f"the model names code that is not known to compute only: {_list(foreign)}",
            hint="set `trust: true` for this model to import it",
        )
    return renamed | _import(foreign)


def _list(found: Iterable[Found]) -> str:
    texts = sorted({f"{item.description} (layer {item.layer!r})" for item in found})
    return list_first(texts, _NUM_NAMED)


def _is_installed(module: str | None) -> bool:
    # Only the package: a search for its modules would import it.
    return module is not None and importlib.util.find_spec(module.partition(".")[0]) is not None


def _import(foreign: Iterable[Found]) -> dict[str, Any]:
    custom = {}
    for found in foreign:
        try:
            module = importlib.import_module(str(found.module))
        except ImportError as error:
            raise ConversionError(
                f"the model needs {found.description}, which cannot be imported: {error}"
            ) from error
        if hasattr(module, found.name):
            custom[found.name] = getattr(module, found.name)
            custom[found.registered or found.name] = custom[found.name]
    return custom


def _repair(
    config: Mapping[str, Any], file: KerasFile
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    if file.kind == "keras_saved_model":
        return config, ()
    repairs = []
    for name, change in (("widened", widen_floats), ("stateless", forget_states)):
        changed = change(config)
        if changed != config:
            repairs.append(_REPAIRS[name])
            config = changed
    return config, tuple(repairs)


def _forget_names() -> None:
    """Reset Keras' count of layers, as in a fresh process."""
    tf_keras.backend.clear_session()
    keras.utils.clear_session()
