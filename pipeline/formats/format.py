"""The type of a format: how its files are recognized, and the routes to each output format.

Each format is one instance in a module of its own, and a line in `pipeline.formats.table`;
everything else that the project says of formats is derived from these instances. This module
opens no file.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.disk.versions import installed_version
from pipeline.errors import SetupError
from pipeline.formats.model_files import ModelFiles

OutputFormat = Literal["tfjs_graph_model", "tfjs_layers_model"]
GRAPH: Final = "tfjs_graph_model"
LAYERS: Final = "tfjs_layers_model"
OUTPUT_FORMATS: tuple[OutputFormat, ...] = (GRAPH, LAYERS)
"""What is published, by the converter's names."""

TENSORFLOW_TOOLS = ("tensorflow", "tensorflowjs", "numpy")
"""Distributions that a conversion with TensorFlow depends on."""

GRAPH_FLAGS = frozenset({"skip_op_check", "strip_debug_ops", "experiments"})
"""Flags of every conversion to a graph model with TensorFlow."""
FUNCTION_FLAGS = GRAPH_FLAGS | {"control_flow_v2"}
"""Flags where the graph comes from a traced function, which has If and While."""
NAMED_FLAGS = FUNCTION_FLAGS | {"use_structured_outputs_names"}
"""Flags where the source also names its outputs."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """The conversion from one format to one output format.

    Attributes:
        convert: "module:function" that writes the base. A function of `pipeline.tf` runs in a
            child process with TensorFlow, any other function in this process.
        refer: The same for the function that runs the source on test vectors; None where
            TensorFlow.js itself runs the source.
        tools: Distributions on whose version the base depends.
        refer_tools: Distributions on whose version the reference depends; empty for `tools`.
        flags: Fields of a model that apply, beside those that apply to every route:
            `weight_shard_size_bytes`, `metadata` and the quantization.
        in_converter: Whether tensorflowjs_converter converts this pair too.
        load_hint: What to do where TensorFlow.js cannot load the layers model that was made.
    """

    convert: str
    refer: str | None
    tools: tuple[str, ...] = TENSORFLOW_TOOLS
    refer_tools: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    in_converter: bool = False
    load_hint: str = "set `output_format: tfjs_graph_model`, which runs whatever its layers compute"

    @property
    def needs_tensorflow(self) -> bool:
        """Whether `convert` runs in a child process with TensorFlow."""
        return self.convert.startswith("pipeline.tf.")

    def load_convert(self) -> Callable[..., Any]:
        """Import `convert`, for a route that needs no TensorFlow."""
        module, _, function = self.convert.partition(":")
        loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
        return loaded


def open_itself(path: Path) -> Path:
    """Return the path of a model that is opened by the file or folder that it is."""
    return path


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format that models are found in.

    Attributes:
        name: Value of `input_format:`, the converter's own where it has the format: "keras".
        title: Name for people: "Keras model in HDF5 (.h5)".
        expected: The files of this format in messages that list what is expected: "a frozen
            graph (.pb)". Formats with the same text are listed once.
        outputs: The route to each output format; the first is taken where the manifest asks for
            none.
        names: File names that a model of this format has: "saved_model.pb".
        suffixes: Ends of file names, in lower case, that decide for this format where the
            content decides for none: ".onnx".
        shared_suffixes: Ends of file names that this format shares with others, so that only
            the content decides: ".json".
        looks_like: Whether the content of a file or folder has the mark of this format; None for
            a format without a mark.
        also_reads: Names of formats whose files `input_format:` can declare to be of this one.
        opened_by: Returns the path that the format's own runtime opens, from the path of the
            source: "m" for the SavedModel "m/saved_model.pb".
        extra: The distribution that reads the files, where only the extra of the same name
            installs it; None for a format that the base can read.
    """

    name: str
    title: str
    expected: str
    outputs: Mapping[OutputFormat, Route]
    names: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    shared_suffixes: tuple[str, ...] = ()
    looks_like: Callable[[ModelFiles], bool] | None = None
    also_reads: tuple[str, ...] = ()
    opened_by: Callable[[Path], Path] = open_itself
    extra: str | None = None

    def require_reader(self) -> None:
        """Raise if the package that reads the files is not installed.

        Raises:
            SetupError: The message names it, the hint the extra.
        """
        if self.extra is not None and installed_version(self.extra) is None:
            raise SetupError(
                f"{self.expected} needs {self.extra}, which is not installed",
                hint=f'pip install "tfjs-zoo[{self.extra}]"',
            )

    @property
    def default_output(self) -> OutputFormat:
        """The output format where the manifest asks for none: the first of `outputs`."""
        return next(iter(self.outputs))
