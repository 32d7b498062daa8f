"""`doit prune`: removes results that the manifest no longer asks for.

These are results of models and variants that are gone from the manifest, files of dist/ that the
catalog has not listed for a day, and downloads that have been unused for long.
"""

import shutil
from pathlib import Path
from typing import Any

from doit.cmd_base import DoitCmdBase

from pipeline.audit.downloads import find_dangling
from pipeline.audit.orphans import find_orphans
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.disk.files import total_size
from pipeline.fetch.expiry import find_expired
from pipeline.steps.dist import GRACE_SECONDS, find_unlisted, load_projection, remove_unlisted
from pipeline.steps.graph import Graph
from pipeline.steps.wish import NONE, Wish

_DAY_SECONDS = 24 * 3600

_OPTION_DRY_RUN = {
    "name": "dry_run",
    "short": "n",
    "long": "dry-run",
    "type": bool,
    "default": False,
    "help": "only say what would be removed",
}
_OPTION_NOW = {
    "name": "now",
    "short": "",
    "long": "now",
    "type": bool,
    "default": False,
    "help": "remove unlisted files of dist/ without waiting a day for readers of an old catalog",
}
_OPTION_CACHE_DAYS = {
    "name": "cache_days",
    "short": "",
    "long": "cache-days",
    "type": int,
    "default": 90,
    "help": "remove downloads that were not used for so many days [default: %(default)s]",
}


class Prune(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Remove results that are no longer needed."""

    name = "prune"
    doc_purpose = "remove results, published files and downloads that are no longer needed"
    cmd_options = (_OPTION_DRY_RUN, _OPTION_NOW, _OPTION_CACHE_DAYS)

    def wish(self, _params: Any, _args: Any) -> Wish:
        """Return that it needs no task of a model."""
        return NONE

    def _execute(self, dry_run: bool, now: bool, cache_days: int) -> int:  # noqa: FBT001  # by doit
        graph: Graph = self.loader.namespace["GRAPH"]
        with zoo_lock(graph):
            self._prune(graph, dry_run=dry_run, now=now, cache_days=cache_days)
        return 0

    def _prune(self, graph: Graph, *, dry_run: bool, now: bool, cache_days: int) -> None:
        layout = graph.layout
        freed = 0
        unused_seconds = cache_days * _DAY_SECONDS
        cache = graph.session.cache
        builds = list(find_orphans(graph))
        downloads = list(find_expired(cache, unused_seconds=unused_seconds))
        downloads += find_dangling(cache, gone=downloads)
        for path in [*builds, *downloads]:
            freed += total_size(path)
            if path in builds:
                self.outstream.write(f"{path.relative_to(layout.root)}\n")
            if not dry_run:
                _remove(path)
        grace = 0 if now else GRACE_SECONDS
        projection = load_projection(layout.projections)
        for name in find_unlisted(projection, layout.dist_state, grace_seconds=grace):
            freed += total_size(layout.dist / name)
            self.outstream.write(f"{layout.output}/{name}\n")
        if not dry_run:
            remove_unlisted(projection, layout.dist_state, layout.dist, grace_seconds=grace)
        if downloads:
            self.outstream.write(f"{len(downloads)} files of the cache\n")
        verb = "would free" if dry_run else "freed"
        self.outstream.write(f"{verb} {freed / 2**20:.1f} MiB\n")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
