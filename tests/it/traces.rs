//! Traces: what is written is read back, every format says what it should, bad input says where it is bad.

mod bad;
mod figures;
mod fuzzed;
mod golden;
mod whole;

use foretoken::error::Result;
use foretoken::length::LogT;
use foretoken::time::SimTime;
use foretoken::trace::{self, Columns, Format, ReadOptions, TraceRow};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// A file of the given content, gone with the returned directory.
fn file(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

/// A small trace of ours.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces").join(name)
}

/// `bytes` in gzip.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, bytes).unwrap();
    packer.finish().unwrap()
}

fn rows_of(path: &Path, options: &ReadOptions) -> Result<Vec<TraceRow>> {
    trace::open(path, options)?.collect()
}

fn rows(content: &str) -> Result<Vec<TraceRow>> {
    let (_dir, path) = file("t", content);
    rows_of(&path, &ReadOptions::default())
}

fn label() -> impl Strategy<Value = Option<Box<str>>> {
    prop::option::of("[a-zA-Z0-9 ,\"'\n\r;é漢]{1,12}".prop_map(|s| s.into_boxed_str()))
}

fn law() -> impl Strategy<Value = Option<LogT>> {
    let law = (-5.0..12.0, 0.0..3.0, 0.5..30.0, 1u32..100_000);
    prop::option::of(law.prop_map(|(mu, sigma, nu, cap)| LogT { mu, sigma, nu, cap }))
}

prop_compose! {
    fn row()(
        prompt_tokens in 1u32..100_000,
        output_tokens in 1u32..100_000,
        gap in prop_oneof![Just(0), 1u64..2_000_000_000, 1u64..1_000_000_000_000_000],
        (class, session, text) in (label(), label(), label()),
        turn in prop::option::of(0u32..50),
        priority in prop::option::of(-5i32..5),
        deadline_s in prop::option::of(0.0f64..1e4),
        max_tokens in prop::option::of(1u32..10_000),
        hashes in prop::collection::vec(any::<u64>(), 0..4),
        law in law(),
    ) -> TraceRow {
        let blocks = prompt_tokens.div_ceil(512) as usize;
        TraceRow {
            id: 0, arrival: SimTime(gap), prompt_tokens, output_tokens, class, session, turn, priority,
            deadline_s, max_tokens, text, prefix_hashes: hashes.into_iter().take(blocks).collect(), law,
        }
    }
}

fn trace_rows() -> impl Strategy<Value = Vec<TraceRow>> {
    (prop::collection::vec(row(), 1..20), 0u32..1000).prop_map(|(mut rows, first)| {
        let mut at = 0;
        for (i, row) in rows.iter_mut().enumerate() {
            at += row.arrival.0;
            row.arrival = SimTime(at);
            row.id = first + i as u32;
        }
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_back(rows in trace_rows()) {
        let dir = tempfile::tempdir().unwrap();
        let columns = Columns::scan(&rows);
        let read = |name: &str| {
            let path = dir.path().join(name);
            let n = trace::write(&path, columns, rows.iter().cloned().map(Ok)).unwrap();
            assert_eq!(n as usize, rows.len());
            let reader = trace::open(&path, &ReadOptions::default()).unwrap();
            assert_eq!(reader.format(), Format::Foretoken);
            assert_eq!(reader.columns(), columns);
            reader.collect::<Result<Vec<TraceRow>>>().unwrap()
        };
        prop_assert_eq!(&read("plain.csv"), &rows);
        prop_assert_eq!(&read("packed.csv.gz"), &rows);
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn mooncake_reads_what_any_json_writer_writes(
        requests in prop::collection::vec((0u64..5_000_000, 1u32..3000, 1u32..900, any::<u64>(), any::<bool>()), 1..30),
    ) {
        let mut us = 0;
        let (mut text, mut expected) = (String::new(), Vec::new());
        for (gap_us, prompt_tokens, output_tokens, hash, hashed) in requests {
            us += gap_us;
            let blocks = if hashed { prompt_tokens.div_ceil(512) } else { 0 };
            let prefix_hashes: Vec<u64> = (0..u64::from(blocks)).map(|i| hash.wrapping_add(i)).collect();
            let line = serde_json::json!({
                "timestamp": us as f64 / 1000.0, "input_length": prompt_tokens,
                "output_length": output_tokens, "hash_ids": prefix_hashes,
            });
            text += &format!("{line}\n");
            let id = expected.len() as u32;
            let arrival = SimTime(us * 1000);
            expected.push(TraceRow { id, arrival, prompt_tokens, output_tokens, prefix_hashes, ..TraceRow::default() });
        }
        prop_assert_eq!(rows(&text).unwrap(), expected);
    }
}

#[test]
fn lines_are_counted_right() {
    for end in ["\n", "\r\n"] {
        let text =
            ["arrival_s,prompt_tokens,output_tokens,text", "0,1,1,\"a\nb\"", "", "1,1,1,c", "2,x,1,d", ""]
                .join(end);
        let message = rows(&text).unwrap_err().to_string();
        assert!(message.contains("line 6, column prompt_tokens: `x`"), "{end:?} {message}");
        let text = ["arrival_s,prompt_tokens,output_tokens", "0,1,1", "1,0,1"].join(end);
        let message = rows(&text).unwrap_err().to_string();
        assert!(message.contains("line 3, column prompt_tokens: 0 tokens"), "{end:?} {message}");
        let text = ["arrival_s,prompt_tokens,output_tokens", "0,1,1", "1,1", "2,2,2"].join(end);
        let message = rows(&text).unwrap_err().to_string();
        assert!(message.contains("line 3: 2 cells where the header has 3"), "{end:?} {message}");
    }
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows_of(&fixture("foretoken.csv"), &ReadOptions::default()).unwrap();
    let columns = Columns::scan(&rows);
    let bytes = |name: &str| {
        let path = dir.path().join(name);
        trace::write(&path, columns, rows.iter().cloned().map(Ok)).unwrap();
        std::fs::read(path).unwrap()
    };
    let packed = bytes("a.csv.gz");
    assert_eq!(packed, bytes("another name.csv.gz"));
    assert_eq!(packed[4..8], [0; 4], "no time in the gzip header");
    assert_eq!(bytes("a.csv"), std::fs::read(fixture("foretoken.csv")).unwrap());
}

#[test]
fn a_write_that_fails_leaves_the_old_file() {
    let (dir, path) = file("t.csv", "old");
    let failing = [Ok(TraceRow { prompt_tokens: 1, output_tokens: 1, ..TraceRow::default() })]
        .into_iter()
        .chain([Err(foretoken::error::Error::Usage("no more".to_string()))]);
    assert!(trace::write(&path, Columns::default(), failing).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_hash_is_of_the_raw_file_however_little_was_read() {
    // sha256 of "arrival_s,prompt_tokens,output_tokens\n0,1,1\n" from sha256sum(1).
    let (_dir, path) = file("t", "arrival_s,prompt_tokens,output_tokens\n0,1,1\n");
    let options = ReadOptions { hash: true, limit: Some(0), ..ReadOptions::default() };
    let reader = trace::open(&path, &options).unwrap();
    let expected = "f722a776211f73736d60f8815bce28276ce3516248d97b30cef78e6bac38f642";
    assert_eq!(reader.sha256().unwrap().as_deref(), Some(expected));
    let mut reader = trace::open(&path, &ReadOptions { limit: None, ..options }).unwrap();
    assert_eq!(reader.by_ref().count(), 1);
    assert_eq!(reader.sha256().unwrap().as_deref(), Some(expected));
    assert_eq!(trace::open(&path, &ReadOptions::default()).unwrap().sha256().unwrap(), None);
}
