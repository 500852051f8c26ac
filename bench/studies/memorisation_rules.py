"""Decision rules of each statistic for memorisation; detections by size, false positives, verdicts. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.overfit.statistics import ALPHA
from bench.overfit.verdict import STRICT_ALPHA
from bench.reports.verdicts import Evidence, Outcome, Statement, Verdict, at_most, verdict
from bench.statistics import LEVEL, Interval
from bench.studies.memorisation_values import Row

if TYPE_CHECKING:
    import pandas as pd

TABLED = ("glo", "copier", "gan")
"""Families that are trained on several numbers of images."""
ALLOWED = 0.05
"""Allowed share of false positives among negative controls."""
FEW = 256
"""Number of training images up to which a memoriser has to be detected."""
NOT_NEGLIGIBLE = 0.147
"""Cliff's delta (Romano et al. 2006)."""
NORMAL = 2.326
"""One-sided quantile of the normal distribution at ``ALPHA``."""


@dataclass(frozen=True)
class Rule:
    """One statistic with its threshold.

    Attributes:
        name: name with the threshold, as tables show it.
        searched: True for a statistic of recovery errors, which depends on the search.
        found: function of a row and the rows of negative controls for calibration; True for memorisation.
    """

    name: str
    searched: bool
    found: Callable[[Row, Sequence[Row]], bool]


def level_of(row: Row) -> float:
    """Return the level at which the verdict counts a gap: a stricter one below the gate."""
    return ALPHA if row["passed"] else STRICT_ALPHA


def _lower(p: str) -> Callable[[Row, Sequence[Row]], bool]:
    return lambda row, honest: row[p] < ALPHA and row["cliffs_delta"] > 0


def less_authentic(row: Row) -> bool:
    """Test that samples are authentic less often than unseen images: one-sided test of two proportions."""
    shares = np.array([row["auth_pct"], row["auth_unseen"]]) / 100
    counts = np.array(row["auth_counts"], float)
    pooled = float((shares * counts).sum() / counts.sum())
    spread = math.sqrt(pooled * (1 - pooled) * float((1 / counts).sum()))
    return bool(spread > 0 and (shares[0] - shares[1]) / spread < -NORMAL)


def nearer_than_chance(row: Row) -> bool:
    """Test that 1-NN accuracy on samples and training images is below one half: one-sided binomial test."""
    from scipy.stats import binomtest

    count = row["one_nn_count"]
    return bool(binomtest(round(row["one_nn_train"] * count), count, alternative="less").pvalue < ALPHA)


def beyond(name: str, sign: int) -> Callable[[Row, Sequence[Row]], bool]:
    """Return a rule that compares a value with those of negative controls: their mean and 2.326 standard deviations.

    Draws of the row's own generator are left out, since their values are nearly the same, and so are draws of another
    number of unseen images, on which these values depend. The rule is never met with fewer than three controls.
    """

    def found(row: Row, honest: Sequence[Row]) -> bool:
        others = [other for other in honest if other["suspect"] != row["suspect"]]
        values = [other[name] for other in others if other["auth_counts"] == row["auth_counts"]]
        if len(values) < 3:
            return False
        return bool(sign * (row[name] - np.mean(values)) > NORMAL * np.std(values, ddof=1))

    return found


RULES = (
    Rule("KS, p < .01", True, _lower("ks_p")),
    Rule("Mann-Whitney, p < .01", True, _lower("mann_whitney_p")),
    Rule("gap, 95 % interval above 0", True, lambda row, honest: row["gap_low"] > 0),
    Rule("Cliff's delta ≥ .147 (AUC ≥ .574)", True, lambda row, honest: row["cliffs_delta"] >= NOT_NEGLIGIBLE),
    Rule("rank and tail test, p < .01", True, lambda row, honest: row["p"] < ALPHA),
    Rule("the same, p < .001 below the gate", True, lambda row, honest: row["p"] < level_of(row)),
    Rule("copying, p < .01", False, lambda row, honest: row["copying_p"] < ALPHA),
    Rule("AuthPct below unseen images', p < .01", False, lambda row, honest: less_authentic(row)),
    Rule("C_T < -2.33", False, lambda row, honest: row["c_t"] < -NORMAL),
    Rule("1-NN with train below .5, p < .01", False, lambda row, honest: nearer_than_chance(row)),
    Rule("precision above honest ones'", False, beyond("precision", 1)),
    Rule("recall below honest ones'", False, beyond("recall", -1)),
)


@dataclass(frozen=True)
class Findings:
    """The result of each rule for all rows.

    Attributes:
        rows: rows of the examined cases.
        budgets: steps of the search, rising.
        sizes: numbers of training images, rising; 0 for all, last.
    """

    rows: Sequence[Row]
    budgets: tuple[int, ...]
    sizes: tuple[int, ...]

    def at(self, steps: int, **wanted: Any) -> list[Row]:
        """Return the rows at one budget of the search that have these values."""
        return [r for r in self.rows if r["steps"] == steps and all(r[k] == v for k, v in wanted.items())]

    def lines(self) -> list[tuple[Rule, int]]:
        """Return rules with each budget that they depend on; those without a search with the last budget."""
        return [(rule, steps) for rule in RULES for steps in (self.budgets if rule.searched else self.budgets[-1:])]

    def share(self, rule: Rule, steps: int, **wanted: Any) -> float:
        """Return the share of rows with these values in which a rule detects memorisation; NaN without any row."""
        rows, honest = self.at(steps, **wanted), self.at(steps, family="honest")
        return float(np.mean([rule.found(row, honest) for row in rows])) if rows else math.nan

    def false_alarms(self, rule: Rule, steps: int) -> tuple[int, int]:
        """Return the number of false positives of a rule, and the number of draws of negative controls."""
        honest = self.at(steps, family="honest")
        return sum(rule.found(row, honest) for row in honest), len(honest)

    def table(self) -> pd.DataFrame:
        """Return one row per statistic and search: detected sizes of each family, and false positives."""
        import pandas as pd

        found = []
        for rule, steps in self.lines():
            line: Row = {"statistic": rule.name, "steps": str(steps) if rule.searched else "none"}
            for family in TABLED:
                hits = [n for n in self.sizes if self.share(rule, steps, family=family, images=n) > 0.5]
                line[family] = ", ".join(f"{n:,}" if n else "all" for n in hits) or "-"
            positives, draws = self.false_alarms(rule, steps)
            interval = rate_interval(positives, draws)
            line |= {"false alarms": f"{positives} of {draws}", "rate": positives / draws if draws else math.nan}
            found.append(line | {"rate_low": interval.low, "rate_high": interval.high})
        return pd.DataFrame(found)

    def cases(self) -> pd.DataFrame:
        """Return one row per case: the result of the examination with the longest search."""
        import pandas as pd

        found = []
        for row in self.at(self.budgets[-1]):
            numbers = {k: row[k] for k in SHOWN}
            missing = ", ".join(row["missing"]) or "-"
            found.append(
                {
                    "suspect": row["suspect"],
                    "draw": row["draw"],
                    "verdict": row["outcome"],
                    **numbers,
                    "missing": missing,
                }
            )
        return pd.DataFrame(found)

    def strengths(self) -> pd.DataFrame:
        """Return one row per case and budget: the share that the search recovers, and the gap."""
        import pandas as pd

        return pd.DataFrame([{k: row[k] for k in ("suspect", "draw", "steps", *MOVED)} for row in self.rows])

    def verdicts(self) -> tuple[Verdict, ...]:
        """Evaluate the statements on the examination."""
        return (
            verdict(FOUND, self._memorisers()),
            verdict(SPARED, [self._spared()]),
            verdict(TOLD, self._others()),
            verdict(SEARCH, [self._search()]),
        )

    def _memorisers(self) -> list[Evidence]:
        rows = [r for r in self.at(self.budgets[-1]) if r["family"] in ("glo", "copier") and 0 < r["images"] <= FEW]
        return [_said(row, row["outcome"] == "memorises") for row in rows] or [_unmeasured("no memoriser")]

    def _spared(self) -> Evidence:
        honest = self.at(self.budgets[-1], family="honest")
        positives = [row for row in honest if row["outcome"] == "memorises"]
        interval = rate_interval(len(positives), len(honest))
        outcome = at_most(interval, ALLOWED)
        detail = f"{len(positives)} of {len(honest)} draws; 95 % interval [{interval.low:.3f}, {interval.high:.3f}]"
        return Evidence(f"at most {ALLOWED:.0%} are called memorising", outcome, detail)

    def _others(self) -> list[Evidence]:
        last = self.budgets[-1]
        found = [_said(row, row["outcome"] == "collapsed") for row in self.at(last, family="collapsed")]
        for row in self.at(last, family="dropping"):
            right = row["outcome"] == "drops modes" and set(row["without"]) <= set(row["missing"])
            found.append(_said(row, right, f"; missing: {', '.join(row['missing']) or 'none'}"))
        return found or [_unmeasured("no collapsed or dropping one")]

    def _search(self) -> Evidence:
        question = f"{self.budgets[-1]} steps find more than {self.budgets[0]}"
        if len(self.budgets) < 2:
            return _unmeasured(question)
        rule = RULES[4]
        least, most = (
            sum(rule.found(r, ()) for r in self.at(steps) if r["family"] in TABLED)
            for steps in (self.budgets[0], self.budgets[-1])
        )
        outcome: Outcome = "holds" if most > least else "fails" if most < least else "cannot tell"
        return Evidence(question, outcome, f"{rule.name} finds {most} against {least} of the suspects")


SHOWN = ("gate", "gap", "cliffs_delta", "p", "copying_p", "auth_pct", "c_t", "one_nn_train", "precision", "recall",
         "nearest", "variance")  # fmt: skip
MOVED = ("gate", "own_median", "train_median", "unseen_median", "gap", "gap_low", "gap_high", "cliffs_delta", "ks_p",
         "mann_whitney_p", "p")  # fmt: skip
OURS = "this test bench"
FOUND = Statement("M1", OURS, f"Generators that know at most {FEW} images by heart are called memorising.")
SPARED = Statement("M2", OURS, "Generators that were stopped early on many images are not called memorising.")
TOLD = Statement("M3", OURS, "A collapsed generator, and one that lacks classes, are called that.")
SEARCH = Statement("M4", OURS, "A stronger search finds more memorisation.")


def rate_interval(found: int, count: int) -> Interval:
    """Return the exact interval of a rate (Clopper and Pearson 1934); [0, 1] for a count of 0."""
    from scipy.stats import binomtest

    if not count:
        return Interval(0.0, 1.0)
    ends = binomtest(found, count).proportion_ci(LEVEL, "exact")
    return Interval(float(ends.low), float(ends.high))


def _said(row: Row, right: bool, more: str = "") -> Evidence:
    outcome: Outcome = "holds" if right else "cannot tell" if row["outcome"] == "cannot tell" else "fails"
    return Evidence(row["suspect"], outcome, f"{row['outcome']}{more}")


def _unmeasured(question: str) -> Evidence:
    return Evidence(question, "not measured", "not among the cases")
