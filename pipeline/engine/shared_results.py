"""Shared results: the results of jobs in a store that other machines reach, too.

The key of a result is a digest of its ingredients, which the receipt has: step, version,
parameters and the digests of its inputs; no time, no absolute path. A result in the store serves if
it was made with the versions of tools that this machine has. After it came, its receipt and all
its files are compared with the job's ingredients, so that a store can put nothing else in place.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pipeline.disk.canonical import digest_json
from pipeline.disk.files import empty_folder
from pipeline.disk.versions import installed_version
from pipeline.engine.job import Job
from pipeline.engine.receipt import (
    Ingredients,
    Receipt,
    explain_change,
    list_outputs,
    load_receipt,
)
from pipeline.engine.step import Work


class WithTools(Protocol):
    """A result in a store."""

    @property
    def tools(self) -> Mapping[str, str | None]:
        """Versions of the tools that made it."""


class ResultStore(Protocol):
    """A store of results; `pipeline.store.shared_store` has one. Its faults raise nothing."""

    def fetch(
        self,
        key: str,
        folder: Path,
        *,
        accepts: Callable[[WithTools], bool],
        near: Mapping[str, Path],
        progress: Callable[[int, int | None], None],
    ) -> bool:
        """Bring a result into an empty folder; return whether there was one that is accepted."""
        ...  # pragma: no cover

    def put(self, key: str, folder: Path, *, tools: Mapping[str, str | None]) -> bool:
        """Put the files of a folder there; return whether the store has them now."""
        ...  # pragma: no cover

    def take_notices(self) -> list[str]:
        """Return what the user has to be told, and forget it."""
        ...  # pragma: no cover

    def describe(self) -> str | None:
        """Return a sentence on the use of the store; None if there was none."""
        ...  # pragma: no cover

    def close(self) -> None:
        """End all use of the store at once."""
        ...  # pragma: no cover


def result_key(ingredients: Ingredients) -> str:
    """Return the key of a result in a store: "convert-3f2a…"."""
    return f"{ingredients.step}-{digest_json(ingredients.to_json())}"


def fetch_result(store: ResultStore, work: Work[Any], ingredients: Ingredients) -> Receipt | None:
    """Bring the result of a job into the folder of its work; return its receipt, or None."""
    came = store.fetch(
        result_key(ingredients),
        work.folder,
        accepts=partial(_has_our_tools, work),
        near=_list_near(work),
        progress=work.progress,
    )
    _tell(store, work)
    receipt = load_receipt(work.folder) if came else None
    if receipt is not None and _fits(receipt, ingredients, work.folder):
        return receipt
    empty_folder(work.folder)
    return None


def put_result(store: ResultStore, work: Work[Any], receipt: Receipt, folder: Path) -> None:
    """Put the result that a job has just made there."""
    put_receipt(store, receipt, folder)
    _tell(store, work)


def put_receipt(store: ResultStore, receipt: Receipt, folder: Path) -> bool:
    """Put a folder with its receipt there, unless another run or machine could end otherwise."""
    if receipt.kept_here or (receipt.failure is not None and receipt.failure.retry):
        return False
    ingredients = Ingredients(**{name: getattr(receipt, name) for name in Ingredients.model_fields})
    return store.put(result_key(ingredients), folder, tools=receipt.tools)


def fill_store(store: ResultStore, jobs: Iterable[Job]) -> None:
    """Put the results of jobs there that still stand."""
    for job in jobs:
        outcome = job.standing().outcome if job.shared else None
        if outcome is not None:
            folder = job.folder if outcome.status == "ok" else job.failed_folder
            receipt = load_receipt(folder)
            if receipt is not None:
                put_receipt(store, receipt, folder)


def _tell(store: ResultStore, work: Work[Any]) -> None:
    for notice in store.take_notices():
        work.remarks.append(notice)


def _has_our_tools(work: Work[Any], result: WithTools) -> bool:
    return result.tools.keys() <= work.step.tools and all(
        installed_version(tool) == version for tool, version in result.tools.items()
    )


def _list_near(work: Work[Any]) -> Mapping[str, Path]:
    """Return the files of the steps before by digest: many a result has some of them again."""
    return {
        sha256: work.inputs[key] / path
        for key, outcome in work.outcomes.items()
        for path, sha256 in outcome.outputs.items()
    }


def _fits(receipt: Receipt, ingredients: Ingredients, folder: Path) -> bool:
    """Return whether a folder is the result of these ingredients, file by file."""
    if receipt.kept_here or explain_change(receipt, ingredients) is not None:
        return False
    if receipt.failure is not None and (receipt.failure.retry or receipt.outputs):
        return False
    return list_outputs(folder) == receipt.outputs
