//! A short deterministic run of the fuzzing harness: small traces, mutated.

use super::fixture;
use foretoken::rng::Stream;
use foretoken::trace::{Format, fuzz_read};

const SEEDS: [&str; 14] = [
    "foretoken.csv",
    "azure_2023.csv",
    "azure_2024.csv",
    "burstgpt_6.csv",
    "burstgpt_8.csv",
    "mooncake.jsonl",
    "qwen.jsonl",
    "vidur.csv",
    "vidur_lengths.csv",
    "blis.csv",
    "sharegpt.json",
    "lmsys.jsonl",
    "instruct.jsonl",
    "samples.csv",
];

/// Bytes that parsers care about.
const SPICE: &[u8] = b"\"\\{}[],;.\n\r\0-+eE9\xff\xef ";

fn mutate(bytes: &mut Vec<u8>, chance: &mut Stream) {
    for _ in 0..1 + chance.below(4) {
        let at = chance.below(bytes.len() as u64 + 1) as usize;
        let spice = SPICE[chance.below(SPICE.len() as u64) as usize];
        match chance.below(5) {
            0 => bytes.insert(at, spice),
            1 if at < bytes.len() => bytes[at] = spice,
            2 if at < bytes.len() => bytes[at] = chance.bits() as u8,
            3 => bytes.truncate(at.max(1)),
            _ => {
                let piece = bytes[at..(at + 40).min(bytes.len())].to_vec();
                let to = chance.below(bytes.len() as u64 + 1) as usize;
                bytes.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn mutated_traces_never_panic() {
    for (i, name) in SEEDS.into_iter().enumerate() {
        let seed = std::fs::read(fixture(name)).unwrap();
        let format = Format::detect(&seed).unwrap();
        let mut chance = Stream::new(1, 0, "fuzz", i as u64);
        for _ in 0..400 {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut chance);
            fuzz_read(format, &bytes);
            let _ = Format::detect(&bytes);
        }
        Format::all().for_each(|other| fuzz_read(other, &seed));
    }
}
