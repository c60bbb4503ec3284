#!/usr/bin/env bash
# Frame times of the window at 1280x800 while the canonical model trains on the native CPU, a scripted pointer moving,
# and the share of the headless training rate that is left. Headless and window runs alternate.
# usage: benches/window/measure.sh [ROUNDS]      needs Xvfb, xdotool and python3
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3}
cargo build --release
scratch=$(mktemp -d)
export XDG_RUNTIME_DIR=$scratch XDG_DATA_HOME=$scratch DISPLAY=:97
unset WAYLAND_DISPLAY
trap 'kill $(jobs -p) 2>/dev/null || true; sleep 1; rm -rf "$scratch"' EXIT
Xvfb "$DISPLAY" -screen 0 1280x800x24 -noreset -nolisten tcp >/dev/null 2>&1 &
until xdotool getdisplaygeometry >/dev/null 2>&1; do sleep 0.2; done

for round in $(seq "$rounds"); do
    target/release/hourglass train --preset undercomplete --epochs 12 --device cpu --out "$scratch/headless-$round" \
        --quiet --json >/dev/null
    HOURGLASS_FRAME_LOG="$scratch/frames-$round" target/release/hourglass window --preset undercomplete --device cpu \
        --set train.epochs=40 --out "$scratch/window-$round" >/dev/null 2>&1 &
    program=$!
    until window=$(xdotool search --onlyvisible --name Hourglass 2>/dev/null | head -1) && [ -n "$window" ]; do sleep 0.1; done
    xdotool windowfocus "$window"
    # The start (data, pipelines, the fit of PCA) is over after two seconds.
    sleep 2
    wc -l <"$scratch/frames-$round" >"$scratch/skip-$round"
    for i in $(seq 80); do xdotool mousemove $((300 + 9 * i)) $((300 + 3 * i)); sleep 0.1; done
    xdotool key ctrl+q
    wait "$program"
done
python3 - "$scratch" "$rounds" <<'PYTHON'
import json, pathlib, statistics, sys
scratch, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for r in range(1, rounds + 1):
    skip = int((scratch / f"skip-{r}").read_text())
    frames = [tuple(map(float, line.split())) for line in (scratch / f"frames-{r}").read_text().splitlines()[skip:]]
    work = sorted(frame[0] for frame in frames)
    rate = 1000 * len(frames) / sum(frame[1] for frame in frames)
    def samples(name):
        lines = (scratch / f"{name}-{r}" / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["samples_per_second"] for line in lines]
    headless = statistics.median(samples("headless"))
    # The window's first epochs include the start.
    window = statistics.median(samples("window")[5:])
    print(f"round {r}: {rate:.1f} frames/s, median {statistics.median(work):.1f} ms, "
          f"95th percentile {work[int(0.95 * len(work))]:.1f} ms; training {window:,.0f} of {headless:,.0f} samples/s, "
          f"{100 * window / headless:.0f}%")
PYTHON
