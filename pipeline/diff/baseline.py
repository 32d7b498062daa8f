"""Baselines: the catalog that a build is compared with.

A baseline is read from a target of `doit publish` (a folder, a store), from the URL where a zoo
is read over HTTP, or from a models.json file.
"""

import posixpath

from pipeline.catalog.document import CATALOG_FILE
from pipeline.diff.catalog_reader import ComparedCatalog, nothing_published, parse_catalog
from pipeline.errors import PublishError
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.publish.targets.target import open_target
from pipeline.steps.graph import Graph

_WEB = ("http://", "https://")


def read_published(graph: Graph) -> ComparedCatalog | None:
    """Read the catalog in the manifest's publish target; None for a manifest without a target.

    Raises:
        PublishError: The catalog cannot be read.
    """
    stated = graph.zoo.publish
    if stated is None:
        return None
    return _read_target(graph, stated.to, endpoint=stated.endpoint)


def read_baseline(graph: Graph, text: str) -> ComparedCatalog:
    """Read a catalog that is named on the command line.

    Args:
        graph: The zoo; paths are relative to its folder.
        text: A folder, a models.json, or a URL of either.

    Raises:
        FetchError: A server cannot be reached, or has no catalog.
        PublishError: There is no catalog, or the file is no catalog.
    """
    if text.lower().startswith(_WEB):
        return _read_web(text)
    file = graph.layout.root / text
    if file.is_file():
        return parse_catalog(file.read_bytes(), shown=text)
    if "://" not in text and not file.exists():
        raise PublishError(
            f"{text}: there is no such file or folder; expected a published zoo, or its models.json"
        )
    if posixpath.basename(text) == CATALOG_FILE:
        text = posixpath.dirname(text)
    stated = graph.zoo.publish
    own = stated if stated is not None and stated.to == text else None
    return _read_target(graph, text, endpoint=own.endpoint if own else None)


def read_build(graph: Graph) -> ComparedCatalog:
    """Read the catalog of the zoo that was built here.

    Raises:
        PublishError: No zoo was built.
    """
    return parse_catalog(read_built_text(graph), shown=show_build(graph))


def read_built_text(graph: Graph) -> bytes:
    """Read the text of the catalog of the zoo that was built here.

    Raises:
        PublishError: No zoo was built.
    """
    try:
        return (graph.layout.dist / CATALOG_FILE).read_bytes()
    except FileNotFoundError:
        raise PublishError(
            f"{show_build(graph)}: there is no such file", hint="build the zoo first"
        ) from None


def show_build(graph: Graph) -> str:
    """Return the catalog that was built here as messages name it: "dist/models.json"."""
    return f"{graph.layout.output}/{CATALOG_FILE}"


def _read_target(graph: Graph, text: str, *, endpoint: str | None) -> ComparedCatalog:
    shown = strip_credentials(text)
    if "://" not in text:
        # Folders that are no targets can be read too, such as dist/ of this very zoo.
        file = graph.layout.root / text / CATALOG_FILE
        content = file.read_bytes() if file.is_file() else None
    else:
        root, dist = graph.layout.root, graph.layout.dist
        content = open_target(text, root=root, output=dist, endpoint=endpoint).read(CATALOG_FILE)
    return nothing_published(shown) if content is None else parse_catalog(content, shown=shown)


def _read_web(url: str) -> ComparedCatalog:
    from pipeline.fetch.http.http_session import HttpSettings, open_url, retry  # noqa: PLC0415  # brings HTTP
    from pipeline.publish.readback import folder_url  # noqa: PLC0415  # brings HTTP

    settings = HttpSettings(attempts=3)
    named = url if url.endswith(".json") else folder_url(url) + CATALOG_FILE

    def attempt() -> bytes:
        with open_url(named, settings=settings, headers={}) as response:
            content: bytes = response.content
            return content

    content = retry(attempt, settings=settings, url=named)
    return parse_catalog(content, shown=strip_credentials(url))
