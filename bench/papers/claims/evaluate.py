"""Evaluation of a paper's claims on records: each test with its evidence, and a verdict that may be inconclusive.

Every test is decided by a 95 % interval over training seeds and images (``bench.reports.estimates``), which must
exclude 0, or lie on one side of a threshold. One training decides nothing between methods that are trained, nor
between GANs. A claim of many tests fails only if a failing one survives the correction for their number
(``bench.reports.verdicts.verdict``). Each test is defined in its own file of ``bench.papers.claims.operators``.
"""

from __future__ import annotations

from bench.core.errors import BenchError
from bench.papers.claims.operators.answers import unmeasured
from bench.papers.claims.printed_values import NotPrinted, PrintedValues
from bench.papers.claims.scope import ClaimScope
from bench.papers.claims.spec import Claim, Claims
from bench.reports.groups import ResultGroup
from bench.reports.verdicts import Verdict, verdict


def evaluate_claim(claim: Claim, claims: Claims, scope: ClaimScope) -> Verdict:
    """Evaluate one claim on the groups of a scope.

    Raises:
        BenchError: a metric whose direction in the records is not that of the claims file.
    """
    found = [answer for test in claim.tests for answer in test.evaluate(scope)]
    return verdict(claim, found, published_outcome(claim, claims))


def evaluate_or_report(claim: Claim, claims: Claims, scope: ClaimScope) -> Verdict:
    """Evaluate one claim; records that contradict the claims file give "not measured" and the error as its reason."""
    try:
        return evaluate_claim(claim, claims, scope)
    except BenchError as error:
        return not_measured(claim, claims, str(error), claim.id)


def not_measured(claim: Claim, claims: Claims, reason: str, question: str = "") -> Verdict:
    """Return the verdict "not measured" on a claim, with the reason."""
    return verdict(claim, [unmeasured(question, reason)], published_outcome(claim, claims))


def evaluate_claims(claims: Claims, group: ResultGroup) -> list[Verdict]:
    """Evaluate every claim about the methods of one GAN on its group of records.

    Raises:
        BenchError: as ``evaluate_claim``.
    """
    scope = ClaimScope((group,), claims)
    return [evaluate_claim(claim, claims, scope) for claim in claims.of_methods]


def published_outcome(claim: Claim, claims: Claims) -> bool | None:
    """Return True if the printed numbers agree with a claim on every dataset of its tables; None without numbers.

    A statement in the claims file (``published = true``) takes precedence over the printed numbers.
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
