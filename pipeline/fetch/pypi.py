"""Packages of the Python index, or of those that this machine's pip is told to use.

Files are downloaded and opened, never installed: the build code of an sdist does not run. Every
platform takes the same file of a release: the first that has the wanted path, among the wheel for
all platforms, wheels for one platform, and the sdist.
"""

import contextlib
import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pypi_simple import ACCEPT_ANY, DistributionPackage, Link, ProjectPage

from pipeline.disk.json_value import JsonValue, parse_foreign_json
from pipeline.errors import FetchError, MissingPathError, NotFoundError, ServerError
from pipeline.fetch.address.source_type import is_archive_name
from pipeline.fetch.archive.inner_paths import is_inner_path
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.http_session import HttpSettings, load_answer
from pipeline.fetch.http.receive import Location
from pipeline.fetch.package import Top, deliver_package
from pipeline.fetch.pip_config import PipConfig, load_pip_config
from pipeline.fetch.request import Delivery, Request

# The wheels of a release mostly hold the same data; trying all of them would take hours.
_MAX_PLATFORM_WHEELS = 3
_NUM_VERSIONS = 5
_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = {"application/vnd.pypi.simple.v1+html", "text/html"}
# Beautiful Soup takes ten seconds for each MiB of links.
_MAX_HTML_BYTES = 4 * 1024**2


@dataclass(frozen=True, kw_only=True)
class ReleaseFile:
    """A file of a release.

    Attributes:
        filename: Its name, with version and platform.
        url: Its URL, without credentials.
        digests: Hexadecimal digests by hashlib's name of the algorithm.
        yanked: The author's reason to yank it, "" without a reason; None if it is not yanked.
    """

    filename: str
    url: str
    digests: Mapping[str, str]
    yanked: str | None = None


def fetch_pypi(request: Request) -> Delivery:
    """Bring the model inside a package.

    The digest of each file is checked against the index. A release never changes, so kept files
    are used without asking.
    """
    missing: list[MissingPathError] = []
    for file in choose_files(_load_release(request)):
        key = f"{_make_key(request)}/{file.filename}"
        top: Top = "kept" if file.filename.endswith(".whl") else "shared"
        try:
            found = request.download(key, functools.partial(_locate, request, file))
            delivery = deliver_package(request, found, name=file.filename, top=top)
        except MissingPathError as error:
            missing.append(error)
            continue
        except ServerError:
            request.store.forget_list(_make_key(request))  # its digest or URL may be wrong
            raise
        if file.yanked is not None:
            reason = f": {file.yanked}" if file.yanked else ""
            request.notes.append(f"{file.filename} was yanked by its author{reason}")
        return delivery
    raise missing[0]


def choose_files(files: Iterable[ReleaseFile]) -> list[ReleaseFile]:
    """Return the files to try, in order, the same on every platform."""
    known = sorted(files, key=lambda file: file.filename)
    wheels = [file for file in known if file.filename.endswith(".whl")]
    pure = [file for file in wheels if file.filename.endswith("-any.whl")]
    bound = [file for file in wheels if file not in pure]
    sdists = [file for file in known if file not in wheels]
    return pure + bound[:_MAX_PLATFORM_WHEELS] + sdists


def _load_release(request: Request) -> list[ReleaseFile]:
    return request.recall(
        _make_key(request),
        lambda: _ask(request),
        _parse_release,
        encode=lambda files: [asdict(file) for file in files],
        may_change=False,
    )


def _parse_release(value: JsonValue) -> list[ReleaseFile]:
    files = [
        ReleaseFile(
            filename=file.get("filename").text(),
            url=file.get("url").text(),
            digests={name: digest.text() for name, digest in file.get("digests").fields()},
            yanked=None if file.get("yanked").is_absent else file.get("yanked").text(),
        )
        for file in value.items()
    ]
    if not files:
        value.refuse("files of a release")
    return files


def _locate(request: Request, file: ReleaseFile) -> Location:
    config = load_pip_config(os.environ)
    return Location(
        url=file.url, shown=request.shown, settings=config.http, digests=dict(file.digests)
    )


def _make_key(request: Request) -> str:
    return f"pypi:{canonicalize_name(request.source.location)}=={request.source.version}"


def _ask(request: Request) -> list[ReleaseFile]:
    """Ask all configured indexes and pages of links for the files of a version.

    Raises:
        FetchError: None has the version; if one of them did not answer, its error.
    """
    config = load_pip_config(os.environ)
    wanted = Version(request.source.version or "")
    files: dict[str, ReleaseFile] = {}
    found, faults = _list_all(request, config)
    for package, version, address in found:
        if version == wanted:
            files.setdefault(package.filename, _parse_package(package, address))
    if files:
        return list(files.values())
    if faults:
        raise faults[0]
    raise _missing_release(request, config, {version for _, version, _ in found})


def find_newest_release(request: Request) -> str:
    """Return the newest version of a project; one before a release only where there is no other.

    Raises:
        FetchError: No index has the project, or none answers.
    """
    config = load_pip_config(os.environ)
    found, faults = _list_all(request, config)
    versions = {version for package, version, _ in found if not package.is_yanked}
    if versions:
        return str(max(versions, key=lambda version: (not version.is_prerelease, version)))
    raise faults[0] if faults else _missing_release(request, config, set())


def _list_all(
    request: Request, config: PipConfig
) -> tuple[list[tuple[DistributionPackage, Version, str]], list[FetchError]]:
    """Return the archives of a project with version and index, and the errors of indexes."""
    project = canonicalize_name(request.source.location)
    found: list[tuple[DistributionPackage, Version, str]] = []
    faults: list[FetchError] = []
    addresses = [(address, False) for address in config.find_links]
    addresses += [(address, True) for address in config.indexes]
    for address, is_index in addresses:
        try:
            packages = _list_packages(address, project, request, config.http, is_index=is_index)
        except NotFoundError:
            continue
        except FetchError as error:
            faults.append(error)
            continue
        archives = _keep_archives(packages, project)
        found += [(package, version, address) for package, version in archives]
    return found, faults


def _list_packages(
    address: str, project: str, request: Request, settings: HttpSettings, *, is_index: bool
) -> list[DistributionPackage]:
    """Return the packages that an index or a page of links lists.

    Raises:
        NotFoundError: An index does not have the project, or does not exist.
        FetchError: The index or page cannot be read.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        raise FetchError(f"{address!r}, as pip is configured: no URL of an index") from None
    if parts.scheme in {"http", "https"}:
        url = urljoin(address.rstrip("/") + "/", f"{project}/") if is_index else address
        return _load_page(url, project, settings, request.deadline)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(address)
    if is_index:
        path = path / project
    try:
        return _list_local(path, path / "index.html" if is_index else path, project)
    except OSError as error:
        raise ServerError(f"{address}: cannot be read: {error.strerror}") from None


def _list_local(path: Path, page: Path, project: str) -> list[DistributionPackage]:
    if page.is_file():
        address = page.absolute().as_uri()
        with page.open("rb") as file:
            return _parse_html(file.read(_MAX_HTML_BYTES + 1), project, address, None, page.name)
    if not path.is_dir():
        raise NotFoundError(f"{path}: no such folder")
    links = (
        Link(text=file.name, url=file.absolute().as_uri(), attrs={}) for file in path.iterdir()
    )
    return [DistributionPackage.from_link(link, project) for link in links]


def _load_page(
    url: str, project: str, settings: HttpSettings, deadline: Deadline
) -> list[DistributionPackage]:
    answer = load_answer(url, settings=settings, headers={"Accept": ACCEPT_ANY}, deadline=deadline)
    shown = strip_credentials(url)
    kind, _, rest = answer.headers.get("Content-Type", "text/html").partition(";")
    kind = kind.strip().lower()
    if kind == _JSON:
        content = parse_foreign_json(answer.content, shown, error=ServerError).value
        with _reading_page(shown):
            return ProjectPage.from_json_data(content, answer.url).packages
    if kind not in _HTML:
        raise _no_page(shown)
    charset = re.search(r"charset=[\"']?([\w.-]+)", rest)
    return _parse_html(answer.content, project, answer.url, charset and charset[1], shown)


def _parse_html(
    content: bytes, project: str, url: str, charset: str | None, shown: str
) -> list[DistributionPackage]:
    if len(content) > _MAX_HTML_BYTES:
        raise ServerError(f"{shown}: a page of more than {_MAX_HTML_BYTES // 1024**2} MiB; refused")
    with _reading_page(shown):
        return ProjectPage.from_html(project, content, url, charset).packages


@contextlib.contextmanager
def _reading_page(shown: str) -> Iterator[None]:
    try:
        yield
    except Exception:  # noqa: BLE001  # three parsers, one without an error class of its own
        raise _no_page(shown) from None


def _no_page(shown: str) -> ServerError:
    return ServerError(f"{shown}: answers with no page of an index")


def _keep_archives(
    packages: Iterable[DistributionPackage], project: str
) -> Iterator[tuple[DistributionPackage, Version]]:
    """Yield the wheels and sdists of a project with their versions."""
    for package in packages:
        if package.package_type not in {"wheel", "sdist"} or not is_archive_name(package.filename):
            continue
        if canonicalize_name(package.project or "") != project:
            continue
        try:
            version = Version(package.version or "")
        except InvalidVersion:
            continue
        if is_inner_path(package.filename) and "/" not in package.filename:
            yield package, version


def _parse_package(package: DistributionPackage, address: str) -> ReleaseFile:
    """Return a package of an index or page as a file of the release.

    Raises:
        ServerError: An index on the web names a file of this machine, or an index behind https:
            names a file without it.
    """
    try:
        parts = urlsplit(package.url)
    except ValueError:
        parts = urlsplit("")
    scheme = urlsplit(address).scheme
    schemes = {scheme, "https"} if scheme in {"http", "https"} else {"file", "http", "https"}
    if parts.scheme not in schemes:
        raise ServerError(
            f"{strip_credentials(address)}: {package.filename} is at a {parts.scheme}: address; "
            f"expected {' or '.join(f'{name}:' for name in sorted(schemes))}"
        )
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    return ReleaseFile(
        filename=package.filename,
        url=url,
        digests=package.digests,
        yanked=(package.yanked_reason or "") if package.is_yanked else None,
    )


def _missing_release(request: Request, config: PipConfig, versions: set[Version]) -> ServerError:
    if not versions:
        asked = ", ".join(map(strip_credentials, config.indexes + config.find_links))
        return ServerError(
            f"{request.shown}: no such package in {asked}",
            hint="check its name; other indexes are set by 'pip config set global.index-url URL'",
        )
    newest = ", ".join(map(str, sorted(versions, reverse=True)[:_NUM_VERSIONS]))
    return ServerError(
        f"{request.shown}: no wheel or sdist of this version; the newest there are {newest}"
    )
