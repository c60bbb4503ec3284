#!/usr/bin/env bash
# Formatting, lints of all targets, and the feature sets that are built alone: the library, and the command line.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --check
cargo clippy --quiet --all-targets --features parquet -- -D warnings
cargo check --quiet --no-default-features --features cli
cargo check --quiet --no-default-features
