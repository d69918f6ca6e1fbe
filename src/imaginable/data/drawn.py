"""Side-view sneakers drawn from named factors: a data set whose ground truth is known.

A point is a complex number, x (heel to toe) + y (up from the ground) times 1j in shares of the picture's
side. The layers of a shoe are drawn in flat colours with Pillow on a large canvas and averaged down;
light and shadow are numpy fields at the final size, which decides nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray[Any, np.dtype[Any]]
Colour = tuple[int, int, int]


class Factor(NamedTuple):
    """One knob of the drawing, sampled uniformly from low to high (whole numbers when discrete)."""

    name: str
    low: float
    high: float
    discrete: bool = False


FACTORS = (
    Factor("length", 0.78, 0.92),  # heel to toe
    Factor("sole_height", 0.05, 0.13),  # under the ball of the foot
    Factor("heel_drop", 0.0, 0.06),  # how much higher the foot stands at the heel
    Factor("toe_shape", 0.0, 1.0),  # sleek to boxy
    Factor("toe_cap", 0.12, 0.33),  # share of the length that the cap covers
    Factor("collar_height", 0.0, 1.0),  # low shoe to high-top
    Factor("tongue_height", 0.02, 0.10),  # how far it stands out of the collar
    Factor("tread", 0.0, 0.022),  # depth of the notches
    Factor("hue", 90.0, 390.0),  # OKLCH degrees, olive over blue to red: an arc, so that it has two ends
    Factor("lightness", 0.38, 0.86),  # of the upper, in OKLCH
    Factor("accent_hue", -90.0, 210.0),  # stripe, sole line and heel tab, blue over orange to cyan
    Factor("sole_tone", 0.0, 1.0),  # white, gum, dark
    Factor("stripe_style", 0, 5, discrete=True),  # arch, zig-zag, wave, bars, dots, chevrons
    Factor("laces", 3, 7, discrete=True),
)
SNEAKER_FACTORS: tuple[str, ...] = tuple(factor.name for factor in FACTORS)

OVERSAMPLING, GROUND = 4, 0.80  # the ground is measured from the picture's top
CREAM = (247, 243, 235)
BACKGROUND = np.array((0.957, 0.953, 0.945), np.float32)
_MIDDLE = {f.name: (f.low + f.high) // 2 if f.discrete else (f.low + f.high) / 2 for f in FACTORS}
_LMS = np.array([[1, 0.3963, 0.2158], [1, -0.1056, -0.0639], [1, -0.0895, -1.2915]])  # cones from OKLab
_RGB = np.array([[4.0767, -3.3077, 0.2310], [-1.2684, 2.6098, -0.3413], [-0.0042, -0.7034, 1.7076]])
_CUBIC = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2  # Catmull and Rom's
_CATMULL_ROM = np.vander(np.linspace(0, 1, 8, endpoint=False), 4, increasing=True) @ _CUBIC


def sneakers(count: int, size: int, seed: int = 0) -> tuple[Array, Array]:
    """Draw `count` sneakers whose factors are sampled independently of each other.

    Returns pictures, uint8 (count, size, size, 3), and their factors, float32 (count, len(SNEAKER_FACTORS)).
    Item i depends on seed and i only. ValueError when size is not in 32..256, or count or seed is negative.
    """
    _check_size(size)
    factors = np.empty((count, len(FACTORS)), np.float32)
    pictures = np.empty((count, size, size, 3), np.uint8)
    for i in range(count):
        uniform = np.random.Generator(np.random.PCG64([seed, i])).random(len(FACTORS))
        for k, (f, u) in enumerate(zip(FACTORS, uniform, strict=True)):
            factors[i, k] = f.low + (u * (f.high - f.low + 1) // 1 if f.discrete else u * (f.high - f.low))
        pictures[i] = draw_sneaker(dict(zip(SNEAKER_FACTORS, factors[i].tolist(), strict=True)), size)
    return pictures, factors


def draw_sneaker(factors: Mapping[str, float], size: int) -> Array:
    """Draw one sneaker, uint8 (size, size, 3), toe to the right on near-white.

    Missing factors take the middle of their range; others are kept within it, discrete ones rounded.
    ValueError for a factor that is not in SNEAKER_FACTORS, or a size that is not in 32..256.
    """
    _check_size(size)
    if unknown := sorted(set(factors) - set(SNEAKER_FACTORS)):
        raise ValueError(f"unknown factors {', '.join(unknown)}; known are {', '.join(SNEAKER_FACTORS)}")
    value = {**_MIDDLE, **factors}
    shoe = Shoe({f.name: min(max(float(value[f.name]), f.low), f.high) for f in FACTORS})
    scene = Scene(shoe, size)
    for layer in (shoe.inside(), shoe.tongue(), shoe.upper(), shoe.laces(), shoe.sole()):  # back to front
        scene.add(layer)
    return np.ascontiguousarray((scene.picture * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def _check_size(size: int) -> None:
    if not 32 <= size <= 256:
        raise ValueError(f"size must be in 32..256, got {size}")


def curve(*points: complex) -> Array:
    """A smooth line through the points."""
    p = np.array([2 * points[0] - points[1], *points, 2 * points[-1] - points[-2]])
    return np.append((_CATMULL_ROM @ np.stack([p[:-3], p[1:-2], p[2:-1], p[3:]])).T, p[-2])


def offset(path: Array, distance: Array | float) -> Array:
    """The path moved to its left by a distance; corners are mitred, so strokes keep their width there."""
    step = np.diff(path)
    normal = 1j * step / np.abs(step)
    before, after = np.append(normal[:1], normal), np.append(normal, normal[-1:])
    cosine = np.maximum((before * after.conj()).real, -0.5)
    return np.asarray(path + distance * (before + after) / (1 + cosine))


def ribbon(path: Array, width: float) -> Array:
    """The outline of a stroke of this width along the path."""
    side = offset(path, width / 2) - path
    return np.append(path + side, (path - side)[::-1])


def along(path: Array, shares: Array) -> Array:
    """The points at these shares of the path's length, as a column."""
    length = np.append(0, np.cumsum(np.abs(np.diff(path))))
    return np.asarray(np.interp(shares * length[-1], length, path))[:, None]


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """sRGB of an OKLCH colour. Equal steps look equal there, so that no hue is garish next to another."""
    lab = lightness, chroma * np.cos(np.deg2rad(hue)), chroma * np.sin(np.deg2rad(hue))
    r, g, b = (round(269 * min(max(c, 0.0031), 1) ** (1 / 2.4) - 14) for c in _RGB @ (_LMS @ lab) ** 3)
    return r, g, b


class Layer(NamedTuple):
    """Shapes cut out of one sheet; parts are painted on it back to front, holes leave it open."""

    shapes: Sequence[Array]
    colour: Colour
    parts: Sequence[tuple[Array, Colour]] = ()
    holes: Sequence[Array] = ()
    relief: float = 0.6  # how rounded it looks
    body: bool = False  # lit like a foot and shaded towards the sole


class Shoe:
    """The lines and colours that several parts share, and the parts."""

    def __init__(self, value: Mapping[str, float]) -> None:
        self.value = value
        c, t, hue, light = (value[k] for k in ("collar_height", "toe_shape", "hue", "lightness"))
        top = 0.168j + 0.22j * c
        notch, ankle = 0.045 + 0.012 * c + 0.125j + 0.12j * c, 0.475 - 0.02 * c + 0.185j + 0.10j * c
        instep, lip = 0.57 - 0.02 * c + 0.150j + 0.035j * c, 0.385 + 0.045j + top
        ball, toe, tip = 0.78 + 0.092j + 0.016j * t, 0.86 + 0.076j + 0.040j * t, 0.93 + 0.053j + 0.053j * t
        front, rear = 0.972 + 0.022j + 0.050j * t, 0.035 - 0.018j + top
        self.heel = self.at(0.03 - 0.03j, 0.012 + 0.03j, 0.016 + 0.075j, notch, rear, 0.045 + top)
        self.collar = self.at(0.045 + top, 0.09 - 0.006j + top, 0.18 - 0.05j + top, 0.29 - 0.03j + top, lip)
        self.throat = self.at(lip, ankle, instep, 0.675 + 0.118j)
        self.vamp = self.at(0.675 + 0.118j, ball, toe, tip, front, 0.988 - 0.02j)
        s = np.linspace(0, 1, 41)
        self.edge = self.place(s + 0j)  # of the sole, above and below
        toe_spring, bevel = np.maximum(s - 0.74, 0), np.maximum(0.09 - s, 0)
        self.floor = self.edge.real + 0.68j * toe_spring**2 + 2.2j * bevel**2
        self.cloth, self.leather = oklch(light, 0.095, hue), oklch(light - 0.09, 0.09, hue)
        self.seam, self.accent = oklch(light - 0.19, 0.08, hue), oklch(0.64, 0.16, value["accent_hue"])

    def base(self, s: Array) -> Array:
        """Height of the sole's upper edge at shares s of the length."""
        rise = np.minimum(np.maximum((0.72 - s) / 0.6, 0), 1)
        heel = self.value["heel_drop"] * rise**2 * (3 - 2 * rise)
        return np.asarray(self.value["sole_height"] + heel + 0.55 * np.maximum(s - 0.72, 0) ** 2)

    def place(self, points: Array) -> Array:
        """Points given as share of the length + height above the sole times 1j."""
        x = 0.5 + (points.real - 0.5) * self.value["length"]
        return np.asarray(x + 1j * (self.base(points.real) + points.imag))

    def at(self, *points: complex) -> Array:
        return self.place(curve(*points))

    def tone(self, tone: float) -> Colour:
        """White over gum to dark."""
        lightness = np.interp(tone, (0, 0.5, 1), (0.97, 0.68, 0.3))
        return oklch(float(lightness), float(np.interp(tone, (0, 0.5, 1), (0.008, 0.1, 0.015))), 65)

    def inside(self) -> Layer:
        """What shows of the collar's far side, and the pull tab behind the heel."""
        rim = self.collar + 0.012 + 0.028j * np.sin(np.linspace(0, np.pi, len(self.collar)))
        loop = self.heel[-1] + curve(0.006 - 0.04j, -0.012 + 0.012j, 0.004 + 0.03j, 0.02 - 0.01j)
        tab, hollow = ribbon(loop, 0.013), np.append(rim, self.collar[::-1] - 0.03j)
        return Layer([hollow, tab], oklch(0.42, 0.03, 60), [(tab, self.accent)])

    def tongue(self) -> Layer:
        top = self.throat[0]
        up = top - self.throat[3]
        up = up / abs(up) + 0.5j
        up, right = up / abs(up), up / abs(up) / 1j
        tip = top + up * (self.value["tongue_height"] + 0.01)
        front = offset(self.throat, np.linspace(0.024, 0.002, len(self.throat)))[::-1]
        rounding = (tip + right * 0.022, tip + up * 0.016 - right * 0.008, tip - right * 0.044)
        crest = curve(front[-2], front[-1], *rounding, top - right * 0.06 - up * 0.05)
        crest = np.append(crest, offset(self.throat, -0.03))  # not straight down: a high-top's throat is hollow
        return Layer([np.append(front[:-2], crest)], self.leather)

    def upper(self) -> Layer:
        outline = np.concatenate([self.heel, self.collar, self.throat, self.vamp, self.edge[38:1:-4] - 0.04j])
        cap_edge = curve(0.97 - 0.04j, 1.02 + 0.02j, 1.035 + 0.07j, 0.99 + 0.2j) - self.value["toe_cap"]
        counter_edge = self.at(0.27 - 0.04j, 0.20 + 0.04j, 0.155 + 0.10j, 0.15j)
        parts = self.panel(self.place(cap_edge), [1 + 0.3j, 1]) + self.panel(counter_edge, [0])
        for width, colour in ((0.042, CREAM), (0.030, self.accent)):  # the border shows on any upper
            parts += [(shape, colour) for shape in self.stripe(width)]
        parts += self.panel(offset(self.throat, -0.05), offset(self.throat, 0.03)[::-1])
        tab = np.append(self.heel[-18:] - 0.02, self.heel[-18:][::-1] + 0.045)
        parts += [(tab, self.accent), (ribbon(self.collar - 0.008j, 0.034), self.seam)]
        return Layer([outline], self.cloth, parts, relief=1.0, body=True)

    def panel(self, edge: Array, rest: Sequence[complex] | Array) -> list[tuple[Array, Colour]]:
        return [(np.append(edge, rest), self.leather), (ribbon(edge, 0.005), self.seam)]

    def stripe(self, width: float) -> list[Array]:
        style, t, pair = round(self.value["stripe_style"]), np.linspace(0, 1, 25), np.array([0, 1])
        if style == 4:
            dots = self.place(np.array([0.27, 0.36, 0.45, 0.54]) + 0.07j)[:, None]
            return list(dots + (0.022 + width) / 2 * np.exp(2j * np.pi * t))
        paths = {
            0: [curve(0.25 - 0.02j, 0.31 + 0.07j, 0.41 + 0.105j, 0.52 + 0.065j, 0.58 - 0.02j)],
            1: [np.linspace(0.22, 0.62, 6) + np.tile([0.03j, 0.11j], 3)],
            2: [0.2 + 0.42 * t + 0.068j + 0.034j * np.sin(4 * np.pi * t)],
            3: [x - 0.02j + pair * (-0.1 + 0.18j) for x in (0.39, 0.495)],
            5: [x + np.array([0.01j, 0.09 + 0.075j, 0.14j]) for x in (0.28, 0.40)],
        }
        return [ribbon(self.place(path), width) for path in paths[style]]

    def laces(self) -> Layer:
        share, t = np.linspace(0.06, 0.94, round(self.value["laces"])), np.linspace(0, 1, 12)
        offsets = ((-0.028, 0), (0.004, 0.015), (0.022, 0.05))
        start, middle, end = (along(offset(self.throat, by), share - lean) for by, lean in offsets)
        path = start * (1 - t) ** 2 + middle * 2 * t * (1 - t) + end * t**2
        side = 0.009j * (end - start) / np.abs(end - start) * np.sqrt(1 - (2 * t - 1) ** 6)
        return Layer(list(np.hstack([path + side, (path - side)[:, ::-1]])), CREAM, relief=0.35)

    def sole(self) -> Layer:
        edge, floor, tread, tone = self.edge, self.floor, self.value["tread"], self.value["sole_tone"]
        front = curve(edge[-2], edge[-1], (edge[-1] + floor[-1]) / 2 + 0.008, floor[-1] - 0.004, floor[-2])
        rear = curve(floor[1], floor[0] + 0.004, (edge[0] + floor[0]) / 2 - 0.008, edge[0], edge[1])
        outsole = np.append(floor - 0.05j, floor[::-1] + 0.017j + 0.5j * tread)
        line = ribbon(edge * 0.62 + floor * 0.38 + 0.006j, 0.008)
        notch = (-0.010 - 0.02j, -0.006 + 1j * tread, 0.006 + 1j * tread, 0.010 - 0.02j)
        notches = list(along(floor, np.linspace(0.07, 0.93, 16)) + notch)
        parts = [(line, self.accent), (outsole, self.tone(0.45 + 0.55 * tone))]
        outline = np.concatenate([edge[2:-2], front, floor[-3:2:-1], rear])
        return Layer([outline], self.tone(0.85 * tone), parts, notches, relief=0.7)


class Scene:
    """A picture in the making: float (3, size, size), and how much of each pixel the shoe covers so far."""

    def __init__(self, shoe: Shoe, size: int) -> None:
        self.size = size
        centre = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.share, height = (centre - 0.5) / shoe.value["length"] + 0.5, GROUND - centre[:, None]
        self.above_sole = height - shoe.base(self.share)
        contact = np.exp(-(((height + 0.004) / 0.022) ** 2) - (2.2 * self.share - 1.1) ** 10)
        self.picture = BACKGROUND[:, None, None] * (1 - 0.42 * contact)
        self.covered = np.zeros((size, size), np.float32)

    def add(self, layer: Layer) -> None:
        """Lay a layer over the picture, with a soft shadow on what the shoe has there already."""
        mask = Image.new("L", (self.size * OVERSAMPLING,) * 2)
        self.fill(mask, [(shape, 255) for shape in layer.shapes] + [(hole, 0) for hole in layer.holes])
        small = mask.reduce(OVERSAMPLING)
        coverage = np.asarray(small, np.float32) / 255
        soft = np.asarray(small.filter(ImageFilter.GaussianBlur(0.022 * self.size)), np.float32) / 255
        paint = np.array(layer.colour, np.float32)[:, None, None] / 255
        if layer.parts:
            sheet = Image.new("RGB", mask.size, layer.colour)
            self.fill(sheet, layer.parts)
            paint = np.asarray(sheet.reduce(OVERSAMPLING), np.float32).transpose(2, 0, 1) / 255
        light = self.light(layer, soft)
        paint = paint * (1 - np.abs(light)) + np.maximum(light, 0)
        self.picture *= 1 - 0.30 * soft * self.covered
        self.picture += coverage * (paint - self.picture)
        self.covered += coverage * (1 - self.covered)

    def fill(self, image: Image.Image, shapes: Sequence[tuple[Array, Any]]) -> None:
        draw = ImageDraw.Draw(image)
        for shape, colour in shapes:
            corners: Array = (GROUND * 1j + shape.conj()) * (self.size * OVERSAMPLING)
            draw.polygon(corners.view(float).tolist(), fill=colour)

    def light(self, layer: Layer, soft: Array) -> Array:
        """Light from above, a little from the left: -1 makes black, 0 leaves the colour, 1 makes white."""
        light = np.zeros_like(soft)
        light[1:, 1:] = 1.25 * soft[1:, 1:] - 0.9 * soft[:-1, 1:] - 0.35 * soft[1:, :-1]
        light *= layer.relief * 0.0176 * self.size
        if layer.body:
            above, toes, quarter = self.above_sole, (self.share - 0.83) / 0.09, (self.share - 0.30) / 0.20
            light -= 0.30 * np.exp(-np.maximum(above, 0) / 0.022) + 0.10 * np.exp(-((self.share / 0.07) ** 2))
            light += 0.16 * np.exp(-(toes**2) - ((above - 0.075) / 0.03) ** 2)
            light += 0.10 * np.exp(-(quarter**2) - ((above - 0.13) / 0.06) ** 2)
        return light
