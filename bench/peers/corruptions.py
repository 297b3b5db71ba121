"""Prints how far each corruption of the package `imagecorruptions` takes a picture from itself: mean
absolute difference of the bytes at severities 1 to 5, over ten draws. `cargo run --release --example
corruption_distances -- PICTURE` prints those of isthmus.

    pip install imagecorruptions "scikit-image<0.19" "scipy<1.10" "numpy<1.24" opencv-python-headless
    python3 bench/peers/corruptions.py PICTURE
"""

import sys
import warnings

import numpy as np
from PIL import Image

warnings.filterwarnings("ignore")
from imagecorruptions import corrupt, get_corruption_names  # noqa: E402

DRAWS = 10

picture = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
for name in sorted(get_corruption_names("all")):
    values = []
    for severity in range(1, 6):
        distances = []
        for draw in range(DRAWS):
            np.random.seed(draw)
            changed = corrupt(picture, severity=severity, corruption_name=name)
            distances.append(np.abs(changed.astype(float) - picture).mean())
        values.append(f"{np.mean(distances):6.2f}")
    print(f"{name.replace('_', '-'):<18} {' '.join(values)}")
