#!/usr/bin/env bash
# Frame times of the window at 1280x800 while the default run trains on the native CPU and all 60,000 rows are on the
# latent map: with the pointer over the curves, and while the map is dragged about, which draws its points anew each frame.
# usage: benches/window/scatter.sh [ROUNDS]      needs Xvfb, xdotool and python3
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3}
cargo build --release
scratch=$(mktemp -d)
export XDG_RUNTIME_DIR=$scratch XDG_DATA_HOME=$scratch XDG_CONFIG_HOME=$scratch DISPLAY=:92
unset WAYLAND_DISPLAY
trap 'kill $(jobs -p) 2>/dev/null || true; sleep 1; rm -rf "$scratch"' EXIT
Xvfb "$DISPLAY" -screen 0 1280x800x24 -noreset -nolisten tcp >/dev/null 2>&1 &
until xdotool getdisplaygeometry >/dev/null 2>&1; do sleep 0.2; done

for round in $(seq "$rounds"); do
    log=$scratch/frames-$round
    HOURGLASS_FRAME_LOG=$log target/release/hourglass window --preset map --device cpu --set train.epochs=60 \
        --out "$scratch/window-$round" >/dev/null 2>&1 &
    program=$!
    until window=$(xdotool search --onlyvisible --name Hourglass 2>/dev/null | head -1) && [ -n "$window" ]; do sleep 0.1; done
    xdotool windowmove "$window" 0 0 windowsize "$window" 1280 800 windowfocus "$window"
    sleep 3
    # The chip "train rows" of the map; then time to encode them all.
    xdotool mousemove 1072 118 click 1
    sleep 5
    import -window root "${SCATTER_SHOT:-$scratch/shot.png}" 2>/dev/null || true
    wc -l <"$log" >"$scratch/still-$round"
    for i in $(seq 80); do xdotool mousemove $((450 + 5 * i)) $((200 + 3 * i)); sleep 0.1; done
    wc -l <"$log" >"$scratch/drag-$round"
    xdotool mousemove 1086 320 mousedown 1
    for i in $(seq 80); do xdotool mousemove $((1086 + i % 20 * 4)) $((320 + i % 16 * 4)); sleep 0.1; done
    xdotool mouseup 1
    wc -l <"$log" >"$scratch/end-$round"
    xdotool key ctrl+q
    wait "$program"
done
python3 - "$scratch" "$rounds" <<'PYTHON'
import json, pathlib, statistics, sys
scratch, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for r in range(1, rounds + 1):
    frames = [tuple(map(float, line.split())) for line in (scratch / f"frames-{r}").read_text().splitlines()]
    at = [int((scratch / f"{name}-{r}").read_text()) for name in ("still", "drag", "end")]
    words = []
    for name, part in (("still", frames[at[0]:at[1]]), ("dragged", frames[at[1]:at[2]])):
        work = sorted(frame[0] for frame in part)
        rate = 1000 * len(part) / sum(frame[1] for frame in part)
        words.append(f"{name}: {rate:.1f} frames/s, median {statistics.median(work):.1f} ms, "
                     f"95th percentile {work[int(0.95 * len(work))]:.1f} ms, longest {work[-1]:.1f} ms")
    lines = (scratch / f"window-{r}" / "metrics.jsonl").read_text().splitlines()
    rate = statistics.median(json.loads(line)["samples_per_second"] for line in lines)
    print(f"round {r}: " + "; ".join(words) + f"; training {rate:,.0f} samples/s in epochs of the whole")
PYTHON
