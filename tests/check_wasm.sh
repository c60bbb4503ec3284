#!/usr/bin/env bash
# Checks that the library alone compiles for a browser (wasm32-unknown-unknown). Needs the standard library of that
# target: `rustup target add wasm32-unknown-unknown`, or Debian's rustc-web, cargo-web and rust-web-src.
#   tests/check_wasm.sh
set -euo pipefail
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown
check=(check --quiet --lib --no-default-features --target "$target" --target-dir target/wasm)
if [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then
    cargo "${check[@]}"
elif [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
    # The standard library is compiled along.
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo "${check[@]}" -Zbuild-std=std,panic_abort
else
    echo "there is no standard library for $target: run \`rustup target add $target\`, or on Debian install rustc-web, cargo-web and rust-web-src" >&2
    exit 1
fi
echo "the library compiles for $target"
