#!/usr/bin/env bash
# Cost of the sweep of scenarios/sweep-1000.toml (or another) on one thread and on all cores: wall and CPU
# seconds, runs per second, peak memory, parallel efficiency; and whether both gave the same bytes.
#   scripts/bench-sweep.sh [SCENARIO] [THREADS] [MORE FLAGS...]
# Needs GNU time as /usr/bin/time. Efficiency by the wall clock holds only on a machine that does nothing else.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
scenario=${1:-scenarios/sweep-1000.toml}
threads=${2:-$(nproc)}
shift $(($# > 2 ? 2 : $#))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet

measure() { # THREADS
  /usr/bin/time -f '%e %U %S %M' -o "$work/time$1" \
    target/release/foretoken --quiet sweep run "$scenario" --threads "$1" --out "$work/out$1" "${@:2}" >/dev/null
  local runs
  runs=$(($(wc -l <"$work/out$1/points.csv") - 1))
  awk -v runs="$runs" -v threads="$1" '{
    printf "%d threads: %d runs in %.1f s, %.1f runs/s; %.1f CPU s (%.1f user, %.1f system), %.2f CPUs in use; peak %.1f MiB\n",
      threads, runs, $1, runs / $1, $2 + $3, $2, $3, ($2 + $3) / $1, $4 / 1024 }' "$work/time$1"
}

measure 1 "$@"
measure "$threads" "$@"
cat "$work/time1" "$work/time$threads" | awk -v n="$threads" '
  NR == 1 { wall = $1; cpu = $2 + $3 }
  NR == 2 { printf "speed-up by wall clock %.2f of %d; CPU time %.2f of one thread'\''s\n", wall / $1, n, ($2 + $3) / cpu }'
diff -r "$work/out1" "$work/out$threads" && echo "same bytes"
