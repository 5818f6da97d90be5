# For the scripts in tests/cli and tests/slow: each check prints one "ok" or "not ok" line. BUILD and ROOT come from tests/run.
program=$BUILD/harness/scanbench
smoke=$ROOT/sweeps/smoke.yaml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# check NAME COMMAND…: the command must succeed.
check() {
    name=$1
    shift
    if "$@" >"$work/check.log" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/#   /' "$work/check.log"
        failures=$((failures + 1))
    fi
}

# status_is N COMMAND…: with this exit status.
status_is() {
    wanted=$1
    shift
    "$@"
    got=$?
    [ $got = "$wanted" ] || { echo "exit status $got, not $wanted"; return 1; }
}

says() { grep -qF -- "$2" "$1" || { echo "not said: $2"; echo "but:"; cat "$1"; return 1; }; }

# What promise 1 guarantees, of every cell in a store: the measured part of each result, and each evaluation.
measured() {
    for cell in "$1"/word-problem*/; do
        echo "== $(basename "$cell")"
        sed -n '/"measured": {/,/"cost": {/p' "$cell/result.json" | grep -v '"cost"'
        cat "$cell"/evaluate-*.json
    done
}
same_results() {
    measured "$1" >"$work/a.txt" && measured "$2" >"$work/b.txt" || return 1
    [ -s "$work/a.txt" ] && grep -q position_errors "$work/a.txt" || { echo "nothing to compare"; return 1; }
    diff "$work/a.txt" "$work/b.txt"
}
finish() { exit $((failures > 0)); }
