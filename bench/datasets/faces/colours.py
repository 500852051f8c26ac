"""The colours of a batch of people: skin, hair, lips, eyes, clothes, background. RGB in [0, 1], ``[B, 3, 1, 1]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.datasets.faces.people import Array, People
from bench.datasets.faces.shapes import clip, pick

SKIN = ((0.965, 0.800, 0.690), (0.900, 0.690, 0.530), (0.700, 0.470, 0.330), (0.450, 0.290, 0.205))
PALE = ((0.985, 0.915, 0.885), (0.970, 0.890, 0.865))
BLACK = ((0.060, 0.055, 0.070), (0.130, 0.110, 0.115))
BROWN = ((0.340, 0.200, 0.110), (0.480, 0.300, 0.170))
BLOND = ((0.890, 0.710, 0.370), (0.970, 0.870, 0.600))
RED = ((0.690, 0.250, 0.110), (0.820, 0.390, 0.180))
GREY = ((0.600, 0.600, 0.620), (0.860, 0.860, 0.880))
DYED = ((0.230, 0.520, 0.560), (0.360, 0.320, 0.640), (0.620, 0.280, 0.480), (0.870, 0.500, 0.560))
IRIS = (
    (0.300, 0.180, 0.090),
    (0.450, 0.290, 0.120),
    (0.330, 0.470, 0.250),
    (0.240, 0.450, 0.640),
    (0.420, 0.480, 0.540),
)
LIPSTICK = ((0.760, 0.330, 0.340), (0.700, 0.160, 0.230), (0.840, 0.420, 0.450), (0.560, 0.170, 0.260))


@dataclass(frozen=True, eq=False)
class Colours:
    """Every colour of a batch, each ``[B, 3, 1, 1]``."""

    skin: Array
    shadow: Array
    hair: Array
    temples: Array
    brows: Array
    beard: Array
    lips: Array
    iris: Array
    lashes: Array
    clothes: Array
    trim: Array
    backdrop: tuple[Array, Array, Array]
    hat: Array
    glasses: Array


@dataclass(frozen=True, eq=False)
class Paint:
    """A colour that differs from pixel to pixel: from one colour towards another, darkened by a shade.

    Attributes:
        colour: ``[B, 3, 1, 1]``.
        shade: factor ``[B, h, w]``, or None for 1.
        other: a second colour, or None.
        share: of the second colour, ``[B, h, w]``.
    """

    colour: Array
    shade: Array | None = None
    other: Array | None = None
    share: Array | None = None

    def channel(self, number: int) -> Array:
        """Red, green or blue of every pixel, ``[B, h, w]`` or what broadcasts to it."""
        value = self.colour[:, number]
        if self.other is not None and self.share is not None:
            value = value + (self.other[:, number] - value) * self.share
        spread: Array = value if self.shade is None else value * self.shade
        return spread


def choose_colours(people: People) -> Colours:
    """The colours that attributes and choices give."""
    skin = _skin(people)
    strength = 0.25 + 0.75 * channel(people.between("light_strength", 0.0, 1.0))
    deep = pick(channel(people.has("Pale_Skin")), tint(0.18, 0.27, 0.30), tint(0.30, 0.43, 0.44))
    shadow = skin * (1 - strength * deep)
    hair = _hair(people)
    grey = between_stops(people.between("hair_hue", 0.0, 1.0), GREY)
    old, bald = channel(~people.has("Young")), channel(people.has("Bald"))
    own = pick(
        bald, between_stops(people.between("hair_tone", 0.0, 1.0), (BLACK[1], BROWN[0], (0.5, 0.46, 0.43))), hair
    )
    brows = own * channel(people.between("brow_tone", 0.62, 0.78))
    brows = pick(old & ~bald, mix(brows, grey * 0.8, 0.35), brows)
    beard = mix(own * channel(people.between("beard_tone", 0.70, 0.92)), tint(0.25, 0.15, 0.10), 0.18)
    return Colours(
        skin=skin,
        shadow=shadow,
        hair=hair,
        temples=pick(old, mix(hair, grey, channel(people.between("temples", 0.45, 0.9))), hair),
        brows=brows,
        beard=pick(old, mix(beard, grey, channel(people.between("temples", 0.1, 0.6))), beard),
        lips=_lips(people, skin),
        iris=between_stops(people.between("iris_hue", 0.0, 1.0), IRIS),
        lashes=mix(tint(0.10, 0.07, 0.07), brows * 0.45, 0.35),
        **_cloth(people),
    )


def channel(value: Array) -> Array:
    """Per-image numbers ``[B, 1, 1]`` as ``[B, 1, 1, 1]``, to go with colours."""
    spread: Array = value[:, None]
    return spread


def tint(red: float, green: float, blue: float) -> Array:
    """One colour for everybody, ``[1, 3, 1, 1]``."""
    return np.array([red, green, blue], np.float32).reshape(1, 3, 1, 1)


def mix(first: Array, second: Array, share: float | Array) -> Array:
    """``first`` with a share of ``second``."""
    return first + (second - first) * share


def between_stops(position: Array, stops: tuple[tuple[float, float, float], ...]) -> Array:
    """Colours at positions ``[B, 1, 1]`` in [0, 1] along a path of evenly spaced colours."""
    place = channel(position) * (len(stops) - 1)
    colour = tint(*stops[0]) + np.zeros_like(place)
    for number, stop in enumerate(stops[1:]):
        colour = mix(colour, tint(*stop), clip(place - number))
    return np.asarray(colour)


def hsv(hue: Array, saturation: Array, value: Array) -> Array:
    """RGB of hue (any number, period 1), saturation and value, each ``[B, 1, 1]``."""
    offsets = np.array([0, 2 / 3, 1 / 3], np.float32).reshape(1, 3, 1, 1)
    turn = channel(hue) + offsets
    ramp = clip(np.abs((turn - np.floor(turn)) * 6 - 3) - 1)
    mixed: Array = channel(value) * (1 + channel(saturation) * (ramp - 1))
    return mixed


def _skin(people: People) -> Array:
    tone = people.between("tone", 0.0, 1.0)
    usual = between_stops(tone * (0.55 + 0.45 * tone), SKIN)
    pale = between_stops(tone, PALE)
    warmth = channel(people.around("warmth", -0.03, 0.03))
    warm = tint(1.0, 0.0, -1.0) * warmth
    return pick(channel(people.has("Pale_Skin")), pale + 0.3 * warm, usual + warm)


def _hair(people: People) -> Array:
    tone, hue = people.between("hair_tone", 0.0, 1.0), people.between("hair_hue", 0.0, 1.0)
    red, grey = between_stops(tone, RED), between_stops(tone, GREY)
    dyed = between_stops(hue, DYED) * (0.85 + 0.3 * channel(tone))
    old = ~people.has("Young")
    rest = pick(channel(people.chance("hair_kind", pick(old, 0.15, 0.55))), red, pick(channel(old), grey, dyed))
    for name, stops in (("Black_Hair", BLACK), ("Brown_Hair", BROWN), ("Blond_Hair", BLOND)):
        rest = pick(channel(people.has(name)), between_stops(tone, stops), rest)
    return rest


def _lips(people: People, skin: Array) -> Array:
    natural = skin * tint(0.86, 0.62, 0.60)
    painted = between_stops(people.between("lip_tone", 0.0, 1.0), LIPSTICK)
    share = pick(people.has("Male"), people.between("lips", 0.0, 0.06), people.between("lips", 0.45, 0.95))
    return mix(natural, painted, channel(share))


def _cloth(people: People) -> dict[str, Any]:
    hue, turn = people.between("backdrop_hue", 0.0, 1.0), people.around("backdrop_turn", -0.12, 0.12)
    saturation = people.between("backdrop_saturation", 0.12, 0.50)
    value = people.between("backdrop_value", 0.62, 0.97)
    disc = pick(people.chance("disc_tone", 0.5), value * 0.82, value * 0.4 + 0.6)
    backdrop = (
        hsv(hue, saturation, value),
        hsv(hue + turn, saturation * 0.8, value * 0.82),
        hsv(hue + turn * 0.5, saturation * 0.9, disc),
    )
    dressed = hue + 0.5 + people.around("clothes_hue", -0.28, 0.28)
    clothes = hsv(dressed, people.between("clothes_tone", 0.65, 0.15), people.between("clothes_tone", 0.35, 0.92))
    trim = hsv(dressed + 0.1, people.between("stripes", 0.1, 0.5), people.between("clothes_tone", 0.85, 0.45))
    hat = hsv(
        people.between("hat_hue", 0.0, 1.0),
        people.between("hat_tone", 0.7, 0.2),
        people.between("hat_tone", 0.40, 0.85),
    )
    frames = hsv(
        people.between("glasses_hue", 0.0, 1.0),
        people.between("glasses_tint", 0.0, 0.7),
        people.between("glasses_tint", 0.10, 0.38),
    )
    return {"clothes": clothes, "trim": trim, "backdrop": backdrop, "hat": hat, "glasses": frames}
