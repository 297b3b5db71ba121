"""Times POT's plans on the matrices of costs that the example `time_transport` wrote.

    cargo run --release -p isthmus-losses --example time_transport -- FOLDER
    OMP_NUM_THREADS=1 python3 bench/peers/transport.py FOLDER
"""

import sys
import time
from pathlib import Path

import numpy as np
import ot

SWEEPS = 100


def milliseconds(run):
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < 0.5:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def main(folder):
    print(f"POT {ot.__version__}: milliseconds for a plan; entropic: {SWEEPS} sweeps")
    print(f"{'rows':>9} {'exact':>9} {'entropic 0.5':>14} {'entropic 0.05':>14} {'entropic 0.005':>14}")
    for rows in [32, 64, 128, 256]:
        costs = np.fromfile(Path(folder) / f"costs-{rows}.f64").reshape(rows, rows)
        masses = np.full(rows, 1 / rows)
        exact = milliseconds(lambda: ot.emd(masses, masses, costs))
        entropic = [
            milliseconds(
                lambda: ot.bregman.sinkhorn_log(
                    masses, masses, costs, share * costs.mean(), numItermax=SWEEPS, stopThr=0, warn=False
                )
            )
            for share in [0.5, 0.05, 0.005]
        ]
        print(f"{rows:>9} {exact:>9.3f} " + " ".join(f"{it:>14.3f}" for it in entropic))


if __name__ == "__main__":
    main(sys.argv[1])
