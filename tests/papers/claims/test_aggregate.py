"""Which setting speaks for a claim, how claims are counted, and how a table stands beside what was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.papers.claims.aggregate import ClaimSource, claim_results, counted
from bench.papers.claims.spec import read_claims
from bench.papers.claims.study_results import setting_of
from bench.papers.compare_tables import compare_tables
from bench.papers.render import claims_page, reproduction_markdown
from bench.reports.groups import groups

CLAIMS = """
paper = "p"
[roles.psnr]
higher_is_better = true
answered_by = ["psnr"]
same_as = ["psnr"]
[datasets.Faces]
answered_by = ["celeba"]
[tables.T2]
across = "gans"
[[claim]]
id = "X1"
source = "T1"
records = ["T1"]
text = "a beats b"
test = [{ op = "order", metric = "psnr", better = "a", worse = "b" }]
[[claim]]
id = "X2"
source = "s"
records = ["F1"]
text = "curves bend"
test = [{ op = "study", study = "bend" }]
"""
ROWS = """table,dataset,backbone,method,metric,value,std,note
T1,Faces,gan1,a,psnr,20,0.5,
T1,Faces,gan1,b,psnr,18,,doubtful: smudged
T1,Faces,gan1,c,psnr,16,,
T2,Faces,gan1,a,psnr,20,,
T2,Faces,gan2,a,psnr,22,,
"""
NOISE = np.random.default_rng(0).normal(0, 0.1, 50)


@pytest.fixture
def claims(tmp_path):
    (tmp_path / "claims.toml").write_text(CLAIMS)
    (tmp_path / "published.csv").write_text(ROWS)
    return read_claims(tmp_path / "claims.toml")


@pytest.fixture
def records(make):
    """Methods a and b on one dataset at one budget."""

    def made(dataset, a, b, budget="cpu", seeds=(0, 1), gan="gan1"):
        cell = {
            "dataset": {"name": dataset, "options": {}, "label": ""},
            "gan": {"name": gan, "options": {}, "label": ""},
        }
        return [
            make(
                method,
                seed,
                images={"psnr": value + NOISE},
                cell=cell,
                budget={"name": budget},
                facts={"dataset_checksum": dataset, "gan_checksum": gan},
                key=f"{dataset}-{gan}-{budget}-{method}-{seed}",
            )
            for method, value in (("a", a), ("b", b))
            for seed in seeds
        ]

    return made


def study(outcome, dataset, images=100):
    evidence = {"question": "bends?", "outcome": outcome, "detail": "so it is", "stand_in": ""}
    verdict = {"claim": "X2", "outcome": outcome, "published": None, "evidence": [evidence]}
    return {
        "study": "bend",
        "dataset": dataset,
        "network": "n",
        "verdicts": [verdict],
        "protocol": {"images": images},
    }


def aggregated(claims, *sources, nearest=("celeba", "drawn-faces")):
    names = {"T1": nearest, "F1": nearest}
    return {r.claim.id: r for r in claim_results(claims, sources, names, {"T1": "run T1", "F1": "run F1"})}


def test_nothing_stored_says_what_to_run(claims):
    found = aggregated(claims)
    assert [(r.verdict.outcome, r.verdict.reason) for r in found.values()] == [
        ("not measured", "run T1"),
        ("not measured", "run F1"),
    ]
    assert [r.verdict.published for r in found.values()] == [True, None]


def test_the_setting_nearest_to_the_paper_speaks(claims, records):
    near, far = (
        ClaimSource("T1", tuple(groups(records("drawn-faces", 1, 9)))),
        ClaimSource("T1", tuple(groups(records("digits", 9, 1)))),
    )
    result = aggregated(claims, far, near)["X1"]
    assert (result.verdict.outcome, result.setting) == ("fails", "drawn-faces · gan1 · cpu")
    assert [(t.setting, t.verdict.outcome) for t in result.others] == [("digits · gan1 · cpu", "holds")]
    paper = ClaimSource("T1", tuple(groups(records("digits", 9, 1, budget="paper"))))
    assert aggregated(claims, near, paper)["X1"].setting == "digits · gan1 · paper"


def test_of_a_claim_about_every_dataset_the_worst_speaks(claims, records):
    about = replace(claims, claims=tuple(replace(c, every=c.id == "X1") for c in claims.claims))
    holds, fails = (
        ClaimSource("T1", tuple(groups(records("drawn-faces", 9, 1)))),
        ClaimSource("T1", tuple(groups(records("digits", 1, 9)))),
    )
    for asked, outcome in ((claims, "holds"), (about, "fails")):
        assert aggregated(asked, holds, fails)["X1"].verdict.outcome == outcome
    result = aggregated(about, holds, fails)["X1"]
    assert [t.verdict.outcome for t in result.others] == ["holds"]
    level = ClaimSource("T1", tuple(groups(records("digits", 1, 1))))
    assert aggregated(about, holds, level)["X1"].verdict.outcome == "cannot tell"
    paper = ClaimSource("T1", tuple(groups(records("celeba", 9, 1, budget="paper"))))
    assert aggregated(about, holds, fails, paper)["X1"].setting == "celeba · gan1 · paper"


def test_smoke_decides_nothing(claims, records):
    found = aggregated(
        claims,
        ClaimSource("T1", tuple(groups(records("celeba", 9, 1, budget="smoke")))),
        ClaimSource("F1", (), (study("holds", "x"),), "smoke"),
    )
    assert {r.verdict.outcome for r in found.values()} == {"not measured"}


def test_studies_speak_by_nearness_and_then_by_images(claims):
    sources = [
        ClaimSource("F1", (), (study(*each),)) for each in (("holds", "digits"), ("fails", "drawn-faces?side=128"))
    ]
    assert aggregated(claims, *sources)["X2"].verdict.outcome == "fails"
    more = ClaimSource("F1", (), (study("cannot tell", "drawn-faces", 900),))
    result = aggregated(claims, *sources, more)["X2"]
    assert (result.verdict.outcome, result.setting) == ("cannot tell", "drawn-faces, n, study bend")
    assert counted([result]) == {"holds": 0, "fails": 0, "cannot tell": 1, "not measured": 0}


def test_the_page_counts_and_unfolds(claims, records):
    found = claim_results(claims, [ClaimSource("T1", tuple(groups(records("celeba", 9, 1))))], {}, {"F1": "run F1"})
    text = claims_page({"p": found})
    assert "| p | 1 | 0 | 0 | 1 |" in text
    assert "| X1 | a beats b (T1) | holds | **holds** | celeba · gan1 · cpu |" in text
    assert "<summary>X1: 1 tests, 1 settings</summary>" in text


def test_a_table_beside_its_records_keeps_to_order(claims, records):
    (part,) = compare_tables(claims, claims.table("T1"), groups(records("digits", 20.1, 21.0)))
    assert [row.same_rank for row in part.rows] == [False, False, None]
    assert [row.difference for row in part.rows] == [None, None, None]
    assert part.rows[2].why == "no method c in these records"
    assert (part.printed_on, part.quantity, part.rho) == ("Faces", "psnr", None)


def test_values_are_subtracted_in_the_paper_s_setting_alone(claims, records):
    (part,) = compare_tables(claims, claims.table("T1"), groups(records("celeba", 20.5, 17.0, budget="paper")))
    assert part.rows[0].difference == pytest.approx(0.5 + NOISE.mean())
    assert [row.same_rank for row in part.rows[:2]] == [True, True]
    (swapped,) = compare_tables(
        claims, claims.table("T1"), groups(records("celeba", 20.5, 17.0, budget="paper")), swapped=True
    )
    assert swapped.rows[0].difference is None
    (cpu,) = compare_tables(claims, claims.table("T1"), groups(records("celeba", 20.5, 17.0)))
    assert cpu.rows[0].difference is None


def test_gans_are_ranked_across_their_tables(claims, records):
    both = records("celeba", 20, 1, gan="gan1") + records("celeba", 25, 1, gan="gan2")
    (part,) = compare_tables(claims, claims.table("T2"), groups(both))
    assert [(row.printed.backbone, row.measured_rank, row.same_rank) for row in part.rows] == [
        ("gan1", 2, True),
        ("gan2", 1, True),
    ]


def test_a_reproduction_says_its_scale_and_marks_doubt(claims, records):
    text = reproduction_markdown(
        claims,
        "T1",
        groups(records("digits", 20.1, 19.0)),
        (),
        title="p/t1: x",
        budget="cpu",
        swapped="digits",
        note="a note",
    )
    assert "orders may be compared with the paper's, values may not" in text
    assert "On digits in place of the paper's data: orders are compared, values never." in text
    assert f"| Faces | gan1 | b | 18 ? | {19 + NOISE.mean():.4g} ± 0 | order only | 2 → 2 | yes |" in text
    assert "? b on gan1: smudged" in text
    assert "**holds**" in text
    smoke = reproduction_markdown(
        claims, "T1", groups(records("digits", 2, 1, budget="smoke")), (), title="t", budget="smoke"
    )
    assert "smoke decides nothing" in smoke
    printed = reproduction_markdown(claims, "T2", (), (), title="t", budget="cpu")
    assert "## Published" in printed


@pytest.mark.parametrize(
    ("network", "shown"),
    [
        ("", "digits, study fish-eye"),
        ("lpips@alex, fid@inception", "digits, lpips@alex, fid@inception, study fish-eye"),
        ("lpips@mine, fid@mine", "digits, perceptual@mine, fd@mine, study fish-eye"),
        ("D of mnist/lsgan, layer last", "digits, D of mnist/lsgan, layer last, study fish-eye"),
    ],
)
def test_the_setting_of_a_study_names_metrics_as_tables_do(network, shown):
    assert setting_of({"dataset": "digits", "network": network, "study": "fish-eye"}) == shown
