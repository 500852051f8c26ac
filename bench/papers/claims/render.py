"""Verdicts on claims and printed-versus-measured tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.papers.claims.comparison import PublishedComparison, published_table
from bench.papers.claims.evaluate import evaluate_claims
from bench.papers.claims.spec import Claims
from bench.reports.formatting import ABSENT, shown_metric
from bench.reports.groups import ResultGroup
from bench.reports.render_markdown import escape, table
from bench.reports.verdicts import Verdict, shown_outcome

PUBLISHED = {True: "holds", False: "fails", None: ABSENT}

CRITERION = (
    "A test holds or fails when the 95 % interval of the paired difference, over training seeds and images, "
    "excludes 0. Otherwise, and of one training, it is inconclusive. A claim holds when all of its tests do and "
    "fails when one does after correction for their number. *pub*: whether the numbers that the paper prints agree."
)


def claims_markdown(claims: Claims, group: ResultGroup) -> str:
    """Return the Markdown page of one group: verdicts, their evidence, and printed beside measured numbers.

    Raises:
        BenchError: as ``evaluate_claims``.
    """
    verdicts = evaluate_claims(claims, group)
    parts = [f"# Claims of {claims.paper}: {escape(group.title)}", "", *verdict_lines(verdicts)]
    if claims.published:
        parts += ["## Published and measured", "", *_settings(claims, group), ""]
        parts += published_lines(published_table(group, claims))
    return "\n".join(parts).rstrip() + "\n"


def _settings(claims: Claims, group: ResultGroup) -> list[str]:
    printed = dict.fromkeys(f"{p.table} on {p.dataset} with {p.backbone}" for p in claims.published)
    return [f"Published: {escape('; '.join(printed))}. Measured: {escape(group.title)}."]


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the table of verdicts, followed by the folded evidence of each claim."""
    rows = [
        [
            v.claim.id,
            escape(v.claim.source),
            escape(v.claim.text),
            PUBLISHED[v.published],
            f"**{shown_outcome(v.outcome)}**",
            escape(v.reason),
        ]
        for v in verdicts
    ]
    lines = [CRITERION, "", *table(["id", "source", "claim", "pub", "measured", "because"], rows), ""]
    for v in verdicts:
        evidence = [
            [escape(e.question), shown_outcome(e.outcome), escape(e.detail), escape(e.stand_in)] for e in v.evidence
        ]
        lines += [f"<details><summary>{v.claim.id}: {len(evidence)} tests</summary>", ""]
        lines += [*table(["test", "outcome", "advantage", "stand-in"], evidence), "", "</details>", ""]
    return lines


def published_lines(rows: Sequence[PublishedComparison]) -> list[str]:
    """Printed and measured values; a difference stands only where the setting is the paper's."""
    header = ["table", "method", "metric", "published", "measured", "difference", "rank published", "rank measured"]
    lines = table([*header, "remark"], (_line(row) for row in rows))
    note = "Ranks are among the methods of a table that were measured."
    if not all(row.comparable for row in rows):
        note += " Order only: dataset, GAN, budget or metric is not the paper's, so that values are not subtracted."
    return [*lines, "", note, ""]


def _line(row: PublishedComparison) -> list[str]:
    p = row.published
    sd = "" if row.sd is None else f" ± {row.sd:.2g}"
    measured = ABSENT if row.measured is None else f"{row.measured:.4g}{sd}"
    difference = "order only" if row.difference is None else f"{row.difference:+.4g}"
    ranks = [ABSENT if rank is None else str(rank) for rank in (row.published_rank, row.measured_rank)]
    gap = ABSENT if row.measured is None else difference
    return [
        p.table,
        escape(p.method),
        escape(shown_metric(row.metric)),
        f"{p.value:g}",
        measured,
        gap,
        *ranks,
        escape(row.remark),
    ]
