# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For the tests in this folder: end-to-end/lib.sh, and running crash or crash-kinds and reading its last line.
source "$(dirname "${BASH_SOURCE[0]}")/../end-to-end/lib.sh"

# The data folders lie in the build folder, which is on a disk (/tmp need not be), by a name that is short enough for
# sockets wherever the repository lies.
crash() {
    run_crash crash "$@"
}

crash_kinds() {
    run_crash crash-kinds "$@"
}

run_crash() {
    local program=$1 dorand=$2 kills=$3 seed=()
    shift 3
    [[ ! ${DORAN_TEST_SEED:-} ]] || seed=(--seed "$DORAN_TEST_SEED")
    cd "$root/build" || exit 1
    run "$root/build/planted/bin/$program" --dorand "$dorand" --data "$program" --kills "$kills" "${seed[@]}" "$@"
    sed 's/^/# /' "$out" "$err" | cut -c 1-300 | tail -n 80
}

# figure WHAT: the number in front of WHAT in the last line, or none.
figure() {
    local number
    number=$(tail -n 1 "$out" | sed -n "s/^crash: \(.*[ ,]\)\?\([0-9]\+\) $1\([,;].*\)\?$/\2/p")
    echo "${number:-none}"
}
