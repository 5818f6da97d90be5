#!/bin/sh
# docs/adding.md to the letter: one file and one word each, in a copy of the tree.
. "$(dirname "$0")/../lib/cli.sh"

copy=$work/tree
mkdir "$copy"
(cd "$ROOT" && tar -cf - --exclude=./build --exclude=./.git --exclude=./results/runs .) | tar -xf - -C "$copy"
add() { cp "$ROOT/tests/examples/$2.c" "$copy/$3/" && sed -i "s/^\($1 *= \[\)/\1'$2', /" "$copy/meson.build"; }
check 'a mixer'         add mixers decay architectures
check 'an architecture' add architectures ngram architectures
check 'a task'          add tasks first_symbol tasks
build() { rm -r "$copy/tests/meson.build" && : >"$copy/tests/meson.build" && meson setup "$work/build" "$copy" && ninja -C "$work/build"; }
check 'are built'       build
check 'keep their promises' "$work/build/harness/scanbench" check decay ngram first-symbol
check 'stand in the lists'  sh -c "'$work/build/harness/scanbench' list | grep -q first-symbol"
check 'and any stack'       "$work/build/harness/scanbench" check hybrid 'stack=[decay, attention, gla]'
finish
