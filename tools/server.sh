# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Building and finding the programs and the web app; sourced by tools/up, tools/down, tools/test and the end-to-end tests.
#
# DIR/run/dorand.json is there from the moment the server is ready until it has stopped cleanly, and so is bridge.json for
# the bridge. After a crash it stays, with the number of a process that is gone or, by then, another program: so it is
# never believed without a look.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    echo "$*" >&2
    exit 1
}

usage_error() {
    echo "$*" >&2
    exit 2
}

# build PRESET LOG: configures and builds; the output goes to LOG, its end is shown when it fails.
build() {
    local preset=$1 log=$2
    mkdir -p "$(dirname "$log")"
    if ! (cd "$root" && cmake --preset "$preset" && cmake --build --preset "$preset") >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "the $preset build failed; the whole output is in $log" >&2
        return 1
    fi
}

# install_modules FOLDER: the Node packages of its lock file, unless they are there. What npm has kept needs no network.
# Not `npm ci`: a lock file that was made where packages for other systems could not be had is not whole to it.
install_modules() {
    local installed=$1/node_modules/.installed
    cmp -s "$1/package-lock.json" "$installed" && return
    (cd "$1" && timeout --kill-after=5 300 npm install --no-save --prefer-offline --fetch-retries=1 \
        --fetch-retry-mintimeout=1000) &&
        cp "$1/package-lock.json" "$installed"
}

# What the web app is made of: its sources, and what the bridge answers.
web_sources() {
    { find "$root/tools/web" -name node_modules -prune -o -type f -print0 | sort -z | xargs -0 sha256sum &&
        "$root/build/release/bin/doran-bridge" --openapi; } | sha256sum
}

# build_web LOG: the web app into build/web, from the release build, if anything has changed. With output as of build.
build_web() {
    local log=$1 made_of=$root/build/web.made-of
    [[ -f $root/build/web/index.html && $(cat "$made_of" 2>/dev/null) == "$(web_sources)" ]] && return
    echo "building the web app"
    mkdir -p "$(dirname "$log")"
    if ! { install_modules "$root/tools/web" && (umask 022 && cd "$root/tools/web" && npm run build); } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "the web app could not be built; the whole output is in $log" >&2
        return 1
    fi
    web_sources >"$made_of"
}

# is_alive PID: one of ours that has not ended and is not about to: one that was killed dies for some milliseconds. One
# that ended and that nobody waited for is a zombie, state Z.
is_alive() {
    local name state flags exiting=4 # PF_EXITING of the kernel
    { read -r _ name state _ _ _ _ _ flags _ <"/proc/$1/stat"; } 2>/dev/null &&
        [[ $name == "(dorand)" || $name == "(doran-bridge)" ]] && [[ $state != Z ]] && ((!(flags & exiting))) && ! is_killed "$1"
}

# is_killed PID: signal 9, which is bit 8, waits for it.
is_killed() {
    grep -q '^S[a-z]*Pnd:.*[13579bdf][0-9a-f]\{2\}$' "/proc/$1/status" 2>/dev/null
}

# noted_pid DIR [bridge]: the pid that DIR's dorand.json names, or its bridge.json, alive or not; empty without such a
# file.
noted_pid() {
    sed -n 's/.*"pid" *: *\([0-9]*\).*/\1/p' "$1/run/${2:-dorand}.json" 2>/dev/null || true
}

# server_pid DIR [bridge]: the pid of the server of DIR, or of the bridge; empty when it is down.
server_pid() {
    local pid
    pid=$(noted_pid "$@")
    [[ $pid ]] && is_alive "$pid" && echo "$pid"
    return 0
}

# Where the bridge of DIR is found.
bridge_url() {
    sed -n 's/.*"url" *: *"\([^"]*\)".*/\1/p' "$1/run/bridge.json" 2>/dev/null || true
}

# The endpoints of the server of DIR, one a line.
server_endpoints() {
    tr -d '\n' <"$1/run/dorand.json" | sed 's/.*"endpoints" *: *\[\([^]]*\)\].*/\1/' | tr ',' '\n' | sed 's/^ *"//; s/" *$//'
    echo
}

# wait_until SECONDS COMMAND…: true as soon as the command is, false when the time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

is_gone() {
    ! is_alive "$1"
}

# stop_server PID SECONDS: asks it to stop and waits; false when it is still there.
stop_server() {
    kill -TERM "$1" 2>/dev/null || true
    wait_until "$2" is_gone "$1"
}
