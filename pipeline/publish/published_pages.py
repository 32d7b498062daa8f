"""Pages of a zoo made anew, for a catalog with models that stay as they were published."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from pipeline.catalog.texts import take_texts
from pipeline.catalog.types import Catalog
from pipeline.publish.publish import Render
from pipeline.publish.targets.target import Notify
from pipeline.report.transfer import ignore_transfer
from pipeline.steps.graph import Graph

_MADE_BY_SITE = "zoo.js"


def choose_render(graph: Graph, paths: Mapping[str, object], *, notify: Notify) -> Render | None:
    """Return the function that makes the pages; None for a zoo without pages.

    Args:
        graph: The zoo.
        paths: Paths of the files that the build put into dist/.
        notify: Shows a message if the pages stay as they were built.
    """
    if _MADE_BY_SITE not in paths:
        return None

    def render(document: Mapping[str, object]) -> Mapping[str, bytes]:
        try:
            catalog = Catalog.model_validate(document)
        except ValidationError:
            notify(
                "the pages do not show the models that are kept as published: an older version "
                "of tfjs-zoo described them; models.json does"
            )
            return {}
        return _build(graph, catalog)

    return render


def _build(graph: Graph, catalog: Catalog) -> Mapping[str, bytes]:
    from pipeline.runtime.tfjs_packages import fetch_packages  # noqa: PLC0415  # few need it
    from pipeline.site.build import build_site  # noqa: PLC0415  # few need its templates

    packages = fetch_packages(
        cache=graph.session.cache, root=graph.layout.root, progress=ignore_transfer
    )
    temporary = graph.layout.temporary  # swept by the next run, after a kill
    temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=temporary) as name:
        folder = Path(name)
        build_site(take_texts(catalog), folder=folder, packages=packages)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
