#!/usr/bin/env python3
"""Our training step and the peers', alternately in one sitting; prints medians and ratios.

usage: compare.py [ROUNDS]     from anywhere; needs PyPI's torch, and builds the burn peer with cargo (minutes).
Nothing of it is needed to build or test the product.
"""
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "benches" / "peers"
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SECONDS = "3"


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def ours(device, preset="undercomplete"):
    report = json.loads(run("target/release/hourglass", "bench", "--json", "--quiet", "--only", preset,
                            "--device", device))
    return report["training"][0]["steps_per_second"]


run("cargo", "build", "--release")
run("cargo", "build", "--release", "--manifest-path", str(PEERS / "burn" / "Cargo.toml"))
burn = str(PEERS / "burn" / "target" / "release" / "peer-burn")
CASES = {
    "ours, native CPU": lambda: ours("cpu"),
    "PyTorch, CPU, eager": lambda: float(run(sys.executable, str(PEERS / "torch_steps.py"), "cpu", SECONDS)),
    "burn flex, CPU": lambda: float(run(burn, "flex", SECONDS)),
    "ours, GPU adapter": lambda: ours("gpu"),
    "burn wgpu, GPU adapter": lambda: float(run(burn, "wgpu", SECONDS)),
    "ours, convolutional, native CPU": lambda: ours("cpu", "convolutional"),
    "PyTorch, convolutional, CPU": lambda: float(run(sys.executable, str(PEERS / "torch_steps.py"), "cpu", SECONDS,
                                                     "convolutional")),
    "ours, convolutional, GPU adapter": lambda: ours("gpu", "convolutional"),
}
rates = {name: [] for name in CASES}
for _ in range(ROUNDS):
    for name, measure in CASES.items():
        rates[name].append(measure())
medians = {name: statistics.median(values) for name, values in rates.items()}
print(f"canonical model where no other is named, batch 128, steps/s, median of {ROUNDS} alternating rounds")
for name, values in rates.items():
    print(f"  {name:34} {medians[name]:8.1f}   ({min(values):.1f} to {max(values):.1f})")
for a, b in (("ours, native CPU", "PyTorch, CPU, eager"), ("ours, native CPU", "burn flex, CPU"),
             ("ours, GPU adapter", "burn wgpu, GPU adapter"),
             ("ours, convolutional, native CPU", "PyTorch, convolutional, CPU")):
    print(f"  {a} / {b}: {medians[a] / medians[b]:.2f}")
