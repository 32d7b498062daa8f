"""Errors: what can go wrong for the person who wrote the manifest.

    PipelineError
    ├── ManifestError             models.yaml has faults; no step starts
    ├── CommandLineError          a command line of the converter cannot be imported
    ├── SourceError               a `source:` has none of the forms that we know
    ├── ZooLockedError            another run works in this zoo, or .zoo/ cannot be written
    ├── FetchError                a source is missing, or its files are not as expected
    │   ├── NetworkError*         no server answers; a copy fetched earlier may serve instead
    │   ├── ServerError*          a server answers, but not with the source
    │   │   └── NotFoundError*    the server has no such file, version or repository
    │   ├── SetupError*           a client library or an environment variable is missing here
    │   ├── DiskError*            this disk cannot hold the download
    │   ├── MissingPathError      an archive or a repository has no such path
    │   ├── DamagedArchiveError   an archive is cut short; another copy may be sound
    │   └── UntrustedSourceError  the source could harm this machine, and is refused
    │       └── NoWallError*      nothing on this machine can confine the source
    ├── FormatError               the files are no model, or not of the format they should have
    ├── ConversionError           the converter cannot make a TensorFlow.js model of the source
    ├── SignatureError            the model has no signature, several, or not the wanted one
    ├── MappingError              `map:` names an output or a role that does not exist
    ├── QuantizationError         a variant cannot be made as the manifest asks
    ├── FidelityError             TensorFlow.js returns other values than the source
    ├── PublishError              the zoo cannot be published, or not to this target
    │   └── TargetError*          the target fails or refuses
    ├── StoreError*               the shared store of results fails, refuses or is not reached
    ├── ClusterError*             a cluster is not reached, or none of its workers fits
    ├── MachineError*             this machine failed: its disk, its memory, a limit of it
    ├── DamagedFileError          a file of ours is not as we wrote it
    │   └── DamagedBuildError     a model's results are not as their step wrote them
    └── WorkerError*              a child process took too much time or memory, or failed
        └── CrashError*           a child process died without a result

A star: the same inputs may succeed another time, so the next run tries again. A class is
something that a reader of the code treats differently. Every PipelineError of the package
stands here; any other exception is a bug of ours and keeps its traceback.
"""

from pathlib import Path
from typing import ClassVar

from pipeline.text.printable import printable


class PipelineError(Exception):
    """An error whose message is shown as it is, without a traceback.

    Attributes:
        message: Where, what was found, what was expected; one line where possible.
        hint: What the user can do, or None if the message says it all. Message and hint may
            quote a model or a server, so both are made printable.
        retry: Whether the same inputs may succeed next time (network, time, memory).
    """

    retry: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = printable(message)
        self.hint = None if hint is None else printable(hint)
        super().__init__(self.message)

    def describe(self) -> str:
        r"""Return the message and the hint: "dist: disk full\n  free space there"."""
        return self.message if self.hint is None else f"{self.message}\n  {self.hint}"


class ManifestError(PipelineError):
    """The manifest has faults; the message lists all of them, a line each."""


class CommandLineError(PipelineError):
    """A command line of tensorflowjs_converter cannot be imported."""


class SourceError(PipelineError):
    """A source has none of the forms that we know."""


class ZooLockedError(PipelineError):
    """Another run works in this zoo, or the folder of its lock cannot be written."""


class FetchError(PipelineError):
    """A source is missing, or its files are not as expected."""


class NetworkError(FetchError):
    """No server answers for now; a copy that was fetched earlier may serve instead."""

    retry = True


class ServerError(FetchError):
    """A server answers, but not with the source; its owner may mend that.

    Unlike a NetworkError it is no reason to keep an older copy.
    """

    retry = True


class NotFoundError(ServerError):
    """The server has no such file, version or repository."""


class SetupError(FetchError):
    """This machine lacks what a source needs: a client library, an environment variable."""

    retry = True


class DiskError(FetchError):
    """This machine cannot write a download, or read it back, for now."""

    retry = True


class MissingPathError(FetchError):
    """An archive or a repository has no file or folder of that path."""


class DamagedArchiveError(FetchError):
    """An archive is cut short, or its bytes are no archive's; another copy may be sound."""


class UntrustedSourceError(FetchError):
    """A source would do something to this machine that nobody asked for."""


class NoWallError(UntrustedSourceError):
    """A stranger's source would have to run on a machine that cannot confine it."""

    retry = True


class FormatError(PipelineError):
    """Files are no model, or not one of the format that they should have."""


class ConversionError(PipelineError):
    """A model cannot be converted."""


class SignatureError(PipelineError):
    """A model's signature is missing, ambiguous or broken."""


class MappingError(PipelineError):
    """A role in `map:` points to an output that does not exist."""


class QuantizationError(PipelineError):
    """A variant cannot be made as the manifest asks."""


class FidelityError(PipelineError):
    """TensorFlow.js returns other values than the source."""


class PublishError(PipelineError):
    """A zoo cannot be published as it is, or not to this target."""


class TargetError(PublishError):
    """The target that a zoo is published to fails, or refuses us."""

    retry = True


class StoreError(PipelineError):
    """The shared store of results fails, refuses, is full or is not reached; builds do without."""

    retry = True


class ClusterError(PipelineError):
    """A cluster is not reached, none of its workers fits, or nothing can travel to them."""

    retry = True


class MachineError(PipelineError):
    """This machine failed, for now: a disk, memory, a limit; no model is to blame.

    Attributes:
        fault: The fault alone, without the file: "No space left on device".
    """

    retry = True

    def __init__(self, message: str, *, hint: str | None = None, fault: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault


class DamagedFileError(PipelineError):
    """A file of the build or of the cache is not as we wrote it.

    Attributes:
        folder: Folder of the step that wrote the file, or None.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, folder: Path | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.folder = folder


class DamagedBuildError(DamagedFileError):
    """A model's results are not as their step wrote them.

    Attributes:
        model: Name of the model.
    """

    def __init__(self, message: str, *, hint: str | None = None, model: str = "") -> None:
        super().__init__(message, hint=hint)
        self.model = model


class WorkerError(PipelineError):
    """A child process took more time or memory than it may, or failed otherwise."""

    retry = True


class CrashError(WorkerError):
    """A child process died without a result, which may be nobody's fault."""
