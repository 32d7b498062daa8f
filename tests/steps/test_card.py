"""The card of a model, where what it gathers is not all there."""

from pathlib import Path

import pytest
from signatures import signature_of

from pipeline.engine.outcome import Outcome
from pipeline.engine.step import Work
from pipeline.errors import DiskError
from pipeline.manifest.model import Model
from pipeline.records.browser_verdicts import BrowserVerdicts
from pipeline.records.source import ConvertedSource
from pipeline.records.verdicts import Verdicts
from pipeline.steps.card import STEP, parameters, run
from pipeline.workers.limits import Budget


def test_a_variant_whose_ending_a_full_disk_did_not_take_is_the_machines_fault(
    tmp_path: Path,
) -> None:
    model = Model.model_validate({"name": "m", "source": "m.pb", "variants": ["float16"]})
    signature_of([], []).save(tmp_path)
    Verdicts(variants={}, proofs={}).save(tmp_path)
    BrowserVerdicts(variants={}).save(tmp_path)
    ConvertedSource(format="tf_frozen_model", output_format="tfjs_graph_model").save(tmp_path)
    work = Work(
        task="card:m",
        model="m",
        step=STEP,
        parameters=parameters(model),
        inputs=dict.fromkeys(STEP.needs, tmp_path),
        outcomes={"variant:base": Outcome(status="failed", reason="for a test")},
        folder=tmp_path / "card",
        log=tmp_path / "log.txt",
        root=tmp_path,
        cache=tmp_path,
        refresh=False,
        progress=lambda _done, _total: None,
        count_runs=lambda _done, _total: None,
        heartbeat=lambda _done, _total: None,
        trusted=False,
        budget=Budget(),
        submit=lambda *_, **__: pytest.fail("no process is needed"),
        share=lambda _kind: pytest.fail("nothing is shared"),
    )
    with pytest.raises(DiskError, match="variant:float16: its result could not be kept") as caught:
        run(work)

    assert caught.value.hint == "make room on the disk"
