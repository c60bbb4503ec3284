#!/usr/bin/env python3
"""Makes the table of docs/figures.md of what `hourglass train --data PATH` chooses by itself.

    benches/own_data.py FOLDER [--hourglass target/release/hourglass]

FOLDER holds the data sets of CASES where they are named; what is missing there is said and left out.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

# Name, path under FOLDER, settings.
CASES = [
    ("breast cancer (table)", "tabular/breast_cancer.csv", ["data.labels=malignant"]),
    ("optdigits 8x8 (table)", "tabular/digits8x8.csv.gz", ["data.labels=last"]),
    ("cardiotocography (table)", "anomaly/cardio.csv", []),
    ("thyroid (table)", "anomaly/thyroid.csv", []),
    ("satimage-2 (table)", "anomaly/satimage-2.csv", []),
    ("ECG5000, normal beats", "timeseries/ecg5000_train_normal.csv.gz", []),
    ("NAB taxi (series)", "timeseries/nab_nyc_taxi.csv", []),
    ("NAB machine temperature (series)", "timeseries/nab_machine_temperature_system_failure.csv", []),
    ("Fashion-MNIST (pictures)", "fashion-mnist/train-images-idx3-ubyte.gz", []),
    ("spoken digits (spectrograms)", "audio/recordings", []),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--hourglass", default="target/release/hourglass")
    options = parser.parse_args()
    print("| data | Hourglass | PCA | numbers |\n|---|---|---|---|")
    for name, place, settings in CASES:
        path = options.folder / place
        if not path.exists():
            print(f"| {name} | not at hand: {path} | | |")
            continue
        with tempfile.TemporaryDirectory() as out:
            command = [options.hourglass, "train", "--data", str(path), "--device", "cpu", "--seed", "1"]
            command += ["--json", "--quiet", "--out", f"{out}/run"]
            for setting in settings:
                command += ["--set", setting]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"| {name} | {done.stderr.strip()} | | |")
                continue
            report = json.loads(done.stdout)
        ours, pca = report["test"]["mse"], report["pca"]["mse"]
        ours_text, pca_text = f"{ours:.4f}", f"{pca:.4f}"
        ours_text, pca_text = (f"**{ours_text}**", pca_text) if ours < pca else (ours_text, f"**{pca_text}**")
        print(f"| {name} | {ours_text} | {pca_text} | {report['pca'].get('components', '')} |", flush=True)


if __name__ == "__main__":
    main()
