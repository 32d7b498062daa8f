"""The function of the step that makes the page: `site`, from the catalog alone."""

from pathlib import Path
from typing import Any

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.files import digest_file
from pipeline.disk.json_file import read_json, write_json
from pipeline.engine.step import Work
from pipeline.runtime.tfjs_packages import fetch_packages

PROJECTION_FILE = "projection.json"


def site(work: Work) -> None:
    """Write the page, the loader and TensorFlow.js, listed in `projection.json`."""
    # Imported where it is met: templates take their time.
    from pipeline.site.build import build_site  # noqa: PLC0415

    work.uses("jinja2", "tfjs", "tfjs-zoo")
    files = work.folder / "files"
    files.mkdir()
    if work.parameters["site"]:
        build_site(
            read_json(work.inputs["catalog"] / CATALOG_FILE),
            folder=files,
            packages=fetch_packages(cache=work.cache, root=work.root, progress=work.progress),
        )
    paths = sorted(path for path in files.rglob("*") if path.is_file())
    projection = [_projected(path, path.relative_to(files).as_posix()) for path in paths]
    write_json(work.folder / PROJECTION_FILE, projection)


def _projected(path: Path, target: str) -> dict[str, Any]:
    return {
        "path": target,
        "source": f"site/files/{target}",
        "bytes": path.stat().st_size,
        "sha256": digest_file(path),
    }
