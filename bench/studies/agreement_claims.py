"""Claims of the papers on metrics, tested on correlations and on the best two GANs of each metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core.errors import UnknownName
from bench.reports.groups import ResultGroup, title_of
from bench.reports.published import plain, printed_paper
from bench.reports.verdicts import Evidence, Outcome, Statement, Verdict, at_least, verdict, with_span
from bench.statistics import Interval
from bench.studies.agreement_cells import family_of
from bench.studies.agreement_matrix import Agreement

MISLEAD = Statement("dfi-3.2", "dfi §3.2, §4.2", "PSNR and SSIM do not reflect perceptual quality well.")
C34 = Statement(
    "C34",
    "recycling §4",
    "The two GANs with the best PSNR of reconstructions overlap the two best by Inception score, and by MS-SSIM of "
    "generated pairs.",
)
ALIKE = 0.5
"""Highest Spearman's correlation of two metrics that count as ranking differently (our choice)."""
PERCEPTUAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lpips", ("lpips",)),
    ("fid", ("fid",)),
    ("fac or label accuracy", ("fac", "label_accuracy")),
)
"""Perceptual measures of the paper, with the metric families that stand for them, in order of preference."""
DIVERSITY = {"Inception score": "rand_is", "MS-SSIM": "rand_ms_ssim"}
PRINTED_ON = {"Inception score": "CIFAR10", "MS-SSIM": "CelebA"}
"""Dataset on which the paper compares each metric."""
FEWEST_GANS = 4
"""Smallest number of GANs: any two pairs of three GANs share one."""
TOP = 2


@dataclass(frozen=True)
class Ranks:
    """The best two GANs by PSNR and by another metric, seed by seed.

    Attributes:
        metric: full name of the other metric; "" if there is none.
        reason: reason that the comparison is impossible; "" if it is possible.
        by_seed: for each seed, the best two by PSNR and by the metric, best first.
        gans: number of GANs with both metrics.
        stand_in: differences from the paper's GANs, in words.
    """

    metric: str
    reason: str
    by_seed: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]]
    gans: int = 0
    stand_in: str = ""


def verdicts(found: Agreement, ranks: Mapping[str, Ranks], method: str) -> tuple[Verdict, ...]:
    """Evaluate the statement that PSNR and SSIM mislead, and C34."""
    tests = [_alike(found, pixel, role, families) for pixel in ("psnr", "ssim") for role, families in PERCEPTUAL]
    overlaps = [_overlap(name, each, method) for name, each in ranks.items()]
    return verdict(MISLEAD, [e for part in tests for e in part]), verdict(C34, overlaps, True)


def _alike(found: Agreement, pixel: str, role: str, families: Sequence[str]) -> list[Evidence]:
    """Return one test per metric of the first family that was measured; it holds where the two rank differently."""
    if pixel not in found.names:
        return [Evidence(f"{pixel} and {role} rank differently", "not measured", f"{pixel} was not measured")]
    for family in families:
        names = [name for name in found.names if family_of(name) == family and not name.startswith("own/")]
        if names:
            return [_differently(found, pixel, name) for name in names]
    return [Evidence(f"{pixel} and {role} rank differently", "not measured", f"{role} was not measured")]


def _differently(found: Agreement, pixel: str, name: str) -> Evidence:
    rho, interval = found.interval(pixel, name)
    turned = None if interval is None else Interval(-interval.high, -interval.low)
    outcome: Outcome = at_least(turned, -ALIKE)
    return Evidence(f"Spearman({pixel}, {name}) is at most {ALIKE}", outcome, with_span(rho, interval))


def _overlap(name: str, ranks: Ranks, method: str) -> Evidence:
    question = f"top {TOP} GANs by PSNR of {method} overlap top {TOP} by {name}"
    if ranks.reason:
        return Evidence(question, "not measured", ranks.reason)
    shared = {seed: len(set(a) & set(b)) for seed, (a, b) in ranks.by_seed.items()}
    hits = sum(count > 0 for count in shared.values())
    outcome: Outcome = "holds" if hits == len(shared) else "fails" if hits == 0 else "cannot tell"
    if len(shared) < 2:
        outcome = "cannot tell"
    seed, (first, second) = next(iter(ranks.by_seed.items()))
    detail = (
        f"{hits} of {len(shared)} seeds; seed {seed}: {', '.join(first)} by PSNR, {', '.join(second)} by "
        f"{ranks.metric}; two random pairs of {ranks.gans} GANs overlap in {chance(ranks.gans):.0%} of cases"
    )
    detail += "; one seed decides nothing" if len(shared) < 2 else ""
    return Evidence(question, outcome, detail, ranks.stand_in)


def chance(gans: int) -> float:
    """Return the probability that two random pairs out of ``gans`` share a member."""
    return 1 - math.comb(gans - TOP, TOP) / math.comb(gans, TOP)


def top_two(family: Sequence[ResultGroup], method: str) -> dict[str, Ranks]:
    """Return the best two of the paper's GANs by PSNR of a method, and by Inception score and MS-SSIM of samples."""
    known = backbones()
    asked = [group for group in family if plain(title_of(group.gan).rpartition("/")[2]) in known]
    return {what: _ranks(asked, method, what) for what in DIVERSITY}


def backbones() -> set[str]:
    """Return the models of the paper's Table 1 with normalised names."""
    table = printed_paper("recycling").table("Table1")
    assert table is not None
    return {plain(row.backbone) for row in table.rows}


def _ranks(family: Sequence[ResultGroup], method: str, what: str) -> Ranks:
    kind = DIVERSITY[what]
    psnr: dict[str, dict[int, float]] = {}
    other: dict[str, dict[int, float]] = {}
    metric = ""
    for group in family:
        try:
            runs = group.find(method)
        except UnknownName:
            continue
        psnr[title_of(group.gan)] = runs.values("test", "psnr")
        for track in ("own", "test"):
            for name in (n for n in group.measured(track) if family_of(n) == kind):
                up = 1.0 if group.higher_is_better[name] else -1.0
                values = runs.values(track, name)
                other.setdefault(title_of(group.gan), {seed: up * value for seed, value in values.items()})
                metric = metric or name
    gans = [gan for gan in psnr if psnr[gan] and other.get(gan)]
    seeds = [s for s in psnr[gans[0]] if all(s in psnr[g] and s in other[g] for g in gans)] if gans else []
    reason = _reason(psnr, metric, kind=kind, method=method, gans=len(gans), seeds=seeds)
    if reason:
        return Ranks(metric, reason, {})
    best = {seed: (_best(psnr, gans, seed), _best(other, gans, seed)) for seed in seeds}
    theirs, here = PRINTED_ON[what], title_of(family[0].dataset)
    words = f"{len(gans)} of the paper's {len(backbones())} models; {here} stands in for {theirs}"
    return Ranks(metric, "", by_seed=best, gans=len(gans), stand_in="" if plain(here) == plain(theirs) else words)


def _reason(psnr: Mapping[str, object], metric: str, kind: str, method: str, gans: int, seeds: Sequence[int]) -> str:
    if not psnr:
        return f"no method {method} in these records"
    if not metric:
        return f"no metric of the family {kind} in these records"
    if gans < FEWEST_GANS:
        return f"{gans} GANs have both numbers; at least {FEWEST_GANS} are needed"
    return "" if seeds else "no seed that all GANs share"


def _best(values: Mapping[str, Mapping[int, float]], gans: Sequence[str], seed: int) -> tuple[str, ...]:
    return tuple(sorted(gans, key=lambda gan: -values[gan][seed])[:TOP])
