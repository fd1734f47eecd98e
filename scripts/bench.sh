#!/usr/bin/env bash
# Whole-process cost of the two benchmark replays: CPU seconds, peak memory, steps per second.
#   scripts/bench.sh AZURE_CONV_CSV [WORK_DIR]
# AZURE_CONV_CSV: the Azure 2023 conversation trace (plain or gzip). Needs GNU time as /usr/bin/time.
set -euo pipefail
azure=${1:?give the Azure 2023 conversation trace}
work=${2:-$(mktemp -d)}
mkdir -p "$work"
root=$(cd "$(dirname "$0")/.." && pwd)
cargo build --release --quiet --manifest-path "$root/Cargo.toml"
foretoken=$root/target/release/foretoken

measure() { # NAME ARGS...: five runs, the median by CPU
  local name=$1
  shift
  for _ in 1 2 3 4 5; do
    rm -rf "$work/out"
    /usr/bin/time -f '%U %S %M' -o "$work/time" "$foretoken" --quiet replay "$@" --out "$work/out" >/dev/null
    cat "$work/time"
  done | awk '{ print $1 + $2, $3 }' | sort -n | sed -n 3p >"$work/median"
  local steps
  steps=$(sed -n 's/^  "steps": \([0-9]*\),$/\1/p' "$work/out/summary.json")
  awk -v name="$name" -v steps="$steps" \
    '{ printf "%-28s %.2f CPU s, %.1f MiB, %d steps, %.1f M steps per CPU s\n", name, $1, $2 / 1024, steps, steps / $1 / 1e6 }' \
    "$work/median"
}

trace=$work/azure_100k.jsonl
[ -s "$trace" ] || python3 "$root/scripts/make_bench_trace.py" "$azure" "$trace"
measure "100k Azure pairs, fcfs" --trace "$trace" --engine vllm-v1-2025 --scheduler fcfs \
  --profile "$root/profiles/dynamo-polynomial.toml" --set kv.blocks=7424 --set kv.block_tokens=16 \
  --set kv.cache=off --set engine.max_tokens_per_step=2048 --set engine.max_seqs=256

million=$work/lmsys_1m.csv.gz
[ -s "$million" ] || "$foretoken" --quiet trace synth --like lmsys --requests 1000000 "$million" >/dev/null
for scheduler in fcfs sjf hrrn srpt; do
  measure "1M LMSYS-like, $scheduler" --trace "$million" --scheduler "$scheduler" \
    --set workload.arrivals.kind=poisson --set workload.rate_rps=84
done
# A log-t law is evaluated for each request.
measure "1M LMSYS-like, tie" --trace "$million" --scheduler tie --predictor law \
  --set workload.arrivals.kind=poisson --set workload.rate_rps=84
