"""Orphans: files and folders in `.zoo/` that nothing in the manifest needs.

They are results of models and variants that are gone from the manifest, and files that were being
written when a run was killed.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.steps.graph import Graph

# As pipeline.disk.files.write_atomic names what it writes.
_HALF_WRITTEN = ".*.tmp"


def find_orphans(graph: Graph) -> Iterator[Path]:
    """Find the orphans of a zoo; a folder stands for all of its files.

    The zoo's lock must be held, because a run under way writes files that look like orphans.
    """
    layout = graph.layout
    yield from sorted(layout.state.glob(_HALF_WRITTEN))
    models = {model.name for model in graph.zoo.models}
    for file in _list(layout.state / "recipes"):
        if file.stem not in models:
            yield file
    known = {
        path
        for job in graph.jobs.values()
        for path in (
            job.folder,
            job.outcome_file,
            job.failed_folder,
            job.previous_folder,
            job.since_file,
        )
    }
    yield from _find_unknown(layout.build, known | {path.parent for path in known})


def _find_unknown(folder: Path, known: set[Path]) -> Iterator[Path]:
    """Find paths that are not known; the folders of jobs are not searched."""
    inner = {path.parent for path in known}
    for path in _list(folder):
        if path not in known:
            yield path
        elif path in inner:
            yield from _find_unknown(path, known)


def _list(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
