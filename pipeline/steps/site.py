"""The step `site`: writes pages for the zoo, its loader and TensorFlow.js, from the catalog."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.catalog.document import CATALOG_FILE
from pipeline.catalog.texts import split_entries
from pipeline.catalog.types import Catalog
from pipeline.disk.json_file import read_json
from pipeline.disk.typed_json import describe_fault
from pipeline.disk.versions import digest_program
from pipeline.engine.step import Step, Work
from pipeline.errors import DamagedFileError
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps.dist import list_file, save_projection

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

    work.uses(*STEP.tools)
    files = work.folder / FILES
    files.mkdir()
    if work.parameters.site:
        catalog = load_catalog(work.inputs["catalog"])
        models = [model.name for model in catalog.models]
        content = (work.inputs["catalog"] / CATALOG_FILE).read_bytes()
        pages = build_site(
            catalog,
            folder=files,
            packages=fetch_packages(cache=work.cache, root=work.root, progress=work.progress),
            texts=dict(zip(models, split_entries(content), strict=True)),
            earlier=_load_earlier(work),
        )
        pages.model_copy(update={"program": digest_program()}).save(work.folder)
    paths = sorted(path for path in files.rglob("*") if path.is_file())
    names = {path: path.relative_to(files).as_posix() for path in paths}
    save_projection(
        work.folder,
        [list_file(path, name, source=f"site/files/{name}") for path, name in names.items()],
    )


def _load_earlier(work: Work[SiteParameters]) -> "EarlierPages | None":
    """Return the pages of the last site; None if it cannot be trusted."""
    from pipeline.site.earlier_pages import EarlierPages, Pages

    earlier = work.earlier
    if earlier is None:
        return None
    try:
        pages = Pages.load(earlier.folder)
    except (OSError, DamagedFileError):
        return None
    if pages.program != digest_program():
        return None
    return EarlierPages(
        pages=pages, keep_file=lambda path, target: earlier.keep(f"{FILES}/{path}", target)
    )


STEP = Step(
    name="site",
    version=2,
    parameters=SiteParameters,
    run=run,
    needs=("catalog",),
    tools=frozenset({"jinja2", "tfjs", "tfjs-zoo"}),
    stays=True,
)


def load_catalog(folder: Path) -> Catalog:
    """Read the result of the step `catalog`.

    Raises:
        DamagedFileError: Another version of tfjs-zoo wrote it, or it is damaged.
        OSError: It cannot be read.
    """
    content = read_json(folder / CATALOG_FILE)
    try:
        return Catalog.model_validate(content)
    except ValidationError as error:
        raise DamagedFileError(f"{CATALOG_FILE}: {describe_fault(error)}", folder=folder) from None


def parameters(zoo: Zoo) -> SiteParameters:
    """Return the parameters of `site`."""
    return SiteParameters(site=zoo.site)
