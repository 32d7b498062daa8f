"""Times on devices: reports of self-tests that a publisher keeps beside the manifest.

A file has one object or a list of them, as a page's self-test saves it: `device`, `tfjs`, and
`reports`, as `selftest()` of the loader returns them.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from pipeline.errors import ManifestError
from pipeline.records.model_card import DeviceTime

_HINT = "a model's page saves such files: run its self-test on the device"


class _Foreign(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", populate_by_name=True)


class _Result(_Foreign):
    backend: str
    status: str
    load_ms: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    first_ms: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    run_ms: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class _Report(_Foreign):
    model: str
    variant: str
    results: list[_Result]


class _Device(_Foreign):
    device: str = Field(min_length=1, max_length=300)
    tfjs: str | None = None
    reports: list[_Report]


_FILE = TypeAdapter(_Device | list[_Device])


def read_device_times(paths: tuple[str, ...], root: Path, model: str) -> list[DeviceTime]:
    """Return the times of a model in files, of the backends that passed; other models are skipped.

    Args:
        paths: The files, relative to the manifest.
        root: Folder of the manifest.
        model: Name of the model.

    Raises:
        ManifestError: A file is not there, or is no such file.
    """
    return [time for path in paths for device in _read(path, root) for time in _list(device, model)]


def _read(path: str, root: Path) -> list[_Device]:
    try:
        found = _FILE.validate_json((root / path).read_bytes())
    except OSError as error:
        raise ManifestError(
            f"timings: {path}: {error.strerror}",
            hint="paths of timings are relative to models.yaml",
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ManifestError(f"timings: {path}: {where}: {first['msg']}", hint=_HINT) from None
    return found if isinstance(found, list) else [found]


def _list(device: _Device, model: str) -> list[DeviceTime]:
    return [
        DeviceTime(
            device=device.device,
            tfjs=device.tfjs,
            variant=report.variant,
            backend=result.backend,
            load_ms=result.load_ms,
            first_ms=result.first_ms,
            run_ms=result.run_ms,
        )
        for report in device.reports
        if report.model == model
        for result in report.results
        if result.status == "pass" and result.load_ms is not None and result.first_ms is not None
    ]
