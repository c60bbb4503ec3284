#!/usr/bin/env bash
# Makes the gallery of docs/gallery.md anew: the real program under Xvfb, its default run trained to the end, every workspace in the
# dark and in the light, at three sizes: WORKSPACE-THEME-SIZE.png. Seven to fifteen minutes on two cores.
# usage: assets/pictures/make.sh [SIZE...]      needs Xvfb, xdotool, ImageMagick, python3 with PyPI's numpy and pillow
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet # before HOME changes, where cargo lives
pictures=$PWD/assets/pictures
python=$(command -v python3)
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; sleep 1; rm -rf "$scratch"' EXIT

# A photograph with noise of sigma 30, and a table with a column of labels that is found by its name.
"$python" - "$scratch/chelsea.png" <<'END'
import sys
import numpy as np
from PIL import Image
x = np.asarray(Image.open("assets/photographs/chelsea.png").convert("RGB")).astype(float)
noisy = x + np.random.default_rng(2).normal(0, 30, x.shape)
Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(sys.argv[1])
END
sed '1s/malignant/label/' tests/fixtures/data/breast_cancer.csv >"$scratch/cells.csv"

press() { for key in "$@"; do xdotool key "$key"; sleep 0.4; done; }

open_path() { press ctrl+o; sleep 0.6; xdotool type "$1"; press Return; }

snap() { # workspace theme
    xdotool mousemove 500 24 # over nothing that answers
    sleep 1.2
    local file=$pictures/$1-$2-$size.png
    import -window root "$file"
    # Photographs need all their colors.
    [ "$1" = denoise ] || convert "$file" -dither None -colors 256 "PNG8:$file"
}

display=94
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(1280x800 1920x1080 900x600)
for size in "${sizes[@]}"; do
    home=$scratch/$size
    mkdir -p "$home/.config/hourglass"
    # Not a first start: its hints would take a line of every picture.
    echo '{"hints_seen": true}' >"$home/.config/hourglass/window.json"
    Xvfb ":$display" -screen 0 "${size}x24" -noreset -nolisten tcp >/dev/null 2>&1 &
    export DISPLAY=:$display
    display=$((display + 1))
    until xdotool getdisplaygeometry >/dev/null 2>&1; do sleep 0.2; done
    env -u WAYLAND_DISPLAY -u XDG_DATA_HOME -u XDG_CONFIG_HOME XDG_RUNTIME_DIR="$home" HOME="$home" \
        target/release/hourglass --device cpu >/dev/null 2>&1 &
    program=$!
    until window=$(xdotool search --onlyvisible --name Hourglass 2>/dev/null | head -1) && [ -n "$window" ]; do sleep 0.2; done
    xdotool windowmove "$window" 0 0 windowsize "$window" "${size%x*}" "${size#*x}" windowfocus "$window"
    sleep 12
    snap train dark # while it trains
    sleep 35
    press 2; sleep 3; snap explore dark
    press 3; open_path "$scratch/chelsea.png"; sleep 16; snap denoise dark
    press 4; open_path "$scratch/cells.csv"; sleep 10; snap detect dark
    # The run's end, and then its measures on the test part.
    until ls "$home"/.local/share/hourglass/runs/*/report.json >/dev/null 2>&1; do sleep 1; done
    press 5; sleep 40; snap report dark
    press t
    snap report light
    press 4; snap detect light
    press 3; snap denoise light
    press 2; snap explore light
    press 1; snap train light
    press ctrl+q
    wait "$program"
done
