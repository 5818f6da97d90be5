#!/bin/sh
# A sweep with a grid, slices and `select`: the panels of its figure, by the sweep file and by flags.
. "$(dirname "$0")/../lib/cli.sh"
cd "$work" || exit 1
command -v gnuplot >/dev/null || exit 77

cat >grid.yaml <<'END'
sweep: grid
task: { name: mqar, vocabulary: 64, pairs: 2 }
train: { lengths: 16, steps: 20, batch: 8 }
validate: { every: 10, examples: 32 }
evaluate: { lengths: [16, 32], examples: 32, slices: [{ length: 24, task: { pairs: 3 } }, { length: 32, task: { pairs: 5 } }] }
plot: { x: trained }
grid: { task.power: [0.01, 1], train.lengths: [16, 32], train.optimizer.lr: [0.003, 0.001] }
select: { grid: train.optimizer.lr, seeds: [100] }
models: [{ name: lstm, d_model: 8, layers: 1 }, { name: gru, d_model: 8, layers: 1 }]
END
titles() { "$program" plot grid.yaml --store s --term "$@" | sed -n 's/^ *grid\(.*\), token error$/\1/p' | tr '\n' ';'; }
titled() { wanted=$1; shift; got=$(titles "$@"); [ "$got" = "$wanted" ] || { echo "$got"; return 1; }; }
axis() { label=$1; shift; "$program" plot grid.yaml --store s -o figure.svg "$@" && grep -qF ">$label<" figure.svg; }
same_figure() { "$program" plot grid.yaml --store s -o run.png && cmp run.png s/figures/grid.png; }

check 'a sweep with a grid'                     "$program" run grid.yaml --store s
check '  its figure is what the sweep says'     axis 'length trained and tested at (symbols)'
check '  run draws the same'                    same_figure
check '  a panel a grid point, but for lengths' titled ', power 0.01;, power 1;'
check '  --x slice'                             axis 'setting of the task' --x slice
check '  a panel a grid point, in its order'    titled ', power 0.01, length 16;, power 1, length 16;, power 0.01, length 32;, power 1, length 32;' --x slice
check '  --x length'                            axis 'sequence length (symbols)' --x length
check '  --panels none'                         titled ';' --panels none --x length
sed 's/plot: .*/plot: { x: slice, panels: none }/' grid.yaml >one.yaml
none() { "$program" plot one.yaml --store s --term >out && grep -c 'token error' out | grep -qx 1 && says out 'gru, power 1, length 32'; }
check 'plot: { panels: none }'                  none
check '  trains nothing again'                  sh -c "'$program' run one.yaml --store s && ls -d s/mqar* | wc -l | grep -qx 24"
check 'a part: its own task in the title'       sh -c "'$program' plot grid.yaml --store s --only 'power=1 ' --term | grep -q 'grid: mqar, .*power 1'"
sed 's/x: trained/x: step/' grid.yaml >wrong.yaml
check 'an unknown x'                            sh -c "'$program' plot wrong.yaml --store s 2>&1 | grep -q \"'x' is 'step', not length, slice or trained\""
finish
