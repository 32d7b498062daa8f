"""A source, converted and run in its own runtime and in the real TensorFlow.js."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tfjs_runtime

from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.vector_files import Vectors, load_vectors
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.runtime.run_models import Runs
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Submit = Callable[..., Any]
"""Runs a function of `pipeline.tf`, "module:function", in a child process."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What both runtimes returned for the same inputs.

    Attributes:
        record: Facts of the source.
        answer: What the run of the source told.
        vectors: The outputs of the source.
        runs: The outputs of TensorFlow.js, by backend; the model is called "base".
    """

    record: Conversion
    answer: dict[str, Any]
    vectors: Vectors
    runs: Runs


def convert_source(
    submit: Submit, function: str, source: Path, folder: Path, **flags: Any
) -> Conversion:
    """Convert a source into `folder`/base, which is made anew."""
    base = folder / "base"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    asked = ConversionFlags(**flags)
    return Conversion.model_validate(submit(function, source=source, folder=base, flags=asked))


def run_both(
    submit: Submit, function: str, source: Path, folder: Path, record: Conversion, **flags: Any
) -> Proof:
    """Run a source that was converted into `folder`/base, in both runtimes."""
    base, made = folder / "base", folder / "reference"
    made.mkdir()
    model_json = load_model_json(base / "model.json")
    content, _ = rewrite_graph(model_json.content)
    (base / "model.json").write_bytes(format_model_json(replace(model_json, content=content)))
    signature = read_signature(model_json, record)
    answer = submit(
        function,
        source=source,
        folder=made,
        signature=signature,
        record=record,
        seed=source.name,
        task=None,
        given=None,
        contracts=find_contracts(model_json, base, signature.inputs, record),
        flags=ConversionFlags(**flags),
    )
    vectors = load_vectors(made)
    inputs = [vector.inputs for vector in vectors.vectors]
    runs = tfjs_runtime.run(folder, {"base": base}, inputs)
    return Proof(record=record, answer=answer, vectors=vectors, runs=runs)
