"""Comparison of one method on several GANs with printed tables: ranks always, differences in the same setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench import statistics
from bench.core.errors import UnknownName
from bench.core.files import digest
from bench.reports.formatting import shown_metric
from bench.reports.groups import ResultGroup, title_of
from bench.reports.published import MetricMapping, PrintedNumber, PrintedTable, plain
from bench.reports.quantities import answers
from bench.statistics import competition_ranks

FEWEST = 3
"""Smallest number of GANs for which a rank correlation is computed."""


@dataclass(frozen=True)
class Standing:
    """Measured and printed number of one GAN in one ordering.

    Attributes:
        measured: mean over seeds, None if nothing was measured.
        sd: standard deviation over seeds, None for one seed.
        by_seed: value of each seed.
        published: the printed number, None if the table has none.
        measured_rank: rank among the GANs that have both numbers.
        published_rank: rank of the printed value among the same GANs.
    """

    gan: str
    measured: float | None
    sd: float | None
    by_seed: Mapping[int, float]
    published: PrintedNumber | None
    measured_rank: int | None = None
    published_rank: int | None = None


@dataclass(frozen=True)
class Ordering:
    """Comparison of a measured metric of one method with a metric of one printed table, over GANs.

    Attributes:
        standings: one item per measured GAN, in the order of the records.
        rho: Spearman's correlation of means and printed values; None below three GANs.
        rho_by_seed: correlation for each seed that all these GANs share.
        chance: share of all orders that agree at least as well.
        reasons: reasons for which values are not subtracted; empty if they are comparable.
        absent: GANs of the table that were not run.
    """

    table: PrintedTable
    method: str
    metric: str
    higher_is_better: bool
    standings: tuple[Standing, ...]
    rho: float | None
    rho_by_seed: Mapping[int, float]
    chance: float | None
    reasons: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def both(self) -> tuple[Standing, ...]:
        """The GANs that have a measured and a printed number."""
        return tuple(s for s in self.standings if s.measured_rank is not None)


@dataclass(frozen=True)
class Family:
    """The GANs of one dataset and budget, with their comparisons with printed tables."""

    dataset: str
    budget: str
    gans: tuple[str, ...]
    orderings: tuple[Ordering, ...]

    @property
    def title(self) -> str:
        """Dataset and budget in words."""
        return f"{self.dataset} · {self.budget}"


def across_gans(measured: Sequence[ResultGroup], tables: Sequence[PrintedTable]) -> list[Family]:
    """Compare the measured values of every dataset and budget with the printed tables about that dataset.

    A printed metric is compared once for each measured method of the table and each measured metric that is mapped
    to it; families without comparisons are left out.

    Args:
        measured: groups of any datasets, GANs and budgets; those without records are ignored.
        tables: printed tables across GANs.

    Raises:
        BenchError: the direction of a metric differs between the records and the paper.
    """
    parts: dict[str, list[ResultGroup]] = {}
    for group in (group for group in measured if group.records):
        parts.setdefault(digest([group.dataset, group.budget]), []).append(group)
    families = [
        Family(
            title_of(found[0].dataset),
            found[0].budget["name"],
            tuple(title_of(group.gan) for group in found),
            tuple(_orderings(found, tables)),
        )
        for found in parts.values()
    ]
    return [family for family in families if family.orderings]


def _orderings(family: Sequence[ResultGroup], tables: Sequence[PrintedTable]) -> Iterator[Ordering]:
    dataset = {plain(title_of(family[0].dataset)), plain(family[0].dataset["name"])}
    run = {runs.name for group in family for runs in group.runs}
    for table in tables:
        rows = [row for row in table.rows if plain(row.dataset) in dataset]
        for metric, method in dict.fromkeys((row.metric, row.method) for row in rows):
            if method in run:
                printed = [row for row in rows if row.metric == metric]
                for name in dict.fromkeys(n for group in family for n in answers(table.roles[metric], group)[0]):
                    yield _ordering(family, table, method=method, metric=name, printed=printed)


def _ordering(
    family: Sequence[ResultGroup], table: PrintedTable, method: str, metric: str, printed: Sequence[PrintedNumber]
) -> Ordering:
    role = table.roles[printed[0].metric]
    found = {plain(row.backbone): row for row in printed if row.method == method}
    standings = [_standing(group, method, metric, found) for group in family]
    both = [s for s in standings if s.measured is not None and np.isfinite(s.measured) and s.published]
    measured = np.array([s.measured for s in both], float)
    values = np.array([s.published.value for s in both if s.published], float)
    orders = (competition_ranks(side, higher_is_better=role.higher_is_better) for side in (measured, values))
    ranks = {s.gan: pair for s, *pair in zip(both, *orders, strict=True)}
    enough = len(both) >= FEWEST
    seeds = [seed for seed in (both[0].by_seed if enough else ()) if all(seed in s.by_seed for s in both)]
    run = {name for group in family for name in _names(group)}
    return Ordering(
        table,
        method,
        metric=metric,
        higher_is_better=role.higher_is_better,
        standings=tuple(_ranked(s, ranks.get(s.gan)) for s in standings),
        rho=float(statistics.spearman(measured, values)) if enough else None,
        rho_by_seed={seed: float(statistics.spearman([s.by_seed[seed] for s in both], values)) for seed in seeds},
        chance=statistics.share_of_orders(measured, values) if enough else None,
        reasons=tuple(
            _reasons([g for g in family if title_of(g.gan) in ranks], table, role=role, method=method, metric=metric)
        ),
        absent=tuple(row.backbone for row in printed if plain(row.backbone) not in run),
    )


def _standing(group: ResultGroup, method: str, metric: str, printed: Mapping[str, PrintedNumber]) -> Standing:
    try:
        by_seed = group.find(method).values("test", metric)
    except UnknownName:
        by_seed = {}
    mean, sd = statistics.mean_and_sd(list(by_seed.values())) if by_seed else (None, None)
    row = next((printed[name] for name in _names(group) if name in printed), None)
    return Standing(title_of(group.gan), mean, sd=sd, by_seed=by_seed, published=row)


def _ranked(standing: Standing, ranks: Sequence[int] | None) -> Standing:
    return replace(standing, measured_rank=ranks[0], published_rank=ranks[1]) if ranks else standing


def _names(group: ResultGroup) -> tuple[str, str]:
    return plain(title_of(group.gan)), plain(group.gan["name"])


def _reasons(
    family: Sequence[ResultGroup], table: PrintedTable, role: MetricMapping, method: str, metric: str
) -> Iterator[str]:
    """Yield the reasons for which measured and printed values must not be subtracted."""
    if not family:
        return
    budget, options = family[0].budget, [group.gan.get("options") or {} for group in family]
    if budget["name"] != "paper":
        same = [f"{k} = {v}" for k, v in options[0].items() if all(other.get(k) == v for other in options)]
        facts = ", ".join([f"{budget['train_steps']:,} training steps", f"{budget['fit_steps']:,} fit steps", *same])
        yield f"budget {budget['name']}, not the paper's: {facts}"
    if metric not in role.same_as:
        what = "is computed with another network than" if "@" in metric else "is not"
        yield f"{shown_metric(metric)} {what} the paper's {role.name}"
    count = max(
        int(r.metrics["test"][metric].get("n", 0))
        for g in family
        for r in g.find(method).by_seed.values()
        if metric in r.metrics.get("test", {})
    )
    if table.test_images and count != table.test_images:
        yield f"{count:,} test images, the paper has {table.test_images:,}"
