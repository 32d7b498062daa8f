"""Pages made anew, for a catalog with models that are offered as they were published."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.catalog.types import Catalog
from pipeline.publish.publish import Render, Tell
from pipeline.report.transfer import ignore_transfer
from pipeline.steps.graph import Graph

_MADE_BY_SITE = "zoo.js"


def choose_render(graph: Graph, paths: Mapping[str, object], *, tell: Tell) -> Render | None:
    """Return what makes the pages; None where the zoo has none.

    Args:
        graph: The zoo.
        paths: What the build put into dist/.
        tell: Told where the pages stay as they were built.
    """
    if _MADE_BY_SITE not in paths:
        return None

    def render(catalog: Mapping[str, Any]) -> Mapping[str, bytes]:
        try:
            Catalog.model_validate(catalog)
        except ValidationError:
            tell(
                "the pages do not show the models that are kept as published: an older version "
                "of tfjs-zoo described them; models.json does"
            )
            return {}
        return _build(graph, catalog)

    return render


def _build(graph: Graph, catalog: Mapping[str, Any]) -> Mapping[str, bytes]:
    # Imported where it is met: templates take their time, and few publishes need them.
    from pipeline.runtime.tfjs_packages import fetch_packages  # noqa: PLC0415
    from pipeline.site.build import build_site  # noqa: PLC0415

    packages = fetch_packages(
        cache=graph.session.cache, root=graph.layout.root, progress=ignore_transfer
    )
    temporary = graph.layout.temporary  # swept by the next run, after a kill
    temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=temporary) as name:
        folder = Path(name)
        build_site(catalog, folder=folder, packages=packages)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
