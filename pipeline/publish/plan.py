"""A plan of a publish: what to write, from the zoo to be published and the target's state.

Readers never meet half a zoo: first come the files that keep their content for ever, then
files that are replaced in place, each after the files that it refers to, and `models.json` last.
It opens no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.catalog.document import CATALOG_FILE
from pipeline.errors import PublishError
from pipeline.publish.dist_contents import DistContents
from pipeline.publish.generations.generation import PublishedFile
from pipeline.publish.generations.state import State


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a publish has to do.

    Attributes:
        number: Number of the new generation.
        contents: The zoo to be published.
        upload: Files that never change and that the target lacks, by path.
        swap: Files to be replaced in place, in groups that follow each other.
        gone: Files of the current generation that the new one does not have.
        kept: Why each model failed whose published files stay in the zoo, by name.
        lost: Models that failed and whose published files are gone: one missing file by name.
    """

    number: int
    contents: DistContents
    upload: tuple[str, ...]
    swap: tuple[tuple[str, ...], ...]
    gone: tuple[str, ...]
    kept: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether the target shows this very zoo already."""
        return not (self.upload or self.swap or self.gone)

    @property
    def written(self) -> Mapping[str, PublishedFile]:
        """The files to be written, by path."""
        paths = (*self.upload, *(path for group in self.swap for path in group))
        return {path: self.contents.files[path] for path in paths}


def make_plan(contents: DistContents, state: State, *, again: bool) -> Plan:
    """Return the plan that brings a zoo to a target.

    Args:
        contents: The zoo to be published.
        state: The target now.
        again: Write files that the target has already, too.

    Raises:
        PublishError: The content of a file would change that may never change.
    """
    missing = {
        path: file
        for path, file in contents.files.items()
        if (again and path in contents.sources) or not state.has(path, file)
    }
    for path, file in missing.items():
        _check_name(path, file, state.recorded.get(path))
    # A file that never changes and has no source here is in the target already.
    upload = tuple(sorted(path for path in missing if _is_new(path, contents)))
    groups: dict[int, list[str]] = {}
    for path in sorted(path for path, file in missing.items() if not file.immutable):
        groups.setdefault(_rank(path), []).append(path)
    return Plan(
        number=state.next_number,
        contents=contents,
        upload=upload,
        swap=tuple(tuple(groups[rank]) for rank in sorted(groups)),
        gone=tuple(sorted(set(state.recorded) - set(contents.files))),
    )


def _is_new(path: str, contents: DistContents) -> bool:
    return contents.files[path].immutable and path in contents.sources


def _check_name(path: str, file: PublishedFile, was: PublishedFile | None) -> None:
    """Refuse to write another content under a name that stands for one content for ever."""
    fixed = file.immutable and was is not None and was.immutable
    if fixed and was is not None and was.sha256 != file.sha256 and path.startswith("models/"):
        raise PublishError(
            f"{path}: is published with other content, and browsers keep it for ever; "
            "expected a new name for new content",
            hint="two contents share the eight digits of their name by chance: change a flag of "
            "that variant, such as weight_shard_size_bytes",
        )


def _rank(path: str) -> int:
    """Return the turn of a file that is replaced: a file comes after those that it refers to."""
    if path == CATALOG_FILE:
        return 4
    if path.endswith((".html", ".md")):
        return 2 if "/" in path else 3
    return 0 if "/" in path else 1
