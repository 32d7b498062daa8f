"""`doit prune`: removes results that the manifest no longer asks for.

These are results of models and variants that are gone from the manifest, files of dist/ that the
catalog has not listed for a day, and downloads that have been unused for long. With `--store` it
removes instead what nobody has used for long from the store that machines share.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.audit.downloads import find_dangling
from pipeline.audit.orphans import find_orphans
from pipeline.commands.arguments import options_first
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.store_options import NONE_CHOSEN, choose_store_files, is_read_only
from pipeline.disk.files import total_size
from pipeline.fetch.expiry import find_expired
from pipeline.steps.dist import GRACE_SECONDS, find_unlisted, remove_unlisted
from pipeline.steps.graph import Graph
from pipeline.steps.projection import load_projection
from pipeline.steps.wish import NONE, Wish
from pipeline.text.quantity import count, format_bytes

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


_OPTION_STORE = {
    "name": "store",
    "short": "",
    "long": "store",
    "type": bool,
    "default": False,
    "help": "remove results from the shared store, and nothing else; its folder or URL may follow "
    "[default: TFJS_ZOO_STORE, then zoo: store: in models.yaml]",
}
_OPTION_STORE_DAYS = {
    "name": "store_days",
    "short": "",
    "long": "store-days",
    "type": float,
    "default": 90.0,
    "help": "remove results that nobody used for so many days [default: %(default)s]",
}
_OPTION_STORE_GIB = {
    "name": "store_gib",
    "short": "",
    "long": "store-gib",
    "type": float,
    "default": 0.0,
    "help": "remove the results that were not used for longest, until the store has so many GiB; "
    "0 for no limit [default: %(default)s]",
}


class Prune(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Remove results that are no longer needed."""

    name = "prune"
    doc_purpose = PURPOSES[name]
    doc_usage = "[--store [FOLDER|URL]]"
    cmd_options = (
        _OPTION_DRY_RUN,
        _OPTION_NOW,
        _OPTION_CACHE_DAYS,
        _OPTION_STORE,
        _OPTION_STORE_DAYS,
        _OPTION_STORE_GIB,
    )

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the store."""
        valued = {"--cache-days", "--store-days", "--store-gib"}
        return super().parse_execute(options_first(in_args, with_value=valued))

    def wish(self, _params: Any, _args: Any) -> Wish:
        """Return that it needs no task of a model."""
        return NONE

    def _execute(  # noqa: PLR0913, PLR0917  # doit reads the options from its signature
        self,
        dry_run: bool,  # noqa: FBT001  # by doit
        now: bool,  # noqa: FBT001
        cache_days: int,
        store: bool,  # noqa: FBT001
        store_days: float,
        store_gib: float,
        pos_args: Sequence[str],
    ) -> int:
        graph: Graph = self.loader.namespace["GRAPH"]
        if len(pos_args) > int(store):
            raise InvalidCommand(
                f"prune: {' '.join(pos_args)}: only a store can be named, by --store"
            )
        if store:
            named = "".join(pos_args)
            self._prune_store(graph, named, days=store_days, gib=store_gib, dry_run=dry_run)
            return 0
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
        self.outstream.write(f"{verb} {format_bytes(freed)}\n")

    def _prune_store(
        self, graph: Graph, named: str, *, days: float, gib: float, dry_run: bool
    ) -> None:
        from pipeline.store.eviction import evict

        if days < 0 or gib < 0:
            raise InvalidCommand("--store-days and --store-gib take a number, 0 or more")
        files = choose_store_files(graph, named, os.environ)
        if files is None:
            raise InvalidCommand(f"prune: {NONE_CHOSEN}")
        if is_read_only(graph, os.environ) and not dry_run:
            raise InvalidCommand(f"prune: {files.shown} is read-only here")
        max_bytes = int(gib * 2**30) if gib else None
        done = evict(files, keep_seconds=days * _DAY_SECONDS, max_bytes=max_bytes, dry_run=dry_run)
        removed, freed = ("would remove", "free") if dry_run else ("removed", "freed")
        self.outstream.write(
            f"{files.shown}: {removed} {count(done.num_results, 'result')} and {freed} "
            f"{format_bytes(done.num_freed)}; {format_bytes(done.num_left)} stay\n"
        )
        if done.num_young:
            self.outstream.write(
                f"{format_bytes(done.num_young)} of these can go in a day: a build that is under "
                "way may need them\n"
            )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
