#!/usr/bin/env bash
# Trains every preset for 20 steps with two versions of the program and compares the models byte for byte.
#   tests/compare_presets.sh OLD NEW [DEVICE...]      devices: cpu and gpu unless named
#   PRESETS="unet restore" tests/compare_presets.sh OLD NEW gpu      only these presets
# A change that only moves or renames code must leave every tensor as it is.
set -uo pipefail
[ $# -ge 2 ] || { echo "give two programs: tests/compare_presets.sh OLD NEW [DEVICE...]" >&2; exit 2; }
old=$(realpath "$1")
new=$(realpath "$2")
shift 2
[ $# -gt 0 ] || set -- cpu gpu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_DATA_HOME=$scratch XDG_CACHE_HOME=$scratch/cache
# The first digits of either part: the models are small, what is measured at their end would take most of the time.
python3 - assets/mnist "$scratch/digits" <<'PYTHON'
import gzip, os, struct, sys
source, target = sys.argv[1:]
os.mkdir(target)
for part, rows in (("train", 1000), ("t10k", 100)):
    for kind, header, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        data = gzip.open(f"{source}/{part}-{kind}-ubyte.gz").read()
        with open(f"{target}/{part}-{kind}-ubyte", "wb") as out:
            out.write(data[:4] + struct.pack(">I", rows) + data[8:header + rows * size])
PYTHON
# A software GPU takes half an hour for all photographs: pieces of 16 by 16 of two of them.
mkdir "$scratch/photographs"
cp assets/photographs/{clock_motion,coins}.png "$scratch/photographs"
presets=${PRESETS:-$("$new" presets --json | python3 -c 'import json, sys; print(*[preset["name"] for preset in json.load(sys.stdin)["presets"]])')}
failed=0
compared=0
for device in "$@"; do
    for preset in $presets; do
        data=(--data "$scratch/digits")
        batch=32
        photographs=(--data assets/photographs)
        [ "$device" = cpu ] || photographs=(--data "$scratch/photographs" --set "data.size=[16, 16]")
        case $preset in restore | self-restore) data=("${photographs[@]}") batch=4 ;; esac
        for version in old new; do
            rm -rf "$scratch/$version"
            "${!version}" train --preset "$preset" "${data[@]}" --device "$device" --tune off --quiet --seed 3 \
                --set train.steps=20 --set train.batch_size=$batch --out "$scratch/$version" >"$scratch/log" 2>&1 ||
                { echo "$device $preset: $version failed"; cat "$scratch/log"; failed=$((failed + 1)); }
        done
        compared=$((compared + 1))
        if cmp -s "$scratch/old/model.safetensors" "$scratch/new/model.safetensors"; then
            echo "$device $preset: equal, $(stat -c %s "$scratch/new/model.safetensors") bytes"
        else
            echo "$device $preset: DIFFERENT"
            failed=$((failed + 1))
        fi
    done
done
echo "$((compared - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
