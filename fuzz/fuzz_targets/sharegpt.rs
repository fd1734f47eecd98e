//! Any bytes as a trace of format `sharegpt`.
#![no_main]

use foretoken::trace::{Format, fuzz_read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_read(Format::ShareGpt, bytes));
