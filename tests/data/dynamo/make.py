#!/usr/bin/env python3
"""Remake this folder: trace.jsonl, and what the public package ai-dynamo answers to it with ample and with tight memory.

    python3 -m venv dynamo-venv
    dynamo-venv/bin/pip install --no-deps ai-dynamo==1.6.1 ai-dynamo-runtime==1.6.1
    dynamo-venv/bin/pip install typing_extensions
    dynamo-venv/bin/python make.py

(Without --no-deps pip asks for a package that is only a pointer to another index; the replay does not need it.)
"""

import csv
import json
import math
import random
from pathlib import Path

from dynamo.replay import run_trace_replay

HERE = Path(__file__).resolve().parent
COLUMNS = ["arrival_time_ms", "input_length", "output_length", "ttft_ms", "itl_ms", "e2e_latency_ms"]


def workload():
    """(arrival ms, prompt tokens, output tokens), in order of arrival; the first is not at 0."""
    rng = random.Random(20261121)

    def length(median, spread, low, high):
        return min(high, max(low, round(median * math.exp(spread * rng.gauss(0.0, 1.0)))))

    now = 137.25
    out = []
    for _ in range(90):  # calm: chat lengths at 5 a second
        now += rng.expovariate(5.0) * 1000
        out.append((now, length(500, 1.0, 1, 3500), length(120, 0.9, 1, 900)))
    now += 2000
    for _ in range(40):  # a burst at one instant, every fifth with one output token
        out.append((now, length(300, 0.8, 4, 1500), 1 if len(out) % 5 == 0 else length(80, 0.7, 2, 300)))
    now += 60_000  # the engine drains and idles
    for i in range(50):  # prompts of many chunks among short ones, some in pairs at one instant
        now += 0 if i % 4 == 3 else rng.expovariate(2.5) * 1000
        long = i % 3 == 0
        out.append((now, rng.randint(2049, 9000) if long else rng.randint(1, 200), rng.randint(1, 250)))
    for prompt in (2047, 2048, 2049, 4096, 4097, 16, 15, 17, 1, 1):  # at the edges of a chunk and of a block
        now += 15_000
        out.append((now, prompt, rng.choice((1, 2, 16, 17))))
    now += 30_000
    for _ in range(110):  # overload: 60 a second, long outputs
        now += rng.expovariate(60.0) * 1000
        out.append((now, length(400, 0.7, 1, 2500), length(350, 0.5, 1, 900)))
    return [(round(ms, 3), prompt, output) for ms, prompt, output in out]


def write_trace(path):
    """Mooncake JSONL; every block of 512 prompt tokens has a hash of its own (nothing is shared)."""
    block = 0
    with path.open("w", newline="\n") as file:
        for ms, prompt, output in workload():
            blocks = math.ceil(prompt / 512)
            row = {"timestamp": ms, "input_length": prompt, "output_length": output}
            row["hash_ids"] = list(range(block, block + blocks))
            block += blocks
            file.write(json.dumps(row) + "\n")


def write_answer(trace, path, blocks):
    """Replay `trace` with `blocks` blocks of 16 tokens; one row a request, in the order of the trace."""
    engine = {
        "backend": "vllm",
        "num_gpu_blocks": blocks,
        "block_size": 16,
        "max_num_seqs": 256,
        "max_num_batched_tokens": 2048,
        "enable_prefix_caching": False,
    }
    report = run_trace_replay(
        [str(trace)], extra_engine_args={"engine": engine}, trace_block_size=512, capture_per_request=True
    )
    # The package names requests at random and lists those of one instant by name: back to the order of the trace.
    # No two requests of one instant have the same lengths, so lengths tell them apart.
    place = {request: index for index, request in enumerate(shifted(workload()))}
    assert len(place) == len(report.per_request), "two requests of one instant have the same lengths"
    rows = sorted((dict(row) for row in report.per_request), key=lambda row: place[lengths_at(row)])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def lengths_at(row):
    """What tells one request of the report from another."""
    return round(row["arrival_time_ms"], 3), row["input_length"], row["output_length"]


def shifted(requests):
    """The same requests with the first at 0, as the package reports them."""
    start = requests[0][0]
    return [(round(ms - start, 3), prompt, output) for ms, prompt, output in requests]


if __name__ == "__main__":
    write_trace(HERE / "trace.jsonl")
    for kv_blocks in (7424, 640):
        write_answer(HERE / "trace.jsonl", HERE / f"polynomial_{kv_blocks}.csv", kv_blocks)
