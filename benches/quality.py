#!/usr/bin/env python3
"""The table of quality in docs/figures.md: means of three seeds on the test digits. usage: benches/quality.py [SEEDS]

Trains every row anew with target/release/hourglass (build it first): about ten minutes on two cores.
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
    ("`convolutional`, 5 epochs", "convolutional", "cpu", 5, [], "mse", 0.00603),
    ("`variational-2d`, 15 epochs", "variational-2d", "cpu", 15, [], "negative_elbo", 154.9),
    ("`variational` (z = 20), 10 epochs", "variational", "cpu", 10, [], "negative_elbo", 105.8),
    ("`map`, 12 epochs", "map", "cpu", 12, [], "negative_elbo", None),
    ("`sparse` (TopK 16 of 256), 12 epochs", "sparse", "cpu", 12, [], "mse", None),
    ("`denoising` (half masked), 12 epochs", "denoising", "cpu", 12, [], "psnr", None),
    ("`denoising-gaussian` (0.4), 12 epochs", "denoising-gaussian", "cpu", 12, [], "psnr", None),
    ("`vq` (49 codes of 128), 5 epochs", "vq", "cpu", 5, [], "mse", None),
]
NAMES = {"mse": "MSE", "bce": "BCE", "negative_elbo": "-ELBO", "psnr": "PSNR, dB"}


def figure(value):
    return f"{value:.5f}" if value < 1 else f"{value:.2f}"


def beside(test):
    """What else the row tells, from the last seed."""
    told = []
    if test["kl"]:
        told.append(f"KL {test['kl']:.1f}, {test['active_units']} units active")
    if test["dead_units"] is not None:
        told.append(f"{100 * test['dead_units']:.0f}% of units never used")
    if test["corrupted_psnr"]:
        told.append(f"PSNR in {test['corrupted_psnr']:.2f}")
    if test["codebook_used"]:
        told.append(f"{test['codebook_used']} entries in use, perplexity {test['codebook_perplexity']:.0f}")
    return "; ".join(told)


print("| model | figure | Hourglass | PyTorch | PCA, same size, MSE | also |\n|---|---|---|---|---|---|")
for name, preset, device, epochs, settings, field, torch in ROWS:
    values, blamed = [], set()
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as out:
            command = [ROOT / "target/release/hourglass", "train", "--preset", preset, "--device", device, "--quiet",
                       "--epochs", str(epochs), "--seed", str(seed), "--json", "--out", f"{out}/run"]
            for setting in settings:
                command += ["--set", setting]
            report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            values.append(report["test"][field])
            blamed |= {finding["code"] for finding in report["diagnosis"]}
    spread = f"{figure(min(values))} to {figure(max(values))}"
    pca = report["pca"] and figure(report["pca"]["mse"]) or "–"
    print(f"| {name} | {NAMES[field]} | **{figure(statistics.mean(values))}** ({spread}) | {torch and figure(torch) or '–'} "
          f"| {pca} | {beside(report['test'])} |", flush=True)
    if blamed:
        print(f"{name}: {', '.join(sorted(blamed))}", file=sys.stderr, flush=True)
