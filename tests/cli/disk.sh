#!/bin/sh
# The world's trouble: a full disk and a read-only store say so in one line, and lose nothing. Needs root and mounts.
. "$(dirname "$0")/../lib/cli.sh"

mkdir "$work/small" "$work/sealed"
mount -t tmpfs -o size=64k tmpfs "$work/small" 2>/dev/null || exit 77
trap 'umount "$work/small" 2>/dev/null; umount "$work/sealed" 2>/dev/null; rm -rf "$work"' EXIT

full() {
    status_is 3 "$program" run "$smoke" --store "$work/small/store" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    says "$work/err" 'No space left' && [ "$(grep -c '^error: ' "$work/err")" = 1 ]
}
check 'a full disk: one clear line, status 3' full
more_room() { mount -o remount,size=64m "$work/small" && "$program" run "$smoke" --store "$work/small/store" >"$work/out" 2>"$work/err"; }
check '  with room again the same command finishes' more_room
check '  (a run elsewhere, to compare)' "$program" run "$smoke" --store "$work/plain"
check '  with the same bits' same_results "$work/plain" "$work/small/store"

read_only() {
    mount -t tmpfs tmpfs "$work/sealed" && cp -r "$work/plain" "$work/sealed/store" && rm -r "$work"/sealed/store/*s1* && mount -o remount,ro "$work/sealed" || return 1
    status_is 3 "$program" run "$smoke" --store "$work/sealed/store" >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    says "$work/err" "$work/sealed/store" && says "$work/err" 'ead-only' && [ "$(grep -c '^error: ' "$work/err")" = 1 ]
}
check 'a read-only store: one clear line, status 3' read_only
check '  can still be read' sh -c "'$program' table '$smoke' --store '$work/sealed/store' | grep -q psm-softmax"
check '  and drawn elsewhere' "$program" plot "$smoke" --store "$work/sealed/store" -o "$work/figure.png"
finish
