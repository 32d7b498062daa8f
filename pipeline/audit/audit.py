"""The audit of a zoo: its results, its cache and its dist/, by digest."""

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
    """What was looked at, and what is wrong.

    Attributes:
        damages: What is not as it was made, sorted by what people call it.
        files: Number of files that should have a content, by what they belong to.
        bytes: Size of those that were read, each once, however many names it has.
    """

    damages: tuple[Damage, ...]
    files: Mapping[ZooPart, int]
    bytes: int


def audit_zoo(graph: Graph, progress: Progress) -> Audit:
    """Look at all that a zoo keeps; nothing is changed.

    Args:
        graph: The zoo.
        progress: Told of the bytes that were read, and of how many there are.
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
