#!/usr/bin/env python3
"""Makes the table of docs/figures.md of every preset fitted to every kind of data.

    benches/presets.py FOLDER [--hourglass target/release/hourglass] [--only NAME] [--seed 1]

FOLDER holds the data sets of CASES where they are named; what is missing there is said and left out. Pieces of the
photographs in FOLDER/photos are cut anew, of 32x32 and 64x64 pixels, and this repository's documents are the texts. A
cell is the error of the test part as a share of that of the train part's mean: 1 is as good as no model, below 0.5
half of it is explained. Beside it stands the share of PCA of as many numbers, where one compares.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Name, path under FOLDER, settings.
CASES = [
    ("MNIST", "mnist", []),
    ("Fashion-MNIST", "fashion-mnist/train-images-idx3-ubyte.gz", ["data.rows=10000"]),
    ("color 32x32", "color32", []),
    ("color 64x64", "color64", []),
    ("optdigits 8x8", "tabular/digits8x8.csv.gz", ["data.labels=last"]),
    ("cardio", "anomaly/cardio.csv", []),
    ("breast cancer", "tabular/breast_cancer.csv", ["data.labels=malignant"]),
    ("ECG5000", "timeseries/ecg5000_train_normal.csv.gz", []),
    ("NAB taxi", "timeseries/nab_nyc_taxi.csv", []),
    ("spoken digits", "speech", []),
    ("documents", "texts", []),
]
# Pieces of each side.
PIECES = {32: 1500, 64: 600}


def make_pieces(photos, folder):
    """Cuts squares of the color photographs at random places, the same ones each time."""
    random = numpy.random.default_rng(1)
    images = [image for image in map(Image.open, sorted(photos.iterdir())) if image.mode == "RGB"]
    pictures = [numpy.asarray(image) for image in images]
    for side, count in PIECES.items():
        out = folder / f"color{side}"
        out.mkdir()
        for number in range(count):
            picture = pictures[number % len(pictures)]
            y, x = (random.integers(0, extent - side) for extent in picture.shape[:2])
            Image.fromarray(picture[y : y + side, x : x + side]).save(out / f"{number:04}.png")


def prepare(data, folder):
    """Makes the data sets that no file of FOLDER is, in `folder`."""
    if (data / "photos").is_dir():
        make_pieces(data / "photos", folder)
    archive = data / "audio" / "fsdd_train_5-14.tar.gz"
    if archive.is_file():
        with tarfile.open(archive) as opened:
            opened.extractall(folder / "speech", filter="data")
    (folder / "texts").mkdir()
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        shutil.copy(ROOT / name, folder / "texts" / name.replace("/", "_"))


def run(hourglass, preset, source, settings, seed):
    """Trains one preset; returns its report, or the line that says why not."""
    with tempfile.TemporaryDirectory() as out:
        command = [hourglass, "train", "--preset", preset, "--data", str(source), "--device", "cpu"]
        command += ["--seed", str(seed), "--json", "--quiet", "--out", f"{out}/run"]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr.strip().splitlines()[-1]
        return json.loads(done.stdout), None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--hourglass", default="target/release/hourglass")
    parser.add_argument("--only", help="data set, by a part of its name")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    listed = subprocess.run([options.hourglass, "presets", "--json"], capture_output=True, text=True, check=True)
    presets = [preset["name"] for preset in json.loads(listed.stdout)["presets"]]
    cases = [case for case in CASES if not options.only or options.only in case[0]]
    cells, slowest, tried, halved, refused = {}, 0.0, 0, 0, []
    with tempfile.TemporaryDirectory() as made:
        made = pathlib.Path(made)
        prepare(options.folder, made)
        for name, place, settings in cases:
            path = options.folder / place if (options.folder / place).exists() else made / place
            source = "mnist" if name == "MNIST" else path
            for preset in presets:
                report, problem = run(options.hourglass, preset, source, settings, options.seed)
                if report is None:
                    cells[preset, name] = "\u2013"
                    refused.append(f"{preset} on {name}: {problem}")
                    continue
                share = report["test"]["mse"] / report["mean_mse"]
                pca = report["pca"]
                beside = f" / {pca['mse'] / report['mean_mse']:.3f}" if pca else ""
                cells[preset, name] = f"{share:.3f}{beside}"
                tried, halved = tried + 1, halved + (share <= 0.5)
                slowest = max(slowest, report["seconds"])
                print(f"{preset} on {name}: {cells[preset, name]} in {report['seconds']:.1f} s", file=sys.stderr, flush=True)
    print("| preset | " + " | ".join(name for name, *_ in cases) + " |")
    print("|---" * (len(cases) + 1) + "|")
    for preset in presets:
        print(f"| {preset} | " + " | ".join(cells[preset, name] for name, *_ in cases) + " |")
    print(f"\n{halved} of {tried} explain half of the variance; the slowest run took {slowest:.1f} s. Refused:\n")
    for line in refused:
        print(f"- {line}")


if __name__ == "__main__":
    main()
