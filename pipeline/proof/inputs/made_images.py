"""Images: drawings that look natural enough for a detector to find objects in them.

They have smooth light, shapes with soft edges, and a texture whose strength falls with its
frequency as in photographs (1/f). Values are whole numbers from 0 to 255, so that the last bit of
the machine's arithmetic does not show. Drawings replace photographs because a drawing of any size
follows from a seed alone, and because other images would change the vectors of every published
model. This module opens no file.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.proof.inputs.random_stream import Stream

Image = npt.NDArray[np.uint8]
_Plane = npt.NDArray[np.float64]
Color = tuple[float, float, float]
# Centre and size.
Circle = tuple[float, float, float]

_LARGEST = 255.0
_OCTAVES = 6
_SKINS: tuple[Color, ...] = ((224, 177, 148), (198, 142, 110), (240, 200, 175), (150, 100, 75))
_CLOTHES: tuple[Color, ...] = ((40, 60, 120), (150, 40, 45), (60, 90, 60), (70, 70, 80))


class Canvas:
    """A picture in the making.

    Attributes:
        x: Distance of each pixel to the right of the centre; the shorter side is 1 long.
        y: The same, downwards.
        pixels: (height, width, 3), 0 to 255.
    """

    def __init__(self, height: int, width: int, background: _Plane) -> None:
        self.unit = float(min(height, width))
        rows = (np.arange(height) + 0.5 - height / 2) / self.unit
        columns = (np.arange(width) + 0.5 - width / 2) / self.unit
        self.y, self.x = np.meshgrid(rows, columns, indexing="ij")
        self.pixels = background

    def paint(self, distance: _Plane, color: Sequence[float], *, soft: float = 0.0) -> None:
        """Paint the pixels with a negative distance, with light from above left.

        Args:
            distance: Distance of each pixel from the edge of a shape, negative inside.
            color: Red, green, blue.
            soft: Width of the edge; at least a pixel.
        """
        width = max(soft, 1.5 / self.unit)
        cover = np.clip(0.5 - distance / width, 0.0, 1.0)[..., None]
        shade = 1.0 - 0.18 * (self.x + 0.6 * self.y) + 0.1 * np.clip(-distance * 4, 0.0, 1.0)
        tone = np.asarray(color) * shade[..., None]
        self.pixels = self.pixels * (1.0 - cover) + tone * cover

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> _Plane:
        """Return the distance from an ellipse, exact for a circle."""
        far = np.sqrt(((self.x - x) / rx) ** 2 + ((self.y - y) / ry) ** 2)
        distance: _Plane = (far - 1.0) * min(rx, ry)
        return distance

    def limb(self, start: Sequence[float], end: Sequence[float], r0: float, r1: float) -> _Plane:
        """Return the distance from a rounded stroke that goes from radius `r0` to `r1`."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        along = ((self.x - start[0]) * dx + (self.y - start[1]) * dy) / (dx * dx + dy * dy)
        along = np.clip(along, 0.0, 1.0)
        away = np.sqrt(
            (self.x - start[0] - along * dx) ** 2 + (self.y - start[1] - along * dy) ** 2
        )
        distance: _Plane = away - (r0 + (r1 - r0) * along)
        return distance

    def box(self, x: float, y: float, rx: float, ry: float, *, round_: float = 0.02) -> _Plane:
        """Return the distance from a box with rounded corners."""
        dx = np.abs(self.x - x) - rx + round_
        dy = np.abs(self.y - y) - ry + round_
        outside = np.sqrt(np.maximum(dx, 0.0) ** 2 + np.maximum(dy, 0.0) ** 2)
        distance: _Plane = outside + np.minimum(np.maximum(dx, dy), 0.0) - round_
        return distance


def draw_image(subject: str, height: int, width: int, stream: Stream) -> Image:
    """Draw a subject.

    Args:
        subject: One of `SUBJECTS`.
        height: Rows.
        width: Columns.
        stream: Numbers that decide position and colors.

    Returns:
        uint8 (height, width, 3): red, green, blue.
    """
    canvas = Canvas(height, width, _background(height, width, stream))
    SUBJECTS[subject](canvas, stream)
    grain = _texture(height, width, stream)[..., None] * 14.0
    image: Image = np.rint(np.clip(canvas.pixels + grain, 0.0, _LARGEST)).astype(np.uint8)
    return image


def _draw_portrait(canvas: Canvas, stream: Stream) -> None:
    """Draw a head and shoulders, looking at us."""
    skin, cloth = _pick(_SKINS, stream), _pick(_CLOTHES, stream)
    x, y = stream.between(-0.06, 0.06), stream.between(-0.06, 0.0)
    _draw_shoulders(canvas, x, y, skin, cloth)
    _draw_head(canvas, (x, y, stream.between(0.2, 0.25)), skin, stream)


def _draw_shoulders(canvas: Canvas, x: float, y: float, skin: Color, cloth: Color) -> None:
    canvas.paint(canvas.ellipse(x, y + 0.62, 0.46, 0.28), cloth)
    canvas.paint(canvas.limb((x, y + 0.2), (x, y + 0.36), 0.1, 0.11), _darken(skin, 0.85))


def _draw_head(canvas: Canvas, head: Circle, skin: Color, stream: Stream) -> None:
    hair = _pick(((45, 32, 25), (95, 65, 40), (25, 22, 22), (140, 110, 70)), stream)
    x, y, s = head
    canvas.paint(canvas.ellipse(x, y - 0.22 * s, 1.0 * s, 1.2 * s), hair, soft=0.06 * s)
    for side in (-1, 1):
        canvas.paint(canvas.ellipse(x + side * 0.86 * s, y + 0.1 * s, 0.13 * s, 0.25 * s), skin)
    canvas.paint(canvas.ellipse(x, y + 0.08 * s, 0.84 * s, 1.16 * s), skin, soft=0.04 * s)
    canvas.paint(canvas.ellipse(x, y - 1.02 * s, 0.86 * s, 0.42 * s), hair, soft=0.12 * s)
    for side in (-1, 1):
        eye = (x + side * 0.36 * s, y - 0.1 * s, s)
        canvas.paint(
            canvas.ellipse(*eye[:2], 0.26 * s, 0.17 * s), _darken(skin, 0.78), soft=0.12 * s
        )
        _draw_eye(canvas, eye, side, hair)
        cheek = canvas.ellipse(x + side * 0.48 * s, y + 0.38 * s, 0.2 * s, 0.16 * s)
        canvas.paint(cheek, (skin[0] * 1.02, skin[1] * 0.9, skin[2] * 0.88), soft=0.2 * s)
    _draw_nose(canvas, head, skin)
    _draw_mouth(canvas, head, skin)


def _draw_eye(canvas: Canvas, eye: Circle, side: int, hair: Color) -> None:
    x, y, s = eye
    canvas.paint(canvas.ellipse(x, y + 0.01 * s, 0.17 * s, 0.085 * s), (235, 232, 228))
    canvas.paint(canvas.ellipse(x, y, 0.085 * s, 0.085 * s), (80, 60, 40))
    canvas.paint(canvas.ellipse(x, y, 0.042 * s, 0.042 * s), (10, 10, 10))
    canvas.paint(canvas.ellipse(x - 0.03 * s, y - 0.03 * s, 0.018 * s, 0.018 * s), (250, 250, 250))
    lid = canvas.limb(
        (x - 0.17 * s, y - 0.02 * s), (x + 0.17 * s, y - 0.02 * s), 0.02 * s, 0.02 * s
    )
    lid = np.maximum(lid, -canvas.ellipse(x, y + 0.03 * s, 0.16 * s, 0.1 * s))
    canvas.paint(lid, _darken(hair, 0.7), soft=0.02 * s)
    inner, outer = x - side * 0.16 * s, x + side * 0.22 * s
    brow = canvas.limb((inner, y - 0.22 * s), (outer, y - 0.26 * s), 0.045 * s, 0.025 * s)
    canvas.paint(brow, _darken(hair, 0.9), soft=0.04 * s)


def _draw_nose(canvas: Canvas, head: Circle, skin: Color) -> None:
    x, y, s = head
    shadow, light = _darken(skin, 0.84), _darken(skin, 1.08)
    bridge = canvas.limb(
        (x + 0.05 * s, y - 0.05 * s), (x + 0.08 * s, y + 0.3 * s), 0.04 * s, 0.1 * s
    )
    canvas.paint(bridge, shadow, soft=0.12 * s)
    ridge = canvas.limb((x, y - 0.1 * s), (x, y + 0.28 * s), 0.045 * s, 0.08 * s)
    canvas.paint(ridge, light, soft=0.1 * s)
    for side in (-1, 1):
        nostril = canvas.ellipse(x + side * 0.085 * s, y + 0.38 * s, 0.045 * s, 0.028 * s)
        canvas.paint(nostril, _darken(skin, 0.4), soft=0.03 * s)


def _draw_mouth(canvas: Canvas, head: Circle, skin: Color) -> None:
    x, y, s = head
    canvas.paint(canvas.ellipse(x, y + 0.68 * s, 0.3 * s, 0.1 * s), (176, 88, 86), soft=0.04 * s)
    line = canvas.limb(
        (x - 0.28 * s, y + 0.67 * s), (x + 0.28 * s, y + 0.67 * s), 0.014 * s, 0.014 * s
    )
    canvas.paint(line, (95, 40, 42), soft=0.02 * s)
    canvas.paint(
        canvas.ellipse(x, y + 0.87 * s, 0.2 * s, 0.05 * s), _darken(skin, 0.84), soft=0.1 * s
    )


def _draw_person(canvas: Canvas, stream: Stream) -> None:
    """Draw a standing person, from head to shoes."""
    skin, shirt = _pick(_SKINS, stream), _pick(_CLOTHES, stream)
    trousers = _darken(_pick(_CLOTHES, stream), 0.7)
    x, spread = stream.between(-0.1, 0.1), stream.between(0.05, 0.1)
    canvas.paint(canvas.ellipse(x, 0.46, 0.2, 0.025), (50, 48, 45), soft=0.04)
    for side in (-1, 1):
        hip, knee, foot = (
            x + side * 0.05,
            x + side * (0.05 + spread / 2),
            x + side * (0.05 + spread),
        )
        canvas.paint(canvas.limb((hip, 0.08), (knee, 0.26), 0.058, 0.045), trousers)
        canvas.paint(canvas.limb((knee, 0.26), (foot, 0.43), 0.045, 0.034), trousers)
        canvas.paint(
            canvas.limb((foot, 0.45), (foot + side * 0.04, 0.455), 0.022, 0.018), (30, 28, 28)
        )
        elbow = (x + side * (0.15 + spread / 3), -0.03)
        hand = (x + side * (0.14 + spread), 0.1)
        canvas.paint(
            canvas.limb((x + side * 0.095, -0.18), elbow, 0.035, 0.03), _darken(shirt, 0.9)
        )
        canvas.paint(canvas.limb(elbow, hand, 0.024, 0.018), skin)
        canvas.paint(canvas.ellipse(*hand, 0.024, 0.03), skin)
    canvas.paint(canvas.limb((x, -0.16), (x, 0.06), 0.105, 0.085), shirt)
    canvas.paint(canvas.limb((x, -0.27), (x, -0.22), 0.028, 0.032), _darken(skin, 0.85))
    _draw_head(canvas, (x, -0.345, 0.068), skin, stream)


def _draw_hand(canvas: Canvas, stream: Stream) -> None:
    """Draw an open hand, its palm towards us, with a piece of the arm."""
    skin = _pick(_SKINS, stream)
    x, y = stream.between(-0.05, 0.05), stream.between(0.08, 0.14)
    side = 1 if stream.between(0, 1) < 0.5 else -1  # noqa: PLR2004  # a fair coin
    edge = _darken(skin, 0.72)
    canvas.paint(canvas.limb((x, y + 0.12), (x - side * 0.02, y + 0.5), 0.1, 0.11), edge, soft=0.02)
    canvas.paint(canvas.limb((x, y + 0.12), (x - side * 0.02, y + 0.5), 0.092, 0.1), skin)
    tips = ((-0.17, -0.3, 0.028), (-0.07, -0.4, 0.032), (0.03, -0.42, 0.033), (0.13, -0.37, 0.032))
    for i, (dx, dy, radius) in enumerate(tips):
        root = (x + side * (-0.11 + 0.072 * i), y - 0.1)
        tip = (x + side * dx, y + dy)
        canvas.paint(canvas.limb(root, tip, radius + 0.012, radius + 0.004), edge, soft=0.01)
        canvas.paint(canvas.limb(root, tip, radius + 0.006, radius - 0.002), skin)
        for part in (0.36, 0.68):
            fold = (root[0] + part * (tip[0] - root[0]), root[1] + part * (tip[1] - root[1]))
            canvas.paint(canvas.ellipse(*fold, radius * 0.8, 0.005), edge, soft=0.008)
    thumb = (x + side * 0.12, y + 0.08), (x + side * 0.27, y - 0.1)
    canvas.paint(canvas.limb(*thumb, 0.056, 0.036), edge, soft=0.01)
    palm = canvas.box(x, y, 0.155, 0.165, round_=0.08)
    canvas.paint(palm - 0.007, edge, soft=0.01)
    canvas.paint(palm, skin)
    canvas.paint(canvas.limb(*thumb, 0.05, 0.03), skin)
    for dy, length in ((-0.02, 0.1), (0.03, 0.09)):
        crease = canvas.limb((x - length, y + dy - 0.03), (x + length, y + dy), 0.004, 0.004)
        canvas.paint(crease, edge, soft=0.01)


def _draw_scene(canvas: Canvas, stream: Stream) -> None:
    """Draw a table with a ball, a cup, a book and a bottle."""
    canvas.paint(0.12 - canvas.y, (136, 98, 66))
    colors = [_pick(_CLOTHES, stream) for _ in range(3)]
    x = stream.between(-0.05, 0.05)
    for at, width in ((-0.28, 0.12), (0.02, 0.1), (0.3, 0.08)):
        canvas.paint(canvas.ellipse(x + at + 0.03, 0.3, width, 0.03), (70, 50, 36), soft=0.06)
    canvas.paint(canvas.ellipse(x - 0.28, 0.18, 0.12, 0.12), (225, 130, 40))
    canvas.paint(canvas.ellipse(x - 0.32, 0.13, 0.03, 0.025), (250, 220, 180), soft=0.05)
    canvas.paint(
        np.abs(canvas.ellipse(x + 0.14, 0.19, 0.05, 0.05)) - 0.012, _darken(colors[0], 1.2)
    )
    canvas.paint(canvas.box(x + 0.02, 0.19, 0.09, 0.11), _darken(colors[0], 1.3))
    canvas.paint(canvas.ellipse(x + 0.02, 0.085, 0.085, 0.022), (60, 45, 40))
    canvas.paint(canvas.box(x + 0.3, 0.12, 0.06, 0.19, round_=0.03), (40, 90, 55))
    canvas.paint(canvas.limb((x + 0.3, -0.2), (x + 0.3, -0.06), 0.02, 0.03), (40, 90, 55))
    canvas.paint(canvas.box(x + 0.3, 0.14, 0.058, 0.06, round_=0.01), (230, 225, 205))
    canvas.paint(canvas.box(x - 0.05, 0.36, 0.26, 0.05), colors[1])
    canvas.paint(canvas.box(x - 0.03, 0.37, 0.24, 0.025), (235, 232, 222))


SUBJECTS: dict[str, Callable[[Canvas, Stream], None]] = {
    "portrait": _draw_portrait,
    "person": _draw_person,
    "hand": _draw_hand,
    "scene": _draw_scene,
}


def _background(height: int, width: int, stream: Stream) -> _Plane:
    """Return a wall in soft light with a floor, (height, width, 3)."""
    low, high = stream.fractions(3) * 60 + 90, stream.fractions(3) * 60 + 150
    down = np.linspace(0.0, 1.0, height)[:, None, None]
    across = np.linspace(0.0, 1.0, width)[None, :, None]
    light = 1.0 + 0.15 * (0.5 - across)
    wall = (high + (low - high) * down) * light
    texture = _texture(height, width, stream)[..., None] * 24.0
    plane: _Plane = wall + texture
    return plane


def _texture(height: int, width: int, stream: Stream) -> _Plane:
    """Return smooth noise whose octaves fall off as 1/f, (height, width), about -1 to 1."""
    plane = np.zeros((height, width))
    for octave in range(_OCTAVES):
        cells = 2 ** (octave + 1)
        grid = stream.fractions(cells + 1, cells + 1) * 2.0 - 1.0
        plane += _stretch(grid, height, width) / 2**octave
    return plane


def _stretch(grid: _Plane, height: int, width: int) -> _Plane:
    """Return a grid brought to a size, with smooth transitions."""
    rows, columns = (np.linspace(0, len(grid) - 1.001, size) for size in (height, width))
    top, left = rows.astype(int), columns.astype(int)
    v, h = rows - top, columns - left
    v, h = (v * v * (3 - 2 * v))[:, None], (h * h * (3 - 2 * h))[None, :]
    upper = grid[top][:, left] * (1 - h) + grid[top][:, left + 1] * h
    lower = grid[top + 1][:, left] * (1 - h) + grid[top + 1][:, left + 1] * h
    plane: _Plane = upper * (1 - v) + lower * v
    return plane


def _pick(colors: Sequence[Color], stream: Stream) -> Color:
    return colors[int(stream.integers(0, len(colors), 1)[0])]


def _darken(color: Color, factor: float) -> Color:
    return (color[0] * factor, color[1] * factor, color[2] * factor)
