"""Editing with a conditional GAN: the condition of a code changes, its noise stays (icgan, sections 4 and 5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.applications.base import Application, ApplicationResult
from bench.core.errors import NotApplicable
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.measures import AttributeScorer
    from bench.applications.subject import InversionSession

DRAWN = 8
PAIRS_DRAWN = 4


@application("edit")
@dataclass
class Edit(Application):
    """Invert an image to noise z and condition y, change y, and decode it (icgan, Fig. 5).

    Each named attribute is inverted by itself. Each named class replaces the class of the image.

    Attributes:
        attributes: attributes or classes; all if none is named.
    """

    example: ClassVar[str] = (
        "--gan 'cgan?condition=attributes' --dataset drawn-faces --method icgan --attributes Male"
    )

    tiled: ClassVar[bool] = False

    attributes: tuple[str, ...] = ()

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import strip
        from bench.applications.measures import column_of, open_scorer

        x, codes = subject.x, subject.invert(subject.x)
        conditions = Conditions.of(subject, codes)
        chosen = self.attributes or conditions.names
        columns = {name: column_of(name, conditions.names, "--attributes", subject.data.name) for name in chosen}
        plain = subject.decode(codes)
        targets = {name: conditions.changed(column) for name, column in columns.items()}
        edited = {name: subject.decode(conditions.code(y)) for name, y in targets.items()}
        scorer = open_scorer(subject)
        sign = "=" if conditions.classes else "±"
        shown = {"image": x, "inverted": plain, **{f"{sign} {name}": images for name, images in edited.items()}}
        wanted = {name: y[:, columns[name]] > 0.5 for name, y in targets.items()}
        return ApplicationResult(
            "Editing of conditions",
            tuple(strip(name, images[:DRAWN]) for name, images in shown.items()),
            measured=(
                f"{len(x)} images; z as inferred, y changed: "
                + ("one class in place of another." if conditions.classes else "one attribute turned over."),
                *how_followed(scorer),
            ),
            tables={"Edits": followed(scorer, plain, edited, wanted)} if scorer else {},
            protocol={"network": scorer.name if scorer else None},
        )


@application("swap")
@dataclass
class Swap(Application):
    """Exchange the conditions of the two images of a pair, and keep their noise (icgan, Fig. 6b)."""

    example: ClassVar[str] = "--gan 'cgan?condition=attributes' --dataset drawn-faces --method icgan"

    fewest: ClassVar[int] = 2
    tiled: ClassVar[bool] = False

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import strip
        from bench.applications.measures import NO_CLASSIFIER, open_scorer

        x = subject.x[: len(subject.images) // 2 * 2]
        codes = subject.invert(x)
        conditions = Conditions.of(subject, codes)
        donors = conditions.y.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
        plain, swapped = subject.decode(codes), subject.decode(conditions.code(donors))
        scorer = open_scorer(subject)
        captions = [f"{pair + 1}{side}" for pair in range(PAIRS_DRAWN) for side in "ab"][: len(x)]
        shown = {"image": x, "inverted": plain, "swapped": swapped}
        drawn = 2 * PAIRS_DRAWN
        return ApplicationResult(
            "Swapping of conditions",
            tuple(strip(n, each[:drawn], captions if n == "image" else ()) for n, each in shown.items()),
            measured=(
                f"{len(x) // 2} pairs of images; z as inferred, y of the other image of the pair.",
                "as donor: share of the attributes in which the two conditions differ that are predicted as the "
                "donor's; kept: share of those in which they agree that are predicted as in the reconstruction. "
                f"Attributes are predicted by {scorer.name}."
                if scorer
                else NO_CLASSIFIER,
            ),
            tables={"Swaps": swaps(scorer, conditions, donors=donors, plain=plain, swapped=swapped)}
            if scorer
            else {},
            protocol={"network": scorer.name if scorer else None},
        )


@dataclass(frozen=True)
class Conditions:
    """Noise and conditions of the codes of a conditional generator.

    Attributes:
        z: noise ``[B, z]``.
        y: conditions ``[B, K]``.
        names: names of the K columns.
        classes: True if y is a one-hot class, False if it holds attributes.
    """

    z: Tensor
    y: Tensor
    names: tuple[str, ...]
    classes: bool

    @classmethod
    def of(cls, subject: InversionSession, codes: Tensor) -> Conditions:
        """Split codes into noise and conditions.

        Raises:
            NotApplicable: the GAN has no conditions, or they are not the dataset's attributes or classes.
        """
        from bench.applications.measures import facts_of

        prior = subject.view.prior
        z, y = prior.noise_of(codes), prior.conditions_of(codes)
        if y is None:
            raise NotApplicable("this GAN has no conditions to change: take a cgan, or use ganinv apply arithmetic")
        if z.shape[1] + y.shape[1] != codes.shape[1]:
            raise NotApplicable("codes of this method hold more than noise and condition")
        train = subject.data.train
        names, _ = facts_of(train, subject.data.classes)
        classes = train.attributes is None or y.shape[1] != len(names)
        if classes and train.labels is not None:
            known = subject.data.classes or tuple(map(str, range(int(train.labels.max()) + 1)))
            names = (*known, *map(str, range(len(known), y.shape[1])))
        if y.shape[1] != len(names):
            raise NotApplicable(f"the GAN's {y.shape[1]} conditions are not the {len(names)} of {subject.data.name}")
        return cls(z, y, names, classes)

    def changed(self, column: int) -> Tensor:
        """Return conditions ``[B, K]`` with one attribute inverted, or with another class."""
        import torch

        if self.classes:
            return torch.eye(self.y.shape[1], device=self.y.device)[column].expand(len(self.y), -1)
        y = self.y.clone()
        y[:, column] = (y[:, column] <= 0.5).to(y.dtype)
        return y

    def code(self, y: Tensor) -> Tensor:
        """Return codes ``[B, z + K]`` of the same noise and other conditions."""
        import torch

        return torch.cat([self.z, y], 1)


def followed(
    scorer: AttributeScorer, plain: Tensor, edited: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> pd.DataFrame:
    """Return the share of edited images with the requested attribute, one row per edit.

    Args:
        scorer: the classifier.
        plain: reconstructions ``[B, C, H, W]``.
        edited: attribute -> edited images.
        wanted: attribute -> bool ``[B]``, True where it was requested.
    """
    import pandas as pd

    from bench.applications.measures import flipped

    seen, rows = scorer.predict(plain), []
    for name, images in edited.items():
        already, done, kept = flipped(scorer, seen, images, {name: wanted[name]})
        rows.append(
            {"attribute": name, "images": len(plain), "so before": already, "flipped": done, "others kept": kept}
        )
    return pd.DataFrame(rows)


def swaps(
    scorer: AttributeScorer, conditions: Conditions, donors: Tensor, plain: Tensor, swapped: Tensor
) -> pd.DataFrame:
    """Measure the agreement of images with the attributes of the donor, before and after the swap.

    Raises:
        NotApplicable: the classifier predicts other attributes than the conditions.
    """
    import pandas as pd

    columns = _columns(scorer.names, conditions.names)
    own, other = (y[:, [k for _, k in columns]].cpu() > 0.5 for y in (conditions.y, donors))
    before, after = (scorer.predict(images)[:, [j for j, _ in columns]] for images in (plain, swapped))
    differs = own != other
    rows = [
        {
            "images": name,
            "as donor": float((seen == other)[differs].double().mean()) if differs.any() else float("nan"),
            "kept": float((seen == before)[~differs].double().mean()) if (~differs).any() else float("nan"),
        }
        for name, seen in (("inverted", before), ("swapped", after))
    ]
    return pd.DataFrame(rows)


def how_followed(scorer: AttributeScorer | None) -> tuple[str, ...]:
    """Return an explanation of the columns of an edit's table, or the reason that there is none."""
    from bench.applications.measures import NO_CLASSIFIER

    if scorer is None:
        return (NO_CLASSIFIER,)
    return (
        f"Attributes are predicted by {scorer.name}. so before: share of the reconstructions that have the requested "
        "attribute already. flipped: share of the others that have it after the edit. others kept: share of the "
        "other attributes whose prediction does not change.",
    )


def _columns(predicted: Sequence[str], named: Sequence[str]) -> list[tuple[int, int]]:
    """Return the positions of the names that both lists share: in the first, and in the second."""
    shared = [(predicted.index(name), named.index(name)) for name in named if name in predicted]
    if not shared:
        raise NotApplicable("the classifier predicts none of the GAN's conditions")
    return shared
