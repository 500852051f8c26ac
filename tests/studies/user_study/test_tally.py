"""Shares and intervals against closed forms and simulations, and the report beside published shares."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import binomtest, norm, t

from bench.reports.published import printed_paper
from bench.studies.user_study.ballots import Ballots, Participant, Vote
from bench.studies.user_study.questions import Questionnaire
from bench.studies.user_study.report import report
from bench.studies.user_study.tally import share_interval, tally

FIG8 = ("enc_image", "enc_image+opt", "enc_latent", "enc_latent+opt", "dfi", "dfi+opt")


@cache
def wilson(hits, votes, people):
    """Wilson's interval by scipy, at the normal level whose quantile is Student's for so many participants."""
    level = 2 * norm.cdf(t.ppf(0.975, people - 1)) - 1
    return binomtest(hits, votes).proportion_ci(level, method="wilson")


def study_of(methods, dataset="digits", gan="dcgan"):
    pictures = tuple((0, i) for i in range(30))
    return Questionnaire(
        f"{dataset} · {gan} · cpu", dataset, gan, methods, methods, pictures, "c", questions=25, repeats=2
    )


def filled(study, choose, people):
    """Every participant answers every page: ``choose(participant, showing)`` names the method."""
    ballots = Ballots(study)
    for person in map(str, range(people)):
        ballots.add_participant(Participant(person, False, ""))
        for s in study.showings(person):
            chosen = choose(int(person), s)
            ballots.add_vote(Vote(person, s.position, s.picture, s.repeat, s.order, chosen, "", ""))
    return ballots


@pytest.mark.parametrize(("hits", "people"), [(0, 12), (1, 40), (11, 40), (39, 40), (40, 40), (70, 150)])
def test_one_vote_each_gives_the_interval_of_scipy(hits, people):
    found = share_interval(np.arange(people) < hits, np.ones(people))
    expected = wilson(hits, people, people)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_participants_who_always_choose_alike_count_as_one_vote_each():
    hits = np.repeat([25, 0], [12, 28])
    found = share_interval(hits, np.full(40, 25))
    expected = wilson(12, 40, 40)
    assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.02)
    assert found.high - found.low > 4 * (share_interval(np.full(40, 7.5), np.full(40, 25)).high - 0.3)
    none = share_interval(np.zeros(40), np.full(40, 25))
    assert none.high == pytest.approx(wilson(0, 40, 40).high)
    assert none.low == 0


def test_intervals_cover_clustered_shares_where_those_over_votes_do_not():
    rng = np.random.default_rng(0)
    covered, naive = 0, 0
    for _ in range(300):
        hits = rng.binomial(25, rng.beta(1.5, 4.5, size=20))  # true share 0.25
        covered += share_interval(hits, np.full(20, 25)).contains(0.25)
        pooled = wilson(int(hits.sum()), 500, 20)
        naive += pooled.low <= 0.25 <= pooled.high
    assert 0.91 < covered / 300 < 0.985
    assert naive / 300 < 0.75


def test_one_participant_decides_nothing_and_those_without_votes_are_left_out():
    assert share_interval([3], [25]) is None
    assert share_interval([3, 0], [25, 0]) is None
    assert share_interval([], []) is None
    assert share_interval([3, 0, 4, 5], [25, 0, 25, 25]) == share_interval([3, 4, 5], [25, 25, 25])


def test_votes_are_counted_and_repeats_are_not():
    study = study_of(("a", "b", "c"))

    def choose(person, showing):
        if showing.repeat:
            return "c" if person == 0 else "a"
        return "b" if person == 0 and showing.position < 5 else "a"

    ballots = filled(study, choose, 4)
    del ballots.votes["3", 26]
    counted = tally(ballots)
    assert {m: s.votes for m, s in counted.shares.items()} == {"a": 95, "b": 5, "c": 0}
    assert list(counted.shares) == ["a", "b", "c"]
    assert counted.shares["a"].value == 0.95
    assert counted.shares["a"].interval.contains(0.95)
    assert (counted.participants, counted.finished) == (4, 3)
    assert (counted.agreement.votes, counted.agreement.of) == (5, 7)


def test_a_study_without_votes_is_reported_as_such():
    found = report(Ballots(study_of(("a", "b"))))
    assert found.rows == (("a", "0", "–", "needs two participants"), ("b", "0", "–", "needs two participants"))
    assert "0 participants voted" in found.notes[0]
    assert "No repeated question" in found.notes[1]


def test_published_shares_stand_beside_measured_ones():
    study = study_of(FIG8)
    found = report(filled(study, lambda person, s: FIG8[(person + s.position) % 6], 6))
    assert found.columns == ("method", "votes", "share, %", "95 % interval", "dfi Fig8, %")
    assert {row[0]: row[-1] for row in found.rows} == {
        "enc_image": "6.83",
        "enc_image+opt": "8.33",
        "enc_latent": "6.33",
        "enc_latent+opt": "4.17",
        "dfi": "27.83",
        "dfi+opt": "46.50",
    }
    assert "150 participants" in found.notes[-1]
    assert "the same choice on other images" in found.notes[-1]
    same = report(Ballots(study_of(FIG8, "CelebA-128", "sngan_0gp")))
    assert same.notes[-1].endswith("the same choice.")


def test_another_choice_is_said_and_other_methods_have_no_published_share():
    found = report(Ballots(study_of(("dfi", "dfi+opt", "lm"))))
    assert [row[-1] for row in found.rows] == ["27.83", "46.50", "–"]
    assert "depend on what there is to choose from" in found.notes[-1]
    assert "enc_image, enc_image+opt, enc_latent, enc_latent+opt and lm" in found.notes[-1]
    assert len(report(Ballots(study_of(("dfi", "lm")))).columns) == 4
    twins = replace(study_of(("dfi (a)", "dfi (b)", "dfi+opt")), names=("dfi", "dfi", "dfi+opt"))
    assert len(report(Ballots(twins)).columns) == 4


def test_the_published_numbers_are_those_of_the_papers_folder():
    rows = [r for t in printed_paper("dfi").tables for r in t.rows if r.metric == "user_study"]
    assert sum(r.value for r in rows if r.table == "Fig8") == pytest.approx(100, abs=0.02)
