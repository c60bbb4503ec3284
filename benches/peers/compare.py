#!/usr/bin/env python3
"""Our training step and the peers', alternately in one sitting; prints medians and ratios.

usage: compare.py [ROUNDS] [CASE...]     from anywhere; needs PyPI's torch, and builds the burn peer with cargo (minutes).
CASE: cpu, lavapipe (or whatever adapter `--device gpu` finds), cuda; without one, cpu and gpu, and cuda where there is one.
CASE versions compares the program that HOURGLASS names with an earlier one, HOURGLASS_BEFORE, and needs no peers.
Nothing of it is needed to build or test the product.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "benches" / "peers"
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
ASKED = set(sys.argv[2:])
SECONDS = "3"
TORCH = str(PEERS / "torch_steps.py")
BURN = PEERS / "burn" / "target" / "release" / "peer-burn"


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def ours(device, preset, program=os.environ.get("HOURGLASS", "target/release/hourglass")):
    report = json.loads(run(program, "bench", "--json", "--quiet", "--only", preset, "--device", device))
    return report["training"][0]["steps_per_second"]


def torch(*arguments):
    return float(run(sys.executable, TORCH, arguments[0], SECONDS, *arguments[1:]))


def burn(backend, *model):
    return float(run(str(BURN), backend, SECONDS, *model))


def has_cuda():
    return run(sys.executable, "-c", "import torch; print(torch.cuda.is_available())").strip() == "True"


if "HOURGLASS" not in os.environ:
    run("cargo", "build", "--release")
if not ASKED or ASKED & {"cpu", "gpu"}:
    run("cargo", "build", "--release", "--manifest-path", str(PEERS / "burn" / "Cargo.toml"))
groups = ASKED or {"cpu", "gpu"} | ({"cuda"} if has_cuda() else set())
# Title, then (who, how): the first is ours, the others are what it is compared with.
CASES = []
if "cpu" in groups:
    CASES += [
        ("native CPU, canonical", [("ours", lambda: ours("cpu", "undercomplete")),
                                   ("PyTorch eager", lambda: torch("cpu", "undercomplete")),
                                   ("burn flex", lambda: burn("flex"))]),
        ("native CPU, convolutional", [("ours", lambda: ours("cpu", "convolutional")),
                                       ("PyTorch eager", lambda: torch("cpu", "convolutional")),
                                       ("burn flex", lambda: burn("flex", "convolutional"))]),
        ("native CPU, denoiser-64", [("ours", lambda: ours("cpu", "denoiser-64")),
                                     ("PyTorch eager", lambda: torch("cpu", "denoiser-64"))]),
    ]
if "gpu" in groups:
    CASES += [
        ("GPU adapter, canonical", [("ours", lambda: ours("gpu", "undercomplete")),
                                    ("burn wgpu", lambda: burn("wgpu"))]),
        ("GPU adapter, convolutional", [("ours", lambda: ours("gpu", "convolutional")),
                                        ("burn wgpu", lambda: burn("wgpu", "convolutional"))]),
        ("GPU adapter, denoiser-64", [("ours", lambda: ours("gpu", "denoiser-64"))]),
    ]
if "versions" in groups:
    before = os.environ["HOURGLASS_BEFORE"]
    for device in ("cpu", "gpu"):
        # The denoiser takes minutes a round on a software GPU.
        for model in ("undercomplete", "convolutional", "denoiser-64")[:3 if device == "cpu" else 2]:
            CASES.append((f"{device}, {model}", [
                ("ours", lambda device=device, model=model: ours(device, model)),
                ("before", lambda device=device, model=model: ours(device, model, before)),
            ]))
if "cuda" in groups:
    for model in ("undercomplete", "convolutional", "denoiser-64"):
        peers = [("ours", lambda model=model: ours("gpu", model))]
        for tf32 in ((), ("tf32",)):
            for mode in ("eager", "compiled", "graph"):
                peers.append((f"PyTorch CUDA {mode}, TF32 {'on' if tf32 else 'off'}",
                              lambda model=model, mode=mode, tf32=tf32: torch("cuda", model, mode, *tf32)))
        CASES.append((f"CUDA, {model}", peers))
rates = {(title, who): [] for title, peers in CASES for who, _ in peers}
for number in range(ROUNDS):
    for title, peers in CASES:
        for who, measure in peers:
            rates[title, who].append(measure())
            # What was measured is not lost when it is stopped.
            print(f"round {number + 1}: {title}, {who}: {rates[title, who][-1]:.2f}", file=sys.stderr, flush=True)
print(f"steps/s, median of {ROUNDS} alternating rounds (range), and how many times as fast ours is")
for title, peers in CASES:
    print(title)
    mine = statistics.median(rates[title, "ours"])
    for who, _ in peers:
        values = rates[title, who]
        median = statistics.median(values)
        ratio = "" if who == "ours" else f"   {mine / median:.2f}"
        print(f"  {who:34} {median:8.2f}   ({min(values):.2f} to {max(values):.2f}){ratio}")
