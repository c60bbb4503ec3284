#!/usr/bin/env bash
# Makes README's pictures of the window anew: the real program under Xvfb, its default run trained to the end.
# usage: assets/pictures/make.sh      needs Xvfb, xdotool and ImageMagick's import (./test installs the first two)
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release # before HOME changes, where cargo lives
scratch=$(mktemp -d)
export XDG_RUNTIME_DIR=$scratch HOME=$scratch
unset WAYLAND_DISPLAY XDG_DATA_HOME XDG_CONFIG_HOME
# Not a first start: its hints would take a line of every picture.
mkdir -p "$scratch/.config/hourglass"
echo '{"hints_seen": true}' >"$scratch/.config/hourglass/window.json"
trap 'kill $(jobs -p) 2>/dev/null || true; sleep 1; rm -rf "$scratch"' EXIT

shot() { # display width height file seconds, then keys, click:X,Y, type:TEXT, wait:SECONDS
    local display=$1 width=$2 height=$3 file=$4 seconds=$5
    shift 5
    Xvfb "$display" -screen 0 "${width}x${height}x24" -noreset -nolisten tcp >/dev/null 2>&1 &
    export DISPLAY=$display
    until xdotool getdisplaygeometry >/dev/null 2>&1; do sleep 0.2; done
    target/release/hourglass --device cpu >/dev/null 2>&1 &
    local program=$!
    until window=$(xdotool search --name Hourglass 2>/dev/null | head -1) && [ -n "$window" ]; do sleep 0.2; done
    xdotool windowmove "$window" 0 0 windowsize "$window" "$width" "$height" windowfocus "$window" mousemove 500 24
    sleep "$seconds"
    for act in "$@"; do
        case $act in
            click:*) at=${act#click:}; xdotool mousemove "${at%,*}" "${at#*,}" click 1 ;;
            type:*) xdotool type "${act#type:}" ;;
            wait:*) sleep "${act#wait:}" ;;
            *) xdotool key "$act" ;;
        esac
        sleep 0.5
    done
    sleep 1
    import -window root "assets/pictures/$file"
    xdotool key ctrl+q
    wait "$program"
}

shot :94 1280 800 train-dark.png 10
shot :96 900 600 train-narrow.png 10
shot :97 1280 800 explore-dark.png 40 2

# A table with a column of labels that is found by its name.
sed '1s/malignant/label/' tests/fixtures/data/breast_cancer.csv > "$scratch/cells.csv"
shot :98 1280 800 detect-dark.png 3 4 wait:2 click:620,395 "type:$scratch/cells.csv" Return wait:12

# The theme is remembered: what is light comes last.
shot :95 1280 800 train-light.png 45 t

# A photograph with noise of sigma 30, written by numpy and Pillow.
python3 - "$scratch/chelsea.png" <<'END'
import sys
import numpy as np
from PIL import Image
x = np.asarray(Image.open("assets/photographs/chelsea.png").convert("RGB")).astype(float)
noisy = x + np.random.default_rng(2).normal(0, 30, x.shape)
Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(sys.argv[1])
END
shot :99 1280 800 denoise-light.png 2 3 wait:1 click:450,425 wait:1 "type:$scratch/chelsea.png" Return wait:14
