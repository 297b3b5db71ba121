"""Trains on a generated folder of images that is larger than memory.

Writes two domains of ten classes, in all as many gigabytes as asked for, and an experiment that
trains a small network on them; runs it, and prints its peak memory, how busy the processor was and
how many images a second it read. Every file has other bytes: 500 pictures in all, each written many
times with a comment that numbers the copy.

    python bench/large_folder.py target/release/isthmus FOLDER [--gigabytes 20] [--memory 2G]

needs Pillow and NumPy. With --memory the run has no more than that, the pages of files that the
system keeps included: this takes systemd (`systemd-run --scope`) or, as root, a memory control group
below /sys/fs/cgroup/memory.
"""

import argparse
import io
import os
import pathlib
import resource
import shutil
import subprocess
import time

import numpy as np
from PIL import Image

CLASSES = 10
PICTURES = 500
DESCRIPTOR = """
name = "large"
title = "A generated folder of images that is larger than memory"
licence = "CC0"
citation = "generated"
how_to_get = "bench/large_folder.py writes it"
layout = "  a/CLASS/*.jpg, b/CLASS/*.jpg"

[[domains]]
name = "a"
reader = { name = "image-folder", path = "a" }

[[domains]]
name = "b"
reader = { name = "image-folder", path = "b" }
"""
EXPERIMENT = """
name = "large"
seeds = [1]

[data]
dataset = "large"
tasks = ["a -> b"]
protocol = "transductive"
transform = {{ resize = 32, crop = 28, random_crop = [0.5, 1.0] }}

[extractor]
name = "lenet"

[classifier]
name = "linear"

[training]
iterations = {iterations}
batch_size = 64
evaluate_every = {iterations}

[methods.dann]
align = [{{ name = "dann" }}]
"""


def pictures():
    """JPEG files of 500 x 375 pixels and about 110 kB, as photographs have them; their colour tells the class."""
    random = np.random.default_rng(1)
    for number in range(PICTURES):
        tint = np.array([25 * (number % CLASSES), 128, 255 - 25 * (number % CLASSES)])
        coarse = random.normal(0, 40, (48, 63, 3)) + tint
        coarse = Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((500, 375))
        fine = np.asarray(coarse) + random.normal(0, 22, (375, 500, 3))
        image = Image.fromarray(fine.clip(0, 255).astype(np.uint8))
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=85)
        yield packed.getvalue()


def write(folder, size):
    """Fills the folder with files of `size` bytes in all; returns their number."""
    images = list(pictures())
    written = count = 0
    while written < size:
        image = images[count % PICTURES]
        comment = b"%016d" % count
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        domain = "ab"[count // PICTURES % 2]
        place = folder / domain / str(count % CLASSES)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{count:07}.jpg").write_bytes(image[:2] + segment + image[2:])
        written += len(image) + len(segment)
        count += 1
    return count


def limited(command, memory):
    """The command with no more memory than that."""
    group = pathlib.Path("/sys/fs/cgroup/memory/isthmus-large")
    if memory is None:
        return command
    if group.parent.is_dir():
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(memory)
        return ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
    return ["systemd-run", "--scope", "-q", "-p", f"MemoryMax={memory}", *command]


def run(binary, folder, iterations, memory):
    """Runs the experiment; returns seconds and seconds of processor time."""
    (folder / "datasets").mkdir(exist_ok=True)
    (folder / "datasets" / "large.toml").write_text(DESCRIPTOR)
    experiment = folder / "experiment.toml"
    experiment.write_text(EXPERIMENT.format(iterations=iterations))
    shutil.rmtree(folder / "results", ignore_errors=True)
    command = [str(pathlib.Path(binary).resolve()), "run", str(experiment), "--results", str(folder / "results")]
    # A small network would take one thread, and leave the decoding of images to it.
    command += ["--threads", str(os.cpu_count())]
    environment = {**os.environ, "ISTHMUS_DATA": str(folder), "ISTHMUS_CACHE": str(folder / "cache")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(limited(command, memory), check=True, env=environment, cwd=folder)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, busy, after.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--memory")
    parser.add_argument("--iterations", type=int, default=200)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if not (folder / "large").exists():
        count = write(folder / "large", arguments.gigabytes * 1e9)
        print(f"{count} images written")
    for what in ["first run, which makes the fingerprint", "second run"]:
        seconds, busy, memory = run(arguments.binary, folder, arguments.iterations, arguments.memory)
        print(
            f"{what}: {seconds:.1f} s, {busy / seconds:.2f} processors busy, "
            f"at most {memory / 1024:.0f} MiB so far"
        )


if __name__ == "__main__":
    main()
