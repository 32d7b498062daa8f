"""Faults that may be those of TensorFlow with a graph that TensorFlow.js runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import (
    ConversionError,
    FormatError,
    ManifestError,
    NoWallError,
    SignatureError,
    UntrustedSourceError,
)

_OF_GRAPH = (ConversionError, FormatError, ManifestError, SignatureError, UntrustedSourceError)


class TensorFlowCannotRunError(Exception):
    """TensorFlow does not run the base; its text is the reason."""


@contextmanager
def run_of_base() -> Iterator[None]:
    """Run the base in TensorFlow, where another way is left if that fails.

    Raises:
        TensorFlowCannotRunError: TensorFlow does not run the base.
        NoWallError: This machine has no wall, and the model is not trusted.
    """
    try:
        yield
    except NoWallError:
        raise
    except _OF_GRAPH as error:
        raise TensorFlowCannotRunError(error.message) from error
