# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
# What a bare Debian 12 lacks. Sourced by tools/up and tools/test; asks apt only when something is really missing, so
# that without a network everything works that was installed before.

# To build and run the programs.
build_packages=(
    gcc libc6-dev cmake ninja-build pkg-config
    libzmq3-dev libczmq-dev libmsgpack-dev liblmdb-dev libsodium-dev libjansson-dev libxxhash-dev libbsd-dev uthash-dev
    libglib2.0-dev libevent-dev libssl-dev zlib1g-dev libwslay-dev libcjose-dev libssl-dev tzdata
)

# To test them as well: the unit tests' library, the fuzzers' compiler, the linters, and what the test scripts use.
test_packages=(
    libcriterion-dev
    clang llvm libclang-rt-14-dev
    clang-format-14 clang-tidy-14 cppcheck shellcheck
    nginx-light strace jq curl openssl python3 python3-jsonschema python3-websockets
    chromium fonts-nanum
)

# install_node LOG: for the web app. Whoever has these from elsewhere keeps them: Debian's do not fit beside them.
install_node() {
    local packages=()
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    install_packages "$1" "${packages[@]}"
}

# The packages among the arguments that are not installed, one a line.
missing_packages() {
    local package
    for package; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "installing packages needs root: run as root, or install sudo" >&2
        return 1
    fi
}

# What is installed here starts no daemons: nginx is for a test, which starts it itself.
apt_get() {
    local policy=/usr/sbin/policy-rc.d result=0
    [[ ! -e $policy ]] || policy=
    [[ -z $policy ]] || printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy" || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" || result=$?
    [[ -z $policy ]] || as_root rm "$policy"
    return "$result"
}

# install_packages LOG PACKAGE…: the output goes to LOG and is shown only when it fails.
install_packages() {
    local log=$1 missing
    shift
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    echo "installing ${missing[*]}"
    mkdir -p "$(dirname "$log")"
    if ! { apt_get update && apt_get install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "packages could not be installed; the whole output is in $log" >&2
        return 1
    fi
}
