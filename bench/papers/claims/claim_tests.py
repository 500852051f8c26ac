"""The tests that a claims file may state, read strictly. A test is data; ``bench.papers.claims.evaluate`` answers it.

Who is compared stands as text: ``dfi``, ``dfi on sngan`` or ``dfi on sngan in CelebA64``. Without a GAN it is a
method on the one GAN of a table; without a dataset the GANs of one dataset are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bench.core.errors import BenchError
from bench.reports.published import check_keys, texts

Level = Literal["gan", "dataset", "budget"]
"""What a test spans: the methods of one GAN, the GANs of one dataset, or the datasets of one budget."""
Pick = Literal["best", "median", "worst"]


@dataclass(frozen=True)
class Subject:
    """A method, perhaps on a GAN, perhaps in a dataset of the paper; "" where the text names none."""

    method: str
    gan: str = ""
    dataset: str = ""

    def __str__(self) -> str:
        on, within = (f" on {self.gan}" if self.gan else ""), (f" in {self.dataset}" if self.dataset else "")
        return f"{self.method}{on}{within}"


def subject(text: str) -> Subject:
    """Read ``METHOD [on GAN] [in DATASET]``."""
    rest, _, dataset = text.partition(" in ")
    method, _, gan = rest.partition(" on ")
    return Subject(method.strip(), gan.strip(), dataset.strip())


@dataclass(frozen=True)
class Order:
    """Every subject in ``better`` beats every subject in ``worse`` on every metric."""

    metrics: tuple[str, ...]
    better: tuple[Subject, ...]
    worse: tuple[Subject, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who is named."""
        return self.better + self.worse


@dataclass(frozen=True)
class Group:
    """The best, the median or the worst of some beats that of others, on every metric."""

    metrics: tuple[str, ...]
    better: tuple[Subject, ...]
    worse: tuple[Subject, ...]
    better_by: Pick
    worse_by: Pick

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who is named."""
        return self.better + self.worse


@dataclass(frozen=True)
class Bound:
    """A difference or ratio of values, as they are measured, keeps to bounds.

    Attributes:
        kind: "difference" (of - to) or "ratio" (of / to).
        metrics: one name, or two: of the first side and of the second.
        of: minuends or numerators; each is compared with each of ``to``.
        to: the other side.
        at_least: smallest value, None for no such bound.
        at_most: largest value.
        within: largest absolute difference.
    """

    kind: Literal["difference", "ratio"]
    metrics: tuple[str, ...]
    of: tuple[Subject, ...]
    to: tuple[Subject, ...]
    at_least: float | None = None
    at_most: float | None = None
    within: float | None = None

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who is named."""
        return self.of + self.to


@dataclass(frozen=True)
class Top:
    """A subject is among the best ``count`` of several."""

    metrics: tuple[str, ...]
    who: Subject
    among: tuple[Subject, ...]
    count: int

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who is named."""
        return (self.who, *self.among)


@dataclass(frozen=True)
class Correlation:
    """Two metrics order the methods alike: Spearman's rho, both oriented, is at least the threshold."""

    metrics: tuple[str, str]
    methods: tuple[Subject, ...]
    at_least: float

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who is named."""
        return self.methods


@dataclass(frozen=True)
class SameOrder:
    """Every two datasets order the subjects alike: Spearman's rho of one metric is at least the threshold."""

    metrics: tuple[str, ...]
    who: tuple[Subject, ...]
    at_least: float

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everyone who is named."""
        return self.who


@dataclass(frozen=True)
class FromStudy:
    """A study decides: its stored verdict on the claim."""

    study: str
    metrics: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True)
class Unmeasured:
    """Nothing here measures what the claim is about; ``why`` says what is missing."""

    why: str
    metrics: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()


Test = Order | Group | Bound | Top | Correlation | SameOrder | FromStudy | Unmeasured


def level_of(tests: tuple[Test, ...]) -> Level:
    """What the tests of one claim span together."""
    named = [each for test in tests for each in test.subjects]
    if any(each.dataset for each in named) or any(isinstance(test, SameOrder) for test in tests):
        return "budget"
    return "dataset" if any(each.gan for each in named) else "gan"


def read_test(atom: Any, place: str) -> Test:
    """One entry of a claim's ``test``.

    Raises:
        BenchError: an unknown operator or key, a missing one, a value of the wrong type; begins with ``place``.
    """
    operator = atom.get("op") if isinstance(atom, dict) else None
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise BenchError(f"{place}: unknown operator {operator!r}; known: {', '.join(OPERATORS)}")
    return OPERATORS[operator](atom, place)


SOME = (str, list)
NUMBER = (int, float)


def _who(atom: Mapping[str, Any], key: str, place: str, at_least: int = 1) -> tuple[Subject, ...]:
    return tuple(subject(text) for text in texts(atom[key], key, place, at_least))


def _order(atom: Mapping[str, Any], place: str) -> Order:
    check_keys(atom, place, {"op": str, "metric": SOME, "better": SOME, "worse": SOME})
    metrics = texts(atom["metric"], "metric", place, 1)
    return Order(metrics, _who(atom, "better", place), _who(atom, "worse", place))


def _group(atom: Mapping[str, Any], place: str) -> Group:
    needed = {"op": str, "metric": SOME, "better": SOME, "worse": SOME, "better_by": str, "worse_by": str}
    check_keys(atom, place, needed)
    for key in ("better_by", "worse_by"):
        if atom[key] not in get_args(Pick):
            raise BenchError(f"{place}: {key} = {atom[key]!r} should be one of {', '.join(get_args(Pick))}")
    metrics = texts(atom["metric"], "metric", place, 1)
    sides = _who(atom, "better", place), _who(atom, "worse", place)
    return Group(metrics, *sides, atom["better_by"], atom["worse_by"])


def _bound(kind: Literal["difference", "ratio"]) -> Callable[[Mapping[str, Any], str], Bound]:
    limits = ("at_least", "at_most", "within") if kind == "difference" else ("at_least", "at_most")

    def read(atom: Mapping[str, Any], place: str) -> Bound:
        check_keys(atom, place, {"op": str, "metric": SOME, "of": SOME, "to": SOME}, dict.fromkeys(limits, NUMBER))
        given = {key: float(atom[key]) for key in limits if key in atom}
        if not given:
            raise BenchError(f"{place}: a {kind} needs a bound: {', '.join(limits)}")
        metrics = texts(atom["metric"], "metric", place, 1)
        if len(metrics) > 2:
            raise BenchError(f"{place}: metric should be one name, or one for each side")
        return Bound(kind, metrics, _who(atom, "of", place), _who(atom, "to", place), **given)

    return read


def _top(atom: Mapping[str, Any], place: str) -> Top:
    check_keys(atom, place, {"op": str, "metric": SOME, "who": str, "among": list, "count": int})
    among = _who(atom, "among", place, 2)
    if not 1 <= atom["count"] <= len(among):
        raise BenchError(f"{place}: count = {atom['count']} should be 1 to {len(among)}, the number of others")
    return Top(texts(atom["metric"], "metric", place, 1), subject(atom["who"]), among, atom["count"])


def _correlation(atom: Mapping[str, Any], place: str) -> Correlation:
    check_keys(atom, place, {"op": str, "metrics": list, "methods": list, "at_least": NUMBER})
    metrics = texts(atom["metrics"], "metrics", place, 2)
    if len(metrics) != 2:
        raise BenchError(f"{place}: metrics should be two names, got {len(metrics)}")
    return Correlation((metrics[0], metrics[1]), _who(atom, "methods", place, 3), float(atom["at_least"]))


def _same_order(atom: Mapping[str, Any], place: str) -> SameOrder:
    check_keys(atom, place, {"op": str, "metric": SOME, "who": list, "at_least": NUMBER})
    metrics = texts(atom["metric"], "metric", place, 1)
    return SameOrder(metrics, _who(atom, "who", place, 3), float(atom["at_least"]))


def _study(atom: Mapping[str, Any], place: str) -> FromStudy:
    check_keys(atom, place, {"op": str, "study": str})
    return FromStudy(atom["study"])


def _unmeasured(atom: Mapping[str, Any], place: str) -> Unmeasured:
    check_keys(atom, place, {"op": str, "why": str})
    return Unmeasured(atom["why"])


OPERATORS: dict[str, Callable[[Mapping[str, Any], str], Test]] = {
    "order": _order,
    "group": _group,
    "difference": _bound("difference"),
    "ratio": _bound("ratio"),
    "top": _top,
    "correlation": _correlation,
    "same_order": _same_order,
    "study": _study,
    "unmeasured": _unmeasured,
}
