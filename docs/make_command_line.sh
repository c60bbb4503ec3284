#!/usr/bin/env bash
# Writes the commands and options of docs/command-line.md from the program's own help, between the two marker comments.
#   docs/make_command_line.sh PROGRAM           rewrites that part of the page
#   docs/make_command_line.sh --check PROGRAM   exits with 1 where the page is not what the program says
set -euo pipefail
export LC_ALL=C.UTF-8
usage() { echo "usage: docs/make_command_line.sh [--check] PROGRAM" >&2; exit 2; }
check=false program=""
for argument in "$@"; do
    case $argument in
    --check) check=true ;;
    -*) usage ;;
    *) [ -z "$program" ] || usage; program=$argument ;;
    esac
done
[ -n "$program" ] || usage
program=$(realpath "$program")
page=$(cd "$(dirname "$0")" && pwd)/command-line.md
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The usage line names the program as it was called.
ln -s "$program" "$scratch/hourglass"

# The help of a command, unwrapped: without a terminal its width is that of COLUMNS.
help_of() { COLUMNS=10000 "$scratch/hourglass" "$@" -h </dev/null 2>/dev/null; }

names_in() { awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && NF { print $1 }'; }

# Help in, Markdown out; with common=1 the options that every command takes and nothing else, else all but those.
cat >"$scratch/page.awk" <<'AWK'
function text(words) { # as Markdown: no tags, and no pipe that would end a cell
    gsub(/</, "\\&lt;", words); gsub(/\|/, "\\|", words)
    return words
}
function row(name, words) {
    if (!rows++) print "\n| argument or option | meaning |\n|---|---|"
    gsub(/\|/, "\\|", name)
    print "| `" name "` | " text(words) " |"
}
/^Usage: / { usage = substr($0, 8); started = 1; if (!common) print about "\n\n`" usage "`"; next }
!started { if (NF) about = about (about == "" ? "" : " ") text($0) (/[.]$/ ? "" : "."); next }
/^[^ ]/ { section = $1; next }
!NF || section == "Commands:" { next }
{
    line = $0
    sub(/^ +/, "", line); sub(/ +$/, "", line)
    at = match(line, /  +/)
    name = at ? substr(line, 1, at - 1) : line
    words = at ? substr(line, at + RLENGTH) : ""
    if (name ~ /^-h, --help|^-V, --version/) next
    shared = name ~ /^--(device|backend|seed|json|quiet|threads)( |$)/
    if (shared == common) row(name, words)
}
AWK

section() { # heading, command...
    printf '\n%s `%s`\n' "$1" "${*:2}"
    help_of "${@:2}" | awk -v common=0 -f "$scratch/page.awk"
}

{
    echo
    echo "### Options of every command"
    help_of | awk -v common=1 -f "$scratch/page.awk"
    for command in $(help_of | names_in); do
        section "###" "$command"
        for inner in $(help_of "$command" | names_in); do
            section "####" "$command" "$inner"
        done
    done
    echo
} >"$scratch/part.md"

grep -q '^### `train`$' "$scratch/part.md" || { echo "$program does not describe itself as hourglass does" >&2; exit 2; }
awk -v part="$scratch/part.md" '
    /^<!-- made by docs\/make_command_line.sh -->$/ { print; while ((getline line < part) > 0) print line; on = 1; next }
    /^<!-- end of what docs\/make_command_line.sh makes -->$/ { on = 0; ended = 1 }
    !on { print }
    END { exit !ended }
' "$page" >"$scratch/new.md" || { echo "$page lacks its two marker comments" >&2; exit 2; }

if $check; then
    diff -u "$page" "$scratch/new.md" && exit 0
    echo "docs/command-line.md is not what the program says; run docs/make_command_line.sh PROGRAM" >&2
    exit 1
fi
cat "$scratch/new.md" >"$page"
