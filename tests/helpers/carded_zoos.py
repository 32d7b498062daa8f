"""A zoo whose cards are made up, and whose catalog, site and dist/ are the real steps' work.

Names and digests of the published files are those of the real thing; weights are text.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from site_zoo import entry, variant
from zoos import files_below

from pipeline.disk.canonical import digest_bytes, format_json
from pipeline.disk.files import digest_file, write_atomic
from pipeline.engine.outcome import Outcome, write_outcome
from pipeline.engine.run_job import run_job
from pipeline.steps.dist import project
from pipeline.steps.graph import Graph, load_graph
from pipeline.steps.projection import load_projection

SINCE = "2026-01-01T00:00:00Z"


class CardedZoo:
    """A zoo with a card for each model.

    Attributes:
        root: Its folder.
        title: Its name for people.
        models: The weights of each model; None of a model that fails.
    """

    def __init__(self, root: Path, **models: str | None) -> None:
        self.root = root
        self.title = "Test"
        self.models = models
        root.mkdir()

    def build(self) -> dict[str, bytes]:
        """Make the cards, and the rest by the steps; return the files of dist/."""
        graph = self._load()
        for name, weights in self.models.items():
            if weights is None:
                self._fail(graph, name)
            else:
                self._write_card(graph, name, weights)
        for task in ("catalog", "site"):
            assert run_job(graph.jobs[task], graph.session).status == "ok"
        layout = graph.layout
        project(
            load_projection(layout.projections),
            state=layout.state,
            dist=layout.dist,
            state_file=layout.dist_state,
            grace_seconds=0,
        )
        return dict(files_below(layout.dist))

    def build_anew(self) -> dict[str, bytes]:
        """Return the files of dist/ of the same cards in a zoo where nothing was built."""
        other = CardedZoo(self.root.with_name("anew"))
        other.title, other.models = self.title, self.models
        shutil.copytree(self.root / ".zoo/build", other.root / ".zoo/build")
        return other.build()

    def _load(self) -> Graph:
        models = [{"name": name, "source": "npm:a@1.0.0#m.json"} for name in self.models]
        manifest = {"zoo": {"name": self.title}, "models": models}
        (self.root / "models.yaml").write_text(json.dumps(manifest))
        return load_graph(self.root)

    @staticmethod
    def _write_card(graph: Graph, name: str, weights: str) -> None:
        job = graph.jobs[f"card:{name}"]
        inside = f"float32-{digest_bytes(weights.encode())[:8]}/model.json"
        for path in (inside, "float32/model.json"):
            write_atomic(job.folder / path, weights.encode())
        path = f"models/{name}/{inside}"
        file = {"path": path, "bytes": len(weights), "sha256": digest_file(job.folder / inside)}
        made = variant(size=len(weights), files=[file], modelPath=path)
        card: dict[str, Any] = entry(name, title=weights, task="object-detection", variants=[made])
        write_atomic(job.folder / "card.json", format_json(card))
        digest = digest_file(job.folder / "card.json")
        write_outcome(job.outcome_file, Outcome(status="ok", outputs={"card.json": digest}))

    @staticmethod
    def _fail(graph: Graph, name: str) -> None:
        """Leave what a card leaves that failed: a model with an earlier card is stale then."""
        job = graph.jobs[f"card:{name}"]
        job.outcome_file.parent.mkdir(parents=True, exist_ok=True)
        write_outcome(job.outcome_file, Outcome(status="failed", reason="for a test"))
        write_atomic(job.since_file, format_json({"since": SINCE}))
