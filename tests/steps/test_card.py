"""The card of a model, where what it gathers is not all there."""

import json
from pathlib import Path

import pytest

from pipeline.engine.step import Work
from pipeline.errors import DiskError
from pipeline.steps.functions import card
from pipeline.workers.limits import Budget


def test_a_variant_whose_ending_a_full_disk_did_not_take_is_the_machines_fault(
    tmp_path: Path,
) -> None:
    (tmp_path / "verify.json").write_text(json.dumps({"variants": {}, "proofs": {}}))
    work = Work(
        task="card:m",
        model="m",
        parameters={"variants": ["float16"]},
        inputs={"verify": tmp_path},
        outcomes={},
        folder=tmp_path / "card",
        log=tmp_path / "log.txt",
        root=tmp_path,
        cache=tmp_path,
        refresh=False,
        progress=lambda _done, _total: None,
        heartbeat=lambda _done, _total: None,
        trusted=False,
        budget=Budget(),
        submit=lambda *_, **__: pytest.fail("no process is needed"),
    )
    with pytest.raises(DiskError, match="variant:float16: its result could not be kept") as caught:
        card(work)

    assert caught.value.hint == "make room on the disk"
