//! The harness that fuzzing and its short deterministic run share.

use super::input::Input;
use super::{Format, ReadOptions, Reader, Tokenizer};
use std::path::Path;

/// Reads `bytes` as `format` in two ways; whatever they hold, it must end in rows that keep their promises
/// or in an error, never in a panic. Parquet is not fuzzed: its decoder is not ours.
#[doc(hidden)]
pub fn fuzz_read(format: Format, bytes: &[u8]) {
    if format == Format::LmsysParquet {
        return;
    }
    let plain = ReadOptions { format: Some(format), ..ReadOptions::default() };
    let odd = ReadOptions {
        ignore_extra: true,
        keep_failed: true,
        sort: true,
        history: true,
        output_cap: Some(100),
        hash_block_tokens: Some(1),
        tokenizer: Tokenizer::Estimate,
        ..plain.clone()
    };
    for options in [plain, odd] {
        let input = Input::from_bytes(Path::new("fuzz"), bytes.to_vec());
        let Ok(reader) = input.and_then(|input| Reader::new(input, &options)) else { continue };
        let mut last = None;
        for row in reader.map_while(Result::ok) {
            assert!(row.prompt_tokens >= 1 && row.output_tokens >= 1, "empty request {row:?}");
            assert!(last.is_none_or(|last| row.arrival >= last), "out of order {row:?}");
            last = Some(row.arrival);
        }
    }
}
