//! One small trace of every format, and what it says.

use super::{fixture, gzip, rows_of};
use foretoken::length::LogT;
use foretoken::time::SimTime;
use foretoken::trace::{self, Format, Notes, ReadOptions, TraceRow};

const FILES: [(&str, Format); 14] = [
    ("foretoken.csv", Format::Foretoken),
    ("azure_2023.csv", Format::Azure),
    ("azure_2024.csv", Format::Azure),
    ("burstgpt_6.csv", Format::BurstGpt),
    ("burstgpt_8.csv", Format::BurstGpt),
    ("mooncake.jsonl", Format::Mooncake),
    ("qwen.jsonl", Format::Qwen),
    ("vidur.csv", Format::Vidur),
    ("vidur_lengths.csv", Format::VidurLengths),
    ("blis.csv", Format::Blis),
    ("sharegpt.json", Format::ShareGpt),
    ("lmsys.jsonl", Format::Lmsys),
    ("instruct.jsonl", Format::Instruct),
    ("samples.csv", Format::Samples),
];

/// Rows of a fixture as (arrival ns, prompt, output), with what the reader noted.
fn short(name: &str, options: &ReadOptions) -> (Vec<(u64, u32, u32)>, Notes) {
    let mut reader = trace::open(fixture(name), options).unwrap();
    let row = |r: TraceRow| (r.arrival.0, r.prompt_tokens, r.output_tokens);
    let rows = reader.by_ref().map(|r| row(r.unwrap())).collect();
    (rows, reader.notes().clone())
}

fn plain(name: &str) -> Vec<TraceRow> {
    rows_of(&fixture(name), &ReadOptions::default()).unwrap()
}

#[test]
fn content_tells_the_format() {
    for (name, format) in FILES {
        let reader = trace::open(fixture(name), &ReadOptions::default()).unwrap();
        assert_eq!(reader.format(), format, "{name}");
    }
}

/// Gzip (in two members), a byte order mark, Windows line ends and a named format change nothing.
#[test]
fn wrappings_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    for (name, format) in FILES {
        let bytes = std::fs::read(fixture(name)).unwrap();
        // The line end within a quoted cell is part of the text.
        let text = String::from_utf8(bytes.clone()).unwrap().replace(",\nplease", ", please");
        let expected = |text: &str| {
            let path = dir.path().join("expected");
            std::fs::write(&path, text).unwrap();
            rows_of(&path, &ReadOptions::default()).unwrap()
        };
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        let wrapped = [
            (gzip(&bytes), plain(name)),
            ([gzip(half), gzip(rest)].concat(), plain(name)),
            (gzip(&marked), expected(&text)),
            (marked, expected(&text)),
            (text.replace('\n', "\r\n").into_bytes(), expected(&text)),
            (text.trim_end().as_bytes().to_vec(), expected(&text)),
        ];
        for (i, (content, rows)) in wrapped.into_iter().enumerate() {
            let path = dir.path().join("wrapped");
            std::fs::write(&path, content).unwrap();
            for format in [None, Some(format)] {
                let found = rows_of(&path, &ReadOptions { format, ..ReadOptions::default() }).unwrap();
                assert_eq!(found, rows, "{name}, wrapping {i}, {format:?}");
            }
        }
    }
}

#[test]
fn foretoken_says_everything() {
    let rows = plain("foretoken.csv");
    let first = TraceRow {
        id: 0,
        arrival: SimTime(250_000_000),
        prompt_tokens: 600,
        output_tokens: 40,
        class: Some("chat".into()),
        session: Some("a".into()),
        turn: Some(0),
        priority: Some(-1),
        deadline_s: Some(2.5),
        max_tokens: Some(100),
        text: Some("Say \"hi\",\nplease".into()),
        prefix_hashes: vec![7, u64::MAX],
        law: Some(LogT { mu: 3.5, sigma: 0.25, nu: 3.5, cap: 2048 }),
    };
    assert_eq!(rows[0], first);
    let bare = TraceRow {
        id: 1,
        arrival: SimTime(250_000_000),
        prompt_tokens: 5,
        output_tokens: 1,
        ..TraceRow::default()
    };
    assert_eq!(rows[1], bare);
    assert_eq!(rows[2].arrival, SimTime(12_000_000_001));
    let (_, notes) = short("foretoken.csv", &ReadOptions::default());
    assert_eq!((notes.rows, notes.censored), (3, 1), "the third output is as long as its limit");
}

#[test]
fn azure_keeps_100_ns_over_midnight_and_knows_zones() {
    let (rows, _) = short("azure_2023.csv", &ReadOptions::default());
    assert_eq!(rows, [(0, 374, 44), (100, 396, 109), (60_500_000_100, 879, 55)]);
    let (rows, _) = short("azure_2024.csv", &ReadOptions::default());
    assert_eq!(rows, [(0, 2162, 5), (13_399_000, 2399, 6), (996_064_000, 76, 15)]);
}

#[test]
fn burstgpt_failures_are_counted_and_dropped_or_kept() {
    let (rows, notes) = short("burstgpt_6.csv", &ReadOptions::default());
    let s = 1_000_000_000;
    assert_eq!(rows, [(0, 472, 18), (40 * s, 1087, 230), (113 * s, 417, 276)]);
    assert_eq!((notes.rows, notes.failed, notes.dropped), (5, 2, 2));
    let (rows, notes) = short("burstgpt_6.csv", &ReadOptions { keep_failed: true, ..ReadOptions::default() });
    assert_eq!(rows[0], (0, 1, 1));
    assert_eq!(rows[3], (42 * s, 90, 1));
    assert_eq!((notes.rows, notes.failed, notes.dropped), (5, 2, 0));
    let ids: Vec<u32> = plain("burstgpt_6.csv").iter().map(|r| r.id).collect();
    assert_eq!(ids, [1, 2, 4], "rows keep their numbers");
    let rows = plain("burstgpt_8.csv");
    assert_eq!(rows[1].arrival, SimTime(40_500_000_000));
    assert_eq!(rows[1].session.as_deref(), Some("s1"));
    assert_eq!(rows[1].class.as_deref(), Some("ChatGPT"));
}

#[test]
fn mooncake_hashes_may_be_absent() {
    let rows = plain("mooncake.jsonl");
    let hashes: Vec<usize> = rows.iter().map(|r| r.prefix_hashes.len()).collect();
    assert_eq!(hashes, [3, 0, 0, 1]);
    let times: Vec<u64> = rows.iter().map(|r| r.arrival.0).collect();
    assert_eq!(times, [0, 97_023_000, 3_000_000_000, 3_000_000_000]);
    assert_eq!((rows[2].prompt_tokens, rows[2].output_tokens), (513, 3));
}

#[test]
fn qwen_chats_become_sessions() {
    let rows = plain("qwen.jsonl");
    let chats: Vec<_> = rows.iter().map(|r| (r.session.as_deref().unwrap(), r.turn.unwrap())).collect();
    assert_eq!(chats, [("159", 0), ("12", 3), ("159", 1), ("159", 2)]);
    assert_eq!(rows[0].arrival, SimTime(61_114_000_000));
    assert_eq!(rows[1].class.as_deref(), Some("search"));
    assert_eq!(rows[3].prefix_hashes, [1089, 1090, 1091, 2000]);
}

#[test]
fn vidur_blis_and_samples() {
    let (rows, _) = short("vidur.csv", &ReadOptions::default());
    assert_eq!(rows, [(97_023_000, 374, 44), (420_051_000, 396, 109)]);
    let (rows, _) = short("vidur_lengths.csv", &ReadOptions::default());
    assert_eq!(rows, [(0, 1047, 1368), (0, 74, 918)]);
    let (rows, notes) = short("blis.csv", &ReadOptions::default());
    assert_eq!(rows, [(97_023_000, 374, 44), (541_933_000, 879, 55)]);
    assert_eq!((notes.rows, notes.failed, notes.remarks.len()), (3, 1, 1));
    let last = &plain("blis.csv")[1];
    assert_eq!(
        (last.class.as_deref(), last.session.as_deref(), last.turn),
        (Some("batch"), Some("s7"), Some(3))
    );
    let reader = trace::open(fixture("samples.csv"), &ReadOptions::default()).unwrap();
    assert!(!reader.has_prompts() && !reader.has_times());
    let classes: Vec<_> =
        reader.map(|r| (r.as_ref().unwrap().class.clone().unwrap(), r.unwrap().output_tokens)).collect();
    assert_eq!(classes, [("0".into(), 41), ("0".into(), 36), ("7".into(), 5)]);
}

#[test]
fn every_assistant_message_is_a_request() {
    // 41, 17, 6 and 16 characters: 9, 4, 1 and 4 tokens by the estimate.
    let (rows, notes) = short("lmsys.jsonl", &ReadOptions::default());
    assert_eq!(rows, [(0, 9, 4), (0, 1, 4), (0, 4, 1)]);
    assert!(notes.remarks[0].contains("estimates: characters over 4.4"), "{:?}", notes.remarks);
    let history = ReadOptions { history: true, ..ReadOptions::default() };
    let (rows, _) = short("lmsys.jsonl", &history);
    assert_eq!(rows, [(0, 9, 4), (0, 9 + 4 + 1, 4), (0, 4, 1)]);
    let rows = rows_of(&fixture("lmsys.jsonl"), &history).unwrap();
    let text = "How many tokens is this message, roughly?\nAbout nine or so.\nThanks";
    assert_eq!(rows[1].text.as_deref(), Some(text));
    assert_eq!((rows[1].session.as_deref(), rows[1].turn), (Some("c0ffee"), Some(1)));
    assert_eq!(rows[2].class.as_deref(), Some("koala-13b"));
}

#[test]
fn sharegpt_braces_in_strings_and_odd_openings() {
    let rows = plain("sharegpt.json");
    let said: Vec<_> =
        rows.iter().map(|r| (r.id, r.session.as_deref().unwrap(), r.text.as_deref().unwrap())).collect();
    let first = "Write {one} \"} word\" only, please do it now.";
    // The assistant's opening has no prompt and its last message is empty: both count as failed.
    assert_eq!(said, [(0, "QWJ1", first), (1, "QWJ1", "Now another one."), (3, "1", "Be kind.\nHello")]);
    let (_, notes) = short("sharegpt.json", &ReadOptions::default());
    assert_eq!((notes.rows, notes.failed, notes.dropped), (5, 2, 2));
}

#[test]
fn limits_caps_and_sorting() {
    let limit = ReadOptions { limit: Some(2), ..ReadOptions::default() };
    assert_eq!(short("azure_2023.csv", &limit).0.len(), 2);
    let cap = ReadOptions { output_cap: Some(100), ..ReadOptions::default() };
    let (_, notes) = short("azure_2023.csv", &cap);
    assert_eq!(notes.censored, 1);
    assert_eq!(rows_of(&fixture("azure_2023.csv"), &cap).unwrap()[0].max_tokens, Some(100));
    let text = std::fs::read_to_string(fixture("azure_2023.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    let (_dir, path) = super::file("reversed.csv", lines.join("\n"));
    let sort = ReadOptions { sort: true, ..ReadOptions::default() };
    let rows = rows_of(&path, &sort).unwrap();
    let found: Vec<_> = rows.iter().map(|r| (r.id, r.arrival.0, r.prompt_tokens)).collect();
    assert_eq!(found, [(2, 0, 374), (1, 100, 396), (0, 60_500_000_100, 879)]);
}

#[test]
fn instruct_takes_the_files_counts_or_its_own() {
    let rows = plain("instruct.jsonl");
    let lengths: Vec<(u32, u32)> = rows.iter().map(|r| (r.prompt_tokens, r.output_tokens)).collect();
    assert_eq!(lengths, [(9, 13), (3, 1), (5, 8)]);
    assert_eq!(rows[1].text.as_deref(), Some("Add these:\n1 2"));
    assert_eq!(rows[1].class.as_deref(), Some("codegen"));
    // An empty answer is a request that was not answered; the row after it keeps its number.
    assert_eq!(rows[2].id, 3);
    let (_, notes) = short("instruct.jsonl", &ReadOptions::default());
    assert_eq!((notes.rows, notes.failed, notes.dropped), (4, 1, 1));
}
