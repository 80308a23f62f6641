# A container engine for the tests alone. Sourced by the scripts beside this file, after prerequisites.sh.
#
# It is dockerd with a data directory, a socket and containers of its own, with gVisor as a second OCI
# runtime, without a network, and ends with the script that started it. Its images stay between runs. What a
# run that was killed has left is cleared by the next one. Everything it says goes to stderr.
# shellcheck shell=bash

# Where a Unix socket may lie: its path has 108 bytes, and a checkout may be deep.
engine_run=

# start_engine DIRECTORY: keeps images in DIRECTORY, and has DOCKER_HOST name the engine. An engine that
# DOCKER_HOST names already is used as it is. Fails, with the reason, where there can be none.
start_engine() {
    if [ -n "${DOCKER_HOST:-}" ]; then
        say "using the container engine at $DOCKER_HOST"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "no container engine for the tests: starting one takes root; or name one with DOCKER_HOST"
        return 1
    fi
    need_packages docker.io runsc mmdebstrap
    local data
    mkdir -p "$1"
    data=$(realpath "$1")
    end_engine_of "$data"
    engine_run=$(mktemp -d "${TMPDIR:-/tmp}/codebeaker-engine.XXXXXX")
    # Whom the socket lets in may come to it: tests are ordinary users too.
    chmod 711 "$engine_run"
    printf '%s\n' "$engine_run" >"$data/run"
    trap 'stop_engine "$?"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # ptrace needs no /dev/kvm; cgroups of version 1 without systemd are not what runsc expects.
    cat >"$engine_run/daemon.json" <<'JSON'
{"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--platform=ptrace", "--ignore-cgroups", "--network=none"]}}}
JSON
    # A process group of its own: an interrupt from the terminal is for the tests, which still need it.
    # A containerd of the system's, where there is one, keeps what is ours apart by the namespace.
    setsid dockerd --config-file "$engine_run/daemon.json" --data-root "$data" --exec-root "$engine_run/exec" \
        --pidfile "$engine_run/pid" --host "unix://$engine_run/socket" --bridge=none --iptables=false \
        --containerd-namespace codebeaker-tests --containerd-plugins-namespace codebeaker-tests-plugins \
        >"$data/log" 2>&1 </dev/null &
    local engine=$!
    for _ in $(seq 300); do
        if docker --host "unix://$engine_run/socket" version >/dev/null 2>&1; then
            export DOCKER_HOST=unix://$engine_run/socket
            say "a container engine answers at $DOCKER_HOST"
            return
        fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$data/log" >&2
    say "no container engine for the tests: dockerd did not come up; its log is above"
    return 1
}

# stop_engine CODE: for the end of the script, which ends with CODE.
stop_engine() {
    trap - EXIT INT TERM
    [ -z "$engine_run" ] || end_engine "$engine_run"
    exit "$1"
}

# end_engine_of DIRECTORY: ends the engine that a killed run has left with these images.
end_engine_of() {
    local left
    [ -e "$1/run" ] || return 0
    left=$(cat "$1/run")
    case $left in
    */codebeaker-engine.??????) [ ! -d "$left" ] || end_engine "$left" ;;
    esac
    unmount_below "$1"
    rm -f "$1/run"
}

# end_engine DIRECTORY: ends the engine that runs from DIRECTORY with everything in it, and removes it.
end_engine() {
    local pid containers
    pid=$(cat "$1/pid" 2>/dev/null || true)
    # The number of a process that has ended may be another's by now.
    if [ -n "$pid" ] && { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "--exec-root $1/exec "; then
        # shellcheck disable=SC2016
        containers=$(docker --host "unix://$1/socket" ps --all --quiet 2>/dev/null || true)
        # shellcheck disable=SC2086
        [ -z "$containers" ] || docker --host "unix://$1/socket" rm --force --volumes $containers >/dev/null 2>&1 || true
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 150); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    fi
    # Killed, it leaves its containerd, and that its shims.
    local process
    for process in /proc/[0-9]*; do
        if grep -qaF -- "$1/exec/" "$process/cmdline" 2>/dev/null; then
            kill -KILL "${process#/proc/}" 2>/dev/null || true
        fi
    done
    unmount_below "$1"
    rm -rf "$1"
}

# unmount_below DIRECTORY: what lies deepest first.
unmount_below() {
    awk -v below="$1/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r place; do
        umount --lazy "$place" 2>/dev/null || true
    done
}
