#!/usr/bin/env bash
# Everything that a machine with a GPU can prove and measure, in nine minutes at most.
#   benches/gpu/run.sh [RESULTS]          runs it: on the program that HOURGLASS names, else the kit's, else target/release
#   benches/gpu/run.sh --short [RESULTS]  the same parts at their smallest, for a software GPU (DEVICE=gpu)
#   benches/gpu/run.sh --pack FILE.tar.gz packs a kit for a bare machine: unpack it there and call run.sh
# RESULTS is a folder [default: results beside this script]. Each part has its own limit, and its results are kept
# whatever happens to the next; ADAPTER.json has them all, and table.py makes a readable table of such files.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

pack() { # file
    local kit root=$here/../..
    kit=$(mktemp -d)
    trap 'rm -rf "$kit"' RETURN
    local program=${HOURGLASS:-$root/target/release/hourglass}
    [ -n "${HOURGLASS:-}" ] || (cd "$root" && cargo build --release --quiet) || return 1
    strip -o "$kit/hourglass" "$program" || return 1
    cp "$here/run.sh" "$here/table.py" "$root/benches/peers/torch_steps.py" "$kit"
    # What a bare machine lacks: the loader of Vulkan drivers, and the libraries that NVIDIA's driver asks for.
    mkdir "$kit/lib" "$kit/debs"
    (cd "$kit/debs" && apt-get -o APT::Sandbox::User=root download -qq libvulkan1 libx11-6 libxext6 libxcb1 libxau6 libxdmcp6 libbsd0 libmd0) ||
        echo "no Debian packages here: the kit has no Vulkan loader" >&2
    for package in "$kit"/debs/*.deb; do
        [ -e "$package" ] && dpkg-deb --extract "$package" "$kit/debs/root"
    done
    find "$kit/debs" -name '*.so.[0-9]' -exec cp --dereference {} "$kit/lib" \; 2>/dev/null
    rm -rf "$kit/debs"
    tar --create --use-compress-program 'gzip -9' --file "$1" --directory "$kit" . || return 1
    echo "$1: $(du -h --apparent-size "$1" | cut -f1), with $(ls "$kit/lib" | wc -l) libraries"
}

if [ "${1:-}" = --pack ]; then
    pack "$(realpath -m "${2:-hourglass-gpu-kit.tar.gz}")"
    exit
fi
short=0
[ "${1:-}" = --short ] && { short=1; shift; }
results=$(realpath -m "${1:-$here/results}")
device=${DEVICE:-auto}
program=${HOURGLASS:-}
if [ -z "$program" ]; then
    if [ -x "$here/hourglass" ]; then program=$here/hourglass; else program=$here/../../target/release/hourglass; fi
fi
program=$(realpath "$program")
torch=$here/torch_steps.py
[ -e "$torch" ] || torch=$here/../peers/torch_steps.py

parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
mkdir -p "$results"
# Nothing that this machine remembers of earlier runs counts, and nothing of this one stays.
export XDG_CACHE_HOME=$parts/cache XDG_DATA_HOME=$parts/data
[ -n "${XDG_RUNTIME_DIR:-}" ] || { mkdir -m 700 "$parts/runtime"; export XDG_RUNTIME_DIR=$parts/runtime; }
if [ -d "$here/lib" ]; then
    # The machine's own libraries come first; only what is missing is taken from the kit.
    for library in "$here"/lib/*; do
        ldconfig -p 2>/dev/null | grep -q "/$(basename "$library")\$" || {
            mkdir -p "$parts/lib"
            ln -s "$library" "$parts/lib/"
        }
    done
    [ -d "$parts/lib" ] && export LD_LIBRARY_PATH=$parts/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
if ! ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1; then
    # NVIDIA's driver without its manifest, as in containers.
    for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
        if ldconfig -p 2>/dev/null | grep -q "$library"; then
            echo "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"$library\", \"api_version\": \"1.3.0\"}}" \
                >"$parts/icd.json"
            export VK_DRIVER_FILES=$parts/icd.json VK_ICD_FILENAMES=$parts/icd.json
            break
        fi
    done
fi

began=$SECONDS
most=540
[ "$short" -eq 1 ] && most=300

# part NAME LIMIT COMMAND...: one JSON object on standard output becomes the part's result; else what went wrong does.
part() {
    local name=$1 limit=$2 started=$SECONDS code
    shift 2
    if [ $((SECONDS - began + 5)) -ge "$most" ]; then
        echo '{"failed": "not begun: the time was up"}' >"$parts/$name.json"
        echo "$name: not begun, the time was up" >&2
        return 1
    fi
    [ "$limit" -le $((most - (SECONDS - began))) ] || limit=$((most - (SECONDS - began)))
    timeout --kill-after=5 "$limit" "$@" >"$parts/out" 2>"$parts/$name.log"
    code=$?
    if [ -s "$parts/out" ] && [ "$(head -c 1 "$parts/out")" = "{" ] && [ "$code" -ne 124 ] && [ "$code" -ne 137 ]; then
        cp "$parts/out" "$parts/$name.json"
    else
        local words
        words=$(tail -n 3 "$parts/$name.log" | tr '\n\t' '  ' | tr -d '\\"' | tr -cd '[:print:]')
        echo "{\"failed\": \"exit code $code after $((SECONDS - started)) s: $words\"}" >"$parts/$name.json"
    fi
    echo "$name: exit code $code, $((SECONDS - started)) s" >&2
    return "$code"
}

# With the seconds that it took, load and start included.
timed() { # megapixels command...
    local started ended megapixels=$1
    shift
    started=$(date +%s%N)
    "$@" >"$parts/timed" || return
    ended=$(date +%s%N)
    echo "{\"megapixels\": $megapixels, \"seconds\": $(((ended - started) / 1000000))e-3, \"result\": $(cat "$parts/timed")}"
}

peers() { # seconds
    python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' ||
        { echo "there is no PyTorch with CUDA here" >&2; return 1; }
    local model mode tf32 rate separator=""
    echo "{\"torch\": \"$(python3 -c 'import torch; print(torch.__version__)')\", \"steps_per_second\": ["
    for model in undercomplete convolutional denoiser-64; do
        for mode in eager graph compiled; do
            for tf32 in "" tf32; do
                # Whatever one of them meets, the others are measured.
                rate=$(timeout 60 python3 "$torch" cuda "$1" "$model" "$mode" $tf32) || rate=null
                echo "$separator{\"model\": \"$model\", \"mode\": \"$mode\", \"tf32\": $([ -n "$tf32" ] && echo true || echo false), \"rate\": $rate}"
                separator=,
            done
        done
    done
    echo ']}'
}
export -f timed peers
export parts torch

train=("$program" train --device "$device" --json --quiet --seed 1)
names=(devices selftest bench variants canonical convolutional variational denoise peers)
part devices 30 "$program" devices --json
if [ "$short" -eq 1 ]; then
    part selftest 200 "$program" selftest --quick --device "$device" --json --quiet
    part bench 60 "$program" bench --only undercomplete --device "$device" --json --quiet
    part canonical 60 "${train[@]}" --preset undercomplete --set train.steps=20 --out "$parts/canonical"
    names=(devices selftest bench canonical denoise)
    side=(200 100)
else
    part selftest 90 "$program" selftest --device "$device" --json --quiet
    part bench 120 "$program" bench --device "$device" --json --quiet
    part variants 60 "$program" bench --variants --device "$device" --json --quiet
    part canonical 60 "${train[@]}" --preset undercomplete --out "$parts/canonical"
    part convolutional 60 "${train[@]}" --preset convolutional --out "$parts/convolutional"
    part variational 60 "${train[@]}" --preset variational --out "$parts/variational"
    side=(4000 3000)
fi
# Noise, of 12 megapixels in the long form: what a picture shows takes no part in how long it takes.
{ printf 'P5 %s %s 255\n' "${side[@]}"; head -c $((side[0] * side[1])) /dev/urandom; } >"$parts/noise.pgm"
part denoise 60 bash -c 'timed "$@"' timed "$((side[0] * side[1]))e-6" "$program" denoise "$parts/noise.pgm" -o "$parts/clean.pgm" --sigma 30 \
    --device "$device" --json --quiet
[ "$short" -eq 1 ] || part peers 200 bash -c 'peers 2'

# Whatever part has named it first; the list of devices names them all.
adapter=""
for name in bench selftest devices; do
    [ -n "$adapter" ] || adapter=$(grep -o '"adapter": *"[^"]*"' "$parts/$name.json" | head -n 1 | cut -d'"' -f4)
done
file=$results/$(echo "${adapter:-unknown}" | tr -cs 'A-Za-z0-9.\n' '-' | sed 's/-*$//').json
{
    echo "{\"version\": \"$("$program" --version | cut -d' ' -f2)\", \"date\": \"$(date -u +%Y-%m-%d)\", \"device_option\": \"$device\""
    for name in "${names[@]}"; do
        echo ", \"$name\": $(cat "$parts/$name.json")"
    done
    echo "}"
} >"$file"
echo "$file, $((SECONDS - began)) s" >&2
if command -v python3 >/dev/null 2>&1; then
    python3 "$here/table.py" "$file"
fi
grep -q '"failed"' "$file" && exit 1
exit 0
