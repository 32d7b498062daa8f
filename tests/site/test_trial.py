"""What a page lets a reader try."""

import pytest
from loader_zoo import tensor
from site_zoo import entry, model, page_of, tensor_in

from pipeline.catalog.types import CatalogModel
from pipeline.site.trial import describe_trial

IMAGE = tensor_in(0, "image", [1, 64, 64, 3], color="rgb", range=[0, 1])
SOUND = tensor_in(0, "sound", [1, 8000], range=[-1, 1], sampleRate=16000)
TEXT = tensor_in(0, "text", [-1], dtype="string")


def classifier(**others: object) -> CatalogModel:
    """Return a model with classes of a picture; `others` replace keys of its entry."""
    known = {"results": {"method": "classify", "missing": None}, "inputs": [IMAGE]}
    return model(**{"outputs": [tensor(0, "y", [1, 4])], **known, **others})


def test_examples_begin_with_the_subject_of_the_model() -> None:
    first, *_ = describe_trial(classifier(name="iris", task="face-landmarks")).examples
    palm, *_ = describe_trial(classifier(name="hand", task="hand-landmarks")).examples

    assert (first.file, len(first.box.split())) == ("hopper.jpg", 4)
    assert (palm.file, palm.box, palm.caption) == ("hand-palm.jpg", "", "Palm")


@pytest.mark.parametrize(
    ("given", "media", "seconds"),
    [(IMAGE, "image", None), (SOUND, "sound", None), (TEXT, "text", None)],
    ids=["image", "sound", "text"],
)
def test_the_input_decides_what_is_given(
    given: dict[str, object], media: str, seconds: float | None
) -> None:
    trial = describe_trial(classifier(inputs=[given]))

    assert (trial.media, trial.seconds, trial.missing) == (media, seconds, None)


def test_the_text_to_begin_with_is_of_the_kind_that_the_model_reads() -> None:
    assert describe_trial(classifier(inputs=[TEXT])).text == "A man is eating food."
    assert describe_trial(classifier(inputs=[TEXT], tags=["text", "code"])).text.startswith("def ")


def test_a_sound_is_cut_only_where_the_method_takes_no_longer_one() -> None:
    embeds = classifier(inputs=[SOUND], results={"method": "embed", "missing": None})

    assert describe_trial(embeds).seconds == 0.5


def test_a_reader_states_the_range_that_nobody_does() -> None:
    assert describe_trial(classifier(inputs=[IMAGE | {"range": None}])).asks_range
    assert not describe_trial(classifier()).asks_range


def test_what_is_missing_is_said() -> None:
    ids = tensor_in(0, "ids", [1, 50], dtype="int32")
    unread = {"method": None, "missing": "its outputs have no roles"}

    assert describe_trial(classifier(inputs=[ids])).missing == (
        "it takes numbers, int32 [1, 50], and no picture, sound or text"
    )
    assert describe_trial(classifier(results=unread)).missing == "its outputs have no roles"


def test_a_page_says_that_nothing_leaves_the_device() -> None:
    page = page_of(entry(results={"method": "classify", "missing": None}, inputs=[IMAGE]))

    assert "never leaves this device" in page
    assert 'data-method="classify" data-media="image"' in page
