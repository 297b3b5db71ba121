"""Two-sided p-values of Wilcoxon's signed-rank test by SciPy, for the tests of
crates/results/src/statistics/wilcoxon.rs. Needs SciPy 1.13 or later:

    python3 bench/peers/wilcoxon.py

Differences of zero are left out first. Up to 25 differences SciPy permutes all signs, which is
exact with ties too; beyond it approximates by the normal distribution, with
corrections for ties and continuity.
"""

import numpy
import scipy
from scipy.stats import PermutationMethod, wilcoxon

CASES = {
    "no ties": [0.03, 0.05, -0.01, 0.07, 0.02, -0.04, 0.06, 0.09],
    "ties and a zero": [1, 2, 2, -1, 3, 4, 0, 5, -2, 6],
    "nine of k/n": [2, 2, 3, 1, 1, 4, 2, -1, 3],
    "all tied": [1, 1, 1, 1, 1, -1],
    "ties of both signs": [1, -1, 2, -2, 3, -3, 3],
    "twenty": [(i * 7) % 9 - 3 for i in range(1, 21)],
    "thirty": [((i * 37) % 61 - 20) / 100 for i in range(1, 31)],
}


def p_value(differences):
    d = numpy.array([x for x in differences if x != 0], dtype=float)
    if len(d) <= 25:
        # All 2^n signs, as many as there are.
        return "exact", wilcoxon(d, method=PermutationMethod(n_resamples=numpy.inf)).pvalue
    return "approximate", wilcoxon(d, correction=True, method="asymptotic").pvalue


if __name__ == "__main__":
    print(f"SciPy {scipy.__version__}")
    for name, differences in CASES.items():
        form, p = p_value(differences)
        print(f"{name}: {form} {float(p)!r}")
