#!/usr/bin/env python3
"""README's table of quality: means of three seeds on the test digits. usage: benches/quality.py [SEEDS]

Trains every row anew with target/release/hourglass (build it first): about two minutes on two cores.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SEEDS = [int(s) for s in sys.argv[1:]] or [1, 2, 3]
# name, preset, device, epochs, settings, field, PyTorch's figure where there is one
ROWS = [
    ("canonical, MSE, 2 epochs", "undercomplete", "cpu", 2, [], "mse", 0.01729),
    ("canonical, MSE, 2 epochs, on lavapipe", "undercomplete", "gpu", 2, [], "mse", 0.01729),
    ("canonical, MSE, 20 epochs", "undercomplete", "cpu", 20, [], "mse", 0.00634),
    ("canonical, BCE, 15 epochs", "undercomplete", "cpu", 15, ["objective.loss=bce"], "bce", 0.0823),
    ("map (bottleneck of 2), MSE, 12 epochs", "map", "cpu", 12, [], "mse", None),
]

print("| model | figure | Hourglass | PyTorch | PCA, same size, MSE |\n|---|---|---|---|---|")
for name, preset, device, epochs, settings, field, torch in ROWS:
    values = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as out:
            command = [ROOT / "target/release/hourglass", "train", "--preset", preset, "--device", device, "--quiet",
                       "--epochs", str(epochs), "--seed", str(seed), "--json", "--out", f"{out}/run"]
            for setting in settings:
                command += ["--set", setting]
            report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            values.append(report["test"][field])
    spread = f"{min(values):.5f} to {max(values):.5f}"
    digits = torch and f"{torch:.5f}" or "–"
    print(f"| {name} | {field.upper()} | **{statistics.mean(values):.5f}** ({spread}) | {digits} | "
          f"{report['pca']['mse']:.5f} |", flush=True)
