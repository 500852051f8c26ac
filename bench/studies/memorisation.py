"""Sensitivity and false positives of the overfitting examination, on reference generators and negative controls."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from bench.core.errors import BenchError, DataError, unknown
from bench.core.registry import study
from bench.core.types import ComponentSpec
from bench.studies.base import Study, StudyRequest, StudyResult, words_of
from bench.studies.memorisation_cases import PLANS, Plan, Size
from bench.studies.memorisation_values import Row


@study("memorisation")
@dataclass
class Memorisation(Study):
    """Detection of memorisation by each statistic against the number of images, and false positives on controls.

    Reference generators are trained, searched and kept in the store: an interrupted run continues. Options of 0, or
    without a value, take the value of the size.

    Attributes:
        size: "smoke" takes seconds and decides nothing, "cpu" most of an hour of one core, "large" a GPU.
        sizes: numbers of training images of the reference generators; 0 stands for all.
        steps: training steps.
        early: training steps of negative controls, of collapsed generators and of those that lack classes.
        search_steps: budgets of the search, rising.
        n: number of images of each group that are inverted.
        trainings: number of negative controls.
        draws: number of draws of images from each negative control.
        unseen: number of images that no generator is trained on; at most a third of all.
        without: classes that are left out of the training of one reference generator.
        search: a method that needs no training; options follow a "?".
    """

    default_dataset: ClassVar[str] = "fashion-mnist"

    size: Size = "cpu"
    sizes: tuple[int, ...] = ()
    steps: int = 0
    early: int = 0
    search_steps: tuple[int, ...] = ()
    n: int = 0
    trainings: int = 0
    draws: int = 0
    unseen: int = 0
    without: tuple[int, ...] = (1, 8)
    search: str = "lbfgs?stretch=0.9"

    def __post_init__(self) -> None:
        if self.size not in PLANS:
            raise unknown("size", self.size, get_args(Size))
        if self.early < 0:
            raise ValueError(f"early = {self.early}: expected at least 1, or 0 for that of the size")
        self.plan()

    def plan(self) -> Plan:
        """Return the plan of the size, with the given options."""
        base = PLANS[self.size]
        given = {f.name: getattr(self, f.name, None) for f in dataclasses.fields(base)}
        return dataclasses.replace(base, **{name: value for name, value in given.items() if value})

    def run(self, request: StudyRequest) -> StudyResult:
        """Train and examine all reference generators, and evaluate the statements."""
        from bench.core.options import create
        from bench.harness.store import Store
        from bench.harness.suite import parse_choice
        from bench.harness.suite_parser import checked
        from bench.overfit.power import check_enough
        from bench.overfit.reference_pool import sizes_of
        from bench.studies.memorisation_cases import Examiner, list_cases
        from bench.studies.memorisation_figure import draw
        from bench.studies.memorisation_rules import Findings

        if request.network or request.images:
            raise BenchError("memorisation uses pixels and all images: omit --network and --images")
        choice = request.dataset or ComponentSpec(self.default_dataset)
        method = checked("method", parse_choice(self.search, "--option search ="), "--option search")
        data = create("dataset", choice.name, choice.options).load()
        total = sum(map(len, (data.train, data.val, data.test)))
        plan = self.plan()
        plan = dataclasses.replace(plan, unseen=min(plan.unseen, total // 3))
        sizes = sizes_of(plan.sizes, total - plan.unseen)
        check_enough(min(plan.n, plan.unseen // plan.draws, *filter(None, sizes)))
        if self.without and (data.train.labels is None or not set(self.without) <= set(range(len(data.classes)))):
            raise DataError(
                f"{choice.name}: no such classes to leave out {list(self.without)}; --option without=[] leaves none"
            )
        cases = list_cases(plan, sizes, self.without, request.seed)
        examiner = Examiner(data, plan, method=method, store=Store(), request=request)
        rows = [_named(row, self.without, data.classes) for row in examiner.rows(cases)]
        failed = [row for row in rows if "failed" in row]
        found = Findings([row for row in rows if "failed" not in row], plan.search_steps, sizes)
        where = f"{words_of(choice)}, {total:,} images, {plan.n} of each group by {words_of(method)}"
        return StudyResult(
            title="Memorisation",
            dataset=words_of(choice),
            network="",
            asked=ASKED,
            measured=_how(plan, total, failed),
            tables={
                "At how many training images each statistic finds memorisation": found.table(),
                "Verdict on each suspect": found.cases(),
                "How errors move with the search": found.strengths(),
            },
            verdicts=found.verdicts(),
            protocol={
                "pool": examiner.pool(request.seed).unseen.checksum,
                "shape": list(data.shape),
                "search": words_of(method),
                **{k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(plan).items()},
            },
            draw=lambda: draw(found, where),
            caption=CAPTION.format(where=where),
            advice="Trained generators and searches are stored: the same command with another n reuses them.",
            folder_name=choice.name,
        )


ASKED = """\
A test of overfitting needs a high detection rate and few false positives. This study applies the examination of
`ganinv overfit`, and each statistic that it reports, to reference generators with known faults: GLO and an
autoencoder's decoder, which memorise their training images if those are few; a collapsed GAN; and one that lacks
classes. GANs on the same numbers of images are added, for which it is unknown, and negative controls ("honest")."""

CAPTION = (
    "Upper row: signed gap of median recovery errors with its 95 % interval, a line for each budget of the search; "
    "hollow points: the search recovers less than 90 % of the generated images, so that no gap is no evidence. "
    "Lower row: blue cells are sizes at which a statistic finds memorisation; bars are its false positives among "
    "negative controls (honest). {where}."
)


def _how(plan: Plan, total: int, failed: list[Row]) -> tuple[str, ...]:
    lines = (
        f"All {total:,} images of the dataset, repeated ones left out, in one random order: the last "
        f"{plan.unseen:,} are unseen, reference generators (suspects) are trained on the first of the others. Both "
        "groups are draws from one pool, so that they are exchangeable for a negative control.",
        f"Networks: DCGAN's of width {plan.width}, {plan.code_dim} numbers in a code, {plan.steps:,} steps of "
        f"{plan.batch} images whatever their number, so that each of more images is used less often: "
        f"{_seen(plan, plan.steps, total)} times if they are all. GLO and the copier are certain to memorise only "
        "few images.",
        f"Negative controls (honest): {plan.trainings} GANs, trained for {plan.early:,} steps on all "
        f"{total - plan.unseen:,} images that are not unseen, each used {_seen(plan, plan.early, total)} times. "
        f"Partition, weights and batches differ between them. {_draws(plan)}",
        "Collapsed: a negative control whose code only selects one of 1 or 5 of its images. The generator that lacks "
        "classes is examined with training images of all classes, as by its user.",
        "KS, Mann-Whitney and the rank and tail test count as having found memorisation if p < .01 and training "
        "errors are the lower ones. AUC is (1 + Cliff's delta) / 2, so that one threshold stands for both.",
        "AuthPct, precision and recall have no threshold of their own. AuthPct is tested against that of unseen "
        "images, as of a perfect GAN; precision and recall against the mean and 2.33 standard deviations of the "
        "draws of other negative controls, which a user does not have. Both depend on the number of unseen images: "
        "where draws hold fewer of them than the other reference generators are compared with, the result is '-'.",
        "Negative controls are GANs alone, and statistics without a search, except copying, also depend on the "
        "smoothness of samples: their findings for GLO and the copier of many images, where no other statistic "
        "agrees, need not be memorisation.",
        "Statistics without a search use up to 2,000 samples, 4,096 training and 2,000 unseen images; for negative "
        "controls, as many real images as a draw holds.",
    )
    return (*lines, *(f"Failed: {row['suspect']}: {row['failed']}." for row in failed))


def _draws(plan: Plan) -> str:
    shared = "draws of different GANs may share real images, in other roles"
    if plan.draws == 1:
        return f"From each one draw of training, unseen and generated images; {shared}."
    return (
        f"From each {plan.draws} draws of training, unseen and generated images. Draws of one GAN share no real "
        f"image; {shared}. So draws are independent with respect to the images; the training itself varies only as "
        "often as there are GANs."
    )


def _seen(plan: Plan, steps: int, total: int) -> str:
    """Return how often each training image is used on average, in words."""
    return f"{steps * plan.batch / (total - plan.unseen):,.1f}"


def _named(row: dict[str, Any], without: tuple[int, ...], classes: tuple[str, ...]) -> Row:
    """Return the row with the names of the classes that were left out of the training."""
    return row | {"without": [classes[k] for k in without] if row["family"] == "dropping" else []}
