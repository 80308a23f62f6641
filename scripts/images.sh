#!/usr/bin/env bash
# Makes the images that sessions on Docker run in, from Debian's packages and without any registry of images.
#
#   scripts/images.sh                       python, node and bash
#   scripts/images.sh ENGINE...             these; also ruby, go, c, cpp, rust, deno and bun, the last two from npm
#   scripts/images.sh --force ENGINE...     also those that the container engine has already
#   scripts/images.sh --prefix NAME ...     called NAME/ENGINE:latest instead of codebeaker/ENGINE:latest
#
# For Debian and Ubuntu. Needs a container engine that `docker` reaches (DOCKER_HOST and contexts count), and either
# root or user namespaces. The engines of one call share one root file system, and so its place on the disk.
# An image that is there already is left as it is: a second run changes nothing. One that an earlier version of this
# script has made with less in it is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/prerequisites.sh

force=false prefix=codebeaker engines=()
while [ $# -gt 0 ]; do
    case $1 in
    --force) force=true ;;
    --prefix)
        [ $# -gt 1 ] || fail "--prefix needs a name"
        prefix=$2
        shift
        ;;
    -*) fail "there is no option $1; the first lines of this script say which there are" ;;
    *) engines+=("$1") ;;
    esac
    shift
done
[ ${#engines[@]} -gt 0 ] || engines=(python node bash)

# packages_of ENGINE: what brings it, and what installs packages for it.
packages_of() {
    case $1 in
    bash) echo bash ;;
    c) echo gcc libc6-dev ;;
    cpp) echo g++ ;;
    # Without a compiler it can't build what uses the C library, as its own network packages do.
    go) echo golang-go gcc libc6-dev delve ;;
    node) echo nodejs npm ;;
    python) echo python3 python3-pip ;;
    ruby) echo ruby ruby-bundler ;;
    rust) echo rustc gcc libc6-dev ;;
    # They are from npm.
    deno | bun) echo bash ;;
    *) fail "Debian has no package of the engine '$1'; try: codebeaker image build $1" ;;
    esac
}

# The package of npm that has an engine's executable, as the tests have it, and where in it that lies.
npm_of() {
    case $1 in
    deno) echo '@deno/linux-x64-glibc' deno ;;
    bun) echo '@oven/bun-linux-x64-baseline' bin/bun ;;
    esac
}

# The command is in another package than its name says, on some releases.
command -v docker >/dev/null || need_packages docker.io
docker version --format '{{.Server.Version}}' >/dev/null ||
    fail "no container engine answers; start one (systemctl start docker), or say where one is with DOCKER_HOST"

made_here="made from Debian's packages by scripts/images.sh"

# is_there IMAGE PACKAGES: whether there is such an image that has these, or that somebody else has made.
is_there() {
    local image=$1 found package
    shift
    found=$(docker image inspect --format '{{.Comment}}: {{index .Config.Labels "codebeaker.packages"}} ' "$image" 2>/dev/null) || return 1
    case $found in "$made_here: "*) ;; *) return 0 ;; esac
    for package in "$@"; do
        case $found in *" $package "*) ;; *) return 1 ;; esac
    done
}

missing=() packages=()
for engine in "${engines[@]}"; do
    needed=$(packages_of "$engine")
    # shellcheck disable=SC2086
    if [ "$force" = false ] && is_there "$prefix/$engine:latest" $needed; then
        say "$prefix/$engine:latest is there already"
    else
        missing+=("$engine")
        packages+=("$needed")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0
need_packages mmdebstrap

# On Debian from where this machine gets its own packages, which may be a mirror that alone can be reached.
sources=()
suite=bookworm
if [ "$(. /etc/os-release && echo "${ID:-}")" = debian ]; then
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        if [ -s "$file" ]; then
            sources+=("$file")
        fi
    done
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log hooks=()
for engine in "${missing[@]}"; do
    read -r package program <<<"$(npm_of "$engine")"
    [ -n "$package" ] || continue
    need_packages npm
    version=$(sed -n "s|^ *\"$package\": \"\([^\"]*\)\".*|\1|p" tests/clients/package.json)
    say "getting $engine $version from npm"
    npm install --prefix "$work" --no-save --ignore-scripts --no-audit --no-fund "$package@$version" >&2
    hooks+=(--customize-hook="upload $work/node_modules/$package/$program /usr/local/bin/$engine"
        --customize-hook="chmod 755 \"\$1/usr/local/bin/$engine\"")
done

say "making a root file system of $suite with ${packages[*]} (half a minute or so)"
# Nothing but programs is read in a sandbox. Everything in it runs as user 1000, whom many programs look up.
# It gets its names when it is whole: a name tells the next run that there is nothing to do.
image=$(mmdebstrap --logfile="$log" --variant=minbase --include="${packages[*]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='chroot "$1" useradd --uid 1000 --user-group --no-create-home --home-dir /workspace --shell /bin/bash user' \
    --customize-hook='install -d -o 1000 -g 1000 "$1/workspace"' \
    "${hooks[@]}" \
    --customize-hook='rm -rf "$1"/var/log/*.log "$1"/var/log/apt "$1"/var/cache/debconf' \
    "$suite" - "${sources[@]}" |
    docker import --change 'USER 1000:1000' --change 'WORKDIR /workspace' --change 'CMD ["/bin/bash"]' \
        --change "LABEL codebeaker.packages=\"${packages[*]}\"" --message "$made_here" -) || {
    tail -n 20 "$log" >&2
    [ -z "$image" ] || docker image rm "$image" >/dev/null
    fail "there is no root file system of $suite, and so no image; the lines above say why"
}
for engine in "${missing[@]}"; do
    docker tag "$image" "$prefix/$engine:latest"
    say "made $prefix/$engine:latest"
done
