"""The zoo as a whole: its section of the manifest, and its models. It opens no file."""

import posixpath
import re
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, model_validator

from pipeline.fetch.address.filesystem_address import is_filesystem
from pipeline.manifest.fault import format_value
from pipeline.manifest.fields import OUTPUT_PATTERN, Section, Text, Url, fault
from pipeline.manifest.model import Model
from pipeline.text.suggest import did_you_mean, find_similar

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")  # a letter alone is a drive of Windows
_WRITTEN = ("s3", "gs", "abfs", "sftp", "file")


def _check_output(text: str) -> str:
    path = posixpath.normpath(text)
    first = path.split("/")[0]
    if path in {".", ".."} or path.endswith("/.."):
        raise fault(f"{text!r} holds models.yaml itself; expected a folder of its own, like dist")
    if first == ".zoo":
        raise fault(f"{text!r} is where builds are kept; expected another folder, like dist")
    return path


def _check_place(text: str) -> str:
    """Check the scheme of a store: a folder has none; what may be written is known later."""
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme) or scheme == "file":
        return text
    if not is_filesystem(scheme.lower()):
        similar = did_you_mean(find_similar(f"{scheme}:", [f"{known}:" for known in _WRITTEN]))
        raise fault(
            f"found {text!r}{similar or '; expected a folder, or a URL such as s3://b/zoo'}"
        )
    if not rest.startswith("//"):
        meant = f"{scheme}://{rest.lstrip('/')}"
        raise fault(f"found {text!r}{did_you_mean([meant])}")
    return text


Place = Annotated[Text, AfterValidator(_check_place)]
"""A folder relative to models.yaml, or the URL of a store."""

Output = Annotated[str, StringConstraints(pattern=OUTPUT_PATTERN), AfterValidator(_check_output)]


class PublishSection(Section):
    """Where `tfjs-zoo publish` brings the zoo, and where it is read from then."""

    to: Place
    """A folder relative to models.yaml, or the URL of a store: `s3://bucket/zoo`, `gs://…`."""

    url: Url | None = None
    """Where the published zoo is read over HTTP: after a publish all of it is read back from
    there. Leave it out where a publish is not seen at once, as with a folder to be pushed."""

    endpoint: Url | None = None
    """Address of an S3 server that is not Amazon's, such as Cloudflare R2 or MinIO."""


class StoreSection(Section):
    """A store of results that several machines share: its folder or URL, or a mapping."""

    at: Place
    """A folder relative to models.yaml, or the URL of a store: `s3://bucket/zoo`, `gs://…`.
    `--store` and the environment variable TFJS_ZOO_STORE replace it."""

    endpoint: Url | None = None
    """Address of an S3 server that is not Amazon's, such as Cloudflare R2 or MinIO."""

    read_only: bool = False
    """Whether results are fetched and never put there."""

    sources: bool = False
    """Whether fetched sources are kept there too, for sources on slow hosts. Only sources that can
    never change are: exact versions, revisions and those with a `sha256`."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        if not isinstance(value, str):
            raise fault(f"found {format_value(value)}; expected a folder or a URL, or a mapping")
        return {"at": value}


class ZooSection(Section):
    """The section `zoo`."""

    name: Text = "TensorFlow.js model zoo"
    """Name for people, in the catalog and on the site."""

    description: Text | None = None
    """What the zoo holds, in a few sentences."""

    homepage: Url | None = None
    """Where the zoo is described, or served."""

    site: bool = True
    """Whether dist/ gets pages for people, the loader and TensorFlow.js itself."""

    output: Output = "dist"
    """Folder of the published zoo, relative to models.yaml. It belongs to the build: what is no
    longer listed is removed from it."""

    store: StoreSection | None = None
    """A store of results that several machines share: what one of them has made, the others
    fetch."""

    cluster: Text | None = None
    """A Dask cluster whose workers run the steps, `tcp://scheduler:8786`, or `local` to start
    workers on this machine. Results travel through `store`. `--cluster` replaces it."""

    publish: PublishSection | None = None
    """Where the zoo is published to; `tfjs-zoo publish` takes it from here."""


class Zoo(ZooSection):
    """A manifest, checked: the zoo and its models with `defaults` applied."""

    models: tuple[Model, ...]
    """Models in the order of the manifest."""
