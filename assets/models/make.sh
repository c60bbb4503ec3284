#!/usr/bin/env bash
# Trains the denoiser that comes with the program anew, on the photographs in assets/photographs and smaller copies of
# them, every other one lying on its side (needs ImageMagick's convert): an hour on two cores. Run from anywhere; writes
# `model-1` and `model-2` below the folder that is given. The first run ends where it diverges, and its best state is kept.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: make.sh FOLDER}
mkdir -p "$out/photographs"
cp "$root"/assets/photographs/*.{png,jpg} "$out/photographs/"
cd "$out/photographs"
for file in *.png *.jpg; do
    for percent in 70 50 35; do
        convert "$file" -filter Lanczos -resize "$percent%" "${file%.*}_$percent.png" 2>/dev/null
    done
    for percent in 85 60 42; do
        convert "$file" -filter Lanczos -resize "$percent%" -transpose "${file%.*}_$percent.png" 2>/dev/null
    done
done
# Large and smooth: at full size they would be most of what is seen.
rm retina.jpg retina_{85,70}.png hubble_deep_field.jpg hubble_deep_field_{85,70}.png
cd ..
cp "$root/assets/models/denoiser-1.toml" "$root/assets/models/denoiser-2.toml" .
"$root/target/release/hourglass" train denoiser-1.toml --device cpu --out model-1
"$root/target/release/hourglass" train denoiser-2.toml --device cpu --out model-2 --keep last
