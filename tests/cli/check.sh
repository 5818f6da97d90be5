#!/bin/sh
# check, forward, init, the documents made from the declarations, and the examples of docs/adding.md, run as written.
. "$(dirname "$0")/../lib/cli.sh"
examples=$BUILD/tests/examples/scanbench

# ---- check

whole() { "$program" check >"$work/out" 2>"$work/err" || { cat "$work/err"; sed -n '/^broken/,$p' "$work/out"; return 1; }; }
check 'everything keeps its promises' whole
for property in causality batch 'forward = step' 'forward = step, double' state 'save, load' threads memorise gradients; do
    walks() {
        "$program" list architectures | sed -n 's/^  \([^ ]*\) .*/\1/p' >"$work/names"
        [ -s "$work/names" ] || return 1
        while read -r one; do
            grep -qE "^$one +$property +[0-9]+ .* ok" "$work/out" || { echo "$one: no '$property'"; return 1; }
        done <"$work/names"
    }
    check "  of every architecture: $property" walks
done
check '  a scan is compared with its counter'   grep -qE '^psm-softmax +scan = counter +[0-9]' "$work/out"
floors() {
    "$program" list tasks | sed -n 's/^  \([^ ]*\) .*/\1/p' | while read -r one; do
        grep -qE "^$one +floor: chance" "$work/out" && grep -qE "^$one +purity +1 +0 +0 +ok" "$work/out" || { echo "$one"; exit 1; }
    done
}
check '  and of every task, with its floors'    floors
held_out() {
    "$program" check word-problem group=S5 holdout_transitions=0.2 --property 'held out' >"$work/out" &&
        grep -qE ' held out: training +1 +0 +0 +ok' "$work/out" && grep -qE ' held out: test +1 +0\.2[01]? ' "$work/out"
}
check '  training takes no held-out transition' held_out

# finds FAULT PROPERTY LENGTH: a mixer with this fault breaks the property, first at this length, and the status is 1.
finds() {
    status_is 1 "$examples" check faulty fault="$1" --property "$2" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err"; return 1; }
    says "$work/out" "broken: faulty fault=$1: $2" && says "$work/out" "at length $3, the shortest that fails"
}
check 'no fault, nothing broken'                "$examples" check faulty
check 'finds a look into the future'            finds future causality 2
check '  that training hides, but a stream not' finds future 'forward = step' 2
check 'finds sequences that see each other'     finds rows batch 1
check 'finds a step that differs'               finds step 'forward = step' 1
check '  from token 34 on only'                 finds late-step 'forward = step' 34
check '  in double, too'                        finds late-step 'forward = step, double' 34
check 'finds a wrong gradient'                  finds gradient gradients 1
check 'finds a state that grows'                finds leak state 64
check '  and a theory that does not fit'        finds state state 1
check 'finds what is no number'                 finds nan 'forward = step' 5
check '  and cannot be learned'                 finds nan memorise 13
check 'finds bits that depend on threads'       finds threads threads 1
named() { grep -q '^  { name: hybrid, stack: \[{ name: faulty, fault: threads }\], d_model: 16 }$' "$work/out"; }
check '  and names the configuration'           named

tsv() { "$program" check transformer layers=1 --format tsv --property gradients >"$work/out" && awk -F'\t' 'NF != 10 { exit 1 } END { exit NR != 1 }' "$work/out"; }
check 'as lines with tabs'                      tsv
check 'a mixer by its name'                     sh -c "'$program' check attention heads=2 --property batch | grep -q '^attention heads=2'"
check 'random configurations by their seed'     sh -c "[ \"\$('$program' check transformer --property state --random 2 --seed 1)\" = \"\$('$program' check transformer --property state --random 2 --seed 1)\" ]"

message() { says_what=$1; shift; "$program" "$@" >"$work/out" 2>"$work/err"; [ $? = 2 ] && says "$work/err" "$says_what" && [ ! -s "$work/out" ]; }
check 'an unknown name'                         message "did you mean 'transformer'?" check trnsformer
check 'an unknown option'                       message "did you mean 'd_model'?" check transformer d_modle=3
check 'options that do not fit'                 message 'heads: 3 does not divide d_model: 16' check transformer heads=3
check 'a value out of range'                    message "'layers'" check transformer layers=0
check 'options of everything'                   message 'options go with one name' check all layers=1
check 'an option without a name'                message 'layers=1' check layers=1
check 'no value'                                message 'write key=value' check transformer =1

for command in check forward init; do
    check "$command --help"                     sh -c "'$program' $command --help | grep -q '^usage: scanbench $command'"
done

# ---- forward, init

cat >"$work/m.yaml" <<'EOF'
name: transformer
label: any
d_model: 8
heads: 2
max_length: 16
init: { matrices: 0.3 }
vocabulary: { input: 7, output: 5 }
seed: 3
EOF
check 'init writes weights'                     "$program" init "$work/m.yaml" -o "$work/w.safetensors"
check '  the same again'                        sh -c "'$program' init '$work/m.yaml' --seed 3 -o '$work/again.safetensors' && cmp '$work/w.safetensors' '$work/again.safetensors'"
check '  others from another seed'              sh -c "'$program' init '$work/m.yaml' --seed 4 -o '$work/other.safetensors' && ! cmp -s '$work/w.safetensors' '$work/other.safetensors'"

# A safetensors file of one array of ints: ints FILE NAME ROWS COLUMNS VALUE…
octal() { printf '\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
ints() {
    file=$1 name=$2 rows=$3 columns=$4
    shift 4
    header="{\"$name\":{\"dtype\":\"I32\",\"shape\":[$rows,$columns],\"data_offsets\":[0,$((rows * columns * 4))]}}"
    { printf "$(octal ${#header})$(octal 0)%s" "$header"; for value; do printf "$(octal "$value")"; done; } >"$file"
}
ints "$work/tokens.safetensors" tokens 2 3  1 2 3 4 5 6
ints "$work/short.safetensors" targets 1 2  0 1
ints "$work/targets.safetensors" targets 2 3  -1 2 3 4 0 1
forward() { "$program" forward "$work/m.yaml" --weights "$work/w.safetensors" --tokens "$work/tokens.safetensors" "$@"; }
header() { head -c 20000 "$1" | tail -c +9 | tr -d '\000' | head -1; }
check 'forward'                                 forward -o "$work/o.safetensors"
shapes() { header "$work/o.safetensors" | grep -aq '"hidden":{"dtype":"F32","shape":\[2,3,8\]' && header "$work/o.safetensors" | grep -aq '"logits":{"dtype":"F32","shape":\[2,3,5\]'; }
check '  hidden and logits'                     shapes
check '  the weights of the seed where none are given' sh -c "'$program' forward '$work/m.yaml' --tokens '$work/tokens.safetensors' -o '$work/p.safetensors' && cmp '$work/o.safetensors' '$work/p.safetensors'"
gradients() { forward --targets "$work/targets.safetensors" --double --threads 1 -o "$work/g.safetensors" && header "$work/g.safetensors" | grep -aq '"grad.layers.1.mixer.qkv.weight":{"dtype":"F64","shape":\[8,24\]' && header "$work/g.safetensors" | grep -aq '"loss"'; }
check '  loss and gradients, in double'         gradients

message_of() { message "$1" forward "$work/m.yaml" --tokens "$work/tokens.safetensors" -o "$work/x.safetensors" --weights "$2"; }
sed 's/d_model: 8/d_model: 12/' "$work/m.yaml" >"$work/wide.yaml"
sed 's/init: .*/mlp: none/' "$work/m.yaml" >"$work/bare.yaml"
"$program" init "$work/wide.yaml" -o "$work/wide.safetensors"
"$program" init "$work/bare.yaml" -o "$work/bare.safetensors"
check 'misshapen weights'                       message_of "'layers.0.mixer.qkv.weight' has the shape [12, 36], the model's has [8, 24]" "$work/wide.safetensors"
check 'missing weights'                         message_of "'layers.0.mlp.up.weight' [8, 32] is missing" "$work/bare.safetensors"
check 'weights too many'                        message "'layers.1.mlp.down.weight' [32, 8] is no weight of this model" forward "$work/bare.yaml" --tokens "$work/tokens.safetensors" -o "$work/x.safetensors" --weights "$work/w.safetensors"
check 'no such file of weights'                 message_of 'no-such' "$work/no-such.safetensors"
ints "$work/large.safetensors" tokens 1 2  6 7
check 'a token outside the vocabulary'          message "'tokens'[0, 1] is 7, outside [0, 6]" forward "$work/m.yaml" --tokens "$work/large.safetensors" -o "$work/x.safetensors"
check 'targets of another shape'                message "'targets' is [1, 2], 'tokens' [2, 3]" forward "$work/m.yaml" --tokens "$work/tokens.safetensors" --targets "$work/short.safetensors" -o "$work/x.safetensors"
check 'weights instead of tokens'               message "'tokens' must be an I32 or I64 array [B, T]" forward "$work/m.yaml" --tokens "$work/w.safetensors" -o "$work/x.safetensors"
ints "$work/long.safetensors" tokens 1 17  0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
check 'more tokens than positions'              message 'max_length: 17' forward "$work/m.yaml" --tokens "$work/long.safetensors" -o "$work/x.safetensors"
check 'no output named'                         message '-o FILE' forward "$work/m.yaml" --tokens "$work/tokens.safetensors"
printf 'name: transformer\nd_model: 8\n' >"$work/no.yaml"
check 'no vocabulary'                           message 'vocabulary: { input: 10, output: 10 }' init "$work/no.yaml" -o "$work/x.safetensors"
printf 'name: transformer\nd_modl: 8\nvocabulary: { input: 3 }\n' >"$work/bad.yaml"
check 'a wrong model: every fault with its line' sh -c "'$program' init '$work/bad.yaml' -o '$work/x.safetensors' 2>&1 | grep -q 'bad.yaml:2:1: error: unknown key .d_modl'"
check 'a folder that is not there'              status_is 3 "$program" init "$work/m.yaml" -o "$work/none/w.safetensors"

# ---- documents

written() {
    sed -n '/^<!-- list --weights -->$/,$p' "$ROOT/docs/weights.md" | tail -n +2 >"$work/written"
    "$program" list --weights | diff "$work/written" - ||
        { echo "docs/weights.md must end with what 'scanbench list --weights' prints"; return 1; }
}
check 'docs/weights.md is what is declared'     written
# Each of our names in the tables of PyTorch's names is a weight, and each weight of those architectures stands there (but for the
# norms that PyTorch's recurrent stacks have not).
mapped() {
    for one in transformer mamba gla lstm gru; do
        "$program" list --weights $one | sed -n 's/^| `\([^`]*\)` |.*|  |$/\1/p' >"$work/list"
        case $one in lstm | gru) grep -v 'norm' "$work/list" ;; *) cat "$work/list" ;; esac | sort >"$work/ours"
        awk -v one="\`$one\`" '/^##/ { inside = index($0, one) } inside' "$ROOT/docs/weights.md" |
            sed -n 's/^|[^|]*| `\([^`]*\)` |.*/\1/p' | sort >"$work/theirs"
        [ -s "$work/ours" ] && diff "$work/ours" "$work/theirs" || { echo "of $one"; return 1; }
    done
}
check '  and PyTorch names cover all of it'     mapped

# ---- the examples of docs/adding.md

shown() {
    awk -v name="$1" '$0 == "<!-- " name " -->" { found = 1; next } found && /^```c$/ { inside = 1; next } inside && /^```$/ { exit } inside' "$ROOT/docs/adding.md" >"$work/shown"
    diff "$work/shown" "$ROOT/tests/examples/$1"
}
for file in decay.c ngram.c first_symbol.c; do check "docs/adding.md shows $file" shown $file; done
check 'a mixer, an architecture and a task more' "$examples" check decay ngram first-symbol
check '  are listed'                            sh -c "'$examples' list | grep -q decay-network && '$examples' list ngram | grep -q context && '$examples' list first-symbol | grep -q 'target 3 3 3'"
cat >"$work/sweep.yaml" <<'EOF'
sweep: examples
task: { name: first-symbol, symbols: 4 }
train: { lengths: 4, steps: 30, batch: 8, optimizer: { name: adamw, lr: 0.01 } }
evaluate: { lengths: [4, 8], examples: 32 }
seeds: [0]
models:
  - { name: decay-network, d_model: 16 }
  - { name: ngram, d_model: 16, context: 2 }
  - { name: hybrid, d_model: 16, stack: [decay, attention] }
EOF
check '  are trained by a sweep'                "$examples" run "$work/sweep.yaml" --store "$work/store"
check '  are drawn and tabled'                  sh -c "'$examples' table '$work/sweep.yaml' --store '$work/store' | grep -q decay-network"
finish
