"""docs/cluster.md and docs/worker.Dockerfile: their commands, options and manifests exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence

import pytest
import yaml
from paths import ROOT

pytest.importorskip("distributed")

from distributed.cli import dask_scheduler, dask_worker

from pipeline.commands.run import Run
from pipeline.manifest.load import parse_manifest

PAGE = (ROOT / "docs/cluster.md").read_text()
DOCKERFILE = (ROOT / "docs/worker.Dockerfile").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

_COMMANDS = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
_END = {"&", "|", ";", "#", "&&"}


def _blocks(language: str) -> list[str]:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [text for found, text in blocks if found == language]


def _command_lines() -> Iterator[list[str]]:
    """Yield the words of each command of Dask and of ours in the page and the Dockerfile."""
    shells = "".join(_blocks("") + _blocks("bash")).replace("\\\n", " ")
    for line in shells.splitlines():
        words = shlex.split(line, comments=True)
        for index, word in enumerate(words):
            if word.rpartition("/")[2] in {"dask", "tfjs-zoo"} and words[:1] != ["docker"]:
                rest = words[index:]
                end = next((i for i, other in enumerate(rest) if other in _END), len(rest))
                yield [word.rpartition("/")[2], *rest[1:end]]
    yield from (
        yaml.safe_load(text) for text in re.findall(r"^CMD (\[.*\])", DOCKERFILE, re.MULTILINE)
    )
    for document in _blocks("yaml"):
        cluster = yaml.safe_load(document)
        if cluster.get("kind") == "DaskCluster":
            for role in ("worker", "scheduler"):
                (container,) = cluster["spec"][role]["spec"]["containers"]
                yield container["args"]


def _check_dask(words: Sequence[str]) -> None:
    command = _COMMANDS[words[1]]
    # Placeholders of the shell stand for numbers.
    values = [re.sub(r"^\$\w+$", "4", word) for word in words[2:]]
    command.make_context(words[1], values)


def test_each_command_has_the_options_that_the_page_gives_it() -> None:
    lines = list(_command_lines())
    known = {f"--{option['long']}" for option in Run.cmd_options if option.get("long")}
    for words in lines:
        if words[0] == "dask" and words[1:2] != ["ssh"]:
            _check_dask(words)
        elif words[0] == "tfjs-zoo":
            assert {word for word in words if word.startswith("--")} <= known, words

    assert len([words for words in lines if words[0] == "dask"]) >= 8
    assert len([words for words in lines if words[0] == "tfjs-zoo"]) >= 3


def test_the_manifest_of_the_page_is_sound() -> None:
    (section, *_) = _blocks("yaml")
    models = "models:\n  - {name: m, source: a/model.json}\n"
    zoo = parse_manifest(section + models)

    assert zoo.cluster == "tcp://scheduler:8786"
    assert zoo.store is not None


def test_the_image_installs_what_the_project_has() -> None:
    (python,) = re.findall(r"^FROM python:([\d.]+)-slim", DOCKERFILE, re.MULTILINE)
    (extras,) = re.findall(r'"/opt/tfjs-zoo\[([a-z,]+)\]"', DOCKERFILE)
    (module,) = re.findall(r"^RUN python -m (pipeline\.\S+)", DOCKERFILE, re.MULTILINE)
    (named,) = re.findall(r"docker build -t tfjs-zoo -f (\S+) \.", DOCKERFILE)

    classifiers = PYPROJECT["project"]["classifiers"]
    assert f"Programming Language :: Python :: {python}" in classifiers
    assert set(extras.split(",")) <= set(PYPROJECT["project"]["optional-dependencies"])
    assert "dask" in extras
    assert "/opt/tfjs-zoo/constraints.txt" in DOCKERFILE
    assert '__name__ == "__main__"' in (ROOT / f"{module.replace('.', '/')}.py").read_text()
    assert named == "docs/worker.Dockerfile"
    assert f"-f {named} ." in PAGE


def test_the_image_gets_the_program_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    taken = [line.removeprefix("!/") for line in ignored if line.startswith("!")]

    assert "*" in ignored
    assert all((ROOT / name).exists() for name in taken)
    assert {"pipeline", "dodo.py", "pyproject.toml", "constraints.txt"} <= set(taken)
    assert {PYPROJECT["project"]["readme"], *PYPROJECT["project"]["license-files"][:1]} <= set(
        taken
    )


def test_the_image_runs_as_a_user_without_rights() -> None:
    instructions = [line.split() for line in DOCKERFILE.splitlines() if line and line[0].isupper()]
    last_user = [words[1] for words in instructions if words[0] == "USER"][-1]

    assert int(last_user) > 0
    assert f"--uid {last_user}" in DOCKERFILE
    assert {words[0] for words in instructions} <= {"FROM", "RUN", "WORKDIR", "COPY", "USER", "CMD"}
