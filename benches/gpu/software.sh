#!/usr/bin/env bash
# The self-test on the software drivers of Debian and Ubuntu: lavapipe at three vector widths, and SwiftShader. Prints the
# worst error of each kernel family, one column a driver.
#   benches/gpu/software.sh [--quick]      needs mesa-vulkan-drivers, and chromium-common for SwiftShader
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "${HOURGLASS:-$root/target/release/hourglass}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache
[ -n "${XDG_RUNTIME_DIR:-}" ] || { mkdir -m 700 "$scratch/runtime"; export XDG_RUNTIME_DIR=$scratch/runtime; }
lavapipe=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json | head -n 1)
swiftshader=/usr/lib/chromium/vk_swiftshader_icd.json

test_with() { # name driver [lanes' bits]
    [ -e "$2" ] || { echo "$1: $2 is missing" >&2; return; }
    echo "testing on $1" >&2
    VK_DRIVER_FILES=$2 VK_ICD_FILENAMES=$2 LP_NATIVE_VECTOR_WIDTH=${3:-256} timeout 1800 \
        "$program" selftest --device gpu --all-variants --json --quiet ${quick:-} >"$scratch/$1.json" ||
        echo "$1: exit code $?" >&2
}

quick=${1:-}
test_with lavapipe-4 "$lavapipe" 128
test_with lavapipe-8 "$lavapipe" 256
test_with lavapipe-16 "$lavapipe" 512
test_with swiftshader "$swiftshader"
python3 - "$scratch"/*.json <<'PYTHON'
import json, pathlib, sys
reports = {}
for path in map(pathlib.Path, sys.argv[1:]):
    try:
        reports[path.stem] = json.loads(path.read_text())
    except ValueError:
        print(f"{path.stem}: no result")
family = lambda name: name.split("_")[0] if not name.startswith(("training", "same")) else name
families = sorted({family(check["kernel"]) for report in reports.values() for check in report["variants"]})
print("| family | allowed | " + " | ".join(reports) + " |")
print("|---" * (2 + len(reports)) + "|")
for name in families:
    cells, allowed = [], 0.0
    for report in reports.values():
        checks = [check for check in report["variants"] if family(check["kernel"]) == name]
        allowed = max([allowed] + [check["allowed"] for check in checks])
        worst = max((float("inf") if check["worst"] is None else check["worst"] for check in checks), default=None)
        wrong = sum(not check["ok"] for check in checks)
        cells.append("-" if worst is None else f"{worst:.1e}" + (f" ({wrong} of {len(checks)} wrong)" if wrong else ""))
    print(f"| {name} | {allowed:.0e} | " + " | ".join(cells) + " |")
for name, report in reports.items():
    print(f"{name}: {len(report['variants'])} checks on {report['adapter']}, {report['driver']}: {'right' if report['ok'] else 'WRONG'}")
sys.exit(not reports or not all(report["ok"] for report in reports.values()))
PYTHON
