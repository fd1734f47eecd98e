//! Any bytes as a trace of format `vidur-lengths`.
#![no_main]

use foretoken::trace::{Format, fuzz_read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_read(Format::VidurLengths, bytes));
