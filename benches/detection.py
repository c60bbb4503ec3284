#!/usr/bin/env python3
"""Makes the tables of docs/figures.md of how well the default detector finds abnormal rows, with others beside it.

    benches/detection.py FOLDER [--hourglass target/release/hourglass] [--seeds 5] [--set NAME] [--dirty SHARE] [-- MORE OPTIONS OF FIT]

FOLDER holds tables as ADBench has them, NAME.npz with X and y (1 for abnormal), directly or in its folder `anomaly`, and
may hold tabular/breast_cancer.csv and timeseries/ecg5000_*.csv.gz. A random half of the normal rows is fitted on, 10,000
at most; the other half and the abnormal rows, 5,000 at most, are scored. The halves are those of
numpy.random.default_rng(seed).permutation of the normal rows, the same for all methods. With --dirty that share of the
fitted rows is abnormal, unlabeled, and no longer among those that are scored.

Beside it, on columns that are standardized by the fitted rows: the mean distance to five neighbors; the squared error of
PCA that keeps 90% of the variance (of ECG5000, which comes divided and in one unit, 16 components of rows as they are);
and an isolation forest of 100 trees of 256 rows, by scikit-learn where it is installed. The last column is the share of
scored normal rows that are said to be as abnormal as at most one normal row in 100.
"""
import argparse
import csv
import gzip
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

try:
    from sklearn.ensemble import IsolationForest
except ImportError:
    IsolationForest = None

MOST_FITTED, MOST_ABNORMAL = 10_000, 5_000
NEIGHBORS = 5
METHODS = ("Hourglass", "neighbors", "PCA", "isolation forest")


def read(path, label):
    """Features and labels of a table."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = list(csv.reader(file))
    at = rows[0].index(label)
    values = np.array([[float(v) for i, v in enumerate(row) if i != at] for row in rows[1:]])
    return values, np.array([float(row[at]) != 0 for row in rows[1:]])


def cases(folder):
    """Names, and functions from a seed to fitted rows, scored rows, their labels, and abnormal rows to mix in."""

    def halves(values, labels):
        def of(seed):
            normal = np.random.default_rng(seed).permutation(np.flatnonzero(~labels))
            half = len(normal) // 2
            fitted, rest = normal[:half][:MOST_FITTED], normal[half:]
            scored = np.concatenate([rest, np.flatnonzero(labels)[:MOST_ABNORMAL]])
            return values[fitted], values[scored], labels[scored]

        return of

    for path in sorted([*folder.glob("*.npz"), *folder.glob("anomaly/*.npz")], key=lambda path: path.stem.lower()):
        table = np.load(path, allow_pickle=False)
        yield path.stem, halves(table["X"].astype(np.float64), table["y"].ravel() != 0), None
    table = folder / "tabular/breast_cancer.csv"
    if table.exists():
        yield "breast cancer", halves(*read(table, "malignant")), None
    beats = [folder / f"timeseries/ecg5000_{part}.csv.gz" for part in ("train_normal", "val")]
    if all(part.exists() for part in beats):
        fitted, (scored, labels) = read(beats[0], "label")[0], read(beats[1], "label")
        yield "ECG5000", lambda _: (fitted, scored, labels), 16


def area(scores, positive):
    """Area under the ROC by ranks, ties counting half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    n = positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n))


def standardized(fitted, scored):
    deviation = fitted.std(0)
    deviation[deviation == 0] = 1
    return (fitted - fitted.mean(0)) / deviation, (scored - fitted.mean(0)) / deviation


def by_neighbors(fitted, scored):
    squares = (fitted**2).sum(1)
    out = []
    for rows in np.array_split(scored, max(1, len(scored) // 500)):
        distances = np.maximum(squares + (rows**2).sum(1)[:, None] - 2 * rows @ fitted.T, 0)
        nearest = np.partition(distances, min(NEIGHBORS, len(fitted) - 1), axis=1)[:, :NEIGHBORS]
        out.append(np.sqrt(nearest).mean(1))
    return np.concatenate(out)


def by_pca(fitted, scored, components):
    center = fitted.mean(0)
    _, sizes, axes = np.linalg.svd(fitted - center, full_matrices=False)
    if components is None:
        components = int(np.searchsorted(np.cumsum(sizes**2) / np.sum(sizes**2), 0.9) + 1)
    axes = axes[:components]
    left = (scored - center) - (scored - center) @ axes.T @ axes
    return (left**2).sum(1)


def write(path, rows):
    names = ",".join(f"c{i}" for i in range(rows.shape[1]))
    np.savetxt(path, rows, delimiter=",", header=names, comments="", fmt="%.9g")


def by_hourglass(options, seed, fitted, scored):
    with tempfile.TemporaryDirectory() as out:
        write(f"{out}/fit.csv", fitted)
        write(f"{out}/score.csv", scored)
        started = time.monotonic()
        fit = [options.hourglass, "detect", "fit", f"{out}/fit.csv", "-o", f"{out}/model.safetensors"]
        fit += ["--seed", str(seed), "--device", "cpu", "--quiet", *options.more]
        subprocess.run(fit, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        score = [options.hourglass, "detect", "score", f"{out}/model.safetensors", f"{out}/score.csv"]
        score += ["-o", f"{out}/scores.csv", "--device", "cpu", "--quiet"]
        subprocess.run(score, check=True, stdout=subprocess.DEVNULL)
        with open(f"{out}/scores.csv") as file:
            rows = list(csv.DictReader(file))
    return np.array([float(row["score"]) for row in rows]), np.array([float(row["severity"]) for row in rows]), seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--hourglass", default="target/release/hourglass")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", help="only these sets")
    parser.add_argument("--dirty", type=float, default=0.0, help="share of the fitted rows that is abnormal")
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:end])
    options.more = given[end + 1 :]
    print(f"| data | {' | '.join(METHODS)} | seconds to fit | 1 in 100 |\n|---|---|---|---|---|---|---|")
    means, pooled = [], np.zeros(2)
    for name, split, components in cases(options.folder):
        if options.set and name not in options.set:
            continue
        areas, seconds, strange = [], [], np.zeros(2)
        for seed in range(options.seeds):
            fitted, scored, labels = split(seed)
            if options.dirty > 0:
                abnormal = np.random.default_rng(seed + 100).permutation(np.flatnonzero(labels))
                mixed = abnormal[: min(round(options.dirty * len(fitted) / (1 - options.dirty)), len(abnormal) // 2)]
                fitted = np.concatenate([fitted, scored[mixed]])
                scored, labels = np.delete(scored, mixed, 0), np.delete(labels, mixed)
            ours, severity, took = by_hourglass(options, seed, fitted, scored)
            seconds.append(took)
            strange += [(severity[~labels] >= 100).sum(), (~labels).sum()]
            plain = (fitted, scored) if components else standardized(fitted, scored)
            forest = np.nan
            if IsolationForest:
                trees = IsolationForest(random_state=seed).fit(plain[0])
                forest = area(-trees.score_samples(plain[1]), labels)
            others = [area(by_neighbors(*plain), labels), area(by_pca(*plain, components), labels), forest]
            areas.append([area(ours, labels), *others])
        means.append(np.mean(areas, axis=0))
        pooled += strange
        best = np.nanmax(means[-1].round(4))
        bold = [f"**{value:.4f}**" if value.round(4) == best else f"{value:.4f}" for value in means[-1]]
        deviation = f" ({np.std([row[0] for row in areas]):.4f})"
        print(
            f"| {name} | {bold[0]}{deviation} | {' | '.join(bold[1:])} | {np.mean(seconds):.1f} | {strange[0] / strange[1]:.2%} |",
            flush=True,
        )
    if means:
        mean = np.mean(means, axis=0)
        print(f"| mean | {' | '.join(f'{value:.4f}' for value in mean)} | | {pooled[0] / pooled[1]:.2%} |")


if __name__ == "__main__":
    main()
