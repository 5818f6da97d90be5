#!/bin/sh
# Wrong input: every file of tests/bad is refused with status 2 and, word for word, the message beside it.
. "$(dirname "$0")/../lib/cli.sh"

cd "$ROOT/tests/bad" || exit 1
refused() {
    status_is 2 "$program" run "$1.yaml" --store "$work/store" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    [ ! -s "$work/out" ] || { echo 'something on standard output'; return 1; }
    diff "$1.expect" "$work/err"
}
for file in *.yaml; do check "refused: ${file%.yaml}" refused "${file%.yaml}"; done
check 'nothing was stored' [ ! -e "$work/store" ]

message() { says_what=$1; shift; "$program" "$@" >"$work/out" 2>"$work/err"; [ $? = 2 ] && says "$work/err" "$says_what"; }
check 'an unknown command'   message "did you mean 'table'?" tabel
check 'an unknown flag'      message 'did you mean --threads?' run x.yaml --thread 2
check 'a flag without value' message '--jobs needs a value' run x.yaml --jobs
check 'a missing file'       message 'no-such.yaml' run no-such.yaml
check 'no file at all'       message 'usage: scanbench run SWEEP.yaml' run
check 'an unknown name'      message "did you mean 'word-problem'?" list word-problm
check 'a wrong key'          message "unknown key 'grup'" sample word-problem grup=S3
check 'a wrong expression'   message 'not a regular expression' run "$smoke" --only '('
check 'nothing matches'      message 'matches none' run "$smoke" --only nothing-is-called-so
check 'a wrong ending'       message 'must end in .png, .svg or .pdf' plot "$smoke" -o figure.jpg
check '--version'            sh -c "'$program' --version | grep -q '^scanbench [0-9]'"
check '--help'               sh -c "'$program' --help | grep -q 'SWEEP.yaml'"
for command in run status table plot export list sample score bench; do
    check "$command --help"  sh -c "'$program' $command --help | grep -q '^usage: scanbench $command'"
done
check 'half of a score'        message 'usage: scanbench score SPEC.yaml PREDICTIONS.npy' score x.yaml
check 'sample as text'       sh -c "'$program' sample word-problem group=S3 length=5 --count 1 | grep -q target"
check 'sample as jsonl'      sh -c "'$program' sample word-problem group=S3 start=bos length=2 --count 1 --format jsonl | grep -qE '^\{\"index\":0,\"tokens\":\[6,[0-5],[0-5]\],\"targets\":\[null,[0-5],[0-5]\]\}$'"
# A build of other sources, named by mistake: its program would be another one.
foreign() {
    mkdir -p "$work/foreign/meson-info" && echo '{ "directories": { "source": "/elsewhere" } }' >"$work/foreign/meson-info/meson-info.json"
    export SCANBENCH_BUILD="$work/foreign"
    status_is 2 "$ROOT/scanbench" --version >"$work/out" 2>"$work/err" && says "$work/err" 'is a build of other sources'
}
check 'a build of other sources' foreign
unset SCANBENCH_BUILD
check 'list names the lists' sh -c "'$program' list | grep -q architectures"
check 'list shows options'   sh -c "'$program' list psm-softmax | grep -q until-last-stage"
check '  those of a list too'  sh -c "'$program' list sweep | grep -q 'of the steps, relative to'"
finish
