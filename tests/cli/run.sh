#!/bin/sh
# A sweep from the command line: table and figure, nothing done twice, the same bits for threads, jobs, levels, kills.
. "$(dirname "$0")/../lib/cli.sh"

run() { "$program" run "$smoke" --store "$@" >"$work/out" 2>"$work/err"; }
count_cells() { ls "$1" | grep -c '^word-problem'; }

check 'the smoke sweep runs'                        run "$work/one" --threads 1 --jobs 2
check 'its table stands on standard output'         says "$work/out" psm-softmax
check '  with the depth of Agg'                     says "$work/out" 'Depth of Agg'
check 'its figure is named'                         says "$work/out" "figure: $work/one/figures/smoke.png"
check 'the figure is a whole PNG'                   sh -c "tail -c 8 '$work/one/figures/smoke.png' | grep -q IEND"
six() { [ "$(count_cells "$work/one")" = 6 ]; }
check 'six cells lie in the store'                  six
check 'each is evaluated on test data'              sh -c "[ \$(cat '$work'/one/*/evaluate-*.json | grep -c '\"split\": \"test\"') = 6 ]"
again() { before=$(measured "$work/one"; ls -l "$work"/one/*/result.json); run "$work/one" && after=$(measured "$work/one"; ls -l "$work"/one/*/result.json) && [ "$before" = "$after" ]; }
check 'the same command again trains nothing'       again

sed 's/steps: 300/steps: 30/; s/every: 100/every: 15/; s/seeds: .*/seeds: [0]/' "$smoke" >"$work/short.yaml"
for level in x86-64 x86-64-v3 x86-64-v4; do
    "$program" --cpu $level --version >/dev/null 2>&1 || continue
    for threads in 1 2 3 7; do
        check "level $level runs with $threads threads" "$program" --cpu $level run "$work/short.yaml" --store "$work/$level-$threads" --threads $threads --jobs 1
        check "  with the same bits" same_results "$work/$level-1" "$work/$level-$threads"
    done
done

# The whole group of processes is killed without a chance to say anything, again and again, each time in another cell's training.
killed() {
    for seed in 0 1; do
        for label in transformer psm-softmax psm-parting; do
            setsid "$program" run "$smoke" --store "$work/killed" --checkpoint-every 0 --jobs 1 --only "$label .*s$seed" >/dev/null 2>&1 &
            pid=$!
            for i in $(seq 600); do
                [ "$(ls "$work"/killed/*/checkpoint.safetensors 2>/dev/null | wc -l)" -gt "${seen:-0}" ] && break
                sleep 0.02
            done
            kill -KILL -$pid 2>/dev/null
            wait $pid
            seen=$(ls "$work"/killed/*/checkpoint.safetensors | wc -l)
        done
    done
    [ "$seen" = 6 ] || { echo "only $seen cells had begun"; return 1; }
    [ "$(ls "$work"/killed/*/evaluate-* 2>/dev/null | wc -l)" -lt 6 ] || { echo 'nothing was interrupted'; return 1; }
    run "$work/killed" --checkpoint-every 0
}
check 'kill -9 and resume, over and over'           killed
check '  gives the same bits as an uninterrupted run' same_results "$work/one" "$work/killed"

interrupted() {
    "$program" run "$smoke" --store "$work/interrupted" --checkpoint-every 1000 --jobs 1 >"$work/out" 2>"$work/err" &
    pid=$!
    for i in $(seq 600); do ls "$work"/interrupted/*/log.jsonl >/dev/null 2>&1 && break; sleep 0.02; done
    kill -INT $pid
    wait $pid
    status=$?
    [ $status = 130 ] || { echo "status $status"; cat "$work/err"; return 1; }
    says "$work/err" 'nothing is lost'
}
check 'an interrupt ends with 130 and one clear line'  interrupted
check '  and the same command continues'            run "$work/interrupted"
check '  to the same bits'                          same_results "$work/one" "$work/interrupted"

two_at_once() {
    "$program" run "$smoke" --store "$work/shared" >/dev/null 2>&1 &
    run "$work/shared"
    status=$?
    wait
    [ $status = 0 ] && run "$work/shared"
}
check 'two sweeps on one store do not disturb each other' two_at_once
check '  and give the same bits'                    same_results "$work/one" "$work/shared"

check 'new lengths cost an evaluation, not a training' sh -c "
    sed 's/to: 24/to: 30/' '$smoke' >'$work/longer.yaml' && '$program' run '$work/longer.yaml' --store '$work/one' &&
    ls '$work'/one/*/evaluate-* | wc -l | grep -qx 12"
check 'status'                                      sh -c "'$program' status '$smoke' --store '$work/one' | grep -q '6 done'"
check 'an export: a line a run and length'           sh -c "'$program' export '$smoke' --store '$work/one' | wc -l | grep -qx 25"
check 'a table as Markdown'                         sh -c "'$program' table '$smoke' --store '$work/one' --format md | grep -q '^|'"
for kind in svg pdf; do
    check "a figure as $kind"                       sh -c "'$program' plot '$smoke' --store '$work/one' -o '$work/figure.$kind' && [ -s '$work/figure.$kind' ]"
done
check 'a figure with characters'                    sh -c "'$program' plot '$smoke' --store '$work/one' --term | grep -q psm"
# A grid point chosen on validation data, by seeds that are not reported: a rate that learns against one that cannot.
cat >"$work/select.yaml" <<'END'
sweep: select
task: { name: word-problem, group: Z2 }
train: { lengths: 2, steps: 60, batch: 16, optimizer: { lr: 0.01 } }
validate: { every: 30, examples: 64 }
evaluate: { lengths: [2, 4], examples: 64 }
grid: { train.optimizer.lr: [0.0, 0.01] }
select: { seeds: [100, 101] }
models: [{ name: transformer, d_model: 8, layers: 1, heads: 1 }]
END
selected() {
    "$program" run "$work/select.yaml" --store "$work/select" >"$work/out" 2>"$work/err" && [ "$(count_cells "$work/select")" = 5 ] &&
        says "$work/out" 'train.optimizer.lr=0.01 (validation error'
}
check 'select trains trials, reports one point'     selected
# Settings of the task beside the sweep's own: in stages, in a mixture, as slices of the evaluation, with a finite training set.
cat >"$work/slices.yaml" <<'END'
sweep: slices
task: { name: mqar, vocabulary: 32, pairs: 4 }
train:
  stages:
    - { lengths: 16, task: { pairs: 2 }, advance: { steps: 5 } }
    - { segments: [{ length: 16, share: 2 }, { length: 32, task: { pairs: 8 } }] }
  steps: 12
  batch: 16
  examples: 100
evaluate: { lengths: [16, 32], examples: 64, slices: [{ length: 16 }, { length: 16, task: { pairs: 2 } }, { name: blank, length: 32, task: { fill: blank } }] }
models: [{ name: gla, d_model: 8, heads: 2 }]
END
sliced() {
    "$program" run "$work/slices.yaml" --store "$work/slices" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    for column in 'error, 16 ' 'error, 16 pairs 2' 'error, blank'; do says "$work/out" "$column" || return 1; done
    "$program" export "$work/slices.yaml" --store "$work/slices" >"$work/slices.csv" || return 1
    column() { awk -F, -v name="$1" -v slice="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $at["slice"] == slice && $at["length"] == '"$3"' { print $at[name] }' "$work/slices.csv"; }
    [ "$(column supervised '16 pairs 2' 16)" = 128 ] || { echo "not two answers an example"; cat "$work/slices.csv"; return 1; }
    [ "$(column supervised 'blank' 32)" = 256 ] && [ "$(column errors_squared 16 16)" = "$(column errors_squared '' 16)" ]
}
check 'slices, a mixture and a finite training set' sliced
# Where a run may be computed, as the system sees it, once its training has begun.
places() {
    "$program" run "$smoke" --store "$work/places-$1" --threads 1 --jobs "$1" >/dev/null 2>&1 &
    pid=$!
    for i in $(seq 600); do ls "$work/places-$1"/*/log.jsonl >/dev/null 2>&1 && break; sleep 0.02; done
    read -r child rest <"/proc/$pid/task/$pid/children"
    sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$child/status"
    kill -INT $pid
    wait $pid
}
confined() {
    all=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status) part=$(places 1) whole=$(places "$(nproc)")
    [ "$part" = "$all" ] || { echo "one job of $(nproc) may run on '$part' only, not on '$all'"; return 1; }
    case $whole in '' | *[!0-9]*) echo "one of $(nproc) jobs may run on '$whole', not on one core"; return 1 ;; esac
}
if [ "$(nproc)" -gt 1 ] && [ -e /proc/$$/task/$$/children ]; then check 'who takes the whole machine confines its runs, who takes a part does not' confined; fi
check '--dry-run runs nothing'                      sh -c "'$program' run '$smoke' --store '$work/none' --dry-run | grep -q 'ms/step' && [ ! -e '$work/none' ]"
check '--only chooses'                              sh -c "'$program' run '$smoke' --store '$work/only' --only 'transformer.*s1' && [ \$(ls '$work/only' | grep -c word-problem) = 1 ]"
finish
