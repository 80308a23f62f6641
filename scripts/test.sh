#!/usr/bin/env bash
# Installs what the tests need, then checks and tests everything. Arguments go to `cargo nextest run`.
#
# For Debian and Ubuntu with Rust, as root or with sudo. Tools that no package brings go to target/tools, the images
# of containers to target/engine. DOCKER_HOST names the container engine to test with; without it, root starts one.
# A test that this machine can't run says so and is skipped; CODEBEAKER_REQUIRE_ALL=1 forbids that.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/prerequisites.sh
. scripts/engine.sh

need_packages bubblewrap delve g++ gcc git golang-go libc6-dev nodejs npm patch python3 python3-venv ruby ruby-bundler util-linux
# Other editors, the front ends' checkers, a Neovim that is too old for the plug-in, and a browser for VS Code's workbench.
need_packages chromium elpa-eglot emacs-nox lua-busted lua-check neovim
need_rust rustfmt clippy
tools=$PWD/target/tools
need_tools "$tools"
export CODEBEAKER_TOOLS=$tools PATH=$tools/venv/bin:$PATH

say "format"
cargo fmt --all --check
say "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings
say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
say "licences, bans and sources of the dependencies"
# Known vulnerabilities need a database that is fetched from a git host: `cargo deny check advisories`.
cargo deny check bans licenses sources
say "examples in the documentation"
cargo test --workspace --doc --locked
if start_engine target/engine; then
    say "images"
    scripts/images.sh python node bash
    # By themselves: they are four times as large.
    scripts/images.sh ruby go c cpp
fi
export CODEBEAKER_SKIPS=$PWD/target/skipped-tests
rm -f "$CODEBEAKER_SKIPS"
say "front ends"
cargo build -p codebeaker --locked
failed=0
for front_end in editors/*/test.sh; do
    CODEBEAKER_BIN=$PWD/target/debug/codebeaker "$front_end" || {
        failed=1
        say "$front_end failed; the other tests run all the same"
    }
done
say "tests"
# Only what is tested with containers gets to see the engine.
export XDG_CONFIG_HOME=$PWD/tests/settings
cargo nextest run --workspace --locked "$@" || failed=1
if [ -e "$CODEBEAKER_SKIPS" ]; then
    say "$(wc -l < "$CODEBEAKER_SKIPS") skipped, or done in part"
    cat "$CODEBEAKER_SKIPS" >&2
fi
exit $failed
