#!/bin/sh
# Who may include whom, and a few habits that a search can check.
. "$(dirname "$0")/../lib/cli.sh"
cd "$ROOT" || exit 1

# arrow FOLDER ALLOWED…: no file of the folder includes from any other folder.
arrow() {
    folder=$1
    shift
    allowed=$(echo "$folder $*" | tr ' ' '|')
    wrong=$(grep -rnoE '#include "[a-z]+/' "$folder" --include='*.[ch]' | grep -vE "\"($allowed)/$")
    [ -z "$wrong" ] || { echo "$wrong"; return 1; }
}
check 'base includes nobody'                     arrow base
check 'nn includes base'                         arrow nn base
check 'architectures include nn, base'           arrow architectures nn base
check 'tasks include base, never nn'             arrow tasks base
check 'results include base'                     arrow results base
check 'plots include results, base'              arrow plots results base
check 'harness includes everything but tests'    arrow harness base nn architectures tasks results plots

none() { found=$(grep -rnE "$1" $2 --include='*.[ch]' | grep -vE "${3:-^$}"); [ -z "$found" ] || { echo "$found"; return 1; }; }
everything='base nn architectures tasks results plots harness'
check 'one parallel region, in team.c'           sh -c "[ \"\$(grep -rlE '^ *# *pragma omp parallel' $everything)\" = nn/team.c ]"
check 'one file knows the matrix library'        none 'cblas_|openblas_' "$everything" '^nn/gemm.c'
check 'files are changed in base/file.c alone'   none '(^|[^>_a-z])(fopen|open|creat|openat|rename|unlink|fsync|mkdir)\(' "$everything" '^base/file.c|O_RDONLY|, "r"'
check 'no setlocale, no fast-math'               none 'setlocale|ffast-math' "$everything"
check 'no unfinished marks'                      none '\b(TODO|FIXME|XXX|HACK)\b|#if 0' "$everything tests"
long_files() { long=$(find $everything -name '*.[ch]' | xargs wc -l | awk '$2 != "total" && $1 > 500'); [ -z "$long" ] || { echo "$long"; return 1; }; }
check 'no file over 500 lines'                   long_files
finish
