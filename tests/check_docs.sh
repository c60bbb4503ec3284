#!/usr/bin/env bash
# Checks that README.md and docs/*.md say what the program does: runs their commands, and compares what can be compared.
#   tests/check_docs.sh PROGRAM              VERBOSE=1 names each command as it begins
#
# Commands. Every fenced block marked `sh` is run, each line by itself, unless the line above it is the comment
#     <!-- not run: REASON -->
# `hourglass` and `cargo run --release --` stand for PROGRAM; a backslash at the end of a line continues it. A block marked
# `toml` below `<!-- file: NAME -->` is written to that file. Blocks marked `bash`, `shell` or `console` are refused.
# The commands of a document run in order in one new folder that is HOME too, without a display, so that later ones find what
# earlier ones wrote. In it are links to assets/ and tests/, and stand-ins for files of the reader: see `stand_ins`.
#
# Trainings are shortened: `train` gets --set train.steps=10 --set data.rows=640, or, where pictures are cut in pieces,
# --set train.steps=2 --set data.patches=20. Nothing else of a command is changed.
#
# Also compared: docs/command-line.md with the program's help, the keys and presets of docs/spec.md with the sources and the
# program, and local links and pictures of all Markdown pages at the root and in docs/ with what is there.
set -euo pipefail
export LC_ALL=C.UTF-8
[ $# -eq 1 ] || { echo "usage: tests/check_docs.sh PROGRAM" >&2; exit 2; }
program=$(realpath "$1")
cd "$(dirname "$0")/.."
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
started=$SECONDS
failures=0 ran=0 skipped=0
fail() { failures=$((failures + 1)); echo "FAILED: $*" >&2; }

# Documents of which nothing is run, with the reason.
declare -A unrun=([docs/gpu.md]="its commands are for a machine with a GPU, and take minutes")

# The program under its own name, with shorter trainings.
mkdir "$scratch/bin"
cat >"$scratch/bin/hourglass" <<END
#!/usr/bin/env bash
shorter=()
if [ "\${1:-}" = train ]; then
    shorter=(--set train.steps=10 --set data.rows=640)
    case " \$* " in *restore\ *|*patches*) shorter=(--set train.steps=2 --set data.patches=20) ;; esac
fi
exec "$program" "\$@" "\${shorter[@]}"
END
chmod +x "$scratch/bin/hourglass"

# Files that the documents call the reader's own.
stand_ins() {
    local photographs=$root/assets/photographs
    ln -s "$root/assets" "$root/tests" .
    cp "$photographs/camera.png" noisy.png # large enough for pieces to be held out
    cp "$photographs/clock_motion.png" scan.png
    mkdir album noisy clean clean-photos
    cp "$photographs"/{clock_motion,coins}.png album
    cp "$photographs/clock_motion.png" noisy
    cp "$photographs/clock_motion.png" clean
    cp "$photographs"/{clock_motion,coins,chelsea}.png clean-photos
}

# Blocks of a document, one item a line: `run COMMAND`, `skip REASON`, `file NAME`, `text LINE OF A FILE`, `bad WHAT`.
blocks() {
    awk '
        /^```/ && !inside {
            inside = 1; kind = substr($0, 4)
            what = ""
            if (kind ~ /^(bash|shell|console)/) print "bad a block is marked " kind " and not sh"
            if (kind == "sh") what = reason == "" ? "run" : "skipped"
            if (kind == "toml" && name != "") { what = "file"; print "file " name }
            next
        }
        /^```/ { inside = 0; reason = ""; name = ""; next }
        inside && what == "run" {
            line = line $0
            if (sub(/\\$/, "", line)) next
            if (line !~ /^[ ]*(#|$)/) print "run " line
            line = ""; next
        }
        inside && what == "skipped" { if ($0 !~ /^[ ]*(#|$)/) print "skip " reason; next }
        inside && what == "file" { print "text " $0; next }
        inside { next }
        /^<!-- not run: .* -->$/ { reason = substr($0, 15, length($0) - 18); next }
        /^<!-- file: .* -->$/ { name = substr($0, 12, length($0) - 15); next }
        { if (reason != "") print "bad <!-- not run: " reason " --> stands above no block"; reason = ""; name = "" }
    ' "$1"
}

declare -A reasons=()
# Runs the commands of a document.
check_document() {
    local document=$1 folder=$scratch/$(basename "$1" .md) kind rest file=""
    mkdir -p "$folder/runtime"
    chmod 700 "$folder/runtime"
    cd "$folder"
    stand_ins
    while read -r kind rest; do
        case $kind in
        bad) fail "$document: $rest" ;;
        file) file=$rest; : >"$file" ;;
        text) printf '%s\n' "$rest" >>"$file" ;;
        skip) skipped=$((skipped + 1)); reasons["$document: $rest"]=$((${reasons["$document: $rest"]:-0} + 1)) ;;
        run)
            if [ -n "${unrun[$document]:-}" ]; then
                skipped=$((skipped + 1))
                reasons["$document: ${unrun[$document]}"]=$((${reasons["$document: ${unrun[$document]}"]:-0} + 1))
                continue
            fi
            ran=$((ran + 1))
            rest=${rest/#cargo run --release --/hourglass}
            [ -z "${VERBOSE:-}" ] || echo "$SECONDS s  $document: $rest"
            if ! env -u DISPLAY -u WAYLAND_DISPLAY -u XDG_DATA_HOME -u XDG_CACHE_HOME -u XDG_CONFIG_HOME \
                HOME="$folder" XDG_RUNTIME_DIR="$folder/runtime" PATH="$scratch/bin:$PATH" \
                bash -o pipefail -c "$rest" </dev/null >"$scratch/output" 2>&1; then
                fail "$document: $rest"
                tail -n 20 "$scratch/output" >&2
            fi
            ;;
        esac
    done < <(blocks "$root/$document")
    cd "$root"
    rm -rf "$folder"
}

# Keys that the spec's structs have, as SECTION KEY.
spec_keys() {
    awk '
        /^pub struct [A-Za-z]+ \{/ {
            section = $3
            if (section == "Spec") section = "Top"
            else if (section == "Edit") section = "edits"
            else if (section == "KernelChoices") section = "engine.kernels"
            else { sub(/Spec$/, "", section); section = tolower(section) }
            next
        }
        /^}/ { section = "" }
        section == "" { next }
        /#\[serde\(skip\)\]/ { hidden = 1 }
        match($0, /rename = "[a-z_]+"/) { renamed = substr($0, RSTART + 10, RLENGTH - 11) }
        /^    pub [a-z_0-9]+: / {
            key = $2; sub(/:$/, "", key)
            if (renamed != "") key = renamed
            # At the top level every other key is a section.
            if (!hidden && (section != "Top" || key == "version")) print section, key
            hidden = 0; renamed = ""
        }
    ' src/data/spec.rs src/model/spec/mod.rs src/model/spec/engine.rs src/model/spec/live.rs | sort
}

# Keys that docs/spec.md has, in the same form.
documented_keys() {
    awk '
        /^## `\[/ { section = $2; gsub(/[`\[\]]/, "", section); next }
        /^## Top/ { section = "Top"; next }
        /^## / { section = "" }
        section != "" && /^\| `/ { key = $2; gsub(/`/, "", key); print section, key }
    ' docs/spec.md | sort
}

check_spec() {
    diff <(spec_keys) <(documented_keys) >"$scratch/keys" || {
        fail "docs/spec.md has other keys than the sources (< sources, > page)"
        cat "$scratch/keys" >&2
    }
    [ "$(spec_keys | wc -l)" -gt 90 ] || fail "the keys of the spec are not found in the sources"
    diff <("$program" presets 2>/dev/null | sed -E 's/^([^ ]+) +(.*)$/| `\1` | \2 |/') \
        <(sed -n '/^## Presets/,$p' docs/spec.md | grep '^| `') >"$scratch/presets" || {
        fail "docs/spec.md has other presets than the program (< program, > page)"
        cat "$scratch/presets" >&2
    }
}

check_links() {
    local page target
    for page in *.md docs/*.md; do
        while read -r target; do
            case $target in
            http://* | https://* | \#*) ;;
            *) [ -e "$(dirname "$page")/${target%%#*}" ] || fail "$page: a link to $target, which is not there" ;;
            esac
        done < <(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//')
    done
}

check_links
check_spec
docs/make_command_line.sh --check "$program" >"$scratch/page" || { fail "docs/command-line.md is not the program's help"; cat "$scratch/page" >&2; }
for document in README.md docs/*.md; do
    check_document "$document"
done

echo "$ran commands of README.md and docs/ ran, $skipped were left out, in $((SECONDS - started)) s"
for reason in "${!reasons[@]}"; do
    echo "  left out: ${reasons[$reason]} of $reason"
done | sort
[ "$failures" -eq 0 ] || { echo "$failures failed" >&2; exit 1; }
