# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# How many tests passed, failed and were skipped, from what the test programs printed; sourced by tools/test.
# Each count_ function prints three numbers. Whatever ended badly without saying why is one failed test: silence never
# counts as success.

# Of tools/check: each rule is a test.
count_rules() {
    awk '/^rule .*: ok/ { ok++ }
         /^rule .*: [0-9]+ violation/ { bad++ }
         /^rule .*: skipped/ { skip++ }
         /^check: [0-9]+ rules/ { whole = 1 }
         END { print ok + 0, bad + !whole, skip + 0 }' "$1"
}

# Of ctest --verbose: lines `12: [====] Synthesis: Tested: 3 | Passing: 1 | Failing: 2 | Crashing: 1` (what crashed is
# among the failing), then ctest's own verdict on the program, `2/4 Test #12: name … Passed` or `***Failed`.
count_units() {
    awk '
    /^[0-9]+: .*Synthesis: Tested:/ {
        number = $1 + 0
        for (i = 1; i < NF; i++) {
            if ($i == "Passing:") passed += $(i + 1)
            if ($i == "Failing:") { failed += $(i + 1); failing[number] = $(i + 1) }
        }
        counted[number] = 1
    }
    /^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/ {
        programs++
        match($0, /#[0-9]+/)
        number = substr($0, RSTART + 1, RLENGTH - 1) + 0
        if (/ Passed +[0-9.]+ sec/) passed += !counted[number]
        else failed += !failing[number]
    }
    END { print passed + 0, failed + !programs, 0 }' "$1"
}

# The output of the unit test programs that failed, the last 40 lines of each.
show_failed_units() {
    local number
    grep -E '^ *[0-9]+/[0-9]+ Test +#[0-9]+:' "$1" | grep -v ' Passed ' | while read -r line; do
        number=${line#*#} number=${number%%:*}
        echo "--- $line"
        sed -n "s/^$number: //p" "$1" | tail -n 40
    done
    grep -q 'Test *#' "$1" || tail -n 20 "$1"
}

# Of a script: TAP. Tests that the plan announced and that never came have failed.
count_script() {
    awk -v result="$2" '
    /^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1 }
    /^not ok / { bad++; next }
    /^ok .*# SKIP/ { skip++; next }
    /^ok / { ok++ }
    END {
        missing = plan - ok - bad - skip
        if (missing > 0) bad += missing
        if (!bad && (!planned || result != 0)) bad = 1
        print ok + 0, bad + 0, skip + 0
    }' "$1"
}
