#!/usr/bin/env python3
"""Mean PSNR and SSIM of `hourglass denoise` on gray pictures with Gaussian noise, beside BM3D on the same noise.

usage: denoising.py FOLDER [--every N] [--told] [--no-bm3d] [-- ARGUMENTS FOR hourglass denoise]
--told: sigma is given to Hourglass, as it always is to BM3D.
FOLDER holds clean pictures that the model was not trained on. Needs PyPI's numpy, pillow and (for BM3D) bm3d.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
own = sys.argv[1:]
rest = own[own.index("--") + 1:] if "--" in own else []
own = own[:own.index("--")] if "--" in own else own
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--every", type=int, default=1)
parser.add_argument("--told", action="store_true")
parser.add_argument("--no-bm3d", action="store_true")
options = parser.parse_args(own)

pictures = sorted(path for path in options.folder.iterdir() if path.suffix in (".png", ".jpg", ".bmp", ".tif"))
pictures = pictures[::options.every]
print(f"{len(pictures)} gray pictures, unclipped noise; PSNR in dB (SSIM)")
print("| sigma | noisy | Hourglass | sigma estimated | BM3D |\n|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    for sigma in (15, 25, 50):
        clean, noisy = scratch / "clean", scratch / f"noisy-{sigma}"
        clean.mkdir(exist_ok=True)
        noisy.mkdir()
        bm3d_psnr = []
        for index, path in enumerate(pictures):
            x = np.asarray(Image.open(path).convert("L")).astype(np.float64) / 255
            y = x + np.random.default_rng(1000 * sigma + index).normal(0, sigma / 255, x.shape)
            np.save(clean / f"{path.stem}.npy", x.astype(np.float32))
            np.save(noisy / f"{path.stem}.npy", y.astype(np.float32))
            if not options.no_bm3d:
                import bm3d
                bm3d_psnr.append(-10 * np.log10(np.mean((bm3d.bm3d(y, sigma / 255) - x) ** 2)))
        report = json.loads(subprocess.run(
            [ROOT / "target/release/hourglass", "denoise", noisy, "-o", scratch / f"out-{sigma}", "--reference", clean,
             "--json", *(["--sigma", str(sigma)] if options.told else []), *rest], check=True, capture_output=True, text=True).stdout)
        mean = lambda key: np.mean([file[key] for file in report["files"]])
        beside = f"{np.mean(bm3d_psnr):.2f}" if bm3d_psnr else "-"
        print(f"| {sigma} | {mean('input_psnr'):.2f} | {mean('psnr'):.2f} ({mean('ssim'):.4f}) | {mean('sigma'):.1f} | "
              f"{beside} |", flush=True)
