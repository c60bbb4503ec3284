#!/bin/sh
# Pictures of a report in Chromium, to look at: light, dark, as wide as a phone, and as it prints.
#   assets/pictures/report.sh RUN_DIR/report.html OUT_DIR
set -eu
page=$(realpath "$1")
out=$2
mkdir -p "$out"
shoot() {
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr "$@" "file://$page" 2>&1 \
        | grep -i "console" && echo "the page has something to say in the console" >&2 || true
}
shoot --window-size=1280,2300 --screenshot="$out/report-light.png"
shoot --window-size=1280,2300 --blink-settings=preferredColorScheme=0 --screenshot="$out/report-dark.png"
shoot --window-size=400,3600 --screenshot="$out/report-phone.png"
shoot --no-pdf-header-footer --print-to-pdf="$out/report.pdf"
