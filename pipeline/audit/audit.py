"""The audit of a zoo: every file of its results, its cache and its dist/ is checked by digest."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.audit.copies import survey_dist
from pipeline.audit.damage import Content, Damage, ZooPart
from pipeline.audit.digests import Progress, find_damage
from pipeline.audit.downloads import survey_cache
from pipeline.audit.job_folders import survey_results
from pipeline.steps.graph import Graph


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result of an audit.

    Attributes:
        damages: The damage that was found, sorted by the name that people know.
        files: Number of files that were checked, by the part of the zoo they belong to.
        bytes: Size of the files that were read; a file with several names counts once.
    """

    damages: tuple[Damage, ...]
    files: Mapping[ZooPart, int]
    bytes: int


def audit_zoo(graph: Graph, progress: Progress) -> Audit:
    """Check everything that a zoo keeps; nothing is changed.

    Args:
        graph: The zoo.
        progress: Called with the number of bytes that were read, and of all bytes.
    """
    damages: list[Damage] = []
    contents: list[Content] = []
    for found in (
        *survey_results(graph),
        *survey_cache(graph.session.cache),
        *survey_dist(graph.layout),
    ):
        if isinstance(found, Damage):
            damages.append(found)
        else:
            contents.append(found)
    # dist.json and the catalog both list most files of dist/.
    contents = list(dict.fromkeys(contents))
    read = 0

    def note(done: int, total: int | None) -> None:
        nonlocal read
        read = done
        progress(done, total)

    damages += find_damage(contents, note)
    return Audit(
        damages=tuple(sorted(set(damages), key=lambda damage: (damage.where, damage.found))),
        files=Counter(content.part for content in contents),
        bytes=read,
    )
