"""The graph: every job of a manifest, what it reads, and where its results lie."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ManifestError
from pipeline.steps.graph import Graph, load_graph
from pipeline.steps.table import MODEL_STEPS, STEPS

MODEL_TASKS = (
    *("fetch:m", "convert:m", "signature:m", "reference:m", "map:m"),
    *("variant:m:base", "variant:m:float16", "variant:m:small", "verify:m", "browser:m", "card:m"),
)
SMALL = {"name": "small", "quantize_uint8": ["*/weights"]}


def graph(root: Path, *models: dict[str, Any], **zoo: Any) -> Graph:
    """Return the graph of a manifest whose models are these; YAML reads JSON too."""
    (root / "models.yaml").write_text(json.dumps({"zoo": zoo, "models": models}))
    return load_graph(root)


def model(name: str = "m", **fields: Any) -> dict[str, Any]:
    """Return a model with two variants."""
    return {"name": name, "source": f"{name}.pb", "variants": ["float16", SMALL], **fields}


def test_a_model_goes_through_all_steps_and_the_zoo_follows(tmp_path: Path) -> None:
    made = graph(tmp_path, model())

    assert tuple(made.jobs) == (*MODEL_TASKS, "catalog", "site")
    searched = graph(tmp_path, model(variants=["smallest"], labels="npm:a@1.0.0#l.txt"))
    assert [step.name for step in STEPS] == list(
        dict.fromkeys(job.step.name for job in searched.jobs.values())
    )


def test_each_job_comes_after_those_that_it_reads_and_needs_only_these(tmp_path: Path) -> None:
    made = graph(tmp_path, model("one"), model("two", variants=[]))

    seen: set[str] = set()
    for task, job in made.jobs.items():
        assert {read.task for read in job.reads.values()} <= seen, task
        assert job.needs <= job.reads.keys(), task
        seen.add(task)


def test_no_job_reads_another_model(tmp_path: Path) -> None:
    made = graph(tmp_path, model("one"), model("two"))

    for job in made.jobs.values():
        if job.model is not None:
            assert {made.jobs[read.task].model for read in job.reads.values()} <= {job.model}


def test_results_lie_apart_from_one_another_and_below_the_zoo(tmp_path: Path) -> None:
    made = graph(tmp_path, model("one"), model("two"), output="public")
    folders = [job.folder for job in made.jobs.values()]
    files = [job.outcome_file for job in made.jobs.values()]

    assert len({*folders, *files}) == 2 * len(made.jobs)
    for job in made.jobs.values():
        inside = made.layout.build / job.model if job.model else made.layout.state
        assert inside in job.folder.parents
        assert job.temporary == tmp_path / ".zoo/temporary"
        assert not [other for other in folders if other in job.folder.parents], job.task
    assert made.jobs["variant:one:base"].folder == tmp_path / ".zoo/build/one/variant/base"
    assert made.layout.dist == tmp_path / "public"


def test_what_is_read_is_named_by_its_step_and_variant(tmp_path: Path) -> None:
    jobs = graph(tmp_path, model()).jobs

    read = {task: {k: other.task for k, other in job.reads.items()} for task, job in jobs.items()}
    assert read["fetch:m"] == {}
    assert read["variant:m:small"] == {"convert": "convert:m", "signature": "signature:m"}
    assert read["verify:m"] == {
        "signature": "signature:m",
        "reference": "reference:m",
        "map": "map:m",
        "variant:base": "variant:m:base",
        "variant:float16": "variant:m:float16",
        "variant:small": "variant:m:small",
    }
    assert read["catalog"] == {"card:m": "card:m"}
    assert read["site"] == {"catalog": "catalog"}


def test_a_quantized_variant_may_fail_and_a_model_too(tmp_path: Path) -> None:
    jobs = graph(tmp_path, model()).jobs

    assert jobs["card:m"].reads.keys() - jobs["card:m"].needs == {
        "variant:float16",
        "variant:small",
    }
    assert "variant:base" in jobs["card:m"].needs
    assert jobs["catalog"].needs == frozenset()


def test_limits_trust_and_expectation_of_a_model_reach_its_jobs(tmp_path: Path) -> None:
    stated = {"timeout_seconds": 60, "memory_limit_bytes": 2**30, "trust": True}
    made = graph(tmp_path, model("one", **stated, expect="failed"), model("two"))

    for job in made.jobs_of_models()["one"]:
        assert (job.limits.timeout_seconds, job.limits.memory_bytes) == (60, 2**30)
        assert (job.trusted, job.expected_failure) == (True, True)
    for job in made.jobs_of_models()["two"]:
        assert (job.trusted, job.expected_failure) == (False, False)
    assert not made.jobs["catalog"].trusted


def test_jobs_are_found_by_model_and_by_step(tmp_path: Path) -> None:
    made = graph(tmp_path, model("two"), model("one"))

    assert {name: len(jobs) for name, jobs in made.jobs_of_models().items()} == {
        "two": len(MODEL_TASKS),
        "one": len(MODEL_TASKS),
    }
    assert [job.task for job in made.of_step("card")] == ["card:two", "card:one"]


@pytest.mark.parametrize(
    ("source", "sha256", "refreshable"),
    [
        pytest.param("https://example.org/m.zip", None, True, id="address"),
        pytest.param("https://example.org/m.zip", "a" * 64, False, id="address with its digest"),
        pytest.param("npm:a@1.0.0#m.json", None, False, id="version of a package"),
        pytest.param("m.pb", None, False, id="file"),
    ],
)
def test_a_source_that_may_change_where_it_is_can_be_asked_for_again(
    tmp_path: Path, source: str, sha256: str | None, refreshable: bool
) -> None:
    made = graph(tmp_path, model(source=source, sha256=sha256))

    assert made.refreshable == ({"fetch:m"} if refreshable else set())


def test_files_beside_the_manifest_are_read_by_the_steps_that_need_them(tmp_path: Path) -> None:
    made = graph(
        tmp_path,
        model("one", metadata={"labels": "labels.json"}, test_inputs=["x.npz"]),
        model("two", source="npm:a@1.0.0#m.json", metadata={"note": {"by": "us"}}),
    )
    (tmp_path / "labels.json").write_text("[]")
    (tmp_path / "x.npz").write_bytes(b"")

    local = {job.task: job.local for job in made.jobs.values() if job.local is not None}
    assert local.keys() == {"fetch:one", "convert:one", "reference:one"}
    assert local["convert:one"].inputs().keys() == {"metadata.labels"}
    assert local["reference:one"].inputs().keys() == {"test_inputs x.npz"}


def test_the_tools_of_a_step_are_a_set_of_its_own() -> None:
    tools = {each.step.name: each.step.tools for each in MODEL_STEPS if each.step.tools}

    steps = {"convert", "reference", "search", "variant", "verify", "browser", "card"}
    assert tools.keys() == steps
    assert {"keras", "tf_keras", "tensorflow"} <= tools["convert"] & tools["reference"]


def test_a_manifest_with_faults_has_no_graph(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"models\.yaml.*sourse"):
        graph(tmp_path, {"name": "m", "sourse": "m.pb"})
    (tmp_path / "models.yaml").unlink()
    with pytest.raises(ManifestError, match=r"models\.yaml"):
        load_graph(tmp_path)


def test_a_folder_may_be_given_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph(tmp_path, model())
    monkeypatch.chdir(tmp_path)

    assert load_graph(Path()).layout.root == tmp_path.resolve()


def test_a_variant_that_is_searched_waits_for_its_search(tmp_path: Path) -> None:
    jobs = graph(tmp_path, model(variants=["uint8", "smallest"])).jobs

    assert [task for task in jobs if task.startswith("search:")] == ["search:m:smallest"]
    assert jobs["variant:m:smallest"].needs == {
        "convert",
        "reference",
        "search:smallest",
        "signature",
    }
    assert jobs["variant:m:smallest"].reads["search:smallest"] is jobs["search:m:smallest"]
    assert jobs["variant:m:uint8"].needs == {"convert", "signature"}
    assert list(jobs).index("map:m") < list(jobs).index("search:m:smallest")


def test_the_name_of_a_model_decides_its_made_inputs_and_what_is_fitted_to_them(
    tmp_path: Path,
) -> None:
    """A shared store knows a result by its parameters alone."""
    variants = ["float16", {"name": "fit", "quantize_uint8": True, "per_channel": True}, "smallest"]
    variants[1] |= {"calibrate": True}  # type: ignore[operator]
    jobs = graph(tmp_path, *(model(name, source="m.pb", variants=variants) for name in "ab")).jobs
    differ = {
        job.task.replace(":a", "")
        for job in jobs.values()
        if job.model == "a" and job.parameters != jobs[job.task.replace(":a", ":b")].parameters
    }

    assert differ == {"reference", "search:smallest", "variant:fit", "variant:smallest", "card"}


@pytest.mark.parametrize(
    ("fields", "sources", "kept"),
    [
        pytest.param({"source": "npm:a@1.0.0#m.json"}, True, True, id="exact version"),
        pytest.param({"source": "https://a.org/m.h5"}, True, False, id="may change"),
        pytest.param({"source": "https://a.org/m.h5", "sha256": "0" * 64}, True, True, id="pinned"),
        pytest.param({"source": "m.h5", "sha256": "0" * 64}, True, False, id="on this machine"),
        pytest.param({"source": "npm:a@1.0.0#m.json"}, False, False, id="not asked for"),
    ],
)
def test_a_store_keeps_sources_that_never_change(
    tmp_path: Path,
    fields: dict[str, Any],
    sources: bool,
    kept: bool,
) -> None:
    made = graph(tmp_path, model(**fields), store={"at": "store", "sources": sources})

    assert made.jobs["fetch:m"].shared == kept
    assert made.jobs["convert:m"].shared
    assert not made.jobs["card:m"].shared
    assert not made.jobs["catalog"].shared
