"""Gives the windows of UCI HAR lengths of their own, for the data set `uci-har-lengths`.

Reads the archive of `uci-har` and writes one with the same arrays and, for each array of windows, one
of lengths: whole numbers from 32 to 128, drawn by the array's name, always the same. It needs
nothing but Python:

    python datasets/tools/uci_har_lengths.py uci_har_6subjects.npz \\
        datasets/uci-har-lengths/uci_har_lengths.npz
"""

import random
import struct
import sys
import zipfile
from pathlib import Path

SHORTEST, LONGEST = 32, 128


def rows(npy: bytes) -> int:
    """The number of rows of an array in NumPy's format, version 1."""
    (length,) = struct.unpack("<H", npy[8:10])
    header = npy[10 : 10 + length].decode("latin-1")
    return int(header.split("'shape': (")[1].split(",")[0])


def integers(values: list[int]) -> bytes:
    """One row of whole numbers in NumPy's format."""
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({len(values)},), }}"
    header = f"{header:<117}\n".encode("latin-1")
    parts = [b"\x93NUMPY\x01\x00", struct.pack("<H", len(header)), header]
    return b"".join(parts) + struct.pack(f"<{len(values)}q", *values)


def main(source: str, destination: str) -> None:
    Path(destination).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(destination, "w") as written:
        for name in sorted(read.namelist()):
            array = read.read(name)
            # A date of its own would give each archive another checksum.
            written.writestr(zipfile.ZipInfo(name), array)
            if name.endswith("_x.npy"):
                draw = random.Random(name)
                lengths = [draw.randint(SHORTEST, LONGEST) for _ in range(rows(array))]
                entry = zipfile.ZipInfo(name.replace("_x.npy", "_lengths.npy"))
                written.writestr(entry, integers(lengths))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
