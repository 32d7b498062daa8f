"""Parameters: what each step reads of a manifest, as receipts on disk have it."""

import json
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paths
import pytest

from pipeline.disk.canonical import format_json
from pipeline.disk.layout import Layout
from pipeline.engine.job import Job
from pipeline.manifest.load import load_manifest
from pipeline.manifest.model import Model
from pipeline.steps import convert, fetch, reference
from pipeline.steps.jobs import JobMaker
from pipeline.steps.table import MODEL_STEPS

DATA = paths.DATA / "parameters"
RECEIPTS: dict[str, Any] = json.loads((DATA / "receipts.json").read_bytes())


def jobs() -> Mapping[str, Job]:
    """Return the jobs of the manifest, none of which is run."""
    zoo = load_manifest(DATA / "models.yaml")
    maker = JobMaker(zoo=zoo, layout=Layout(root=Path("/zoo"), output=zoo.output))
    of_models = [maker.make_jobs(model) for model in zoo.models]
    return dict(ChainMap(maker.make_zoo_jobs(), *of_models))


JOBS = jobs()


def model(**fields: Any) -> Model:
    """Return a model of a manifest."""
    return Model.model_validate({"name": "m", "source": "m.pb", **fields})


def test_no_job_is_without_a_receipt_to_compare_with() -> None:
    assert JOBS.keys() == RECEIPTS.keys()


@pytest.mark.parametrize("task", RECEIPTS)
def test_parameters_have_the_bytes_of_yesterdays_receipts(task: str) -> None:
    assert format_json(JOBS[task].parameters.to_json()) == format_json(RECEIPTS[task])


@pytest.mark.parametrize("task", RECEIPTS)
def test_parameters_are_read_back_typed_from_a_receipt(task: str) -> None:
    job = JOBS[task]

    assert type(job.parameters) is job.step.parameters
    assert job.step.parameters.model_validate(RECEIPTS[task]) == job.parameters


def test_hub_is_asked_only_of_an_address_of_a_module() -> None:
    address = "https://tfhub.dev/google/imagenet/classification/5"
    asked = {
        (source, input_format): fetch.parameters(
            model(source=source, input_format=input_format)
        ).to_json()
        for source in (address, "models/hub")
        for input_format in ("tf_hub", "tf_saved_model", None)
    }

    assert {key for key, read in asked.items() if "hub" in read} == {(address, "tf_hub")}
    assert asked[address, "tf_hub"]["hub"] is True


def test_what_the_manifest_says_of_a_source_arrives_by_its_name() -> None:
    asked = model(signature_name="predict", saved_model_tags="serve,gpu", trust=True)

    for read in (convert.parameters(asked), reference.parameters(asked)):
        assert read.signature_name == "predict"
        assert read.saved_model_tags == ("serve", "gpu")
        assert read.trust is True
    assert convert.parameters(asked).asked == ("saved_model_tags", "signature_name")
    assert convert.parameters(asked).flags.signature_name == "predict"
    assert reference.parameters(asked).flags.saved_model_tags == ("serve", "gpu")


def test_the_float_form_is_asked_for_only_where_it_is_wanted() -> None:
    for step in (convert, reference):
        assert step.parameters(model(dequantize=True)).flags.dequantize is True
        assert "dequantize" not in step.parameters(model()).to_json()


def test_the_flags_for_a_child_process_hold_nothing_else() -> None:
    asked = model(task="object-detection", metadata={"note": {"by": "us"}})

    convert_flags = convert.parameters(asked).flags.to_json()
    assert not {"metadata", "asked", "input_format", "output_format"} & convert_flags.keys()
    assert convert_flags["strip_debug_ops"] is True
    assert reference.parameters(asked).flags.to_json() == {
        "signature_name": None,
        "saved_model_tags": None,
        "output_node_names": None,
        "trust": False,
    }


def test_what_a_step_does_not_read_cannot_make_it_out_of_date() -> None:
    plain = model(variants=["uint8"])
    titled = model(variants=["uint8"], title="New", tags=["hand"], extra={"minScore": 0.5})

    changed = {
        each.step.name for each in MODEL_STEPS if each.parameters(plain) != each.parameters(titled)
    }
    assert changed == {"card"}
