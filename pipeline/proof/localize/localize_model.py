"""Localizes the fault of a variant: of one in a built zoo, or of a base that fails in `verify`."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.engine.step import Work
from pipeline.errors import PipelineError, SourceError
from pipeline.formats.table import normalize_source
from pipeline.proof.judge.check import Check
from pipeline.proof.localize.find_fault import localize
from pipeline.proof.localize.localization import Localization
from pipeline.proof.localize.runtimes import Runtimes
from pipeline.proof.localize.subject import Subject
from pipeline.proof.localize.weight_losses import Loss, measure_losses
from pipeline.proof.source_run import packages_for
from pipeline.proof.vector_files import Vectors, load_vectors
from pipeline.records.flags import DEFAULT_SHARD_BYTES
from pipeline.records.signature import Signature
from pipeline.records.source import ConvertedSource
from pipeline.runtime.browser.browser import Browsers
from pipeline.runtime.node_session import NodeSession
from pipeline.runtime.tfjs_packages import NEWEST
from pipeline.tfjs.model.layers_topology import is_layers_model
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.workers.limits import Budget

BASE = "base"
_GRAPH = "tfjs_graph_model"
# A verification that has failed waits so long for the place of the fault, and no longer.
_SECONDS = 20.0
_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class BuiltModel:
    """The results of a model's steps.

    Attributes:
        fetched: The model as it was fetched.
        converted: Folder of `convert`.
        signature: Folder of `signature`.
        reference: Folder of `reference`.
        variants: Folder of each variant, by name.
    """

    fetched: Path
    converted: Path
    signature: Path
    reference: Path
    variants: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class Account:
    """What was found on a variant.

    Attributes:
        localization: Where it goes wrong.
        losses: Of a quantized variant what its weights cost, the greatest first.
    """

    localization: Localization
    losses: Sequence[Loss] = ()


def localize_built(
    built: BuiltModel, *, variant: str, backend: str, vector: int | None, runtimes: Runtimes
) -> Account:
    """Find where a variant of a built model goes wrong.

    Args:
        built: The model.
        variant: Name of the variant.
        backend: The backend of TensorFlow.js.
        vector: Number of the test vector; None for the first that shows a fault.
        runtimes: TensorFlow and TensorFlow.js.

    Raises:
        PipelineError: A runtime cannot run the graph, or there is no such vector.
    """
    signature = Signature.load(built.signature)
    vectors = load_vectors(built.reference)
    numbers = list(range(len(vectors.vectors))) if vector is None else [vector]
    if not set(numbers) <= set(range(len(vectors.vectors))):
        last = len(vectors.vectors) - 1
        raise SourceError(f"there is no vector {vector}; expected a number from 0 to {last}")
    is_base = variant == BASE
    with tempfile.TemporaryDirectory(dir=runtimes.log.parent) as name:
        origin = partial(_graph_of_source, built, Path(name).resolve()) if is_base else None
        subjects = [
            Subject(
                folder=built.variants[variant],
                variant=variant,
                backend=backend,
                signature=signature,
                vector=vectors.vectors[number],
                number=number,
                runtimes=runtimes,
                is_quantized=not is_base,
            )
            for number in numbers
        ]
        looked = ((subject, localize(subject, origin=origin)) for subject in subjects)
        subject, found = _first_fault(looked)
    losses = [] if is_base else measure_losses(subject, built.variants[BASE])
    return Account(localization=found, losses=losses)


def _first_fault(
    looked: Iterator[tuple[Subject, Localization]],
) -> tuple[Subject, Localization]:
    """Return the first result with a fault, else the first."""
    first = next(looked)
    if first[1].cause != "none":
        return first
    return next((each for each in looked if each[1].cause != "none"), first)


def localize_base(work: Work[Any], vectors: Vectors, checks: Mapping[str, Check]) -> str | None:
    """Return a sentence on where a base that every backend gets wrong goes wrong.

    None if there is nothing to look at, or if it would take too long; the log says why.

    Args:
        work: The step `verify`.
        vectors: The test vectors.
        checks: The check of the base on each backend.
    """
    backend = next((name for name, check in checks.items() if check.ran), None)
    folder = work.inputs[f"variant:{BASE}"]
    if backend is None or is_layers_model(load_model_json(folder / "model.json").content):
        return None
    seconds = min(_SECONDS, _SHARE * work.budget.limits.seconds, work.budget.left())
    number = _worst_vector(checks[backend])
    try:
        with NodeSession(work.temporary) as node:
            subject = Subject(
                folder=folder,
                variant=BASE,
                backend=backend,
                signature=Signature.load(work.inputs["signature"]),
                vector=vectors.vectors[number],
                number=number,
                runtimes=Runtimes(
                    name=work.task,
                    submit=work.submit,
                    node=node,
                    packages=packages_for(work, NEWEST),
                    log=work.log,
                    budget=Budget(replace(work.budget.limits, timeout_seconds=seconds)),
                    trusted=work.trusted,
                    open_browser=partial(work.share, Browsers),
                ),
            )
            sentence = localize(subject).sentence()
    except PipelineError as error:
        work.note(f"where it goes wrong is not known: {error.message}")
        return None
    work.note(f"vector {number}: {sentence}")
    return sentence


def _worst_vector(check: Check) -> int:
    """Return the number of the vector with the worst value of an output that fails."""
    figures = (one.fidelity for one in check.outputs.values() if one.fault)
    worst = (one.worst for one in figures if one is not None)
    return next((one.vector for one in worst if one is not None), 0)


def _graph_of_source(built: BuiltModel, folder: Path) -> Path:
    """Return a folder with the graph that a base was made of, under the names of its nodes.

    The graph of a TensorFlow.js source has not been repaired; of others there is the converted
    graph only.
    """
    if ConvertedSource.load(built.converted).format != _GRAPH:
        return built.converted
    normalize_source(
        _GRAPH, source=built.fetched, folder=folder, shard_size_bytes=DEFAULT_SHARD_BYTES
    )
    return folder
