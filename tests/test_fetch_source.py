"""Sources as written in the manifest."""

import subprocess
import sys

import pytest

from pipeline.errors import SourceError
from pipeline.fetch.source import Source, parse_source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        pytest.param(
            "models/m.h5", Source(kind="path", uri="models/m.h5", location="models/m.h5"), id="path"
        ),
        pytest.param(
            "m.tar.gz#a/./b/",
            Source(
                kind="path", uri="m.tar.gz#a/./b/", location="m.tar.gz", inside="a/b", archive=True
            ),
            id="archive with a path",
        ),
        pytest.param(
            "/srv/data/m.h5",
            Source(kind="path", uri="file:m.h5", location="/srv/data/m.h5"),
            id="absolute path is not published",
        ),
        pytest.param(
            "file:///srv/my%20data/m.zip#a%23b",
            Source(
                kind="path",
                uri="file:m.zip#a%23b",
                location="/srv/my data/m.zip",
                inside="a#b",
                archive=True,
            ),
            id="file URL",
        ),
        pytest.param(
            "https://ann:pw@host/m.tgz?token=x&v=2#a",
            Source(
                kind="http",
                uri="https://host/m.tgz?v=2#a",
                location="https://ann:pw@host/m.tgz?token=x&v=2",
                inside="a",
                archive=True,
            ),
            id="credentials are not published",
        ),
        pytest.param(
            "https://host/download#.",
            Source(
                kind="http",
                uri="https://host/download#.",
                location="https://host/download",
                archive=True,
            ),
            id="archive without suffix",
        ),
        pytest.param(
            "npm:@scope/name@1.2.3-rc.1#models/m.json",
            Source(
                kind="npm",
                uri="npm:@scope/name@1.2.3-rc.1#models/m.json",
                location="@scope/name",
                version="1.2.3-rc.1",
                inside="models/m.json",
                archive=True,
            ),
            id="npm",
        ),
        pytest.param(
            "pypi:some.name==1.0rc1",
            Source(
                kind="pypi",
                uri="pypi:some.name==1.0rc1",
                location="some.name",
                version="1.0rc1",
                archive=True,
            ),
            id="pypi",
        ),
    ],
)
def test_forms(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is no source; expected a path", id="nothing"),
        pytest.param("m.h5#x", "goes with an archive, and 'm.h5' is none", id="no archive"),
        pytest.param("m.zip#../x", "must stay inside", id="leaves the archive"),
        pytest.param("m.zip#/x", "without '/' before it", id="absolute inside"),
        pytest.param(
            "npm:name", r"an exact version; expected npm:\[@scope/\]name@1", id="npm bare"
        ),
        pytest.param("npm:@scope/name", "a package needs an exact version", id="npm scope bare"),
        pytest.param("npm:name@^1.0.0", r"'\^1.0.0' is no exact version", id="npm range"),
        pytest.param("npm:name@latest", "'latest' is no exact version", id="npm tag"),
        pytest.param("npm:../x@1.0.0", "'../x' is no package name", id="npm name leaves"),
        pytest.param("pypi:name", "exact version; expected pypi:name==1", id="pypi bare"),
        pytest.param("pypi:name>=1", "'>=1' is no exact version", id="pypi range"),
        pytest.param("pypi:name==1.*", "'==1.\\*' is no exact version", id="pypi wildcard"),
        pytest.param("pypi:name@1.0", "'@1.0' is no exact version", id="pypi in npm's form"),
        pytest.param("s3:bucket/m", "not supported yet; expected a path .* pypi:", id="later"),
        pytest.param("htps://host/m", "did you mean https:", id="misspelt"),
        pytest.param("https:///m.h5", "is no URL; expected https://host", id="no host"),
        pytest.param("https://host:x/m.h5", "is no URL", id="no port"),
        pytest.param("file://host/m.h5", "is no file: URL", id="file of another machine"),
    ],
)
def test_faults_say_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        parse_source(text)


def test_a_fault_shows_no_password() -> None:
    with pytest.raises(SourceError) as caught:
        parse_source("htps://ann:geheim@host/m.h5")

    assert "geheim" not in str(caught.value)


def test_reading_and_stating_sources_loads_no_http_library() -> None:
    code = (
        "import sys, pipeline.fetch.source, pipeline.fetch.fetch\n"
        "print([name for name in ('requests', 'numpy', 'pypi_simple') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
