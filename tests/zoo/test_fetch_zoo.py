"""A zoo whose models come from everywhere, fetched by the real doit; credentials stay out of it."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from buckets import serve_s3
from graph_models import dense_weights, write_graph_model
from hubs import HuggingFace, Kaggle
from loopback import Server, serve
from zoos import Zoo, files_below

SECRET = "geheim" * 4
HANDLE = "ann/net/tfJs/full"
LABELS = b"cat\ndog\n"


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, str]]:
    """Serve Hugging Face, Kaggle and the web by one server, and S3; keys are in the environment."""
    with serve() as server, serve_s3() as s3:
        for name, value in {
            "NO_PROXY": "127.0.0.1,localhost",
            "HF_ENDPOINT": server.url,
            "HF_TOKEN": SECRET,
            "KAGGLE_API_ENDPOINT": server.url,
            "KAGGLE_API_TOKEN": SECRET,
            "AWS_ENDPOINT_URL": s3,
            "AWS_ACCESS_KEY_ID": "ann",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "ZOO_KEY": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        yield server, s3


def publish(folder: Path, server: Server, s3: str) -> None:
    """Put a model where each kind of source finds it."""
    files = files_below(folder)
    labelled = {**files, "words/labels.txt": LABELS}
    HuggingFace(server, "ann/net", token=SECRET).commit(labelled)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(folder, ".")
    version = len(server.asked) + 1
    Kaggle(server, HANDLE, authorization=f"Bearer {SECRET}").publish(version, content.getvalue())
    for name, body in labelled.items():
        server.put(f"/{SECRET}/{name}", body, etag=f'"{hash(body)}"')
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=ann/x/us-east-1/s3/aws4_request"}
        requests.put(f"{s3}/zoo/m/{name}", data=body, headers=signed, timeout=10).raise_for_status()


def test_a_zoo_from_everywhere(tmp_path: Path, servers: tuple[Server, str]) -> None:
    server, s3 = servers
    requests.put(f"{s3}/zoo", timeout=10).raise_for_status()
    folder = tmp_path / "model"
    write_graph_model(folder, weights=dense_weights(8, 512))
    publish(folder, server, s3)
    zoo = Zoo(tmp_path / "zoo")
    zoo.cache = tmp_path / "cache"
    sources = {
        "hf": "hf:ann/net",
        "kaggle": f"kaggle:{HANDLE}",
        "s3": "s3://zoo/m",
        "web": f"{server.url}/${{ZOO_KEY}}/model.json",
        "unset": f"{server.url}/${{ZOO_UNSET}}/model.json",
        "gone": f"{server.url}/${{ZOO_KEY}}/gone.h5",
    }
    zoo.manifest["models"] = [
        {"name": name, "source": text}
        | ({"labels": "#words/labels.txt"} if name in {"hf", "web"} else {})
        for name, text in sources.items()
    ]
    first = zoo.build("fetch:*", "texts:*")
    again = zoo.build("fetch:*", "texts:*")
    write_graph_model(folder, weights=dense_weights(8, 512, seed=9))
    publish(folder, server, s3)
    refreshed = zoo.refresh()

    good = ["hf", "kaggle", "s3", "web"]
    assert set(first.failures) == {"fetch:unset", "fetch:gone"}
    assert "the environment variable ZOO_UNSET is not set" in first.failures["fetch:unset"]
    assert "${ZOO_KEY}/gone.h5: 404" in first.failures["fetch:gone"]
    assert set(again.ran) == {"fetch:unset", "fetch:gone"}, "they may succeed now"
    assert {f"fetch:{name}" for name in good} <= set(refreshed.ran)
    for name in ("hf", "web"):
        assert f"texts:{name}" in first.ran
        assert f"texts:{name}" in refreshed.ran
        assert (zoo.folder / f".zoo/build/{name}/texts/0/labels.txt").read_bytes() == LABELS
    for name in good:
        assert files_below(zoo.folder / f".zoo/build/{name}/fetch/files") == files_below(folder)
    written = {**files_below(zoo.folder), **files_below(zoo.cache)}
    told = "".join(run.stdout + run.stderr for run in (first, again, refreshed))
    assert not [path for path, content in written.items() if SECRET.encode() in content]
    assert SECRET not in told
