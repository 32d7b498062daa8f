"""Models of Kaggle, where those of TensorFlow Hub are now.

A version is one archive, which its public API gives; it never changes. Without a version the
newest is asked for, again on `doit refresh`. Kaggle's own client, kagglehub, reads the user's
credentials; public models do without it.

kagglehub does not bring the files: `model_download` takes 1 s to import, unpacks with `extractall`
(no limit for a zip that unpacks to terabytes), writes a zip's symbolic links as files, keeps the
unpacked model in a cache of its own, and knows neither our deadline nor our disk's limit.
"""

import importlib
import os
from urllib.parse import quote, urlsplit

from pipeline.disk.json_value import JsonValue, parse_foreign_json
from pipeline.errors import NotFoundError, ServerError, SetupError
from pipeline.fetch.http.http_session import HttpSettings, basic_auth, load_answer
from pipeline.fetch.http.receive import Location
from pipeline.fetch.package import deliver_package
from pipeline.fetch.request import Delivery, Request

_ENDPOINT = "https://www.kaggle.com"
_EXTRA = 'pip install "tfjs-zoo[kaggle]"'
_HINT = (
    "if it is private or asks for consent: accept its terms on its page, set KAGGLE_API_TOKEN (or "
    f"KAGGLE_USERNAME and KAGGLE_KEY), and {_EXTRA}"
)
# Each of these variables says that the user has credentials; only kagglehub reads them.
_VARIABLES = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR")


def fetch_kaggle(request: Request) -> Delivery:
    """Bring the model inside a version's archive.

    Raises:
        NotFoundError: Kaggle has no such model or version, or it is private.
        SetupError: The user has credentials, but not kagglehub, which reads them.
    """
    handle, version = request.source.location, request.source.version
    if version is None:
        version = request.recall(f"kaggle:{handle}", lambda: _find_newest(request), JsonValue.text)
    try:
        file = request.download(
            f"kaggle:{handle}/{version}", lambda: _locate(request, str(version))
        )
    except NotFoundError:
        raise _missing(request) from None
    return deliver_package(request, file, name=request.shown, top="either")


def _find_newest(request: Request) -> str:
    """Return the newest version of a model: "3"."""
    url, settings = f"{_name_endpoint(request)}/get", _load_settings(request)
    headers = {"Accept": "application/json"}
    try:
        answer = load_answer(url, settings=settings, headers=headers, deadline=request.deadline)
    except NotFoundError:
        raise _missing(request) from None
    found = parse_foreign_json(
        answer.content, f"{request.shown}: Kaggle's answer", error=ServerError
    )
    return str(found.get("versionNumber").whole(least=1))


def _locate(request: Request, version: str) -> Location:
    return Location(
        url=f"{_name_endpoint(request)}/{version}/download",
        shown=request.shown,
        settings=_load_settings(request),
    )


def _name_endpoint(request: Request) -> str:
    endpoint = os.environ.get("KAGGLE_API_ENDPOINT") or _ENDPOINT
    return f"{endpoint.rstrip('/')}/api/v1/models/{quote(request.source.location)}"


def _load_settings(request: Request) -> HttpSettings:
    header = _find_header(request.shown)
    scope = f"//{urlsplit(_name_endpoint(request)).netloc}/"
    return HttpSettings(credentials=((scope, header),) if header else (), hint=_HINT)


def _find_header(shown: str) -> str | None:
    """Return the Authorization header of the user: "Bearer …"; None without credentials."""
    try:
        config = importlib.import_module("kagglehub.config")
    except ImportError:
        if not any(os.environ.get(name) for name in _VARIABLES):
            return None
        raise SetupError(
            f"{shown}: Kaggle's credentials are read by kagglehub, which is not installed",
            hint=_EXTRA,
        ) from None
    try:
        found = config.get_kaggle_credentials()
    except (ValueError, OSError):
        raise SetupError(f"{shown}: Kaggle's file of credentials cannot be read") from None
    if found is None:
        return None
    token = getattr(found, "api_key", None)  # kagglehub has it from 1.0 on
    return f"Bearer {token}" if token else basic_auth(found.username, found.key)


def _missing(request: Request) -> NotFoundError:
    return NotFoundError(
        f"{request.shown}: Kaggle has no such model, variation or version", hint=_HINT
    )
