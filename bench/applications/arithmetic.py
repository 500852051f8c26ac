"""Attribute arithmetic: the vector of an attribute is added to codes (dfi, eq. 9, Fig. 16; recycling, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.applications.base import Application, ApplicationResult
from bench.core.errors import DataError
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.measures import AttributeScorer
    from bench.applications.subject import InversionSession

DRAWN = 8


@dataclass(frozen=True)
class Vector:
    """The direction of an attribute.

    Attributes:
        name: the attribute, or several joined by " + ".
        change: vector ``[1, d]`` that is added to a code.
        strata: the groups whose differences were averaged, in words.
    """

    name: str
    change: Tensor
    strata: str


@application("arithmetic")
@dataclass
class Arithmetic(Application):
    """Add an attribute's vector: the mean code of images with the attribute minus that of images without it.

    The difference is computed separately for images with and without a further attribute, and averaged (dfi, equation
    9: glasses of men and of women); a half with too few images is left out, and the report notes it. Means are over
    the method's codes of training images. Classes of a dataset with labels serve as attributes.

    Attributes:
        attributes: attributes whose vectors are added, each by itself and, unless they are classes, all together.
        strata: the further attribute; "none" for a plain difference of means.
        per_mean: number of images of each mean.
        strength: factor of the vectors.
    """

    example: ClassVar[str] = "--attributes Bag,Pullover --gan fashion-mnist/dcgan"

    tiled: ClassVar[bool] = False

    attributes: tuple[str, ...] = ()
    strata: str = "none"
    per_mean: int = 20
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not self.attributes:
            raise ValueError("attributes is missing: one or more, with commas between them (Eyeglasses,Mustache)")
        if len(set(self.attributes)) < len(self.attributes) or self.strata in self.attributes:
            raise ValueError(f"attributes = {list(self.attributes)}, strata = {self.strata}: each once")
        if self.per_mean < 1:
            raise ValueError(f"per_mean = {self.per_mean} must be at least 1")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import strip
        from bench.applications.measures import open_scorer

        vectors = self.vectors(subject)
        chosen, source = self.lacking(subject)
        scorer = open_scorer(subject)
        x = subject.x[chosen]
        codes = subject.invert(x)
        plain = subject.decode(codes)
        edited = {v.name: subject.decode(codes + self.strength * v.change) for v in vectors}
        shown = {"image": x, "inverted": plain, **{f"+ {name}": images for name, images in edited.items()}}
        tables = {"Attributes": flips(scorer, self.attributes, plain, edited)} if scorer else {}
        return ApplicationResult(
            "Attribute vectors",
            tuple(strip(name, images[:DRAWN]) for name, images in shown.items()),
            measured=(
                f"{len(x)} {source}; vectors from {subject.data.name}'s training images, {self.per_mean} inverted "
                f"for each mean, times {self.strength:g}.",
                *(f"{v.name}: {v.strata}." for v in vectors if v.strata),
                *how_judged(scorer),
            ),
            tables=tables,
            protocol={"network": scorer.name if scorer else None},
        )

    def vectors(self, subject: InversionSession) -> list[Vector]:
        """Return one vector for each attribute, and their sum if there are several.

        Raises:
            UnknownName: the dataset lacks an attribute.
            DataError: too few images for the means.
        """
        import torch

        from bench.applications.measures import column_of, facts_of

        names, facts = facts_of(subject.data.train, subject.data.classes)
        columns = {a: column_of(a, names, "--attributes", subject.data.name) for a in self.attributes}
        halves = {"all": torch.ones(len(facts), dtype=torch.bool)}
        if self.strata != "none":
            split = facts[:, column_of(self.strata, names, "--strata", subject.data.name)]
            halves = {f"with {self.strata}": split, f"without {self.strata}": ~split}
        found = [self.vector(subject, name, facts[:, column], halves) for name, column in columns.items()]
        if len(found) > 1 and subject.data.train.attributes is not None:  # an image has only one class
            found.append(Vector(" + ".join(self.attributes), torch.stack([v.change for v in found]).sum(0), ""))
        return found

    def vector(self, subject: InversionSession, name: str, has: Tensor, halves: dict[str, Tensor]) -> Vector:
        """Return the vector of one attribute.

        Args:
            subject: the session that inverts the images of the means.
            name: the attribute.
            has: bool ``[N]``, True for training images with the attribute.
            halves: name of each half of the strata -> bool ``[N]``, True for its images.
        """
        import torch

        used: dict[str, Tensor] = {}
        left_out = []
        for half, inside in halves.items():
            groups = [(inside & side).nonzero()[: self.per_mean, 0] for side in (has, ~has)]
            if min(len(group) for group in groups) < self.per_mean:
                left_out.append(half)
                continue
            means = [self.mean_code(subject, rows) for rows in groups]
            used[half] = means[0] - means[1]
        if not used:
            raise DataError(
                f"--attributes {name}: {subject.data.name} has {int(has.sum())} training images with it and "
                f"{int((~has).sum())} without; a mean takes {self.per_mean} (--per-mean)"
            )
        missing = f"; too few images {' and '.join(left_out)}" if left_out else ""
        return Vector(name, torch.stack(list(used.values())).mean(0), f"{_difference(used)}{missing}")

    @staticmethod
    def mean_code(subject: InversionSession, rows: Tensor) -> Tensor:
        """Return the mean code ``[1, d]`` of training images."""
        images = subject.data.train.floats(rows.to(subject.data.train.data.device)).to(subject.bench.device)
        return subject.invert(images, "invert images of the means").mean(0, keepdim=True)

    def lacking(self, subject: InversionSession) -> tuple[Tensor, str]:
        """Return the images without any of the attributes, where attributes are known, and a description of them.

        Raises:
            DataError: every image has one of them.
        """
        import torch

        images = subject.images
        if images.attributes is None and images.labels is None:
            return torch.arange(len(images)), subject.source
        from bench.applications.measures import column_of, facts_of

        names, facts = facts_of(images, subject.data.classes)
        columns = [column_of(a, names, "--attributes", subject.source) for a in self.attributes]
        rows = (~facts[:, columns].any(1)).nonzero()[:, 0]
        if not len(rows):
            raise DataError(f"--count {len(images)}: each of these images has {' or '.join(self.attributes)}")
        return rows, f"{subject.source} without {' or '.join(self.attributes)}"


def flips(
    scorer: AttributeScorer, attributes: Sequence[str], plain: Tensor, edited: dict[str, Tensor]
) -> pd.DataFrame:
    """Return the share of edited images with the attribute according to a classifier; one row per vector.

    Args:
        scorer: the classifier.
        attributes: the attributes that are added.
        plain: reconstructions before the edit.
        edited: name of the vector, attributes joined by " + " -> edited images.
    """
    import pandas as pd
    import torch

    from bench.applications.measures import flipped

    seen, rows = scorer.predict(plain), []
    for name, images in edited.items():
        wanted = {a: torch.ones(len(plain), dtype=torch.bool) for a in attributes if a in name.split(" + ")}
        already, done, kept = flipped(scorer, seen, images, wanted)
        rows.append(
            {"added": name, "images": len(plain), "seen before": already, "flipped": done, "others kept": kept}
        )
    return pd.DataFrame(rows)


def how_judged(scorer: AttributeScorer | None) -> tuple[str, ...]:
    """Return an explanation of the columns of a table of attributes, or the reason that there is none."""
    from bench.applications.measures import NO_CLASSIFIER

    if scorer is None:
        return (NO_CLASSIFIER,)
    return (
        f"Attributes are predicted by {scorer.name}. seen before: share of the reconstructions with the attribute. "
        "flipped: share of the others that have it after the edit. others kept: share of the other attributes whose "
        "prediction does not change.",
    )


def _difference(halves: dict[str, Tensor]) -> str:
    """Describe the averaged differences in words."""
    within = [f"images {half}" if half != "all" else "all images" for half in halves]
    averaged = ", averaged" if len(within) > 1 else ""
    return f"mean code with it less mean code without it, among {' and among '.join(within)}{averaged}"
