#!/usr/bin/env bash
# Instructions executed by three small replays, counted by callgrind: the same on every run of one binary, so
# that a regression of a few per cent shows. Prints instructions per request.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet --manifest-path "$root/Cargo.toml"
for scheduler in fcfs sjf hrrn; do
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$root/target/release/foretoken" --quiet replay \
    --trace "$root/traces/lmsys-like.csv.gz" --scheduler "$scheduler" --threads 1 \
    --set workload.arrivals.kind=poisson --set workload.rate_rps=84 --out "$work/$scheduler" \
    >/dev/null 2>"$work/log"
  awk -v name="$scheduler" '/Collected/ { printf "%-6s %d instructions, %d per request\n", name, $4, $4 / 20000 }' "$work/log"
done
