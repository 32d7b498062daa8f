"""`doit publish` as people use it: a process of its own, its output and its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from built_zoos import BuiltZoo
from loopback import Fault, serve
from paths import ROOT
from s3_server import S3, serve_public_s3

from pipeline.commands.publish_options import arrange_arguments
from pipeline.publish.serve.zoo_server import serving


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Return an S3 server."""
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as server:
        yield server


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a built zoo with its manifest."""
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {"cat": {"float32": "miaow"}, "dog": {"float32": "wow"}}
    zoo.build()
    state(zoo)
    return zoo


def state(zoo: BuiltZoo, **publish: str) -> None:
    """Write the manifest."""
    models = [{"name": name, "source": f"{name}/model.json"} for name in zoo.models]
    manifest = {"zoo": {"publish": publish} if publish else {}, "models": models}
    (zoo.root / "models.yaml").write_text(yaml.safe_dump(manifest))


def run(zoo: BuiltZoo, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `doit publish` in the zoo."""
    command = [sys.executable, "-m", "doit", "-f", str(ROOT / "dodo.py"), "-d", str(zoo.root)]
    return subprocess.run(
        [*command, "publish", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_of_the_manifest_is_published_and_read_back(zoo: BuiltZoo) -> None:
    (zoo.root / "public").mkdir()
    with serving(zoo.root / "public") as server:
        state(zoo, to="public", url=server.url)
        first = run(zoo)
        zoo.models["dog"] = {"float32": "wuff"}
        zoo.build()
        dry = run(zoo, "--dry-run")
        second = run(zoo)
        third = run(zoo)

    assert (first.returncode, first.stderr) == (0, "")
    assert "public: generation 1 is 2 models, the first" in first.stdout
    assert "right: every hash, CORS, content types, Range, caching" in first.stdout
    assert "public: generation 2 would be 2 models, after generation 1" in dry.stdout
    assert "would upload 4 files" in dry.stdout
    assert "  dog    changed" in second.stdout
    assert "1 model as published" in second.stdout
    assert "uploaded 4 files" in second.stdout
    assert "nothing to publish, generation 2 is what is offered" in third.stdout
    assert "read back" in third.stdout


def test_a_bucket_is_published_with_the_cors_rule_and_rolled_back(zoo: BuiltZoo, s3: S3) -> None:
    bucket = s3.make_bucket()
    address = f"s3://{bucket}/zoo"
    url = f"{s3.url}/{bucket}/zoo"
    first = run(zoo, address, **s3.environ)
    zoo.models = {"dog": {"float32": "wuff"}}
    zoo.build()
    second = run(zoo, address, "--url", url, "--prune", **s3.environ)
    listed = run(zoo, address, "--generations", **s3.environ)
    back = run(zoo, "--url", url, address, "--rollback", **s3.environ)
    again = run(zoo, address, "--rollback", "2", **s3.environ)
    checked = run(zoo, "--check", url)

    assert (first.returncode, first.stderr) == (0, "")
    assert f"--bucket {bucket} --cors-configuration" in first.stdout
    assert json.loads(first.stdout[first.stdout.rindex("\n{") :])["CORSRules"]
    assert second.returncode == 0
    assert "cat    gone" in second.stdout.replace("cat  gone", "cat    gone")
    assert "removed 0 files of 0 generations" in second.stdout
    assert len(listed.stdout.splitlines()) == 2
    assert "generation 3 shows generation 1 again, in place of 2" in back.stdout
    assert "right: every hash" in back.stdout
    assert "generation 4 shows generation 2 again, in place of 3" in again.stdout
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_published_zoo_that_is_damaged_exits_with_1_and_is_mended(zoo: BuiltZoo) -> None:
    (zoo.root / "public").mkdir()
    run(zoo, "public")
    shard = next((zoo.root / "public").rglob("*.bin"))
    shard.write_bytes(b"x" * shard.stat().st_size)
    with serving(zoo.root / "public") as server:
        found = run(zoo, "public", "--url", server.url)
        mended = run(zoo, "public", "--again", "--url", server.url)

    assert found.returncode == 1
    assert "1 file not as it should be" in found.stdout
    assert "`doit publish --again` uploads every file anew" in found.stdout
    assert mended.returncode == 0, mended.stdout


def test_several_damaged_files_are_told_in_the_plural(zoo: BuiltZoo) -> None:
    (zoo.root / "public").mkdir()
    run(zoo, "public")
    for shard in (zoo.root / "public").rglob("*.bin"):
        shard.write_bytes(b"x" * shard.stat().st_size)
    with serving(zoo.root / "public") as server:
        found = run(zoo, "--check", server.url)

    assert "2 files not as they should be" in found.stdout


def test_a_check_without_a_target_asks_for_a_url_only(zoo: BuiltZoo) -> None:
    done = run(zoo, "--check")

    assert done.returncode == 3
    assert done.stderr == "ERROR: --check: expected a URL, here or as zoo: publish: url:\n"


def test_what_changes_is_told_first_and_may_stop_it(zoo: BuiltZoo) -> None:
    first = run(zoo, "public")
    del zoo.models["dog"]
    zoo.build()
    state(zoo)
    stopped = run(zoo, "public", "--fail-on", "breaking")
    done = run(zoo, "public")

    assert first.stdout.startswith("public: generation 1 is 2 models")
    assert stopped.returncode == 1
    assert "nothing was published: there is a breaking change (--fail-on)" in stopped.stderr
    assert done.stdout.splitlines()[1].startswith("1 gone: 1 breaking change")
    assert "public: generation 2 is 1 model, after generation 1" in done.stdout
    assert run(zoo, "public", "--fail-on", "x").returncode == 3


def test_a_zoo_that_is_not_public_is_told_so(zoo: BuiltZoo) -> None:
    with serve() as server:
        server.put("/models.json", b"{}", Fault(status=403))
        done = run(zoo, "--check", server.url)

    assert done.returncode == 1
    assert "models.json: 403 Forbidden: the server refuses" in done.stderr
    assert "the bucket is not public: let everyone read its objects" in done.stderr
    assert "--again" not in done.stdout


def test_a_check_takes_its_url_from_the_option_too(zoo: BuiltZoo) -> None:
    (zoo.root / "public").mkdir()
    run(zoo, "public")
    with serving(zoo.root / "public") as server:
        done = run(zoo, "--check", "--url", server.url)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_zoo_can_be_checked_without_a_manifest(zoo: BuiltZoo, tmp_path: Path) -> None:
    run(zoo, "public")
    elsewhere = BuiltZoo(tmp_path / "elsewhere")
    elsewhere.root.mkdir()
    with serving(zoo.root / "public") as server:
        done = run(elsewhere, "--check", server.url)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param((), 3, "found no target", id="no target"),
        pytest.param(("a", "b"), 3, "expected one target", id="two targets"),
        pytest.param(("a", "--keep-days", "-1"), 3, "0 or more", id="days"),
        pytest.param(("a", "--rollback", "--prune"), 3, "neither", id="rollback and prune"),
        pytest.param(("a", "--check"), 3, "expected a URL", id="nothing to check"),
        pytest.param(("a", "--rollback"), 1, "kept: none", id="nothing published"),
        pytest.param(("dist",), 1, "expected another folder", id="dist itself"),
        pytest.param(("--check", "http://127.0.0.1:9/"), 1, "connection to", id="no server"),
    ],
)
def test_what_cannot_be_done_is_told(
    zoo: BuiltZoo, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = run(zoo, *arguments)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_under_way_keeps_dist_from_being_published(zoo: BuiltZoo) -> None:
    program = "import sys; from pathlib import Path; from pipeline.disk.lock import hold_lock\n"
    program += "with hold_lock(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    lock = str(zoo.root / ".zoo/lock")
    with subprocess.Popen(
        [sys.executable, "-c", program, lock],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        done = run(zoo, "public")
        process.communicate()

    assert done.returncode == 3
    assert "another run" in done.stderr


def test_a_file_that_github_pages_refuses_is_a_warning(zoo: BuiltZoo) -> None:
    with (zoo.dist / "large.bin").open("wb") as file:
        file.truncate(101 * 1024**2)
    done = run(zoo, "public")

    assert done.returncode == 0
    assert "warning: GitHub Pages refuses files of more than 100 MiB:" in done.stdout
    assert "large.bin (101 MiB)" in done.stdout


@pytest.mark.parametrize(
    ("given", "arranged"),
    [
        ([], ["--"]),
        (["s3://b/z", "-n"], ["-n", "--", "s3://b/z"]),
        (["s3://b/z", "--url", "https://x"], ["--url", "https://x", "--", "s3://b/z"]),
        (["--rollback", "12", "to"], ["--rollback=12", "--", "to"]),
        (["--rollback", "to"], ["--rollback=previous", "--", "to"]),
        (["--check"], ["--check=manifest", "--"]),
        (["--check", "http://x"], ["--check=http://x", "--"]),
        (["--", "-odd"], ["--", "-odd"]),
    ],
)
def test_arguments_are_arranged_for_doit(given: list[str], arranged: list[str]) -> None:
    assert arrange_arguments(given) == arranged
