#!/usr/bin/env python3
"""Makes the table of docs/figures.md of how well the default detector finds abnormal rows, with PCA reconstruction beside it.

    benches/detection.py FOLDER [--hourglass target/release/hourglass] [--seeds 5] [--set NAME] [-- MORE OPTIONS OF FIT]

A random half of the normal rows is fitted on; the other half and all abnormal rows are scored. The halves are those of
numpy.random.default_rng(seed).permutation of the normal rows, the same for both. PCA sees z-scored rows, keeps 90% of the
variance (of ECG5000, which comes divided and in one unit, 16 components of rows as they are), and scores by squared error.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np

# Name, path under FOLDER, label column; ECG5000 comes as a file to fit on and one to score.
CASES = [
    ("cardio", "anomaly/cardio.csv", "label"),
    ("thyroid", "anomaly/thyroid.csv", "label"),
    ("satimage-2", "anomaly/satimage-2.csv", "label"),
    ("breast cancer", "tabular/breast_cancer.csv", "malignant"),
    ("ECG5000", ("timeseries/ecg5000_train_normal.csv.gz", "timeseries/ecg5000_val.csv.gz"), "label"),
]


def read(path, label):
    """Column names, features, labels, and the lines as they stand."""
    import gzip

    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = list(csv.reader(file))
    names = rows[0]
    at = names.index(label)
    values = np.array([[float(v) for i, v in enumerate(row) if i != at] for row in rows[1:]])
    labels = np.array([float(row[at]) != 0 for row in rows[1:]])
    return names, values, labels, rows[1:]


def write(path, names, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def area(scores, positive):
    """Area under the ROC by ranks, ties counting half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    n = positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n))


def pca_area(train, test, positive, components):
    mean, deviation = train.mean(0), train.std(0) if components is None else np.ones(train.shape[1])
    deviation[deviation == 0] = 1
    train, test = (train - mean) / deviation, (test - mean) / deviation
    _, sizes, axes = np.linalg.svd(train - train.mean(0), full_matrices=False)
    if components is None:
        components = int(np.searchsorted(np.cumsum(sizes**2) / np.sum(sizes**2), 0.9) + 1)
    axes = axes[:components]
    left = (test - train.mean(0)) - (test - train.mean(0)) @ axes.T @ axes
    return area((left**2).sum(1), positive)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--hourglass", default="target/release/hourglass")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", help="only these sets")
    parser.add_argument("more", nargs="*")
    options = parser.parse_args()
    print("| data | Hourglass, ROC-AUC (sd) | PCA | seconds to fit |\n|---|---|---|---|")
    means = []
    for name, place, label in CASES:
        if options.set and name not in options.set:
            continue
        places = [options.folder / p for p in (place if isinstance(place, tuple) else (place,))]
        if not all(p.exists() for p in places):
            print(f"| {name} | not at hand: {places[0]} | | |")
            continue
        ours, theirs, seconds = [], [], []
        names, values, labels, lines = read(places[0], label)
        for seed in range(options.seeds):
            if len(places) == 2:
                train, train_lines = values, lines
                _, test, positive, test_lines = read(places[1], label)
            else:
                normal = np.random.default_rng(seed).permutation(np.flatnonzero(~labels))
                half = len(normal) // 2
                rest = np.concatenate([normal[half:], np.flatnonzero(labels)])
                train, test, positive = values[normal[:half]], values[rest], labels[rest]
                train_lines, test_lines = [lines[i] for i in normal[:half]], [lines[i] for i in rest]
            theirs.append(pca_area(train, test, positive, 16 if len(places) == 2 else None))
            with tempfile.TemporaryDirectory() as out:
                write(f"{out}/fit.csv", names, train_lines)
                write(f"{out}/score.csv", names, test_lines)
                started = time.monotonic()
                fit = [options.hourglass, "detect", "fit", f"{out}/fit.csv", "-o", f"{out}/model.safetensors"]
                fit += ["--label", label, "--seed", str(seed), "--device", "cpu", "--quiet", *options.more]
                subprocess.run(fit, check=True, stdout=subprocess.DEVNULL)
                seconds.append(time.monotonic() - started)
                score = [options.hourglass, "detect", "score", f"{out}/model.safetensors", f"{out}/score.csv"]
                score += ["-o", f"{out}/scores.csv", "--device", "cpu", "--quiet", "--json"]
                done = subprocess.run(score, check=True, capture_output=True, text=True)
                claimed = json.loads(done.stdout)["roc_auc"]
                with open(f"{out}/scores.csv") as file:
                    scores = np.array([float(row["score"]) for row in csv.DictReader(file)])
                ours.append(area(scores, positive))
                assert abs(ours[-1] - claimed) < 1e-3, (ours[-1], claimed)
        means.append((np.mean(ours), np.mean(theirs)))
        print(
            f"| {name} | {np.mean(ours):.4f} ({np.std(ours):.4f}) | {np.mean(theirs):.4f} ({np.std(theirs):.4f}) "
            f"| {np.mean(seconds):.1f} |",
            flush=True,
        )
    if means:
        ours, theirs = np.mean(means, axis=0)
        print(f"| mean | {ours:.4f} | {theirs:.4f} | |")


if __name__ == "__main__":
    main()
