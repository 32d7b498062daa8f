"""The pages as text: what stands in them, what cannot, and that they are well-formed."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from catalog_entries import failed_entry, stale_entry
from loader_zoo import check, tensor
from site_zoo import ASSETS, LIMIT, catalog, entry, figures, page_of, tensor_in, variant

from pipeline.site.list_page import describe_list
from pipeline.site.listed_model import list_model
from pipeline.site.page_templates import render_list, render_not_found, render_row

EVIL = "</p></code></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
EVIL_URL = 'javascript://a.org/%0aalert(1)//"><script>alert(1)</script>'
_VOID = {"br", "img", "input", "link", "meta"}
_OPTIONAL = {"path", "circle", "rect", "use"}


class Page(HTMLParser):
    """A page read as a browser does: elements, texts, and that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one without content, of an SVG."""
        assert tag in _OPTIONAL
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All that can be read."""
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        """Return all values of an attribute."""
        return [attrs[name] or "" for _, attrs in self.elements if name in attrs]


def list_page(*entries: Any, **zoo: Any) -> Page:
    """Return index.html."""
    made = catalog(*entries, **zoo)
    shown = describe_list([list_model(one) for one in made.models])
    return Page(render_list(made, shown, map(render_row, shown.rows), assets=ASSETS))


def evil_entry(**others: Any) -> dict[str, Any]:
    """Return a model each of whose texts is hostile."""
    bad = check(
        "failed", reason=EVIL, missingOps=[EVIL], requires={EVIL: EVIL}, unproved={EVIL: EVIL}
    )
    bad["outputs"] = {EVIL: figures(0.5, metrics={EVIL: 1.0}, tolerance={**LIMIT, "reason": EVIL})}
    role = {"tensor": "t", "source": "inferred", "evidence": [EVIL], "conventions": {EVIL: EVIL}}
    return entry(
        title=EVIL,
        description=EVIL,
        task=EVIL,
        tags=[EVIL],
        license=EVIL,
        licenseUrl=EVIL_URL,
        homepage=EVIL_URL,
        provisional=EVIL,
        inputs=[tensor_in(0, EVIL, [1], tensor=EVIL, state=EVIL, evidence={"state": EVIL})],
        outputs=[tensor(0, EVIL, [1], tensor="t", role=EVIL, proof="value")],
        map={EVIL: "t"},
        roles={EVIL: role},
        unassigned={EVIL: EVIL},
        repairs=[EVIL],
        ops={EVIL: 1},
        vectors=[{"path": "models/one/v.json", "bytes": 1, "sha256": EVIL}],
        variants=[
            variant(keptFloat32=[{"weight": EVIL, "reason": EVIL}], weights={EVIL: 1}),
            variant("uint8", None, reason=EVIL, checks={"wasm": bad}),
        ],
        **{EVIL: EVIL, **others},
    )


def test_hostile_texts_are_shown_as_text() -> None:
    pages = [
        Page(page_of(evil_entry())),
        list_page(evil_entry(), name=EVIL, description=EVIL, homepage=EVIL_URL),
        list_page(failed_entry(evil_entry(), uri=EVIL, reason=EVIL)),
        Page(page_of(failed_entry(evil_entry(), uri=EVIL_URL, reason=EVIL))),
        Page(page_of(stale_entry(evil_entry(), reason=EVIL, since=EVIL))),
    ]

    for page in pages:
        assert "img" not in {tag for tag, _ in page.elements}
        assert all("src" in attrs for tag, attrs in page.elements if tag == "script")
        assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
        assert "<script>alert(1)</script>" in page.text
        assert "{{7*7}}" in page.text


def test_a_page_says_in_which_form_its_source_was_judged() -> None:
    model = entry()
    told = model | {"source": model["source"] | {"judgedAs": "its float form, " + EVIL}}

    assert "Judged as Its float form, " in Page(page_of(told)).text
    assert "img" not in {tag for tag, _ in Page(page_of(told)).elements}
    assert "Judged as" not in Page(page_of(model)).text


def test_verdicts_have_words_on_every_backend_and_a_mark_where_they_are_doubtful() -> None:
    checks = {
        "wasm": check(outputs={"y": figures(1e-4)}, agreement="close"),
        "cpu": check("failed", outputs={"y": figures(1.0)}, agreement="wrong"),
        "webgl": check("unsupported", reason="lacks Foo"),
    }
    model = entry(variants=[variant(checks=checks, agreement="close")])
    sure = Page(page_of(model))
    doubtful = Page(page_of(model | {"provisional": "nobody states the range"}))

    assert "wasm cpu webgl webgpu" in sure.text
    assert "close wrong unsupported not tried" in sure.text
    assert "provisional" not in sure.text.lower()
    assert "close * wrong * unsupported not tried" in doubtful.text
    assert "Verdicts are provisional." in doubtful.text
    assert "Nobody states the range." in doubtful.text


def test_a_variant_that_is_close_says_what_its_task_keeps() -> None:
    outputs = {"y": figures(0.84, metrics={"minIou": 0.988, "meanIou": 0.99})}
    told = "y: the areas overlap by 0.988 of their union"
    for agreement in ("close", "equal"):
        checks = {"wasm": check(outputs=outputs, agreement=agreement)}
        model = entry(
            variants=[variant(checks=checks, agreement=agreement)],
            outputs=[tensor(0, "y", [1, 8, 8, 1], role="mask")],
        )
        assert (told in Page(page_of(model)).text) == (agreement == "close")


def test_a_withheld_variant_has_its_advice() -> None:
    advised = variant("uint8", None, advice="float16 passes: 2 KiB")

    assert "too far off float16 passes: 2 KiB." in Page(
        page_of(entry(variants=[variant(), advised]))
    ).text.replace("Float16", "float16")


def test_sizes_are_told_as_they_travel_too() -> None:
    sizes: dict[str, Any] = {"gzipBytes": 3 * 2**20, "brotliBytes": 2 * 2**20}
    shown = Page(page_of(entry(variants=[variant(size=4 * 2**20, **sizes)])))

    assert "4.0 MiB (3.0 MiB with gzip, 2.0 MiB with Brotli)" in shown.text
    assert "3.0 MiB with gzip" in shown.values("title")


def test_inputs_are_told_with_their_evidence() -> None:
    inputs = [
        tensor_in(0, "image", [1, 8, 8, 3]),
        tensor_in(1, "ratio", [], constant=0.5, evidence={"constant": "models.yaml"}),
        tensor_in(2, "numbers", [1, 3]),
    ]
    page = Page(page_of(entry(inputs=inputs)))
    table = page.text.partition("How it is known ")[2].partition(" Use it")[0]

    assert table == (
        "image range nobody states it run() throws without {range: …} "
        "ratio constant 0.5 stated in models.yaml"
    )


def test_the_list_tells_how_near_variants_are_and_where_that_is_doubtful() -> None:
    near = entry(variants=[variant(agreement="equal")], provisional="nobody states the range")
    page = list_page(near, entry("two", variants=[variant(agreement="close")]))

    assert "2 variants published (1 equal, 1 close)." in page.text
    assert "Verdicts on 1 model are provisional" in page.text
    assert page.text.count("wasm provisional") == 1
    assert "provisional" not in list_page(entry()).text


def test_only_addresses_of_the_web_become_links() -> None:
    links = Page(page_of(evil_entry())).values("href") + list_page(
        evil_entry(), homepage=EVIL_URL
    ).values("href")
    good = Page(page_of(entry(licenseUrl="https://a.org/l", homepage="http://b.org/"))).values(
        "href"
    )

    assert not [
        link
        for link in links
        if "alert" in link and not link.startswith(("../../index.html?", "#role-"))
    ]
    assert {"https://a.org/l", "http://b.org/"} <= set(good)


def test_no_page_says_how_it_looks_or_acts_within_itself() -> None:
    for page in (Page(page_of(evil_entry())), list_page(evil_entry())):
        assert page.values("style") == []
        assert "style" not in {tag for tag, _ in page.elements}
        policy = next(
            attrs["content"] or ""
            for _, attrs in page.elements
            if attrs.get("http-equiv") == "Content-Security-Policy"
        )
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert "unsafe-inline" not in policy
        assert re.findall(r"'unsafe-eval'|https?:|\*", policy) == []


def test_nothing_comes_from_another_place() -> None:
    for page in (Page(page_of(entry())), list_page(entry())):
        loaded = [*page.values("src"), *page.values("data-tfjs")]
        loaded += [attrs["href"] or "" for tag, attrs in page.elements if tag == "link"]
        assert loaded
        assert not [place for place in loaded if "//" in place or place.startswith("/")]


def test_what_is_withheld_and_skipped_says_why() -> None:
    page = Page(
        page_of(
            entry(
                variants=[
                    variant(),
                    variant("uint8", None, reason="30 % of the range; expected 1 %"),
                    variant(
                        "uint16", None, status="skipped", reason="it would be larger", checks={}
                    ),
                ]
            )
        )
    )

    assert "uint8 withheld" in page.text
    assert "30 % of the range; expected 1 %" in page.text
    assert "uint16 skipped it would be larger" in page.text


def test_a_model_that_failed_says_why_on_both_pages() -> None:
    broken = failed_entry(entry("broken"), uri="npm:a@1.0.0#b", reason="no such file")

    assert "Nothing of this model is published. no such file" in Page(page_of(broken)).text
    assert "broken failed" in list_page(broken).text
    assert "no such file" in list_page(broken).text


def test_a_stale_model_says_since_when_and_stays_usable() -> None:
    page = Page(page_of(stale_entry(entry(), reason="no memory", since="2026-05-04T03:02:01Z")))

    assert "Stale since 2026-05-04 . The last build of it failed" in page.text
    assert "no memory" in page.text
    assert 'zoo.load( "one" ' in page.text


def test_an_unknown_licence_is_not_glossed_over() -> None:
    assert "Licence unknown" in Page(page_of(entry())).text
    assert "Licence MIT" in Page(page_of(entry(license="MIT"))).text


def test_backends_show_what_they_lack_and_need() -> None:
    lacking = check("unsupported", reason="wasm lacks A, B", missingOps=["A", "B"])
    needs = {"flags": {"KEEP": True}, "tfjs": "3.21.0"}
    needing = check(outputs={"y": figures(1e-4)}, requires=needs)
    page = Page(page_of(entry(variants=[variant(checks={"wasm": lacking, "cpu": needing})])))

    assert "wasm lacks A and B." in page.text
    assert "Runs only with TensorFlow.js 3.21.0 and the flag KEEP set to true." in page.text


def test_extra_keys_of_the_manifest_are_shown() -> None:
    page = Page(page_of(entry(minScore=0.5, labels=["a", "b"])))

    assert 'labels ["a", "b"] minScore 0.5' in page.text


@pytest.mark.parametrize(("of", "what"), [("values", "its values"), ("axis", "its last axis")])
def test_labels_of_an_output_are_linked(of: str, what: str) -> None:
    labels = {"of": of, "count": 3, "path": "models/a/labels-1/labels.json"}
    page = Page(page_of(entry("a", outputs=[tensor(0, "y", [1], role=None, labels=labels)])))

    assert f"3 labels of {what}" in page.text
    assert ("a", {"href": "../../models/a/labels-1/labels.json"}) in page.elements


def test_a_model_without_a_title_has_its_name_once() -> None:
    name = {"class": "name"}

    assert ("p", name) not in Page(page_of(entry("a"))).elements
    assert ("p", name) in Page(page_of(entry("a", title="Ay"))).elements


def test_a_row_carries_what_it_is_searched_by() -> None:
    page = list_page(entry("a", task="t", tags=["x y", "z"], license="MIT"))
    row = next(attrs for tag, attrs in page.elements if tag == "li" and "data-task" in attrs)

    assert (row["data-task"], row["data-tag"], row["data-license"]) == ("t", "x y\nz", "MIT")
    assert (row["data-size"], row["data-backend"]) == ("4096", "wasm")


@pytest.mark.parametrize("entries", [(), (entry(variants=[], inputs=[], outputs=[]),)])
def test_an_empty_zoo_has_a_page(entries: tuple[Any, ...]) -> None:
    assert f"{len(entries)} model" in list_page(*entries).text


def test_a_page_that_is_not_there_needs_no_other_file() -> None:
    html = render_not_found(catalog(name=EVIL))
    page = Page(html)
    policy = next(value for value in page.values("content") if "default-src" in value)

    assert page.values("src") == []
    assert page.values("href") == ["./"]
    for tag in ("script", "style"):
        (inline,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
