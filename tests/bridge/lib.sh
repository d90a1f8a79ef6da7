# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
# For tests of the bridge in bash, on top of those of the server (../end-to-end/lib.sh):
#
#   source "$(dirname "$0")/lib.sh"
#   plan 1
#   start_server
#   start_bridge                                   sets bridge (pid) and url
#   sign_up mina@example.org "$password" Mina      sets user (id)
#   login mina@example.org "$password"             sets token, with which all asks from then on; token= for nobody
#   test_that "she sees herself" answers 200 GET /api/v1/auth/me
#   test_that "by name" [ "$(field .name)" = Mina ]
#
# One test more than planned comes at the end: every answer that api got is as /openapi.json says (contract/check).
source "$(dirname "${BASH_SOURCE[0]}")/../end-to-end/lib.sh"

contract=$root/tests/bridge/contract
kept=$folder/kept       # what was asked and answered, a file each
asked=0                 # how many these are
headers=$folder/headers # of the last answer
token=                  # whose asks these are
password='correct horse 1'

export DORAN_WEB=$folder/web # there is no web app unless a script makes one

mkdir "$kept"

plan() {
    echo "1..$(($1 + 1))"
}

is_ready() {
    [[ -s $1 ]] || ! kill -0 "$2" 2>/dev/null
}

# start_bridge [FLAG…]: one more in front of the server of $data, on a free port. True when it is ready.
start_bridge() {
    local said
    said=$(mktemp "$folder/bridge.XXXX.out")
    doran-bridge --data "$data" --http 127.0.0.1:0 "$@" >"$said" 2>"${said%.out}.err.out" </dev/null &
    bridge=$!
    servers+=("$bridge")
    wait_until 30 is_ready "$said" "$bridge"
    url=$(sed -n 's/^ready //p' "$said")
    [[ $url ]] && curl --silent --show-error -o "$folder/openapi.json" "$url/openapi.json" && return
    sed 's/^/# bridge: /' "${said%.out}.err.out"
    return 1
}

# end_bridge [SIGNAL]: true if $bridge ended with status 0.
end_bridge() {
    kill "-${1:-TERM}" "$bridge"
    wait "$bridge"
}

# api METHOD PATH [BODY [HEADER…]]: sets status; the body is in $out, the headers in $headers. BODY "": none.
api() {
    local method=$1 path=$2 body=${3:-} header arguments=()
    shift $(($# < 3 ? $# : 3))
    [[ $token ]] && arguments+=(-H "Authorization: Bearer $token")
    [[ $body ]] && arguments+=(-H 'Content-Type: application/json' --data-binary "$body")
    [[ $method == HEAD ]] && arguments+=(--head)
    for header; do
        arguments+=(-H "$header")
    done
    : >"$out"
    status=$(curl --silent --show-error --max-time 30 --path-as-is -X "$method" -o "$out" -D "$headers" -w '%{http_code}' \
        "${arguments[@]}" "$url$path" 2>"$err")
    keep "$method" "$path"
}

# keep METHOD PATH: the last answer, for contract/check.
keep() {
    asked=$((asked + 1))
    { echo "$1 $2" && cat "$headers" "$out"; } >"$kept/$asked"
}

# The last test of all. ./tools/test wants to know what all scripts have seen, in the folder $DORAN_SEEN.
check_contract() {
    local seen=${DORAN_SEEN:-$folder}
    cp "$folder/openapi.json" "$seen/" 2>/dev/null
    : >"$out"
    test_that "every answer is as /openapi.json says" \
        expect 0 "$contract/check" "$folder/openapi.json" "$kept" "$seen/seen"
}
trap 'check_contract; clean_up' EXIT

# answers STATUS METHOD PATH [BODY [HEADER…]]: true if that is the answer's status.
answers() {
    local wanted=$1
    shift
    api "$@"
    [[ $status == "$wanted" ]] && return
    echo "# status $status instead of $wanted: $*"
    return 1
}

# The value of a header of the last answer, whatever the case of its name.
header() {
    sed -n "s/^$1: *\([^\r]*\)\r*$/\1/Ip" "$headers" | head -n 1
}

code_is() {
    [[ $(field .code) == "$1" ]]
}

# sign_up EMAIL PASSWORD NAME: sets user.
sign_up() {
    token='' answers 201 POST /api/v1/users "{\"email\": \"$1\", \"password\": \"$2\", \"name\": \"$3\"}" || return
    user=$(field .id)
}

# login EMAIL PASSWORD: sets token, refresh_token and user.
login() {
    token=''
    answers 200 POST /api/v1/auth/login "{\"email\": \"$1\", \"password\": \"$2\"}" || return
    token=$(field .access_token)
    refresh_token=$(field .refresh_token)
    user=$(field .user.id)
}

# refresh REFRESH_TOKEN: sets token and refresh_token, if it gets them.
refresh() {
    token='' api POST /api/v1/auth/refresh "{\"refresh_token\": \"$1\"}"
    [[ $status == 200 ]] || return
    token=$(field .access_token)
    refresh_token=$(field .refresh_token)
}
