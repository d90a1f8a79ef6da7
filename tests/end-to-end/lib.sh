# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For end-to-end tests in bash: servers on temporary folders and free ports, and lines that ./tools/test counts.
#
#   source "$(dirname "$0")/lib.sh"
#   plan 2
#   start_server                                   sets data, server (pid) and DORAN_DATA
#   expect 0 doran ping                            exit status; what it printed is in $out and $err
#   test_that "the version is told" [ "$(field .version)" = 0.1.0 ]
#
# Whatever was started ends with the test, and its folder goes.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/server.sh"

DORAN_BIN=${DORAN_BIN:-$root/build/release/bin}
PATH=$DORAN_BIN:$PATH
export DORAN_BIN PATH
unset DORAN_LISTEN DORAN_DATA

folder=$(mktemp -d /tmp/doran-test.XXXXXX) # of this test; short, because names of sockets are
out=$folder/out err=$folder/err
servers=()
numbered=0

plan() {
    echo "1..$1"
}

# test_that TEXT COMMAND…: a test passes if the command succeeds.
test_that() {
    local text=$1
    shift
    numbered=$((numbered + 1))
    if "$@"; then
        echo "ok $numbered - $text"
    else
        echo "not ok $numbered - $text"
        echo "# it was: $*"
        sed 's/^/# out: /' "$out" 2>/dev/null | head -n 20
        sed 's/^/# err: /' "$err" 2>/dev/null | head -n 20
    fi
}

# run COMMAND…: its output goes to $out and $err, its exit status to $status.
run() {
    status=0
    "$@" >"$out" 2>"$err" || status=$?
}

# expect STATUS COMMAND…: true if it exits so.
expect() {
    local wanted=$1
    shift
    run timeout --kill-after=5 60 "$@"
    [[ $status == "$wanted" ]] && return
    echo "# exit $status instead of $wanted: $*"
    return 1
}

not() {
    ! "$@"
}

# Was exactly one sentence said on stderr, and nothing on stdout?
one_sentence() {
    [[ $(wc -l <"$err") == 1 && ! -s $out ]]
}

# refused_with STATUS COMMAND…: exits so, with one sentence.
refused_with() {
    expect "$@" && one_sentence
}

# The value at this path of the JSON in $out.
field() {
    jq -r "$1" "$out"
}

# Does every line of $out fulfil this filter of jq? At least one line must be there.
lines_are() {
    [[ -s $out ]] && jq -e -s "all(.[]; $1)" "$out" >/dev/null
}

started_or_ended() {
    [[ $(noted_pid "$1") == "$2" ]] || ! kill -0 "$2" 2>/dev/null
}

# start_server [DIR [FLAG…]]: DIR is a new folder if it is absent or "". True when it is ready.
start_server() {
    data=${1:-$(mktemp -d "$folder/data.XXXX")}
    shift $(($# > 0))
    export DORAN_DATA=$data
    dorand --data "$data" --listen 'tcp://127.0.0.1:*' "$@" >>"$data.out" 2>&1 </dev/null &
    server=$!
    servers+=("$server")
    wait_until 60 started_or_ended "$data" "$server"
    [[ $(noted_pid "$data") == "$server" ]] && return
    sed 's/^/# server: /' "$data.out"
    return 1
}

# end_server [SIGNAL]: sends it to $server, waits, and is true if the server ended with status 0.
end_server() {
    kill "-${1:-TERM}" "$server"
    wait "$server"
}

clean_up() {
    local pid
    grep -hE 'check failed|Sanitizer' "$folder"/*.out 2>/dev/null | sed 's/^/# server: /'
    for pid in "${servers[@]}"; do
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 143' TERM INT
