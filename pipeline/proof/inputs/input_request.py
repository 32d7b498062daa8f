"""The facts from which one input is made for one sample."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.proof.inputs.input_shapes import KnownShape, Sizes
from pipeline.proof.inputs.random_stream import Stream
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Edge = Literal["noise", "low", "high"]
"""Evenly spread noise; all at the least value, silence, or an empty text; all at the greatest."""
EDGES: tuple[Edge, ...] = get_args(Edge)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The facts from which one input is made.

    Attributes:
        spec: The input.
        shape: Its shape without the batch.
        image: Axes of height, width and channels; None if the input is no image.
        sample: Number of the sample; another number makes other content.
        group: Index of the range of an image whose range nobody states.
        seed: Text from which the content follows.
        task: Task and name of the model.
        contract: What is known of the input.
        sizes: The sizes chosen for unknown ones.
        number: Number of inputs of the same purpose before it, which show other samples.
        edge: The extreme that replaces a sample; None for a sample.
    """

    spec: TensorSpec
    shape: KnownShape
    image: tuple[int | None, ...] | None
    sample: int
    seed: str
    task: str
    contract: InputContract
    sizes: Sizes
    number: int = 0
    group: int = 0
    edge: Edge | None = None

    @property
    def name(self) -> str:
        """Name of the input, in lower case."""
        return self.spec.name.lower()

    @property
    def is_number(self) -> bool:
        """Whether the input has an integer dtype of TensorFlow."""
        return self.spec.is_integer

    @property
    def shown(self) -> int:
        """Number of the picture, recording, text or row that it shows."""
        return self.sample + self.number

    def stream(self) -> Stream:
        """Return the random numbers for this input and sample."""
        return Stream(self.seed, self.spec.name, self.sample)
