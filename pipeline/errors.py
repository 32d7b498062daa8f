"""Errors: what can go wrong for the person who wrote the manifest.

    PipelineError
    ├── ManifestError           models.yaml is wrong; nothing starts
    ├── SourceError             a `source:` is not written as any kind of source is
    ├── FetchError              a source is not there, or is not what it should be
    │   ├── NetworkError        the network or a server failed; worth trying again
    │   ├── DiskError           this disk cannot hold what was fetched; worth trying again
    │   └── UntrustedSourceError  refused for what the files would do to this machine
    │       └── NoWallError       nothing here can confine them; worth trying again
    ├── FormatError             files that are no model, or not the one they claim to be
    ├── ConversionError         the converter cannot make a TensorFlow.js model of it
    ├── SignatureError          no signature, several, or not the one asked for
    ├── MappingError            `map:` names an output or a role that does not exist
    ├── QuantizationError       a variant cannot be made as asked
    ├── FidelityError           what TensorFlow.js returns is not what the source does
    ├── PublishError            a zoo cannot be published, or not there
    │   └── PlaceError          the place failed or refuses; worth trying again
    ├── MachineError            this machine failed: its disk, its memory, a limit of it
    ├── DamagedFileError        a file of the build is not what was written
    └── WorkerError             a child process died, took too long or too much memory

A class stands for something that a reader treats differently. Anything that is not a
PipelineError is a bug of ours and keeps its traceback.
"""

from typing import ClassVar

from pipeline.text.printable import printable


class PipelineError(Exception):
    """An error to be shown as it stands, without a traceback.

    Attributes:
        message: Where, what was found, what was expected; one line where possible.
        hint: What the user can do about it, or None where the message says it all. Both may
            name what a model or a server said, and are made printable.
        retry: Whether the same inputs may succeed next time (network, time, memory).
    """

    retry: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = printable(message)
        self.hint = None if hint is None else printable(hint)
        super().__init__(self.message)

    def describe(self) -> str:
        """Return the message, and below it the hint where there is one."""
        return self.message if self.hint is None else f"{self.message}\n  {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the hint when the error crosses from a child process."""
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[PipelineError], message: str, hint: str | None) -> PipelineError:
    return kind(message, hint=hint)


class ManifestError(PipelineError):
    """The manifest has faults; the message lists all of them, a line each."""


class SourceError(PipelineError):
    """A source is not written in a form that we know."""


class FetchError(PipelineError):
    """A source is not there, or is not what it should be."""


class NetworkError(FetchError):
    """A server or the network failed for now."""

    retry = True


class DiskError(FetchError):
    """What was fetched cannot be written, or read back, on this machine for now."""

    retry = True


class UntrustedSourceError(FetchError):
    """A source would do something to this machine that nobody asked for."""


class NoWallError(UntrustedSourceError):
    """A source of strangers would have to run on a machine that cannot confine it."""

    retry = True


class FormatError(PipelineError):
    """Files are not a model, or not one in the format that they should have."""


class ConversionError(PipelineError):
    """A model cannot be converted."""


class SignatureError(PipelineError):
    """A model's signature is missing, ambiguous or broken."""


class MappingError(PipelineError):
    """A role in `map:` points to an output that does not exist."""


class QuantizationError(PipelineError):
    """A variant cannot be made as asked."""


class FidelityError(PipelineError):
    """What TensorFlow.js returns is not what the source does."""


class PublishError(PipelineError):
    """A zoo cannot be published as it is, or not to the place that was asked for."""


class PlaceError(PublishError):
    """The place that a zoo is published to failed, or refuses us."""

    retry = True


class MachineError(PipelineError):
    """This machine failed, for now: a disk, memory, a limit; it is no model's fault.

    Attributes:
        fault: What failed, whatever the file: "No space left on device".
    """

    retry = True

    def __init__(self, message: str, *, hint: str | None = None, fault: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault


class DamagedFileError(PipelineError):
    """A file of the build is not what was written."""


class WorkerError(PipelineError):
    """A child process crashed, or passed its limit of time or memory."""

    retry = True
