"""Pages that are made anew when a publish offers what the build could not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from catalog_entries import catalog_of, failed_entry

from pipeline.publish.published_pages import choose_render
from pipeline.steps.graph import Graph, load_graph


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    """Return the graph of a zoo that was built once."""
    manifest = {"models": [{"name": "cat", "source": "cat/model.json"}]}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(manifest))
    (tmp_path / ".zoo").mkdir()
    return load_graph(tmp_path)


def catalog(**entry: Any) -> dict[str, Any]:
    """Return a catalog of one model."""
    identity = {"name": "cat", "title": "A <cat>"}
    failed = failed_entry(identity, uri="cat/model.json", reason="gone")
    return catalog_of([{**failed, **entry}], zoo={"name": "Test"})


def test_a_zoo_without_pages_needs_none(graph: Graph) -> None:
    assert choose_render(graph, {"models.json": 1}, notify=print) is None


@pytest.mark.network
def test_the_pages_show_the_catalog_that_is_published(graph: Graph) -> None:
    render = choose_render(graph, {"zoo.js": 1}, notify=print)
    assert render is not None
    since = "2026-01-02T03:04:05Z"
    pages = render(catalog(status="stale", staleSince=since))

    assert "zoo.js" in pages
    assert b"A &lt;cat&gt;" in pages["index.html"]
    assert b"2026-01-02" in pages["models/cat/index.html"]
    assert list(graph.layout.temporary.iterdir()) == []


def test_models_that_an_older_version_described_leave_the_pages_as_they_are(graph: Graph) -> None:
    told: list[str] = []
    render = choose_render(graph, {"zoo.js": 1}, notify=told.append)
    assert render is not None

    assert render(catalog(variants=[{"name": "float32"}])) == {}
    assert "an older version" in told[0]
