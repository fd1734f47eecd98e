#!/usr/bin/env python3
"""Write the benchmark trace: Azure-conversation length pairs, repeated, with Poisson arrivals, as Mooncake JSONL.

    scripts/make_bench_trace.py AzureLLMInferenceTrace_conv.csv[.gz] bench.jsonl

The defaults give 100,000 requests: the first 10,000 length pairs ten times over, 3 requests a second. A pair of more than
4,096 tokens keeps its output and has its prompt cut to fit. Each block of 512 prompt tokens has a hash of its own, so no
two requests share a prefix. Same arguments, same bytes.
"""

import argparse
import csv
import gzip
import math
import random
from pathlib import Path


def length_pairs(path, count, cap):
    """The first `count` (prompt, output) pairs of an Azure LLM trace, cut to `cap` tokens in total."""
    opened = gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")
    pairs = []
    with opened as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            if len(pairs) == count:
                break
            prompt, output = int(row["ContextTokens"]), int(row["GeneratedTokens"])
            if prompt < 1 or not 1 <= output < cap:
                raise SystemExit(f"{path}:{line}: {prompt} + {output} tokens cannot be cut to a total of {cap}")
            pairs.append((min(prompt, cap - output), output))
    if len(pairs) < count:
        raise SystemExit(f"{path}: {len(pairs)} rows, {count} needed: ask for fewer with --pairs")
    return pairs


def arrivals_ms(rate, seed):
    """Poisson arrivals at `rate` a second, in whole microseconds as milliseconds with three digits."""
    rng = random.Random(seed)
    now_s = 0.0
    while True:
        now_s += -math.log(1.0 - rng.random()) / rate
        yield f"{round(now_s * 1e6) / 1e3:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("azure_csv", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int, default=10_000, help="length pairs to take (default 10,000)")
    parser.add_argument("--repeat", type=int, default=10, help="times to repeat them (default 10)")
    parser.add_argument("--cap", type=int, default=4096, help="most tokens, prompt and output (default 4,096)")
    parser.add_argument("--rate", type=float, default=3.0, help="requests a second (default 3)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the arrivals (default 1)")
    args = parser.parse_args()

    pairs = length_pairs(args.azure_csv, args.pairs, args.cap)
    block = 0
    with args.out.open("w", newline="\n") as out:
        for (prompt, output), time_ms in zip(pairs * args.repeat, arrivals_ms(args.rate, args.seed)):
            blocks = -(-prompt // 512)
            hashes = ", ".join(map(str, range(block, block + blocks)))
            block += blocks
            out.write(
                f'{{"timestamp": {time_ms}, "input_length": {prompt}, '
                f'"output_length": {output}, "hash_ids": [{hashes}]}}\n'
            )


if __name__ == "__main__":
    main()
