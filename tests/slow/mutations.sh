#!/bin/sh
# Do the tests test? In a copy of the tree each fault of mutations.txt is put in, alone: the tests named beside it must turn red.
. "$(dirname "$0")/../lib/cli.sh"

tree=$work/tree build=$work/build
minutes=5                                       # a test that takes longer has found nothing
ulimit -c 0
export TMPDIR="$work"                           # what red tests leave behind

mkdir "$tree" "$work/faults"
(cd "$ROOT" && tar cf - --exclude=./.git --exclude=./build --exclude=".${BUILD#"$ROOT"}" .) | tar xf - -C "$tree"
meson setup -Ddebug=false "$build" "$tree" >"$work/setup.log" 2>&1 || { cat "$work/setup.log"; exit 1; }

# faults/N.file, N.from, …: a file for each line. Prints their number.
split='/^#/ { next } NF == 0 { inside = 0; next } !inside { n++; inside = 1 }
    { key = $1; sub(/^ *[^ ]+ */, ""); sub(/ +$/, ""); printf "%s", $0 >(folder "/" n "." key); close(folder "/" n "." key) }
    END { print n }'
n=$(awk -v folder="$work/faults" "$split" "$tree/tests/slow/mutations.txt")
field() { cat "$work/faults/$1.$2"; }

# The file with TO for FROM, which is no pattern; the status is 1 unless it was there once.
replace='{ line = $0; at = index(line, ENVIRON["FROM"])
    if (at) { count++; size = length(ENVIRON["FROM"]); count += index(substr(line, at + size), ENVIRON["FROM"]) > 0
              line = substr(line, 1, at - 1) ENVIRON["TO"] substr(line, at + size) }
    print line } END { exit count != 1 }'

# A test is a program or, with .sh, a script of tests/cli.
targets() { for test; do case $test in *.sh) echo harness/scanbench ;; *) echo "tests/$test" ;; esac; done; }
cat >"$work/one" <<END
export BUILD='$build' ROOT='$tree'
case \$1 in *.sh) exec timeout ${minutes}m sh "\$ROOT/tests/cli/\$1" ;; *) exec timeout ${minutes}m "\$BUILD/tests/\$1" ;; esac
END

make() {
    ninja -C "$build" $(targets "$@") >"$work/build.log" 2>&1 && return
    echo 'does not compile:'
    tail -n 30 "$work/build.log"
    return 1
}

# Is one of these tests red?
red() {
    make "$@" || return 1
    for test; do
        sh "$work/one" "$test" >"$work/test.log" 2>&1 </dev/null
        case $? in
        0) echo "$test is green" ;;
        124) echo "$test runs for more than $minutes minutes" ;;
        125 | 126 | 127) echo "$test cannot be run" ;;
        *) return 0 ;;
        esac
    done
    return 1
}

found() {
    file=$(field "$1" file)
    cp "$tree/$file" "$work/original" || return 1
    FROM=$(field "$1" from) TO=$(field "$1" to) awk "$replace" "$work/original" >"$work/changed" ||
        { echo "stale: this does not stand in $file exactly once: $(field "$1" from)"; return 1; }
    cp "$work/changed" "$tree/$file"
    red $(field "$1" tests)
    result=$?
    cp "$work/original" "$tree/$file"
    return $result
}

all=$(for file in "$work"/faults/*.tests; do cat "$file"; echo; done | tr ' ' '\n' | sort -u)
one="sh '$work/one' {} >'$work/{}.log' 2>&1 </dev/null || { cat '$work/{}.log'; exit 1; }"
green() { make $all && echo "$all" | xargs -P "$(nproc)" -I{} sh -c "$one"; }
check 'without a fault every test is green'     green
[ $failures = 0 ] || finish

i=0
while [ $i -lt "$n" ]; do
    i=$((i + 1))
    check "red: $(field $i why) ($(field $i file))" found $i
done
finish
