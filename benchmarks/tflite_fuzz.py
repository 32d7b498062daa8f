"""Damaged TensorFlow Lite files: what thousands of mutations of real files lead to.

Each mutation changes some bytes of the tables of a file, or cuts it off; the file is read and its
graph built, as a conversion does. Expected is an error of ours that names the place, or a graph;
anything else is listed, and so is a mutation that takes more than 20 seconds.

    python benchmarks/tflite_fuzz.py FILE.tflite... [--count 1000]

Measured with TensorFlow 2.19: 1,000 mutations each of three files of tests/helpers/tflite_models.py

    int8.tflite:       449 built, 538 FormatError, 13 ConversionError
    signatures.tflite: 137 built, 861 FormatError, 2 ConversionError
    recurrent.tflite:  108 built, 887 FormatError, 5 ConversionError

in 65 seconds; no other outcome.
"""

import argparse
import random
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import tensorflow as tf

from pipeline.errors import PipelineError
from pipeline.tf.tflite.build_graph import GraphBuilder, check_operators
from pipeline.tf.tflite.convert_tflite import trace_graph
from pipeline.tf.tflite.read_tflite import parse_tflite
from pipeline.tf.tflite.tflite_signature import list_ends

_SECONDS = 20
# Bytes that decide most in a table: offsets and sizes, small and huge.
_SPECIAL = (0, 1, 2, 4, 127, 128, 254, 255)


def mutate(content: bytes, stream: random.Random) -> bytes:
    """Return a file with some bytes changed, most of them near the ends where its tables are."""
    changed = bytearray(content)
    for _ in range(stream.randint(1, 6)):
        near = stream.randrange(3)
        span = min(len(changed), 4096)
        place = stream.randrange(len(changed))
        if near == 1:
            place = stream.randrange(span)
        elif near == 2:  # noqa: PLR2004  # the end
            place = len(changed) - 1 - stream.randrange(span)
        choices = _SPECIAL if stream.random() < 0.5 else range(256)  # noqa: PLR2004  # half of them
        if not 4 <= place < 8:  # noqa: PLR2004  # the identifier
            changed[place] = stream.choice(choices)
    if stream.random() < 0.15:  # noqa: PLR2004  # cut off
        del changed[stream.randrange(8, len(changed)) :]
    return bytes(changed)


def attempt(content: bytes, name: str) -> str:
    """Return the outcome for a file: "built", or the class of the error."""
    try:
        model = parse_tflite(content, name)
        check_operators(model)
        with tf.Graph().as_default():
            trace_graph(GraphBuilder(model=model), list_ends(model)[0])
    except PipelineError as error:
        return type(error).__name__
    except MemoryError:
        return "MemoryError"
    return "built"


class _TooLongError(BaseException):
    """A mutation took too long."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def main() -> None:
    """Mutate the files of the command line and print the outcomes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, _stop)
    for path in asked.files:
        stream, content = random.Random(path.name), path.read_bytes()  # noqa: S311  # not for secrets
        outcomes: Counter[str] = Counter()
        started = time.monotonic()
        for number in range(asked.count):
            changed = mutate(content, stream)
            signal.alarm(_SECONDS)
            try:
                outcomes[attempt(changed, path.name)] += 1
            except (Exception, _TooLongError) as error:  # noqa: BLE001  # that is what is looked for
                outcomes[f"BAD {type(error).__name__}"] += 1
                print(f"{path.name} mutation {number}: {type(error).__name__}: {error}"[:300])
            finally:
                signal.alarm(0)
        seconds = time.monotonic() - started
        print(path.name, dict(sorted(outcomes.items())), f"{seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
