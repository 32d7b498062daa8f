"""Tabs: code that uses a model in a page, a project, a worker and Node.js. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.catalog.media import lacks_range
from pipeline.catalog.types import CatalogInput, CatalogModel, CatalogVariant
from pipeline.records.reading import Method
from pipeline.site.code_pieces import Piece, Snippet, comment, line, string
from pipeline.site.media_snippets import range_lines
from pipeline.site.snippets import PLACE, loader_snippet, open_lines, plain_snippet, release_lines
from pipeline.site.trial import Media, Trial

# What each method returns, for a comment.
_RETURNS: dict[Method, str] = {
    "attributes": "{age: [{label, score}], …}",
    "classify": "[{label, score}], the best first",
    "detect": "[{label, score, box: {x, y, width, height}}] in pixels of the image",
    "embed": "Float32Array; similarity(one, other) compares two",
    "enhance": "ImageData",
    "keypoints": "[{score, points: [{name, x, y, score}]}] in pixels of the image",
    "segment": "{mask: ImageData} of the size of the image",
    "transcribe": "[{pitch, name, start, end, score}] in seconds",
}
_DRAWN = frozenset({"detect", "enhance", "keypoints", "segment", "transcribe"})
_LISTED = {
    "detect": "found.map(({label, score}) => `${label} ${score.toFixed(2)}`).join('\\n')"
    " || 'nothing found'",
    "classify": "JSON.stringify(found)",
    "attributes": "JSON.stringify(found)",
    "embed": "found.join(' ')",
    "keypoints": "JSON.stringify(found)",
    "transcribe": "found.map(({name, start}) => `${name} ${start.toFixed(2)} s`).join('\\n')"
    " || 'no notes'",
}


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A tab of code.

    Attributes:
        name: Its name: "HTML page".
        about: What it needs, in a sentence.
        snippet: The code.
    """

    name: str
    about: str
    snippet: Snippet


def describe_tabs(model: CatalogModel, variant: CatalogVariant, trial: Trial) -> list[Tab]:
    """Return the tabs of a model, the easiest first."""
    plain = Tab(
        name="TensorFlow.js alone",
        about="Without the loader: no check of files, no results by role.",
        snippet=plain_snippet(model, variant),
    )
    method, media = trial.method, trial.media
    if method is None or media is None:
        loader = Tab(
            name="With the loader",
            about="Files checked, results by role. npm install @tensorflow/tfjs",
            snippet=loader_snippet(model, variant),
        )
        return [loader, plain]
    text = trial.text.partition("\n")[0]
    use = _Use(model=model, variant=variant, method=method, media=media, text=text)
    return [
        Tab(
            name="HTML page",
            about="A file of its own; TensorFlow.js comes from this zoo.",
            snippet=list(_html_lines(use)),
        ),
        Tab(
            name="npm",
            about="For Vite and other bundlers: npm install @tensorflow/tfjs",
            snippet=list(_module_lines(use)),
        ),
        Tab(
            name="Worker",
            about="worker.js; the page stays quick while a model runs.",
            snippet=list(_worker_lines(use)),
        ),
        Tab(
            name="Node.js",
            about="npm install @tensorflow/tfjs; zoo.js and the files beside it from this zoo.",
            snippet=list(_node_lines(use)),
        ),
        plain,
    ]


@dataclass(frozen=True, kw_only=True)
class _Use:
    """A model and how it is used."""

    model: CatalogModel
    variant: CatalogVariant
    method: Method
    media: Media
    text: str

    @property
    def asked(self) -> CatalogInput:
        """The input that is given."""
        return next(tensor for tensor in self.model.inputs if not tensor.is_filled)

    @property
    def call(self) -> str:
        """The call of the method: `model.detect(image)`."""
        options = ", {range}" if lacks_range(self.asked) else ""
        return f"model.{self.method}({self.media}{options})"

    def load(self) -> list[str | Piece]:
        """Return the call that loads the model."""
        name, variant = string(self.model.name), string(self.variant.name, "variant")
        return ["zoo.load(", name, ", {variant: ", variant, ", backend: ", string("auto"), "})"]


def _html_lines(use: _Use) -> Iterator[Piece]:
    source = string("photo.jpg" if use.media == "image" else "sound.wav", "example")
    drawn = use.method in _DRAWN
    yield from line("<!doctype html>")
    yield from line('<meta charset="utf-8">')
    yield from line(f"<title>{_escape(use.model.title or use.model.name)}</title>")
    if use.media == "image":
        yield from line("<img crossorigin src=", source, ">")
    if drawn:
        yield from line("<canvas></canvas>")
    yield from line("<pre></pre>")
    yield from line('<script type="module">')
    names = "open, draw" if drawn else "open"
    yield from line(f"import {{{names}}} from ", string(f"{PLACE}zoo.js", "loader"), ";")
    yield from line("")
    yield from release_lines(use.model)
    yield from line("const zoo = await open(", string(PLACE, "url"), ");")
    yield from line("const model = await ", *use.load(), ";")
    yield from _given_lines(use, source)
    yield from _found_lines(use)
    if drawn:
        over = ", {image}" if use.media == "image" and use.method != "enhance" else ""
        yield from line("draw(document.querySelector(", string("canvas"), f"), found{over});")
    shown = _LISTED.get(use.method)
    if shown:
        yield from line("document.querySelector(", string("pre"), f").textContent = {shown};")
    yield from line("</script>")


def _given_lines(use: _Use, source: Piece) -> Iterator[Piece]:
    """Yield the lines of a page that make what is given to the model."""
    if use.media == "image":
        yield from line("const image = document.querySelector(", string("img"), ");")
        yield from line("await image.decode();")
    elif use.media == "sound":
        yield from line("const bytes = await (await fetch(", source, ")).arrayBuffer();")
        yield from line("const sound = await new AudioContext().decodeAudioData(bytes);")
    else:
        yield from line("const text = [", string(use.text), "];")
    if lacks_range(use.asked):
        yield from range_lines(use.asked)


def _found_lines(use: _Use) -> Iterator[Piece]:
    yield from line(f"const found = await {use.call}; ", comment(_RETURNS[use.method]))


def _module_lines(use: _Use) -> Iterator[Piece]:
    yield from open_lines()
    yield from release_lines(use.model)
    yield from line("const model = await ", *use.load(), ";")
    yield from line("")
    yield from line(comment(_RETURNS[use.method]))
    yield from line(f"export async function {use.method}({use.media}) {{")
    if lacks_range(use.asked):
        yield from range_lines(use.asked)
    yield from line(f"  return {use.call};")
    yield from line("}")


def _worker_lines(use: _Use) -> Iterator[Piece]:
    sent = {"image": "await createImageBitmap(picture)", "sound": "samples", "text": '["…"]'}
    yield from line(comment('const worker = new Worker("worker.js", {type: "module"});'))
    yield from line(comment(f"worker.postMessage({sent[use.media]});"))
    yield from line("import {open} from ", string(f"{PLACE}zoo.js", "loader"), ";")
    yield from line("")
    yield from release_lines(use.model)
    yield from line("const loading = open(", string(PLACE, "url"), ")")
    yield from line("  .then((zoo) => ", *use.load(), ");")
    yield from line(f"onmessage = async ({{data: {use.media}}}) => {{")
    if lacks_range(use.asked):
        yield from range_lines(use.asked)
    yield from line("  const model = await loading;")
    yield from line(f"  postMessage(await {use.call});")
    yield from line("};")


def _node_lines(use: _Use) -> Iterator[Piece]:
    yield from line("import * as tf from ", string("@tensorflow/tfjs"), ";")
    yield from line("import {open} from ", string("./zoo.js"), ";")
    yield from line("")
    yield from release_lines(use.model)
    yield from line("const zoo = await open(", string(PLACE, "url"), ", {tf});")
    yield from line("const model = await ", *use.load(), ";")
    if use.media == "image":
        yield from line(comment("pixels of your own, red, green, blue and alpha, 0 to 255"))
        pixels = "{data: new Uint8Array(4 * 320 * 240), width: 320, height: 240}"
        yield from line(f"const image = {pixels};")
    elif use.media == "sound":
        yield from line(comment(_describe_samples(use)))
        yield from line(f"const sound = new Float32Array({_count_samples(use)});")
    else:
        yield from line("const text = [", string(use.text), "];")
    if lacks_range(use.asked):
        yield from range_lines(use.asked)
    yield from line(f"console.log(await {use.call});")


def _describe_samples(use: _Use) -> str:
    low, high = use.asked.range or (-1, 1)
    return f"samples of your own, {use.asked.sample_rate} a second, {low:g} to {high:g}"


def _count_samples(use: _Use) -> int:
    sizes: Sequence[int] = [size for size in (use.asked.shape or [])[1:] if size > 1]
    return sizes[0] if sizes else use.asked.sample_rate or 1


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
