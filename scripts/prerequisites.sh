# What the machine must have before cargo can do the rest. Sourced by the scripts beside this file.
#
# Installs only what is missing, so that a second run costs nothing and changes nothing. Everything it
# says goes to stderr: stdout belongs to whatever the calling script runs.
# shellcheck shell=bash

say() { printf '==> %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# need_packages NAME...: Debian packages; those that the machine has no need of are left alone.
need_packages() {
    local name missing=()
    for name in "$@"; do
        has_package "$name" || missing+=("$name")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    command -v apt-get >/dev/null ||
        fail "this machine has no apt-get; install what these Debian packages carry: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "you are not root and there is no sudo; have an administrator run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing with apt-get: ${missing[*]}"
    "${as_root[@]}" apt-get update -q >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

# Asks for what a package gives, not for the package: Node, say, may have come from elsewhere.
has_package() {
    case $1 in
    bubblewrap) [ -x /usr/bin/bwrap ] ;;
    emacs-nox) command -v emacs >/dev/null ;;
    # Later Emacses bring it along.
    elpa-eglot) emacs --batch -q -f package-initialize --eval "(require 'eglot)" >/dev/null 2>&1 ;;
    docker.io) command -v dockerd >/dev/null && command -v docker >/dev/null ;;
    gcc) command -v cc >/dev/null ;;
    # The agent is linked statically, so the archive is needed as well as the shared library.
    libc6-dev) command -v cc >/dev/null && [ -e "$(cc -print-file-name=libc.a)" ] ;;
    lua-busted) [ -x /usr/bin/busted ] ;;
    lua-check) command -v luacheck >/dev/null ;;
    neovim) [ -x /usr/bin/nvim ] ;;
    nodejs) command -v node >/dev/null ;;
    python3) [ -x /usr/bin/python3 ] ;;
    python3-venv) [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null ;;
    ruby-bundler) command -v ruby >/dev/null && ruby -e "Gem.bin_path('bundler', 'bundle')" 2>/dev/null ;;
    util-linux) command -v setpriv >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# need_rust [COMPONENT...]: cargo, and the rustup components that a script calls.
need_rust() {
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || fail "cargo is missing; install Rust with rustup (https://rustup.rs), then try again"
    local component
    for component in "$@"; do
        if ! cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1; then
            command -v rustup >/dev/null || fail "cargo has no $component, and there is no rustup to add it with"
            say "adding the Rust component $component"
            rustup component add "$component" >&2
        fi
    done
}

# need_tools DIRECTORY: the test runner and the editors' clients, at pinned versions, where no other
# project sees them.
need_tools() {
    local tools=$1
    mkdir -p "$tools"
    if ! cmp -s tests/requirements.txt "$tools/venv/requirements.txt"; then
        say "installing from PyPI into $tools/venv: $(grep -v '^#' tests/requirements.txt | tr '\n' ' ')"
        /usr/bin/python3 -m venv --clear "$tools/venv" >&2
        "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt >&2
        cp tests/requirements.txt "$tools/venv/requirements.txt"
    fi
    if ! cmp -s tests/clients/package-lock.json "$tools/node_modules/package-lock.json"; then
        say "installing from npm into $tools/node_modules"
        cp tests/clients/package.json tests/clients/package-lock.json "$tools/"
        (cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund >&2)
        cp tests/clients/package-lock.json "$tools/node_modules/"
    fi
}
