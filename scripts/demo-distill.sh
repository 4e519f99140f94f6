#!/usr/bin/env bash
# `make demo-distill`: a small model learns to do without its four-shot prompt, from its own answers;
# bench/distill/README.md. Prints one table, and serves the student.
#
# `make demo-distill-arms` runs three seeds, and beside them half, a quarter and none of the on-policy steps, and the
# same budget spent on a policy gradient of the sampled token alone and on the teacher's own texts (off-policy).
# `scripts/demo-distill.sh arms "ARM"...` runs some of them, with CARGO_TARGET_DIR and STILLHOUSE_MODEL as of the Makefile.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/serving.sh

arms=${1:-one}
binary=$CARGO_TARGET_DIR/release/stillhouse
data=${STILLHOUSE_DEMO_DIR:-$HOME/.local/share/stillhouse-demo}
mkdir -p "$data/files"
still() { "$binary" --data-dir "$data" "$@"; }

if ! still account show demo >/dev/null 2>&1; then
    still organization create demo >/dev/null
    still account create demo --organization demo >/dev/null
fi
grant=$(still --json grant issue --account demo --teacher smollm2-135m --tier train \
    --purpose "the demonstration: a prompt goes into the weights" \
    --budget-tokens 100000000 --expires 7d | field grant id)

# The run file beside its data, with what is open in it filled in.
# A cold start has the teacher answer every row, so there are no more of them than are learnt from.
cp bench/distill/holdout.jsonl "$data/files"
head -n 384 bench/distill/train.jsonl >"$data/files/train.jsonl"
write() { # ARM SEED
    python3 - "$@" "$grant" "$STILLHOUSE_MODEL" "$data/files" <<'PYTHON'
import pathlib, re, sys, tomllib

arm, seed, grant, model, folder = sys.argv[1:]
text = pathlib.Path("bench/distill/demo.toml").read_text()
text = text.replace('"GRANT"', f'"{grant}"').replace('"MODEL"', f'"{model}"').replace("= SEED", f"= {seed}")
text = re.sub(r'^name = "demo.*$', f'name = "{arm} seed {seed}"', text, count=1, flags=re.M)
if arm == "policy gradient":
    text = text.replace('{ kind = "reverse_kl" }', '{ kind = "k1" }')
if part := {"on-policy, half": 2, "on-policy, quarter": 4}.get(arm):
    # The cold start is the other arms' own; of the stage that differs, a part.
    before, on = text.split("[stages.on_policy]\n")
    on = re.sub(r"^steps = (\d+)$", lambda steps: f"steps = {int(steps[1]) // part}", on, count=1, flags=re.M)
    text = f"{before}[stages.on_policy]\n{on}"
cold, on = (tomllib.loads(text)["stages"][name] for name in ("cold_start", "on_policy"))
if arm in ("cold start alone", "off-policy"):
    text = re.sub(r"^\[stages.on_policy\].*?(?=^\[evaluate\])", "", text, flags=re.M | re.S)
if arm == "off-policy":
    # As many answers of the teacher's own as the other arms have graded and written together.
    more = on["steps"] * on["learning"]["batch"] // cold["learning"]["batch"]
    text = text.replace(f'steps = {cold["steps"]}\n', f'steps = {cold["steps"] + more}\n', 1)
file = pathlib.Path(folder) / f"{re.sub('[^a-z]+', '-', arm)}-{seed}.toml"
file.write_text(text)
print(file)
PYTHON
}

told=()
run() { # ARM SEED
    file=$(write "$1" "$2")
    # 4: rejected, since it is not better than its start. That is a result too.
    still --json distill run "$file" >"${file%.toml}.json" || [ $? -eq 4 ]
    told+=("${file%.toml}.json")
}

if [ "$arms" = arms ]; then
    shift
    [ $# -gt 0 ] || set -- on-policy "policy gradient" "on-policy, half" "on-policy, quarter" "cold start alone" off-policy
    for arm; do
        for seed in 1 2 3; do run "$arm" "$seed"; done
    done
else
    run on-policy 1
fi
"$CARGO_TARGET_DIR/release/examples/table" "$data/runs" "${told[@]}"
echo
echo "The students' files and cards are in $data/runs/RUN/student; \"$binary --data-dir $data distill list\" names the runs."

# The first student goes on being served until Ctrl-C; without a terminal it is asked once.
[ "$arms" = arms ] && exit
listen=${STILLHOUSE_LISTEN:-127.0.0.1:8080}
candidate=candidate/$(field row id <"${told[0]}")
still model pull >/dev/null
secret=$(still --json key create --account demo --name demo --expires 7d | field secret)
serve "$binary" "$data" "$listen"
body='{"model": "'$candidate'", "prompt": "Nadia Petrov, 52, works in Oslo as a plumber.\nJSON:", "max_tokens": 48, "temperature": 0, "stop": ["}"]}'
echo
echo "The student is served on http://$listen/v1. This works as it stands:"
echo
echo "curl -sS http://$listen/v1/completions \\"
echo "  -H 'Authorization: Bearer $secret' -H 'Content-Type: application/json' \\"
echo "  -d '$body'"
echo
curl -sS --fail-with-body "http://$listen/v1/completions" \
    -H "Authorization: Bearer $secret" -H "Content-Type: application/json" -d "$body"
echo
if [ -t 1 ]; then wait "$server"; fi
