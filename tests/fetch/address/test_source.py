"""Sources as written in the manifest."""

import subprocess
import sys

import pytest

from pipeline.errors import SourceError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.address.source_type import Source


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
            "g.zip#a/h.task#d#1.tflite",
            Source(
                kind="path",
                uri="g.zip#a/h.task#d#1.tflite",
                location="g.zip",
                inside="a/h.task",
                archive=True,
                nested="d#1.tflite",
            ),
            id="an archive in an archive",
        ),
        pytest.param(
            "npm:a@1.2.3#h.task#d.zip#m",
            Source(
                kind="npm",
                uri="npm:a@1.2.3#h.task#d.zip#m",
                location="a",
                version="1.2.3",
                inside="h.task",
                archive=True,
                nested="d.zip#m",
            ),
            id="archives in a package",
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
            "https://${USER}:${KEY}@host/${PART}/m.h5?${SAS}&token=${T}&v=1",
            Source(
                kind="http",
                uri="https://host/${PART}/m.h5?v=1",
                location="https://${USER}:${KEY}@host/${PART}/m.h5?${SAS}&token=${T}&v=1",
            ),
            id="credentials of the environment",
        ),
        pytest.param(
            "hf:ann/net",
            Source(kind="hf", uri="hf:ann/net", location="ann/net", version="main", archive=True),
            id="hf",
        ),
        pytest.param(
            "hf:datasets/ann/net@v1.0#a/m.zip#b",
            Source(
                kind="hf",
                uri="hf:datasets/ann/net@v1.0#a/m.zip#b",
                location="datasets/ann/net",
                version="v1.0",
                inside="a/m.zip",
                archive=True,
                nested="b",
            ),
            id="hf archive",
        ),
        pytest.param(
            "hf://ann/net@refs/pr/3/a/m.h5",
            Source(
                kind="hf",
                uri="hf://ann/net@refs/pr/3/a/m.h5",
                location="ann/net",
                version="refs/pr/3",
                inside="a/m.h5",
                archive=True,
            ),
            id="hf in its clients' form",
        ),
        pytest.param(
            "kaggle:ann/net/tensorFlow2/full/2#a",
            Source(
                kind="kaggle",
                uri="kaggle:ann/net/tensorFlow2/full/2#a",
                location="ann/net/tensorFlow2/full",
                version="2",
                inside="a",
                archive=True,
            ),
            id="kaggle",
        ),
        pytest.param(
            "https://www.kaggle.com/models/ann/net/frameworks/keras/variations/x/versions/3",
            Source(
                kind="kaggle",
                uri="https://www.kaggle.com/models/ann/net/frameworks/keras/variations/x/versions/3",
                location="ann/net/keras/x",
                version="3",
                archive=True,
            ),
            id="kaggle's page",
        ),
        pytest.param(
            "https://www.kaggle.com/api/v1/models/ann/net/keras/x/3/download",
            Source(
                kind="kaggle",
                uri="https://www.kaggle.com/api/v1/models/ann/net/keras/x/3/download",
                location="ann/net/keras/x",
                version="3",
                archive=True,
            ),
            id="kaggle's download",
        ),
        pytest.param(
            "https://tfhub.dev/google/net/1",
            Source(
                kind="http",
                uri="https://tfhub.dev/google/net/1",
                location="https://tfhub.dev/google/net/1?tf-hub-format=compressed",
                archive=True,
            ),
            id="TF Hub",
        ),
        pytest.param(
            "https://tfhub.dev/google/tfjs-model/net/1/default/1",
            Source(
                kind="http",
                uri="https://tfhub.dev/google/tfjs-model/net/1/default/1",
                location="https://tfhub.dev/google/tfjs-model/net/1/default/1/model.json"
                "?tfjs-format=file",
            ),
            id="TF Hub for TensorFlow.js",
        ),
        pytest.param(
            "S3://bucket/a/m.tgz?versionId=x#b",
            Source(
                kind="filesystem",
                uri="s3://bucket/a/m.tgz?versionId=x#b",
                location="s3://bucket/a/m.tgz?versionId=x",
                version="x",
                inside="b",
                archive=True,
            ),
            id="s3",
        ),
        pytest.param(
            "abfs://container@account/m",
            Source(
                kind="filesystem",
                uri="abfs://container@account/m",
                location="abfs://container@account/m",
            ),
            id="container of Azure",
        ),
        pytest.param(
            "sftp://ann:${PASSWORD}@host/m.h5",
            Source(
                kind="filesystem",
                uri="sftp://host/m.h5",
                location="sftp://ann:${PASSWORD}@host/m.h5",
            ),
            id="sftp",
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
        pytest.param("htps://host/m", "did you mean https:", id="misspelt"),
        pytest.param("https:///m.h5", "is no URL; expected https://host", id="no host"),
        pytest.param("https://host:x/m.h5", "is no URL", id="no port"),
        pytest.param("file://host/m.h5", "is no file: URL", id="file of another machine"),
        pytest.param("hf:net", "'net' is no repository; expected hf:owner/repo@", id="hf owner"),
        pytest.param("hf:ann/net@", "no revision after '@'", id="hf revision"),
        pytest.param("hf:ann/net@..#x", "'..' is no revision", id="hf revision leaves"),
        pytest.param("hf:ann/net/m.h5", "did you mean 'hf:ann/net#m.h5'", id="hf slash"),
        pytest.param(
            "hf:ann/net/blob/v1/a/m.h5", "did you mean 'hf:ann/net@v1#a/m.h5'", id="hf page's path"
        ),
        pytest.param("hf:ann/net#m.h5#x", "'m.h5' is none", id="hf no archive"),
        pytest.param("kaggle:ann/net", "no model with framework and variation", id="kaggle short"),
        pytest.param("kaggle:ann/net/keras/x/new", "'new' is no version", id="kaggle version"),
        pytest.param("https://www.kaggle.com/datasets/a/b", "no model of Kaggle's", id="data set"),
        pytest.param("s3:bucket/m", "did you mean 's3://bucket/m'", id="s3 without slashes"),
        pytest.param("s3:///m", "'' is no bucket; expected s3://bucket/path", id="no bucket"),
        pytest.param("arn:aws:s3:::bucket/m", "did you mean 's3://bucket/m'", id="ARN"),
        pytest.param(
            "gs://bucket/m.h5#1712345678901234",
            r"did you mean 'gs://bucket/m.h5\?generation=1712345678901234'",
            id="generation in gsutil's form",
        ),
        pytest.param("s3://bucket/m.zip::x", "'::' joins file systems", id="chain"),
        pytest.param("zip://m::s3://bucket/m.zip", "zip: is no kind of source", id="wrapper"),
        pytest.param("huggingface:ann/net", "did you mean hf:", id="other name"),
        pytest.param("${HOME}/m.h5", r"\$\{HOME\} stands where no credential", id="path"),
        pytest.param("https://${H}/m.h5", r"\$\{H\} stands where no credential", id="host"),
        pytest.param("https://h/m.zip#${X}", r"\$\{X\} stands where no cred", id="path inside"),
        pytest.param("npm:${X}@1.0.0", r"\$\{X\} stands where no credential", id="package"),
        pytest.param("https://h/${A-B}", r"begins no variable; expected \$\{NAME\}", id="form"),
    ],
)
def test_faults_say_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        parse_source(text)


@pytest.mark.parametrize(
    ("page", "meant"),
    [
        ("https://huggingface.co/ann/net", "hf:ann/net"),
        ("https://huggingface.co/ann/net/tree/main", "hf:ann/net@main"),
        ("https://huggingface.co/ann/net/blob/main/a/m%20n.h5", "hf:ann/net@main#a/m n.h5"),
        ("https://huggingface.co/datasets/ann/net/tree/v1/a", "hf:datasets/ann/net@v1#a"),
        ("https://github.com/ann/net/blob/v1/a/m.h5", "https://github.com/ann/net/raw/v1/a/m.h5"),
        ("https://github.com/a/n/tree/v1/m", "https://github.com/a/n/archive/v1.zip#m"),
        ("https://us-east-1.console.aws.amazon.com/s3/buckets/zoo?prefix=a/", "s3://zoo/a/"),
        ("https://s3.console.aws.amazon.com/s3/object/zoo?prefix=a/m.h5", "s3://zoo/a/m.h5"),
        ("https://console.cloud.google.com/storage/browser/zoo/a;tab=x", "gs://zoo/a"),
        ("https://storage.cloud.google.com/zoo/a/m.h5", "gs://zoo/a/m.h5"),
        ("https://www.dropbox.com/s/x/m.h5?dl=0", "https://www.dropbox.com/s/x/m.h5?dl=1"),
    ],
)
def test_the_address_of_a_page_says_what_is_meant(page: str, meant: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_source(page)

    assert f"did you mean {meant!r}?" in str(caught.value)
    assert parse_source(meant)


@pytest.mark.parametrize(
    "link",
    [
        "https://huggingface.co/ann/net/resolve/main/m.h5?download=true",
        "https://github.com/ann/net/raw/main/m.h5",
        "https://bucket.s3.eu-west-1.amazonaws.com/m.h5",
        "https://storage.googleapis.com/bucket/m.h5",
        "https://www.kaggle.com/models/a/n/tfJs/default/1/model.json?tfjs-format=file",
    ],
)
def test_the_link_of_a_file_is_taken_as_it_is(link: str) -> None:
    assert parse_source(link) == Source(kind="http", uri=link, location=link)


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("npm:name@1.2.3", True),
        ("pypi:name==1.2.3", True),
        ("https://host/m.h5", False),
        ("https://tfhub.dev/google/net/1", True),
        ("https://tfhub.dev/google/net", False),
        ("hf:ann/net@main", False),
        (f"hf:ann/net@{'0a' * 20}", True),
        ("kaggle:ann/net/keras/x", False),
        ("kaggle:ann/net/keras/x/1", True),
        ("s3://bucket/m.h5", False),
        ("s3://bucket/m.h5?versionId=x", True),
        ("gs://bucket/m.h5?generation=1", True),
    ],
)
def test_what_can_change_is_refreshable(text: str, final: bool) -> None:
    source = parse_source(text)

    assert (source.final, source.refreshable) == (final, not final)


def test_a_path_is_looked_at_and_not_asked_for() -> None:
    source = parse_source("m.h5")

    assert (source.final, source.refreshable) == (False, False)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("https://host/net/1", "https://host/net/1?tf-hub-format=compressed"),
        ("https://host/net/1?a=b#x", "https://host/net/1?a=b&tf-hub-format=compressed"),
        ("https://host/net.tar.gz?sig=x", "https://host/net.tar.gz?sig=x"),
    ],
)
def test_a_stated_hub_module_is_asked_for_compressed(text: str, location: str) -> None:
    source = parse_source(text, hub=True)

    assert source.location == location
    assert source.archive
    assert "tf-hub-format" not in source.uri


@pytest.mark.parametrize(
    "text",
    [
        "htps://ann:geheim@host/m.h5",
        "s3://ann:geheim@bucket/m.h5",
        "https://host:x/m.h5?token=geheim",
        "https://ann:geheim@github.com/a/b/blob/main/m.h5",
    ],
)
def test_a_fault_shows_no_password(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_source(text)

    assert "geheim" not in caught.value.describe()


def test_reading_and_stating_sources_loads_no_http_library() -> None:
    code = (
        "import sys, pipeline.fetch.address.source, pipeline.fetch.fetch\n"
        "heavy = ('requests', 'numpy', 'pypi_simple', 'fsspec', 'huggingface_hub')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
