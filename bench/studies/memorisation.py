"""Does the examination find what is there, and nothing that is not? Generators with known guilt, and honest ones."""

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
    """Which statistic finds generators that memorise, at how many images, and how often it accuses honest ones.

    Suspects are trained, searched and kept in the store: a run that is cut off goes on where it was. Options of 0, or
    without a value, are those of the size.

    Attributes:
        size: "smoke" takes seconds and decides nothing, "cpu" most of an hour of one core, "large" a GPU.
        sizes: training images of the suspects; 0 stands for all.
        steps: of training.
        early: steps of training of the honest ones, of those that collapsed and of those that lack classes.
        search_steps: budgets of the search, rising.
        n: images of each group that are inverted.
        trainings: honest generators.
        draws: of images from each honest generator.
        unseen: images that nothing is trained on; at most a third of all.
        without: classes that one suspect never sees.
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
        """The plan of the size, with the options that are given."""
        base = PLANS[self.size]
        given = {f.name: getattr(self, f.name, None) for f in dataclasses.fields(base)}
        return dataclasses.replace(base, **{name: value for name, value in given.items() if value})

    def run(self, request: StudyRequest) -> StudyResult:
        """Train, examine, judge."""
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
            raise BenchError("memorisation looks at pixels: leave out --network and --images")
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
            advice="What was trained and searched is stored: the same command with another n goes on from there.",
            folder_name=choice.name,
        )


ASKED = """\
A test of overfitting has to find what is there, and nothing that is not. Here the examination of `ganinv overfit`,
and each statistic that it reports, meet generators whose guilt is known: GLO and an autoencoder's decoder, which
learn their training images by heart if those are few; GANs on the same numbers of images, of which nobody knows it;
a collapsed GAN, one that lacks classes, and honest ones."""

CAPTION = (
    "Upper row: signed gap of median recovery errors with its 95 % interval, a line for each budget of the search; "
    "hollow points: the search does not find 90 % of the generator's own images, so that its silence says nothing. "
    "Lower row: blue cells are sizes at which a statistic finds memorisation; bars are the honest draws that it "
    "accuses. {where}."
)


def _how(plan: Plan, total: int, failed: list[Row]) -> tuple[str, ...]:
    lines = (
        f"All {total:,} images of the dataset, repeated ones left out, in one random order: the last "
        f"{plan.unseen:,} are unseen, suspects are trained on the first of the others. Both groups are draws from "
        "one pool, so that an honest generator cannot tell them apart.",
        f"Networks: DCGAN's of width {plan.width}, {plan.code_dim} numbers in a code, {plan.steps:,} steps of "
        f"{plan.batch} images whatever their number, so that each of more images is seen less often: "
        f"{_seen(plan, plan.steps, total)} times if they are all. That GLO and the copier know theirs by heart is "
        "given for few alone.",
        f"Honest: {plan.trainings} GANs, trained for {plan.early:,} steps on all {total - plan.unseen:,} images that "
        f"are not unseen, each seen {_seen(plan, plan.early, total)} times. Partition, weights and batches of each "
        f"are its own. {_draws(plan)}",
        "Collapsed: an honest GAN whose code only chooses among 1 or 5 of its images. The one that lacks classes is "
        "shown training images of all classes all the same, as its user would do.",
        "KS, Mann-Whitney and the rank and tail test count as having found memorisation if p < .01 and training "
        "errors are the lower ones. AUC is (1 + Cliff's delta) / 2, so that one threshold stands for both.",
        "AuthPct, precision and recall come without a threshold. AuthPct is tested against that of unseen images, as "
        "if a perfect GAN had made them; precision and recall against the mean and 2.33 standard deviations of the "
        "draws of other honest GANs, which a user does not have. Both depend on the number of unseen images: where "
        "draws hold fewer of them than the other suspects are compared with, these are not judged: '-'.",
        "Honest ones are GANs alone, and statistics without a search but copying also move with smooth samples: what "
        "they find in GLO and the copier of many images, where no other statistic does, need not be memorisation.",
        "Statistics without a search see up to 2,000 samples, 4,096 training and 2,000 unseen images; of the honest "
        "ones, as many real images as a draw holds.",
    )
    return (*lines, *(f"Failed: {row['suspect']}: {row['failed']}." for row in failed))


def _draws(plan: Plan) -> str:
    shared = "draws of different GANs may share real images, in other roles"
    if plan.draws == 1:
        return f"From each one draw of training, unseen and own images; {shared}."
    return (
        f"From each {plan.draws} draws of training, unseen and own images. Draws of one GAN share no real image; "
        f"{shared}. So draws are independent as far as chance in the images goes; the training itself varies only as "
        "often as there are GANs."
    )


def _seen(plan: Plan, steps: int, total: int) -> str:
    """How often each of all images that are not unseen is trained on, on average."""
    return f"{steps * plan.batch / (total - plan.unseen):,.1f}"


def _named(row: dict[str, Any], without: tuple[int, ...], classes: tuple[str, ...]) -> Row:
    """The row with the names of the classes that the suspect never saw."""
    return row | {"without": [classes[k] for k in without] if row["family"] == "dropping" else []}
