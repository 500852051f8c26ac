"""Several GANs beside printed tables: ranks, correlations, what may be subtracted, and how it is written down."""

from __future__ import annotations

import itertools
import re
from copy import deepcopy
from functools import cache, partial

import numpy as np
import pytest
from scipy.stats import spearmanr

from bench.core.errors import BenchError, NotApplicable
from bench.reports import write
from bench.reports.compare_gans import across_gans
from bench.reports.figure_gans import measured_against_published
from bench.reports.groups import groups
from bench.reports.leaderboard import boards_of, leaderboards
from bench.reports.published import printed_table
from bench.reports.render_gans import published_markdown
from bench.reports.render_markdown import summary
from bench.reports.write import Reported, write_reports

TABLES = ["recycling/table1", "dfi/table2"]
PRINTED = {"dcgan": 15.10, "lsgan": 15.25, "dfm": 15.74, "rfgan": 15.94, "wgan-gp": 15.80}
"""PSNR on Fashion-MNIST in recycling Table 1."""
MEASURED = {"dcgan": 14.0, "lsgan": 13.0, "dfm": 15.0, "rfgan": 17.0, "sngan": 16.0, "wgan-gp": 16.5, "gan": 12.0}


@pytest.fixture(scope="module")
def gans(build, tmp_path_factory):
    """Records of DFI and a control on seven GANs, with the psnr of ``MEASURED`` plus a tenth a seed.

    Files of equal arguments are written once; each call gives records of its own.
    """

    @cache
    def written(budget, lpips, count, seeds, **fashion):
        make = partial(build, tmp_path_factory.mktemp("gans"))
        dataset = {"name": "fashion-mnist", "options": {}, "label": ""} | fashion
        records = []
        for (gan, psnr), seed in itertools.product(MEASURED.items(), range(seeds)):
            cell = {"dataset": dataset, "gan": {"name": gan, "options": {"width": 24}, "label": ""}}
            for method, shift in (("dfi", 0.0), ("random_code", -6.0)):
                values = {"psnr": np.full(count, psnr + shift + 0.1 * seed), lpips: np.full(count, 1 / psnr)}
                facts = {"control": method == "random_code", "gan_checksum": f"{gan}{seed}"}
                more = {"budget": {"name": budget}, "facts": facts, "key": f"{gan}-{method}-{seed}"}
                records.append(make(method, seed, images=values, cell=cell, **more))
        return records

    def made(budget="cpu", lpips="lpips@fashion-mnist-cnn", count=1000, seeds=3, **fashion):
        return deepcopy(written(budget, lpips, count, seeds, **fashion))

    return made


def families(records, tables=TABLES):
    return across_gans(groups(records), [printed_table(name) for name in tables])


def test_ranks_and_rho_are_scipys(gans):
    (family,) = families(gans())
    psnr = family.orderings[0]
    assert (psnr.table.title, psnr.metric, psnr.method) == ("recycling Table1", "psnr", "dfi")
    both = {s.gan: (s.measured_rank, s.published_rank) for s in psnr.both}
    assert both == {"dcgan": (4, 5), "lsgan": (5, 4), "dfm": (3, 3), "rfgan": (1, 1), "wgan-gp": (2, 2)}
    expected = spearmanr([MEASURED[g] for g in PRINTED], list(PRINTED.values())).statistic
    assert psnr.rho == pytest.approx(expected)
    assert psnr.rho_by_seed == {seed: pytest.approx(expected) for seed in range(3)}
    # of the 120 orders the right one and the four that swap neighbours agree at least as well
    assert psnr.chance == pytest.approx(5 / 120)
    measured = {s.gan: (s.measured, s.sd) for s in psnr.standings}
    assert measured["gan"] == (pytest.approx(12.1), pytest.approx(0.1))


def test_lower_is_better_where_the_paper_says_so(gans):
    lpips = families(gans())[0].orderings[1]
    assert (lpips.table.title, lpips.higher_is_better) == ("dfi Table2", False)
    ranks = {s.gan: (s.measured_rank, s.published_rank) for s in lpips.both}
    assert ranks["rfgan"] == (1, 3)
    assert ranks["lsgan"] == (6, 1)


def test_at_cpu_nothing_is_subtracted_and_every_reason_is_said(gans):
    psnr, lpips = families(gans())[0].orderings
    assert psnr.reasons == ("budget cpu, not the paper's: 10 training steps, 10 fit steps, width = 24",)
    assert lpips.reasons[1:] == (
        "perceptual@fashion-mnist-cnn is computed with another network than the paper's lpips",
        "1,000 test images, the paper has 10,000",
    )


def test_at_the_papers_budget_the_papers_metric_is_subtracted(gans):
    families_ = families(gans("paper"))
    psnr, lpips = families_[0].orderings
    assert psnr.reasons == ()
    assert lpips.reasons
    line = next(
        row for row in published_markdown("t", families_, ["f.png"]).splitlines() if row.startswith("| dcgan")
    )
    assert line.startswith("| dcgan | 14.10 ± 0.10 (4) | 15.10 ± 0.38 (5) | -1.00 | ")
    assert families(gans("paper", "lpips@alex", 10_000))[0].orderings[1].reasons == ()


def test_what_stands_on_one_side_only_is_said(gans):
    text = published_markdown("t", families(gans()), ["f.png"])
    assert "recycling Table1 also has VAE, ALI, which were not run." in text
    assert "recycling Table1 has no numbers of sngan, gan." in text
    assert "dfi Table2 has no numbers of gan." in text
    assert "| gan | 12.10 ± 0.10 | – |" in text
    assert "Values are not subtracted: budget cpu" in text


def test_two_gans_have_ranks_and_no_correlation(gans):
    records = [r for r in gans() if r.cell["gan"]["name"] in {"dcgan", "lsgan"}]
    psnr = families(records)[0].orderings[0]
    assert [s.measured_rank for s in psnr.both] == [1, 2]
    assert (psnr.rho, psnr.rho_by_seed, psnr.chance) == (None, {}, None)


def test_a_seed_that_one_gan_lacks_and_a_value_that_is_not_a_number_stay_out(gans):
    records = [r for r in gans() if r.key != "rfgan-dfi-2"]
    for record in records:
        if record.key.startswith("dfm-dfi"):
            record.metrics["test"]["psnr"]["value"] = float("nan")
    psnr = families(records)[0].orderings[0]
    assert list(psnr.rho_by_seed) == [0, 1]
    assert "dfm" not in {s.gan for s in psnr.both}
    assert np.isfinite(psnr.rho)


def test_other_data_have_no_family(gans):
    assert families(gans(name="digits")) == []
    assert families(gans(name="cifar10", label="CIFAR10"))[0].orderings[0].both
    assert families(gans(), []) == []


def test_another_direction_is_refused(gans):
    records = gans(seeds=1)
    for record in records:
        record.facts["higher_is_better"]["psnr"] = False
    with pytest.raises(BenchError, match="psnr has another direction"):
        families(records)


@pytest.fixture
def without_costs(monkeypatch):
    """Reports without the figure of each GAN, as if no time had been taken."""

    def draw(board, path):
        raise NotApplicable("no time was taken")

    monkeypatch.setattr(write, "quality_versus_cost", draw)


@pytest.mark.usefixtures("without_costs")
def test_reports_hold_the_comparison_and_a_table_across_gans(gans, tmp_path):
    records, tables = gans(seeds=2), [printed_table(name) for name in TABLES]
    found = groups(records)
    written = write_reports(Reported("q", found, boards_of(found, "psnr", "q"), tables), tmp_path / "out")
    names = [path.name for path in written]
    assert {"published.md", "published.png"} < set(names)
    assert (tmp_path / "out" / "published.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "out" / "summary.md").read_text()
    assert text.startswith(summary(leaderboards(records, "psnr", "q")))
    assert "| GAN | dfi | random_code |" in text
    assert re.search(r"\| dcgan \| \*\*14\.\d+\*\* \| 8\.\d+ \|", text)
    assert "Spearman's rho of the two orders: psnr ↑ 0.90 (5 GANs)" in text


@pytest.mark.usefixtures("without_costs")
def test_without_printed_tables_there_is_no_comparison(gans, tmp_path):
    found = groups(gans(seeds=1))
    written = write_reports(Reported("q", found, boards_of(found, "psnr", "q")), tmp_path / "out")
    assert not [path for path in written if path.name.startswith("published")]


def test_a_figure_needs_a_gan_with_both_numbers(gans, tmp_path):
    records = [r for r in gans(seeds=1) if r.cell["gan"]["name"] == "gan"]
    with pytest.raises(NotApplicable, match="no GAN has both"):
        measured_against_published(families(records)[0], tmp_path / "f.png")
