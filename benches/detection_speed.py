#!/usr/bin/env python3
"""Measures how long `detect` takes on tables of noise, and the most memory that it holds.

    benches/detection_speed.py [--hourglass target/release/hourglass] [--rows 200000]

Fits 10,000 rows of 100 columns that go together, and 1,500 rows of 1,555 sparse columns of 0 and 1; fits 10,000 rows of
20 columns and scores --rows others with their reasons. On the CPU with all threads; needs NumPy, and Linux or macOS for
the memory. Medians of three runs each.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
FITS = ("10,000 x 100", "1,500 x 1,555", "10,000 x 20")


def write_tables(place, count):
    """Writes the tables; in a process of its own, as a program's memory counts from that of who starts it."""
    import numpy as np

    def write(name, rows):
        names = ",".join(f"c{i}" for i in range(rows.shape[1]))
        np.savetxt(place / f"{name}.csv", rows, delimiter=",", header=names, comments="", fmt="%.5g")

    draw = np.random.default_rng(0)
    sparse = (draw.random((1500, 1555)) < 0.04 * draw.random(1555)).astype(float)
    sparse[:, :3] = draw.normal(size=(1500, 3))
    mixed = draw.normal(size=(20, 20))
    together = draw.normal(size=(10_000, 8)) @ draw.normal(size=(8, 100)) + 0.5 * draw.normal(size=(10_000, 100))
    for name, rows in zip(FITS, (together, sparse, draw.normal(size=(10_000, 20)) @ mixed)):
        write(name, rows)
    write("score", draw.normal(size=(count, 20)) @ mixed)


def run(arguments):
    """The JSON that a command prints, its seconds and its most memory in MB."""
    started = time.monotonic()
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return json.loads(text), time.monotonic() - started, usage.ru_maxrss / unit


def medians(arguments, figure):
    done = [run(arguments) for _ in range(ROUNDS)]
    return statistics.median(figure(*one) for one in done), max(memory for _, _, memory in done)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hourglass", default="target/release/hourglass")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--write", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_tables(options.write, options.rows)
        return
    print("| task | median | memory |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        subprocess.run([sys.executable, __file__, "--write", place, "--rows", str(options.rows)], check=True)
        program, more = [options.hourglass, "detect"], ["--device", "cpu", "--quiet", "--json"]
        model = str(place / "model.safetensors")
        for name in FITS:
            fit = [*program, "fit", str(place / f"{name}.csv"), "-o", model, *more]
            seconds, memory = medians(fit, lambda _, seconds, __: seconds)
            print(f"| fit {name} | {seconds:.1f} s | {memory:.0f} MB |", flush=True)
        score = [*program, "score", model, str(place / "score.csv"), "-o", str(place / "scores.csv"), *more]
        rate, memory = medians(score, lambda found, _, __: found["rows_per_second"])
        print(f"| score {options.rows:,} x 20 | {rate:,.0f} rows/s | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
