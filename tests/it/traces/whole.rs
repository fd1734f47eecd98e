//! What a row means whatever the format: failed without output tokens, whole prompts, times from the first arrival.

use super::file;
use assert_cmd::Command;
use foretoken::error::Result;
use foretoken::trace::{self, Notes, ReadOptions, TimeUnit, TraceRow, Window};
use std::path::Path;

const BLIS: &str =
    "request_id,prefix_length,input_tokens,output_tokens,server_input_tokens,arrival_time_us,status\n";

fn read(content: &str, keep_failed: bool) -> (Vec<TraceRow>, Notes) {
    let (_dir, path) = file("t", content);
    let mut reader = trace::open(path, &ReadOptions { keep_failed, ..ReadOptions::default() }).unwrap();
    let rows = reader.by_ref().map(|row| row.unwrap()).collect();
    (rows, reader.notes().clone())
}

#[test]
fn a_row_without_output_tokens_failed_in_every_format() {
    let files = [
        "arrival_s,prompt_tokens,output_tokens\n0,5,1\n1,5,0\n2,0,0\n3,5,2\n",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00,5,1\n2024-05-10 00:00:01,5,0\n\
         2024-05-10 00:00:02,0,0\n2024-05-10 00:00:03,5,2\n",
        "arrived_at,num_prefill_tokens,num_decode_tokens\n0,5,1\n1,5,0\n2,0,0\n3,5,2\n",
        "num_prefill_tokens,num_decode_tokens\n5,1\n5,0\n0,0\n5,2\n",
        "{\"timestamp\":0,\"input_length\":5,\"output_length\":1}\n{\"timestamp\":1000,\"input_length\":5,\"output_length\":0}\n\
         {\"timestamp\":2000,\"input_length\":0,\"output_length\":0}\n{\"timestamp\":3000,\"input_length\":5,\"output_length\":2}\n",
        &format!("{BLIS}0,0,5,1,0,0,ok\n1,0,5,0,0,1000000,ok\n2,0,0,0,0,2000000,ok\n3,0,5,2,0,3000000,ok\n"),
    ];
    for text in files {
        let (rows, notes) = read(text, false);
        assert_eq!((notes.rows, notes.failed, notes.dropped), (4, 2, 2), "{text}");
        assert_eq!(rows.iter().map(|r| r.output_tokens).collect::<Vec<_>>(), [1, 2], "{text}");
        let (rows, notes) = read(text, true);
        assert_eq!((rows.len(), notes.failed, notes.dropped), (4, 2, 0), "{text}");
        assert!(rows.iter().all(|r| r.output_tokens >= 1 && r.prompt_tokens >= 1));
    }
}

#[test]
fn blis_prompts_hold_their_prefix_and_the_server_counts_best() {
    let (rows, _) = read(
        &format!("{BLIS}0,4096,256,8,0,0,ok\n1,4096,300,9,,1,ok\n2,0,100,5,0,2,ok\n3,4096,256,5,4360,3,ok\n"),
        false,
    );
    assert_eq!(rows.iter().map(|r| r.prompt_tokens).collect::<Vec<_>>(), [4352, 4396, 100, 4360]);
}

/// Columns of the requests.csv that a replay of `trace` leaves.
fn replayed(dir: &Path, trace: &str, more: &[&str]) -> Vec<Vec<String>> {
    let mut line = vec!["replay", "--trace", trace, "--out", "r", "--overwrite", "--no-figures", "--quiet"];
    line.extend(["--profile", "llama3-8b-h100"]);
    line.extend(more);
    let ran = Command::cargo_bin("foretoken").unwrap().current_dir(dir).args(&line).output().unwrap();
    assert!(ran.status.success(), "{line:?}: {}", String::from_utf8_lossy(&ran.stderr));
    let csv = std::fs::read_to_string(dir.join("r/fcfs/requests.csv"));
    let csv = csv.or_else(|_| std::fs::read_to_string(dir.join("r/requests.csv"))).unwrap();
    csv.lines().map(|l| l.split(',').map(String::from).collect()).collect()
}

fn column(table: &[Vec<String>], name: &str) -> Vec<f64> {
    let at = table[0].iter().position(|h| h == name).unwrap();
    table[1..].iter().map(|row| row[at].parse().unwrap()).collect()
}

#[test]
fn history_is_counted_once_whatever_the_sessions_are() {
    let dir = tempfile::tempdir().unwrap();
    let qwen = "{\"chat_id\":1,\"parent_chat_id\":-1,\"timestamp\":0,\"input_length\":90,\"output_length\":40,\"turn\":1}\n\
                {\"chat_id\":2,\"parent_chat_id\":1,\"timestamp\":9,\"input_length\":150,\"output_length\":30,\"turn\":2}\n";
    std::fs::write(dir.path().join("q.jsonl"), qwen).unwrap();
    let chat = "[{\"conversations\":[{\"from\":\"human\",\"value\":\"one two three four\"},{\"from\":\"gpt\",\"value\":\"five six\"},\
                {\"from\":\"human\",\"value\":\"seven\"},{\"from\":\"gpt\",\"value\":\"eight\"}]}]";
    std::fs::write(dir.path().join("c.json"), chat).unwrap();
    for kind in ["off", "closed", "open"] {
        let table = replayed(dir.path(), "q.jsonl", &["--set", &format!("workload.sessions.kind={kind}")]);
        assert_eq!(column(&table, "prompt_tokens"), [90.0, 150.0], "{kind}");
    }
    let talk = |more: &[&str]| column(&replayed(dir.path(), "c.json", more), "prompt_tokens");
    let whole = talk(&["--set", "trace.history=true"]);
    assert_eq!(talk(&["--set", "trace.history=true", "--set", "workload.sessions.kind=closed"]), whole);
    assert_eq!(talk(&["--set", "workload.sessions.kind=closed"]), whole);
}

#[test]
fn rates_horizons_and_durations_count_from_the_first_arrival() {
    let dir = tempfile::tempdir().unwrap();
    let file = |origin: u64| {
        let rows = (0..40).map(|i| format!("{}.{},60,20\n", origin + i * i / 20, i % 10));
        let mut rows: Vec<String> = rows.collect();
        rows.sort_by(|a, b| {
            a.split(',')
                .next()
                .unwrap()
                .parse::<f64>()
                .unwrap()
                .total_cmp(&b.split(',').next().unwrap().parse().unwrap())
        });
        format!("arrived_at,num_prefill_tokens,num_decode_tokens\n{}", rows.concat())
    };
    let cases: [&[&str]; 5] = [
        &[],
        &["--set", "workload.scale.kind=rate-match", "--set", "workload.rate_rps=2"],
        &["--set", "workload.scale.kind=compress", "--set", "workload.scale.factor=3"],
        &["--set", "metrics.horizon_s=30"],
        &["--set", "workload.duration_s=30"],
    ];
    for more in cases {
        let mut seen = Vec::new();
        for origin in [0, 3600, 1_715_299_200] {
            std::fs::write(dir.path().join("t.csv"), file(origin)).unwrap();
            let table = replayed(dir.path(), "t.csv", more);
            let all = std::fs::read_to_string(dir.path().join("r/summary.json"));
            let all =
                all.or_else(|_| std::fs::read_to_string(dir.path().join("r/fcfs/summary.json"))).unwrap();
            seen.push((table, all));
        }
        assert!(seen[0] == seen[1] && seen[1] == seen[2], "{more:?}");
        let arrivals = column(&seen[0].0, "arrival_s");
        assert_eq!(arrivals[0], 0.0, "{more:?}");
        if more.len() == 4 && more[3].contains("rate_rps") {
            let rate = 39.0 / arrivals[39];
            assert!((rate - 2.0).abs() < 0.06, "{rate}");
        }
    }
}

/// A line of `keys` at each of `times`.
fn stamped(times: &[&str]) -> String {
    times.iter().map(|t| format!("{{\"timestamp\":{t},\"input_length\":9,\"output_length\":2}}\n")).collect()
}

fn opened(content: &str, options: &ReadOptions) -> Result<(Vec<u64>, Notes)> {
    let (_dir, path) = file("t", content);
    let mut reader = trace::open(path, options)?;
    let times = reader.by_ref().map(|row| Ok(row?.arrival.0)).collect::<Result<_>>()?;
    Ok((times, reader.notes().clone()))
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_unit_that_makes_no_sense_is_not_taken() {
    let plain = ReadOptions::default();
    let seconds = stamped(&["77000.0", "77000.5", "77002.25", "77004.0"]);
    let (times, notes) = opened(&seconds, &plain).unwrap();
    assert_eq!(times[3] - times[0], 4 * SECOND);
    let said = notes.remarks.join(" ");
    assert!(said.contains("taken to be in s") && said.contains("trace.time_unit = \"ms\""), "{said}");
    let ms = ReadOptions { time_unit: Some(TimeUnit::Ms), ..plain.clone() };
    let (times, notes) = opened(&seconds, &ms).unwrap();
    assert_eq!((times[3] - times[0], notes.remarks.len()), (4_000_000, 0));

    let (times, notes) = opened(&stamped(&["0", "0", "3000", "3000", "6000"]), &plain).unwrap();
    assert_eq!((times[4], notes.remarks.len()), (6 * SECOND, 0), "as Mooncake writes them");
    let ns = stamped(&["1000000000000", "3000000000000", "4500000000000"]);
    let message = opened(&ns, &plain).unwrap_err().to_string();
    for part in ["no unit fits", "read as ms", "read as s", "trace.time_unit", "--time-unit us"] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    let unit = ReadOptions { time_unit: Some(TimeUnit::Ns), ..plain.clone() };
    assert_eq!(opened(&ns, &unit).unwrap().0[2], 4_500 * SECOND);

    // Qwen's unit is the second; a year and more of it are milliseconds.
    let chats = "{\"chat_id\":1,\"timestamp\":0,\"input_length\":9,\"output_length\":2}\n".to_string()
        + "{\"chat_id\":2,\"timestamp\":20000000,\"input_length\":9,\"output_length\":2}\n"
        + "{\"chat_id\":3,\"timestamp\":40000000,\"input_length\":9,\"output_length\":2}\n";
    let (times, notes) = opened(&chats, &plain).unwrap();
    assert_eq!((times[2], notes.remarks.len()), (40_000 * SECOND, 1));
}

#[test]
fn epochs_are_read_or_told_for_what_they_are() {
    let head = "arrival_s,prompt_tokens,output_tokens\n";
    let plain = ReadOptions::default();
    let (times, _) = opened(&format!("{head}1715299200.5,1,1\n1715299201.5,1,1\n"), &plain).unwrap();
    assert_eq!(times[1] - times[0], SECOND);
    for (scale, unit) in [("000", "ms"), ("000000", "us"), ("000000000", "ns")] {
        let text = format!("{head}1715299200{scale},1,1\n1715299201{scale},1,1\n");
        let message = opened(&text, &plain).unwrap_err().to_string();
        for part in ["more than 292 years", &format!("an epoch in {unit}?"), &format!("--time-unit {unit}")] {
            assert!(message.contains(part), "no {part:?} in {message}");
        }
        let told = ReadOptions { time_unit: Some(unit.parse().unwrap()), ..plain.clone() };
        let (times, _) = opened(&text, &told).unwrap();
        assert_eq!((times[0], times[1] - times[0]), (1_715_299_200 * SECOND, SECOND));
    }
    let stamps = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00,5,1\n";
    let told = ReadOptions { time_unit: Some(TimeUnit::Ms), ..plain };
    let message = opened(stamps, &told).unwrap_err().to_string();
    assert!(message.contains("trace.time_unit") && message.contains("azure"), "{message}");
}

#[test]
fn a_window_is_from_inclusive_to_exclusive() {
    let head = "arrival_s,prompt_tokens,output_tokens\n";
    let text = format!("{head}100,1,1\n101,1,1\n102,1,1\n102.5,1,1\n104,1,1\n");
    let take = |window: Window, sort: bool| {
        let options = ReadOptions { window, sort, ..ReadOptions::default() };
        opened(&text, &options)
            .map(|(times, notes)| (times.iter().map(|t| t / 500_000_000).collect::<Vec<_>>(), notes.outside))
    };
    let whole = Window::default();
    for sort in [false, true] {
        let after = u64::from(sort);
        let relative = Window { from_s: Some(1.0), to_s: Some(2.5), ..whole };
        assert_eq!(take(relative, sort).unwrap(), (vec![202, 204], 1 + 2 * after));
        let clock = Window { clock_from_s: Some(101.0), clock_to_s: Some(102.5), ..whole };
        assert_eq!(take(clock, sort).unwrap(), (vec![202, 204], 1 + 2 * after));
        let message = take(Window { from_s: Some(9.0), ..whole }, sort).unwrap_err().to_string();
        assert!(message.contains("trace.from_s") && message.contains("no request"), "{message}");
    }
    let stamps = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00,5,1\n2024-05-10 00:00:07,5,1\n2024-05-10 00:00:09,5,1\n";
    let clock = Window { clock_from_s: Some(1_715_299_205.0), ..whole };
    let (times, _) = opened(stamps, &ReadOptions { window: clock, ..ReadOptions::default() }).unwrap();
    assert_eq!(times, [7 * SECOND, 9 * SECOND], "a wall clock counts from the file's first request");
    for (bad, key) in [
        (Window { from_s: Some(-1.0), ..whole }, "trace.from_s"),
        (Window { to_s: Some(0.0), ..whole }, "trace.to_s"),
        (Window { clock_from_s: Some(5.0), clock_to_s: Some(4.0), ..whole }, "trace.clock_to_s"),
    ] {
        let message = take(bad, false).unwrap_err().to_string();
        assert!(message.contains(key), "no {key} in {message}");
    }
}
