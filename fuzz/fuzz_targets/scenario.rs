//! Any text as a scenario, with `--set` assignments before the first empty line.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| foretoken::scenario::fuzz_scenario(text));
