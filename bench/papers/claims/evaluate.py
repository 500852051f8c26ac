"""Evaluates a paper's claims on records: every test with its evidence, and a verdict that may be inconclusive.

A per-image metric is decided by the paired bootstrap interval over images (values averaged over seeds), a set
metric by Student's t interval over seeds; either must exclude 0, or lie on one side of a threshold. One seed of a
set metric decides nothing. How each test is answered is said in its file of ``bench.papers.claims.operators``.
"""

from __future__ import annotations

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import unmeasured
from bench.papers.claims.printed_values import NotPrinted, PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.spec import Claim, Claims
from bench.reports.groups import ResultGroup
from bench.reports.verdicts import Verdict, verdict


def judge(claim: Claim, claims: Claims, scope: ClaimScope) -> Verdict:
    """Try one claim on the tables of a scope.

    Raises:
        BenchError: a metric whose direction in the records is not that of the claims file.
    """
    found = [answer for test in claim.tests for answer in test.evaluate(scope)]
    return verdict(claim, found, published_outcome(claim, claims))


def tried(claim: Claim, claims: Claims, scope: ClaimScope) -> Verdict:
    """The same; records that contradict the claims file are a reason, not an end."""
    try:
        return judge(claim, claims, scope)
    except BenchError as error:
        return not_tried(claim, claims, str(error), claim.id)


def not_tried(claim: Claim, claims: Claims, reason: str, question: str = "") -> Verdict:
    """The verdict on a claim that nothing here answers, and why."""
    return verdict(claim, [unmeasured(question, reason)], published_outcome(claim, claims))


def evaluate_claims(claims: Claims, group: ResultGroup) -> list[Verdict]:
    """Judge every claim about the methods of one GAN on its table.

    Raises:
        BenchError: as ``judge``.
    """
    scope = ClaimScope((group,), claims)
    return [judge(claim, claims, scope) for claim in claims.of_methods]


def published_outcome(claim: Claim, claims: Claims) -> bool | None:
    """Return True if the printed numbers agree with a claim on every dataset of its tables; None without numbers.

    What the file states of a claim (``published = true``) goes before what its numbers say.
    """
    if claim.stated is not None:
        return claim.stated
    named = [t for t in claims.tables if t.name in claim.records] if claim.records else list(claims.tables)
    whole = PrintedValues([row for table in named for row in table.rows], claims.roles)
    parts = [whole]
    if claim.level != "budget":
        parts = [PrintedValues([r for r in whole.rows if r.dataset == one], claims.roles) for one in whole.datasets]
    known = [outcome for part in parts if (outcome := _agrees(claim, part)) is not None]
    return all(known) if known else None


def _agrees(claim: Claim, printed: PrintedValues) -> bool | None:
    try:
        return all(answer for test in claim.tests for answer in test.agrees(printed))
    except NotPrinted:
        return None
