"""Layout: the files and folders of a zoo. It opens no file.

models.yaml                          the manifest; its folder is the root
.zoo/                                what a build leaves for the next one
  doit.db                            doit's database, a cache
  lock                               locked by the run that is under way
  temporary/                         half-made results; swept when a run starts
  build/<model>/<step>/              a step's results, with receipt.json, run.json, log.txt
  build/<model>/<step>.json          the step's outcome: status and output digests
  build/<model>/<step>.failed/       receipt and log of the step's last failure
  build/<model>/variant/<variant>…   the same for each variant
  catalog/                           the results of the step that makes models.json
  site/                              the results of the step that makes the pages
  dist.json                          the files that were put into dist/
  dist.json.unfinished               there while files are put into dist/
  recipes/<model>.json               the ingredients of earlier results, for `doit diff`
dist/                                the zoo as published (`zoo: output:`)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "TFJS_ZOO_CACHE"

# A run leaves its report in dist/; the report is no part of the published catalog.
REPORT_PAGE = "report.html"
REPORT_TEXT = "report.md"
REPORT_FILES = (REPORT_PAGE, REPORT_TEXT)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folders of one zoo.

    Attributes:
        root: Absolute folder of models.yaml.
        output: Folder of the published zoo, relative to root.
    """

    root: Path
    output: str = "dist"

    @cached_property
    def state(self) -> Path:
        """Folder of the files that a build leaves for the next one."""
        return self.root / ".zoo"

    @cached_property
    def build(self) -> Path:
        """Folder of the steps' results."""
        return self.state / "build"

    @cached_property
    def temporary(self) -> Path:
        """Folder of half-made results."""
        return self.state / "temporary"

    @cached_property
    def database(self) -> Path:
        """Doit's database."""
        return self.state / "doit.db"

    @cached_property
    def lock(self) -> Path:
        """File locked by the run that is under way."""
        return self.state / "lock"

    @property
    def projections(self) -> tuple[Path, ...]:
        """Files that list what belongs in dist/."""
        return tuple(self.state / step / "projection.json" for step in ("site", "catalog"))

    @cached_property
    def dist_state(self) -> Path:
        """File that lists the files put into dist/."""
        return self.state / "dist.json"

    @cached_property
    def dist(self) -> Path:
        """Folder of the zoo as published."""
        return self.root / self.output


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of downloads, shared by all zoos of a user."""
    return Path(environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("tfjs-zoo"))
