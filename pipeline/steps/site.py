"""The step `site`: writes pages for the zoo, its loader and TensorFlow.js, from the catalog."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from pipeline.catalog.pieces import open_catalog
from pipeline.disk.files import find_files
from pipeline.disk.versions import digest_program
from pipeline.engine.step import Step, Work
from pipeline.errors import DamagedFileError
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps.projection import (
    PROJECTION_FILE,
    list_by_model,
    list_file,
    model_of_path,
    read_lists,
    write_lists,
)

if TYPE_CHECKING:
    from pipeline.site.earlier_pages import EarlierPages

FILES = "files"


class SiteParameters(Part):
    """The parameters of `site`, beside the catalog."""

    site: bool


def run(work: Work[SiteParameters]) -> None:
    """Write the pages, the loader and TensorFlow.js, listed in `projection.json`."""
    from pipeline.runtime.tfjs_packages import fetch_packages
    from pipeline.site.build import build_site
    from pipeline.site.earlier_pages import save_pages

    work.uses(*STEP.tools)
    files = work.folder / FILES
    files.mkdir()
    kept: frozenset[str] = frozenset()
    if work.parameters.site:
        pages = build_site(
            open_catalog(work.inputs["catalog"]),
            folder=files,
            packages=fetch_packages(cache=work.cache, root=work.root, progress=work.progress),
            earlier=_load_earlier(work),
        )
        save_pages(work.folder, pages, program=digest_program())
        kept = pages.kept
    write_lists(work.folder, _list_files(work, kept))


def _list_files(work: Work[SiteParameters], kept: Collection[str]) -> dict[str, bytes]:
    """Return the list of files of each model; a kept page has the list of the last site."""
    earlier = read_lists(work.earlier.folder / PROJECTION_FILE) if work.earlier and kept else {}
    lists = {name: earlier[name] for name in kept}
    files = work.folder / FILES
    new = (path for path in find_files(files) if model_of_path(path) not in lists)
    made = list_by_model(
        list_file(files / path, path, source=f"site/{FILES}/{path}") for path in sorted(new)
    )
    return lists | {model: text for model, (text,) in made.lines.items()}


def _load_earlier(work: Work[SiteParameters]) -> "EarlierPages | None":
    """Return the pages of the last site; None if it cannot be trusted."""
    from pipeline.site.earlier_pages import PAGES_FILE, EarlierPages, load_pages

    earlier = work.earlier
    if earlier is None:
        return None
    try:
        if any(not earlier.has(name) for name in (PAGES_FILE, PROJECTION_FILE)):
            return None
        pages = load_pages(earlier.folder, program=digest_program())
    except (OSError, DamagedFileError):
        return None
    if pages is None:
        return None
    return EarlierPages(
        pages=pages, keep_file=lambda path, target: earlier.keep(f"{FILES}/{path}", target)
    )


STEP = Step(
    name="site",
    version=3,
    parameters=SiteParameters,
    run=run,
    needs=("catalog",),
    tools=frozenset({"jinja2", "tfjs", "tfjs-zoo"}),
    stays=True,
)


def parameters(zoo: Zoo) -> SiteParameters:
    """Return the parameters of `site`."""
    return SiteParameters(site=zoo.site)
