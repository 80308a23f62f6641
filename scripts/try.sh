#!/usr/bin/env bash
# Installs what is missing, builds codebeaker, and runs a program in a sandbox.
#
#   scripts/try.sh                      runs examples/hello.py
#   scripts/try.sh FILE [-- ARGS...]    runs FILE; takes whatever `codebeaker run` takes
#
# For Debian and Ubuntu with Rust, as root or with sudo. Ends with the exit code of the program.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/prerequisites.sh

need_packages gcc libc6-dev python3
need_rust
say "building codebeaker (minutes the first time, seconds later)"
cargo build --release --locked >&2
[ $# -gt 0 ] || set -- examples/hello.py
say "target/release/codebeaker run $*"
exec target/release/codebeaker run "$@"
