"""People to draw: attributes from a causal chain of probabilities, and choices that no attribute determines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""float32, or bool for yes and no."""

ATTRIBUTES = (
    "Bald",
    "Bangs",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Eyeglasses",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "No_Beard",
    "Pale_Skin",
    "Young",
    "Smiling",
    "Wearing_Hat",
)
"""Columns of the attributes. The first 13 are those of STGAN's classifier."""


@dataclass(frozen=True)
class Link:
    """One attribute of the chain.

    Attributes:
        name: of the attribute.
        parents: attributes that it depends on; they stand earlier in the chain.
        chances: its probability for each truth value of the parents; a combination that is not named has 0.
    """

    name: str
    parents: tuple[str, ...]
    chances: dict[tuple[bool, ...], float]


YES, NO = True, False

CHAIN = (
    Link("Male", (), {(): 0.42}),
    Link("Young", ("Male",), {(NO,): 0.865, (YES,): 0.64}),
    Link(
        "Bald",
        ("Male", "Young"),
        {(NO, NO): 0.002, (NO, YES): 0.001, (YES, NO): 0.095, (YES, YES): 0.025},
    ),
    Link(
        "Black_Hair",
        ("Bald", "Male", "Young"),
        {(NO, NO, NO): 0.10, (NO, NO, YES): 0.25, (NO, YES, NO): 0.14, (NO, YES, YES): 0.36},
    ),
    Link(
        "Blond_Hair",
        ("Bald", "Black_Hair", "Male", "Young"),
        {
            (NO, NO, NO, NO): 0.24,
            (NO, NO, NO, YES): 0.325,
            (NO, NO, YES, NO): 0.025,
            (NO, NO, YES, YES): 0.055,
        },
    ),
    Link(
        "Brown_Hair",
        ("Bald", "Black_Hair", "Blond_Hair", "Male", "Young"),
        {
            (NO, NO, NO, NO, NO): 0.25,
            (NO, NO, NO, NO, YES): 0.53,
            (NO, NO, NO, YES, NO): 0.15,
            (NO, NO, NO, YES, YES): 0.31,
        },
    ),
    Link("Bangs", ("Bald", "Male"), {(NO, NO): 0.215, (NO, YES): 0.06}),
    Link("Wearing_Hat", ("Bald", "Male"), {(NO, NO): 0.025, (NO, YES): 0.085}),
    Link(
        "Eyeglasses",
        ("Male", "Young"),
        {(NO, NO): 0.07, (NO, YES): 0.02, (YES, NO): 0.19, (YES, YES): 0.08},
    ),
    Link("Bushy_Eyebrows", ("Male",), {(NO,): 0.05, (YES,): 0.265}),
    Link(
        "No_Beard",
        ("Male", "Young"),
        {(NO, NO): 1.0, (NO, YES): 1.0, (YES, NO): 0.55, (YES, YES): 0.62},
    ),
    Link("Mustache", ("Male", "No_Beard"), {(YES, NO): 0.22, (YES, YES): 0.02}),
    Link("Pale_Skin", ("Male",), {(NO,): 0.057, (YES,): 0.022}),
    Link("Smiling", ("Male",), {(NO,): 0.54, (YES,): 0.40}),
    Link("Mouth_Slightly_Open", ("Smiling",), {(NO,): 0.235, (YES,): 0.755}),
)
"""Chances that give marginals and dependences near those counted in CelebA (Liu et al. 2015)."""

CHOICES = (
    # pose and place
    *("yaw", "roll", "pitch", "shift_x", "shift_y", "scale"),
    # light and background
    *("light_x", "light_y", "light_strength", "backdrop_hue", "backdrop_turn", "backdrop_saturation"),
    *("backdrop_value", "backdrop_tilt", "disc_x", "disc_y", "disc_size", "disc_kind", "disc_tone"),
    # skin and build
    *("tone", "warmth", "head_width", "head_height", "jaw", "chin", "neck", "ears", "blush", "age_marks", "freckles"),
    # eyes and brows
    *("eye_gap", "eye_size", "eye_open", "eye_tilt", "eye_height", "iris_hue", "gaze_x", "gaze_y", "lashes"),
    *("brow_height", "brow_thickness", "brow_arch", "brow_tilt", "brow_tone"),
    # nose and mouth
    *("nose_length", "nose_width", "mouth_width", "mouth_bend", "mouth_open", "mouth_height", "lips", "lip_tone"),
    # hair
    *("hair_kind", "hair_tone", "hair_hue", "hair_length", "hair_volume", "hair_curl", "hair_part", "hair_line"),
    *("hair_sheen", "hair_locks", "fringe", "strands", "strand_depth", "bun", "temples"),
    # beard
    *("beard_kind", "beard_length", "beard_tone", "mustache_size"),
    # clothes
    *("clothes_hue", "clothes_tone", "collar", "stripes", "shoulders", "earrings"),
    # glasses and hat
    *("glasses_kind", "glasses_size", "glasses_hue", "glasses_tint", "hat_kind", "hat_hue", "hat_tone", "hat_height"),
)
"""Free choices: a uniform number in [0, 1) each."""

COLUMNS = len(ATTRIBUTES) + len(CHOICES)
"""Random numbers that one face takes."""


@dataclass(frozen=True, eq=False)
class People:
    """A batch of people to draw.

    Attributes:
        attributes: ``[B, 15]`` bool, in the order of ``ATTRIBUTES``.
        choices: ``[B, len(CHOICES)]`` in [0, 1).
    """

    attributes: NDArray[np.bool_]
    choices: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.attributes)

    def take(self, rows: NDArray[np.int64] | slice) -> People:
        """The chosen people."""
        return People(self.attributes[rows], self.choices[rows])

    def has(self, name: str) -> Array:
        """Return the people with an attribute as ``[B, 1, 1]`` bool."""
        return self.attributes[:, ATTRIBUTES.index(name), None, None]

    def between(self, choice: str, low: float | Array, high: float | Array) -> Array:
        """A choice spread evenly over an interval: ``[B, 1, 1]`` float32."""
        u = self.choices[:, CHOICES.index(choice), None, None].astype(np.float32)
        return low + (high - low) * u

    def around(self, choice: str, low: float | Array, high: float | Array) -> Array:
        """A choice over an interval whose middle is likelier than its ends: ``[B, 1, 1]`` float32."""
        u = self.choices[:, CHOICES.index(choice), None, None].astype(np.float32) * 2 - 1
        # Cubic: half of the people lie in the middle quarter.
        return (low + high) * 0.5 + (high - low) * 0.5 * u * (0.35 + 0.65 * u * u)

    def chance(self, choice: str, share: float | Array) -> Array:
        """Return True where a choice is below a share: ``[B, 1, 1]`` bool."""
        return self.choices[:, CHOICES.index(choice), None, None] < share


def gather(rows: NDArray[np.float64]) -> People:
    """People from rows of random numbers ``[N, COLUMNS]`` in [0, 1): attributes first, then the free choices."""
    found: dict[str, NDArray[np.bool_]] = {}
    for column, link in enumerate(CHAIN):
        share = np.zeros(len(rows))
        for values, chance in link.chances.items():
            match = np.ones(len(rows), bool)
            for parent, value in zip(link.parents, values, strict=True):
                match &= found[parent] == value
            share[match] = chance
        found[link.name] = rows[:, column] < share
    attributes = np.stack([found[name] for name in ATTRIBUTES], 1)
    return People(attributes, rows[:, len(ATTRIBUTES) :])
