#!/bin/sh
# Checks and tests the plug-in. Arguments go to busted: a spec, or --filter WORDS.
#   NVIM                  a Neovim 0.11, `nvim` otherwise
#   CODEBEAKER_BIN        the daemon, target/debug/codebeaker otherwise
#   CODEBEAKER_TOOLS      where node_modules has @johnnymorganz/stylua, target/tools otherwise
#   CODEBEAKER_OLD_NVIM   a Neovim before 0.10; without it, that it is told so is not tested
# luacheck and busted are Debian's lua-check and lua-busted. busted runs inside of Neovim.
set -eu
cd "$(dirname "$0")"
CODEBEAKER_TOOLS=${CODEBEAKER_TOOLS:-$PWD/../../target/tools}
export CODEBEAKER_TOOLS
luacheck --quiet .
node scripts/format.mjs
libraries=/usr/lib/$(uname -m)-linux-gnu/lua/5.1
LUA_PATH="${LUA_PATH:-/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;;}" LUA_CPATH="${LUA_CPATH:-$libraries/?.so;;}" \
    exec "${NVIM:-nvim}" --clean --cmd "set rtp^=$PWD" -l "${BUSTED:-/usr/bin/busted}" "$@"
