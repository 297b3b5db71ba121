"""Numbers that the tests of methods in closed form and of importance weighting are held against, on
two small domains, by the peers' packages.

    python3 -m venv VENV && VENV/bin/pip install pot scikit-learn skada cvxopt
    VENV/bin/python bench/peers/closed_form.py
"""

import warnings

import numpy as np
import ot
import skada
import sklearn
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

warnings.filterwarnings("ignore")
np.set_printoptions(precision=6, suppress=True, linewidth=110)

SOURCE = np.array(
    [
        [0.3, -1.2, 0.5],
        [1.1, 0.4, -0.7],
        [-0.6, 0.9, 1.3],
        [0.8, -0.2, 0.1],
        [-1.4, 0.7, -0.9],
        [0.2, 1.6, 0.4],
    ]
)
LABELS = np.array([0, 1, 1, 0, 2, 2])
TARGET = np.array(
    [[1.5, 0.2, 0.9], [0.7, 1.8, -0.3], [2.1, -0.5, 0.6], [-0.1, 0.9, 1.7], [1.2, 1.1, -1.0]]
)


def principal_components(rows, count):
    _, _, components = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return components[:count].T


def geodesic_flow_kernel(dimensions):
    """As the paper states it, with the complement of the source's subspace."""
    first, second = (principal_components(rows, dimensions) for rows in (SOURCE, TARGET))
    whole, _ = np.linalg.qr(np.hstack([first, np.eye(len(first))]))
    rest = whole[:, dimensions:]
    u1, cosines, v = np.linalg.svd(first.T @ second)
    angles = np.arccos(np.clip(cosines, -1, 1))
    outside = rest.T @ second @ v.T
    u2 = -outside / np.maximum(np.sin(angles), 1e-12)
    twice = 2 * angles
    blocks = [
        np.diag(0.5 * (1 + np.sin(twice) / twice)),
        np.diag(0.5 * (np.cos(twice) - 1) / twice),
        np.diag(0.5 * (1 - np.sin(twice) / twice)),
    ]
    basis = np.hstack([first @ u1, rest @ u2])
    middle = np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])
    return basis @ middle @ basis.T


def joint_transport(feature_weight, cost, rounds):
    """JDOT by POT's exact plans and scikit-learn's support vector machine on repeated rows."""
    features = ot.dist(SOURCE, TARGET)
    features = feature_weight * features / features.max()
    masses = [ot.unif(len(rows)) for rows in (SOURCE, TARGET)]
    signs = np.where(LABELS[:, None] == np.arange(3), 1.0, -1.0)
    plan = ot.emd(*masses, features)
    for _ in range(rounds):
        weights = cost * len(TARGET) * plan

        def objective(p, k):
            scores = TARGET @ p[:3] + p[3]
            hinge = np.maximum(0, 1 - signs[:, k][:, None] * scores) ** 2
            return p[:3] @ p[:3] / 2 + (weights * hinge).sum()

        fits = [
            minimize(objective, np.zeros(4), args=(k,), method="BFGS", options={"gtol": 1e-10}).x
            for k in range(3)
        ]
        scores = np.array([TARGET @ fit[:3] + fit[3] for fit in fits])
        losses = (np.maximum(0, 1 - signs[:, :, None] * scores[None]) ** 2).sum(1)
        sizes = sum(fit[:3] @ fit[:3] for fit in fits)
        value = (plan * (features + losses)).sum() + sizes / (2 * cost * len(TARGET))
        print("  objective", f"{value:.8f}")
        plan = ot.emd(*masses, features + losses)
    return np.array(fits)


def kliep_by_slsqp(gamma):
    kernel = lambda rows: np.exp(-gamma * ot.dist(rows, TARGET))
    own, other = kernel(SOURCE), kernel(TARGET)
    found = minimize(
        lambda a: -np.log(other @ a).mean(),
        np.ones(len(TARGET)) / own.mean(0).sum(),
        bounds=[(0, None)] * len(TARGET),
        constraints={"type": "eq", "fun": lambda a: (own @ a).mean() - 1},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 10_000},
    )
    return own @ found.x


def main():
    print(f"POT {ot.__version__}, scikit-learn {sklearn.__version__}, skada {skada.__version__}")
    masses = [ot.unif(len(rows)) for rows in (SOURCE, TARGET)]
    costs = ot.dist(SOURCE, TARGET)
    tight = {"stopInnerThr": 1e-14, "numInnerItermax": 100_000}
    print("gfk, 2 dimensions\n", geodesic_flow_kernel(2))
    print("exact plan, barycentres\n", ot.emd(*masses, costs) @ TARGET * len(SOURCE))
    entropic = ot.sinkhorn(*masses, costs, 0.5, stopThr=1e-14, numItermax=100_000)
    print("entropic plan 0.5, barycentres\n", entropic @ TARGET * len(SOURCE))
    lasso = ot.da.sinkhorn_l1l2_gl(
        masses[0], LABELS, masses[1], costs, 0.5, eta=2.0, numItermax=1000,
        stopInnerThr=1e-14, numInnerItermax=100_000,
    )
    print("group lasso 0.5, 2\n", lasso)
    power = ot.da.sinkhorn_lpl1_mm(
        masses[0], LABELS, masses[1], costs, 0.5, eta=0.1, numItermax=10, **tight
    )
    print("l1/2-l1 0.5, 0.1\n", power)
    regularization = 0.1 * np.eye(3)
    matrix, _ = ot.gaussian.bures_wasserstein_mapping(
        SOURCE.mean(0), TARGET.mean(0), np.cov(SOURCE.T) + regularization, np.cov(TARGET.T) + regularization
    )
    distance = ot.gaussian.bures_wasserstein_distance(
        SOURCE.mean(0), TARGET.mean(0), np.cov(SOURCE.T) + regularization, np.cov(TARGET.T) + regularization
    )
    print("linear transport 0.1\n", matrix, distance)
    # Its bias is regularised, which a large scale makes negligible.
    svm = LinearSVC(C=1.0, intercept_scaling=1e3, tol=1e-12, max_iter=10_000_000).fit(SOURCE, LABELS)
    print("linear svm\n", np.c_[svm.coef_, svm.intercept_])
    print("jdot 0.5, 1, 3 rounds")
    print(joint_transport(0.5, 1.0, 3))
    samples, domains = np.r_[SOURCE, TARGET], np.r_[np.ones(len(SOURCE)), -np.ones(len(TARGET))]
    kmm = skada.KMMReweightAdapter(gamma=0.5, B=3.0, solver="scipy", tol=1e-12, max_iter=10_000)
    print("kernel mean matching 0.5, 3\n", kmm.fit(samples, sample_domain=domains).source_weights_)
    print("kliep 0.5, by SLSQP", kliep_by_slsqp(0.5))


if __name__ == "__main__":
    main()
