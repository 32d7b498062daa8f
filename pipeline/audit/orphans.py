"""Orphans: what lies in `.zoo/` and belongs to nothing that the manifest asks for.

That is results of models and variants that are gone from the manifest, and what a kill left of
a file that was being written.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.steps.graph import Graph

# As pipeline.disk.files.write_atomic names what it writes.
_HALF_WRITTEN = ".*.tmp"


def find_orphans(graph: Graph) -> Iterator[Path]:
    """Find files and folders of `.zoo/` that nothing asks for; of a folder, only itself.

    The zoo's lock must be held: a run under way makes such files.
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
    """Find what is not known, down to the folders of jobs, which are looked into by nobody here."""
    inner = {path.parent for path in known}
    for path in _list(folder):
        if path not in known:
            yield path
        elif path in inner:
            yield from _find_unknown(path, known)


def _list(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
