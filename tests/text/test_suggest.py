"""Names in messages: suggestions, choices and long lists."""

from pipeline.text.suggest import did_you_mean, find_similar, join_words, list_first


def test_the_nearest_name_is_found_first() -> None:
    known = ["name", "source", "sources", "task"]

    assert find_similar("sourse", known) == ["source"]
    assert find_similar("sourse", known, most=3) == ["source", "sources"]
    assert find_similar("sourse", known, similarity=0.9) == []


def test_a_suggestion_ends_a_message() -> None:
    assert did_you_mean([]) == ""
    assert did_you_mean(["boxes"]) == "; did you mean 'boxes'?"
    assert did_you_mean(["boxes", "box"]) == "; did you mean 'boxes' or 'box'?"


def test_words_are_joined_as_in_a_sentence() -> None:
    assert join_words([]) == ""
    assert join_words(["cpu"]) == "cpu"
    assert join_words(["cpu", "wasm", "webgl"]) == "cpu, wasm and webgl"
    assert join_words(["uint8", "uint16"], "or") == "uint8 or uint16"


def test_a_long_list_is_cut_and_counted() -> None:
    assert list_first(["a", "b"], 2) == "a, b"
    assert list_first(["a", "b", "c"], 2) == "a, b and 1 more"
    assert list_first(["a", "b", "c"], 2, separator="; ") == "a; b and 1 more"
    assert list_first([str(i) for i in range(1201)], 1) == "0 and 1,200 more"
