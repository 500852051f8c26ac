"""Several GANs in one Markdown table: measured beside published numbers, and the agreement of their ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.reports.compare_gans import Family, Ordering, Standing
from bench.reports.formatting import ABSENT, number, shown_metric
from bench.reports.leaderboard import decimals_of
from bench.reports.render_markdown import escape, table

RULE = (
    "Measured: mean ± standard deviation over seeds. Published: value ± the paper's standard deviation. In brackets "
    "the rank among the GANs that have both numbers."
)
CORRELATION = (
    "Spearman's rho is between the measured and the published order, 1 where they are the same. *by chance*: the "
    "share of all orders of these GANs that agree at least as well."
)


def published_markdown(title: str, families: Sequence[Family], figures: Sequence[str]) -> str:
    """Return the whole report, with a block for each dataset and budget.

    Args:
        title: title of the suite.
        families: result of ``across_gans``.
        figures: file names of figures, one per family.
    """
    lines = [f"# Published and measured: {escape(title)}", "", RULE, ""]
    for family, figure in zip(families, figures, strict=True):
        lines += [
            f"## {escape(family.title)}",
            "",
            *values_table(family),
            "",
            f"![Measured against published]({figure})",
        ]
        lines += ["", "### Do the orders agree?", "", CORRELATION, "", *_agreement(family), "", *_remarks(family), ""]
    return "\n".join(lines).rstrip() + "\n"


def published_summary(families: Sequence[Family]) -> str:
    """Return a short form for other pages: the tables of values and one line per family on the agreement of ranks."""
    lines: list[str] = []
    for family in families:
        lines += [f"Measured ± sd over seeds beside published ± sd, {escape(family.title)}; rank in brackets.", ""]
        lines += [*values_table(family), ""]
        agreements = (f"{_heading(o)} {_rho(o)} ({len(o.both)} GANs)" for o in family.orderings)
        lines += [f"Spearman's rho of the two orders: {'; '.join(agreements)}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def values_table(family: Family) -> list[str]:
    """Return one row per GAN: measured and printed value of each ordering and, if comparable, the difference."""
    header = ["GAN"]
    for ordering in family.orderings:
        header += [_heading(ordering), f"{escape(ordering.table.title)}", *(["difference"] * (not ordering.reasons))]
    rows = []
    for place, group in enumerate(family.gans):
        row = [escape(group)]
        for ordering in family.orderings:
            row += _values(ordering, ordering.standings[place])
        rows.append(row)
    return table(header, rows)


def _heading(ordering: Ordering) -> str:
    return f"{escape(shown_metric(ordering.metric))} {'↑' if ordering.higher_is_better else '↓'}"


def _values(ordering: Ordering, standing: Standing) -> Iterator[str]:
    decimals = decimals_of([s.measured for s in ordering.standings if s.measured is not None])
    yield _ranked(standing.measured, standing.sd, decimals, standing.measured_rank)
    printed, places = standing.published, _printed_places(ordering)
    value, std = (None, None) if printed is None else (printed.value, printed.std)
    yield _ranked(value, std, places, standing.published_rank)
    if not ordering.reasons:
        known = value is not None and standing.measured is not None
        yield f"{standing.measured - value:+.{places}f}" if known else ABSENT  # type: ignore[operator]


def _ranked(value: float | None, spread: float | None, decimals: int, rank: int | None) -> str:
    if value is None:
        return ABSENT
    text = number(value, decimals) + ("" if spread is None else f" ± {number(spread, decimals)}")
    return text if rank is None else f"{text} ({rank})"


def _printed_places(ordering: Ordering) -> int:
    """Return the number of decimals that the paper prints."""
    return max(
        (len(f"{s.published.value:g}".partition(".")[2]) for s in ordering.standings if s.published), default=0
    )


def _agreement(family: Family) -> list[str]:
    rows, common = [], _common(family)
    for ordering in family.orderings:
        by_seed = ", ".join(f"{rho:.2f}" for rho in ordering.rho_by_seed.values())
        chance = ABSENT if ordering.chance is None else f"{ordering.chance:.2g}"
        own = [reason for reason in ordering.reasons if reason not in common]
        values = "; ".join(["order only", *own] if ordering.reasons else ["comparable"])
        about = [_heading(ordering), escape(ordering.table.title), ordering.method, str(len(ordering.both))]
        rows.append([*about, _rho(ordering), by_seed or ABSENT, chance, escape(values)])
    return table(["metric", "published in", "method", "GANs", "rho", "by seed", "by chance", "values"], rows)


def _rho(ordering: Ordering) -> str:
    return ABSENT if ordering.rho is None else f"{ordering.rho:.2f}"


def _common(family: Family) -> list[str]:
    """Return the reasons shared by all orderings."""
    first, *others = (ordering.reasons for ordering in family.orderings)
    return [reason for reason in first if all(reason in reasons for reasons in others)]


def _remarks(family: Family) -> Iterator[str]:
    """Yield the remarks that hold for every row, and the entries that stand on one side only."""
    for reason in _common(family):
        yield f"- Values are not subtracted: {escape(reason)}."
    absent = dict.fromkeys((o.table.title, o.absent) for o in family.orderings if o.absent)
    for title, names in absent:
        yield f"- {escape(title)} also has {', '.join(names)}, which were not run."
    for title in dict.fromkeys(o.table.title for o in family.orderings):
        lacking = dict.fromkeys(
            s.gan for o in family.orderings if o.table.title == title for s in o.standings if s.published is None
        )
        if lacking:
            yield f"- {escape(title)} has no numbers of {', '.join(map(escape, lacking))}."
