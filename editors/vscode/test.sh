#!/bin/sh
# Checks, tests and packages the extension, and drives it in the real workbench. Arguments are names of flows.
#   CODEBEAKER_BIN          the daemon, target/debug/codebeaker otherwise
#   CODEBEAKER_TOOLS        where VS Code's server build and its Node are put, in `vscode`; target/tools otherwise
#   CHROMIUM                the browser, /usr/bin/chromium otherwise
#   CODEBEAKER_REQUIRE_ALL  1: what is missing is a failure, and not skipped
#   CODEBEAKER_SKIPS        a file to which what was skipped is added
# Tools come from PyPI and npm; Python with venv and a C++ compiler have to be there.
set -eu
cd "$(dirname "$0")"
CODEBEAKER_TOOLS=${CODEBEAKER_TOOLS:-$PWD/../../target/tools}
export CODEBEAKER_TOOLS npm_config_loglevel=error

skip() {
    echo "skipped: editors/vscode: $1" | tee -a "${CODEBEAKER_SKIPS:-/dev/null}" >&2
    [ "${CODEBEAKER_REQUIRE_ALL:-0}" = 1 ] && exit 1
    exit 0
}

scripts/tools.sh || skip "VS Code's server build can't be installed"
PATH=$CODEBEAKER_TOOLS/vscode/node/bin:$PATH
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund || skip "what it is built with can't be installed"
    node node_modules/esbuild/install.js
    cp package-lock.json node_modules/.installed
fi
npm run --silent check
npm run --silent test
npm run --silent package
node scripts/size.mjs
exec npm run --silent test:workbench -- "$@"
