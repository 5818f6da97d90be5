#!/bin/sh
# Exports for other programs, their predictions scored, and their rows in tables; how fast tasks make examples.
. "$(dirname "$0")/../lib/cli.sh"
cd "$work" || exit 1

# The task of the smoke sweep: what is exported here with --seed S is the test set of its runs with that seed.
s3='word-problem group=S3 start=bos length=24 --count 64'
T=25
sample() { "$program" sample "$@"; }
numbers() { od -An -v -t d4 -j128 -w$((4 * T)) "$1" | sed 's/^ *//; s/  */,/g'; }           # rows of a .npy of int32
message() { says_what=$1; shift; "$program" "$@" >out 2>err; [ $? = 2 ] && says err "$says_what" && [ ! -s out ]; }

# ---- an export

check 'an export'                     sample $s3 --format npy -o a
header() {
    [ "$(head -c 6 "a/$1.npy" | tail -c 5)" = NUMPY ] && [ "$(wc -c <"a/$1.npy")" = $((128 + 4 * 64 * T)) ] &&
        head -c 128 "a/$1.npy" | grep -aqF "{'descr': '<i4', 'fortran_order': False, 'shape': (64, 25), }"
}
check '  tokens.npy'                  header tokens
check '  targets.npy'                 header targets
same_ids() {
    sample $s3 --format jsonl >a.jsonl && sed 's/.*"tokens":\[//; s/\].*//' a.jsonl >tokens && numbers a/tokens.npy | diff tokens - &&
        sed 's/.*"targets":\[//; s/\].*//; s/null/-100/g' a.jsonl >targets && numbers a/targets.npy | diff targets - && grep -c , targets | grep -qx 64
}
check '  the ids of jsonl, -100 for null' same_ids
check '  jsonl into a file'           sh -c "'$program' sample $s3 --format jsonl -o b.jsonl && cmp a.jsonl b.jsonl"
check '  text into a file'            sh -c "'$program' sample $s3 -o b.txt && '$program' sample $s3 | cmp - b.txt"
check '  a full disk'                 status_is 3 "$program" sample $s3 --format jsonl -o /dev/full
spec() { for line in 'task: { name: word-problem, group: S3, start: bos }' 'length: 24' 'split: test' 'count: 64' 'tokens: 25' \
    'vocabulary: { input: 7, output: 6 }' 'ignore: -100'; do says a/spec.yaml "$line" || return 1; done; }
check '  spec.yaml says what it is'   spec
again() { cp -r a before && rm a/targets.npy && sample $s3 --format npy -o a && diff -r before a; }
check '  cut off and made again: the same bits' again
check '  another one into its folder' message "holds another export: its spec.yaml has 'seed: 0' where this one has 'seed: 1'" sample $s3 --seed 1 --format npy -o a
check '  nothing was touched'         diff -r before a
check "  somebody else's tokens.npy"  sh -c "mkdir c && echo mine >c/tokens.npy && ! '$program' sample $s3 --format npy -o c 2>err && grep -q 'without a spec.yaml' err && grep -qx mine c/tokens.npy"
check '  no folder'                   message '--format npy needs a folder to write to: -o DIR' sample $s3 --format npy
parts() { sample $s3 --first 60 --count 4 --format npy -o d && numbers d/tokens.npy >part && tail -4 tokens | diff - part; }
check '  a part of it'                parts

# ---- scores

score() { "$program" score "$@"; }
# put FILE ROW COLUMN VALUE: one id of an int32 file, in place.
put() { printf "$(printf '\\%03o' $(($4 & 255)) $(($4 >> 8 & 255)) $(($4 >> 16 & 255)) $(($4 >> 24 & 255)))" |
    dd of="$1" bs=1 seek=$((128 + 4 * ($2 * T + $3))) conv=notrunc 2>dd.log; }
id_at() { numbers "$1" | sed -n $(($2 + 1))p | cut -d, -f$(($3 + 1)); }
wrong() { put "$1" "$2" "$3" $((($(id_at a/targets.npy "$2" "$3") + 1) % 6)); }
right() {
    cp a/targets.npy p.npy && score a/spec.yaml p.npy >out && says out 'horizon: ≥ 24 symbols' &&
        grep -qE '^ +24 +0 \(0–0\.[0-9]+\) +0 \(0–' out && says out 'test examples 0 to 63 of seed 0'
}
check 'the targets themselves: no error' right
counted() {
    cp p.npy q.npy && wrong q.npy 0 24 && wrong q.npy 0 23 && wrong q.npy 5 1 && score a/spec.yaml q.npy --name my-gru --trained-length 6 --store s >out &&
        at() { sed -n "/\"length\": $1,/,/overlap/p" s/external.my-gru.s0.*/evaluate-external.json | tr -d ' \n'; } &&
        at 24 | grep -q '"supervised":1536,"errors":3,"errors_squared":5,"sequence_errors":2,"last_errors":1,"loss":null,"overlap":null' &&
        at 23 | grep -q '"errors":2,"errors_squared":2,"sequence_errors":2,"last_errors":1,' &&
        at 22 | grep -q '"errors":1,"errors_squared":1,"sequence_errors":1,"last_errors":0,' &&
        at 1 | grep -q '"supervised":64,"errors":1,"errors_squared":1,"sequence_errors":1,"last_errors":1,'
}
check 'wrong answers are counted, at every length' counted
wide() {
    { head -c 128 q.npy | sed 's/<i4/<i8/'; od -An -v -t d4 -j128 -w4 q.npy | while read -r n; do
        printf "$(printf '\\%03o' $((n & 255)))"; [ "$n" -lt 0 ] && printf '\377\377\377\377\377\377\377' || printf '\000\000\000\000\000\000\000'; done; } >wide.npy
    score a/spec.yaml wide.npy | head -13 >out && score a/spec.yaml q.npy | head -13 | diff - out && [ -s out ]
}
check '  the same as int64'           wide
tables() { for format in md csv tex; do score a/spec.yaml q.npy --format $format | grep -q "0\.0020" || return 1; done; }
check '  md, csv, tex'                tables

# refuses WORDS FILE…: of predictions.
refuses() { says_what=$1; shift; message "$says_what" score a/spec.yaml "$@"; }
altered() { cp p.npy r.npy && put r.npy "$1" "$2" "$3"; }
unasked() { altered 3 0 5 && score a/spec.yaml r.npy >out; }
check 'an id where nothing is asked is passed over' unasked
nothing() { altered 3 7 -100 && refuses 'r.npy: row 3, column 7 is -100, no prediction, where an answer is asked' r.npy; }
check 'no prediction where an answer is asked' nothing
outside() { altered 63 24 6 && refuses 'r.npy: row 63, column 24 is 6; answers are ids from 0 to 5' r.npy && altered 0 0 -1 && refuses 'row 0, column 0 is -1' r.npy; }
check 'ids that are none'             outside
cut_off() { head -c 500 p.npy >r.npy && refuses 'it is cut off or damaged' r.npy; }
check 'a file cut off'                cut_off
scores() { sed 's/<i4/<f4/' p.npy >r.npy && refuses "holds numbers of type '<f4'" r.npy; }
check 'numbers that are no ids'       scores
shape() { sample $s3 --count 63 --format npy -o e && refuses 'is [63, 25]; the export asks for an id a token, [64, 25]' e/targets.npy; }
check 'another shape'                 shape
check 'no predictions at all'         refuses 'cannot read nothing.npy' nothing.npy
check 'no .npy'                       refuses 'not a .npy file' a/spec.yaml
edited() {
    for change in 's/S3/S4/' 's/, start: bos//' 's/length: 24/length: 12/' 's/seed: 0/seed: 1/' 's/split: test/split: train/' 's/first: 0/first: 1/' \
        's/count: 64/count: 63/' 's/version: 1/version: 2/' 's/data: ./data: x/'; do
        sed "$change" a/spec.yaml >edited.yaml
        message 'edited.yaml: error: the hash does not fit' score edited.yaml p.npy || return 1
    done
}
check 'an edited spec'                edited
check 'no spec'                       message 'not the spec.yaml of an export' score "$smoke" p.npy
other_data() {
    printf 'symbols: [a, b]\nstates: [x, y]\nstart: x\nnext: [[x, y], [y, x]]\noutput: [0, 1]\n' >machine.yaml
    sample automaton definition=machine.yaml length=8 --format npy -o f && score f/spec.yaml f/targets.npy >out && sed -i 's/\[x, y\], \[y, x\]/[y, x], [x, y]/' machine.yaml &&
        message "this program makes other examples of the task 'automaton' than those exported" score f/spec.yaml f/targets.npy
}
check 'data that are made differently now' other_data

# ---- rows in a store

# Two of the smoke sweep's runs, shortened.
sed 's/steps: 300/steps: 30/; s/every: 100/every: 15/' "$smoke" >short.yaml
check 'runs of our own beside it'     "$program" run short.yaml --store s --only '^transformer .*s0|psm-parting .*s0'
table() { "$program" table short.yaml --store s "$@" >out; }
shown() { table && grep -qE '^my-gru \(external\) +1 +1/1 ' out && grep -qE '^my-gru \(external\) .* – +– +– +– +– +–$' out && says out 'trained by another program'; }
check 'a row of the table'            shown
seeds() { score a/spec.yaml p.npy --name my-gru --seed 7 --store s --sweep short.yaml >out && table --seeds && grep -qE '^my-gru \(external\) +2 +2/2 ' out && grep -qE '^my-gru \(external\) +7 +done' out; }
check '  two seeds of one name'       seeds
check '  status'                      sh -c "'$program' status short.yaml --store s | grep -q '^done  *my-gru (external) s7'"
check '  export: at the lengths of the sweep' sh -c "'$program' export short.yaml --store s | grep -c 'my-gru (external),,7,external.my-gru.s7.*,done' | grep -qx 4"
check '  a figure'                    sh -c "'$program' plot short.yaml --store s --term | grep -q 'my-gru (external)'"
check '  method'                      sh -c "'$program' table short.yaml --store s --method | tr '\n' ' ' | grep -q 'we trained 3 models .*trained by another program'"
only() { table --only 'my-gru.*s7' && grep -qE '^my-gru \(external\) +1 ' out && ! grep -q '^transformer' out; }
check '  --only'                      only
check '  --only, without it'          sh -c "'$program' table short.yaml --store s --only transformer | grep -c my-gru | grep -qx 0"
elsewhere() { sed 's/start: bos/start: none/' short.yaml >other.yaml && "$program" table other.yaml --store s >out && ! grep -q my-gru out; }
check '  in no sweep of another task' elsewhere
grid() {
    sed 's/^models:/grid: { task.group: [Z6, S3], train.optimizer.lr: [0.1, 0.01], train.lengths: [4, 6] }\nmodels:/; /advance/d; /train.lengths: 6/d' short.yaml >grid.yaml
    "$program" table grid.yaml --store s >out && grep -qE '^my-gru \(external\) +task.group=S3 train.lengths=6 +6 +2 ' out && [ "$(grep -c '^my-gru' out)" = 2 ]
}
check '  in a grid: its task, its lengths' grid
# Both evaluations ran the shallow strategies on the test examples they used.
floors() { sed -n "/\"length\": $2,/,/}\$/p" "$1" | grep -o '"errors": [0-9]*}'; }
same_examples() {
    for length in 6 24; do
        floors "$(ls s/word-problem.transformer.s0.*/evaluate-*.json)" $length >ours && floors "$(ls s/external.my-gru.s0.*/evaluate-*.json)" $length | diff ours - && [ -s ours ] || return 1
    done
}
check 'the test examples are those of the run with this seed' same_examples
refused() { says_what=$1; shift; score "$@" --store s >out 2>err; [ $? = 2 ] && says err "$says_what"; }
check 'another trained length'        refused 'was said to be trained to length 6, now 7' a/spec.yaml p.npy --name my-gru --trained-length 7
check 'no trained length'             refused '--name needs --trained-length N' a/spec.yaml p.npy --name other
check 'a name that is no folder'      refused "--name '../x': at most 80 letters" a/spec.yaml p.npy --name ../x --trained-length 6
training() { sample $s3 --split train --format npy -o g && refused "this one is of 'train'" g/spec.yaml g/targets.npy --name other --trained-length 6; }
check 'training examples'             training
check "another sweep's task"          refused 'the row would stand in no table of it' a/spec.yaml p.npy --name other --sweep other.yaml
shorter() { sample word-problem group=S3 start=bos length=12 --count 64 --format npy -o h && refused 'length 12 adds nothing' h/spec.yaml h/targets.npy --name my-gru --trained-length 6; }
check 'a length that is there'        shorter
check 'a store that cannot be written' status_is 3 "$program" score a/spec.yaml p.npy --name other --trained-length 6 --store a/spec.yaml/s

# Where examples cannot be cut short each length is an export of its own, and so is a slice.
cat >recall.yaml <<'END'
sweep: recall
task: { name: mqar, vocabulary: 64, pairs: 4 }
train: { lengths: 32, steps: 5 }
evaluate: { lengths: [32, 64], examples: 16, slices: [{ length: 32, task: { pairs: 2 } }] }
models: [{ name: transformer, d_model: 8, layers: 1, heads: 1 }]
END
recall() { sample mqar vocabulary=64 "pairs=$1" "length=$2" --count "$3" --format npy -o "m$1-$2-$3" && score "m$1-$2-$3/spec.yaml" "m$1-$2-$3/targets.npy" --name it --sweep recall.yaml --store r; }
one_by_one() {
    recall 4 64 16 && recall 4 32 16 && recall 4 64 16 && recall 2 32 16 && "$program" table recall.yaml --store r >out &&
        grep -qE '^it \(external\) +1 +1/1 .*0 \(0–[0-9.]*\) +0 \(0–[0-9.]*\)$' out && grep -qE '^it \(external\) +0 \(0–[0-9.]*\)$' out &&
        grep -c '"length": ' r/external.it.s0.*/evaluate-external.json | cut -d: -f2 | sort | tr '\n' ' ' | grep -qx '2 4 '
}
check 'lengths and slices scored one by one' one_by_one
other_count() { recall 4 32 8 2>err; [ $? = 2 ] && says err "holds scores on 16 examples a length, this export has 8"; }
check '  with as many examples each'  other_count

# ---- generators

generators() {
    "$program" bench tasks --seconds 0.05 >out || return 1
    "$program" list tasks | sed -n 's/^  \([^ ]*\) .*/\1/p' >names
    while read -r one; do grep -qE "^$one .* [0-9]+\.[0-9] " out || { echo "$one"; return 1; }; done <names
    grep -qE '^mqar +\{ vocabulary: 8192, pairs: 64 \} +512 +[0-9.]+ +10 ' out && grep -qE '^word-problem .* 18 +[0-9.]+ +50 ' out
}
check 'bench tasks: every task'       generators
check '  one of them'                 sh -c "'$program' bench tasks parity length=40 --seconds 0.05 | grep -qE '^parity +40 '"
check '  an unknown one'              message "did you mean 'parity'?" bench tasks prity
check '  an unknown bench'            message "there is no bench 'tsks'" bench tsks
finish
