//! The published figures of the traces we have, to the digit they are printed with.

use foretoken::trace::{self, Arrivals, Info, Lengths, ReadOptions};
use std::path::PathBuf;

/// A file of the shared data, if this machine has it.
#[allow(clippy::print_stdout, reason = "says why nothing was tested")]
fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

fn info(name: &str, options: &ReadOptions) -> Option<Info> {
    let mut reader = trace::open(shared(name)?, options).unwrap();
    Some(Info::of(&mut reader).unwrap())
}

/// Half a unit in the last printed digit, and the error of a decimal.
fn close(found: f64, printed: f64, digits: i32, what: &str) {
    let unit = 0.5 * 10f64.powi(-digits) + 1e-9;
    assert!((found - printed).abs() <= unit, "{what}: {found}, printed {printed}");
}

/// mean / median / p90 / p99 as printed.
fn lengths(found: &Lengths, printed: [f64; 4], what: &str) {
    close(found.mean, printed[0], 1, what);
    close(found.p50, printed[1], 0, what);
    close(found.p90, printed[2], 0, what);
    close(found.p99, printed[3], 0, what);
}

/// span, rate, CV of gaps, dispersion at 1, 10 and 60 s as printed.
fn arrivals(found: &Arrivals, printed: [f64; 6], what: &str) {
    close(found.span_s, printed[0], 0, what);
    close(found.rate_rps.unwrap(), printed[1], 3, what);
    close(found.gap_cv.unwrap(), printed[2], 2, what);
    for (window, printed) in found.dispersion.iter().zip(&printed[3..]) {
        close(window.index.unwrap(), *printed, 2, &format!("{what}, {} s", window.window_s));
    }
}

#[test]
fn azure_and_mooncake() {
    let files = [
        (
            "azure_llm_2023/AzureLLMInferenceTrace_conv.csv.gz",
            19366,
            [1154.7, 1020.0, 2734.0, 4142.0],
            [211.1, 129.0, 424.0, 601.0],
            [3502.0, 5.530, 1.09, 1.39, 3.86, 16.13],
        ),
        (
            "azure_llm_2023/AzureLLMInferenceTrace_code.csv.gz",
            8819,
            [2047.8, 1469.0, 5188.0, 7436.0],
            [27.9, 13.0, 55.0, 251.0],
            [3436.0, 2.567, 13.15, 13.19, 71.64, 163.96],
        ),
        (
            "mooncake/conversation_trace.jsonl.gz",
            12031,
            [12035.1, 6909.0, 27367.0, 85400.0],
            [342.6, 350.0, 597.0, 1119.0],
            [3537.0, 3.401, 3.03, 7.90, 2.10, 2.89],
        ),
        (
            "mooncake/synthetic_trace.jsonl.gz",
            3993,
            [15325.5, 11587.0, 38611.0, 66456.0],
            [149.1, 69.0, 389.0, 768.0],
            [1022.0, 3.907, 1.01, 1.09, 1.18, 1.19],
        ),
    ];
    for (name, n, prompt, output, times) in files {
        let Some(found) = info(name, &ReadOptions::default()) else { continue };
        assert_eq!((found.requests, found.failed), (n, 0), "{name}");
        lengths(found.prompt_tokens.as_ref().unwrap(), prompt, name);
        lengths(&found.output_tokens, output, name);
        arrivals(found.arrivals.as_ref().unwrap(), times, name);
    }
}

#[test]
fn burstgpt_slice() {
    let name = "burstgpt_slice/burstgpt_1_first_rows.csv.gz";
    let Some(found) = info(name, &ReadOptions::default()) else { return };
    assert_eq!((found.rows, found.requests, found.failed, found.dropped), (400, 383, 17, 17));
    lengths(found.prompt_tokens.as_ref().unwrap(), [543.6, 353.0, 1437.0, 1958.0], name);
    lengths(&found.output_tokens, [288.8, 238.0, 584.0, 1425.0], name);
    // Published over all 400 requests, failed ones too, and with the last window that is not full: hence the
    // last digit.
    let all = info(name, &ReadOptions { keep_failed: true, ..ReadOptions::default() }).unwrap();
    let times = all.arrivals.unwrap();
    close(times.span_s, 37269.0, 0, name);
    close(times.rate_rps.unwrap(), 0.011, 3, name);
    close(times.gap_cv.unwrap(), 4.56, 2, name);
    for (window, printed) in times.dispersion.iter().zip([1.01, 1.24, 2.77]) {
        assert!((window.index.unwrap() - printed).abs() < 0.015, "{window:?}, printed {printed}");
    }
}

#[test]
fn lengths_without_times() {
    let files = [
        (
            "vidur_lengths/bwb_llama2.csv.gz",
            33768,
            [1067.2, 1037.0, 1453.0, 1800.0],
            [1612.8, 1601.0, 2149.0, 2533.0],
        ),
        (
            "vidur_lengths/sharegpt_8k_llama2.csv.gz",
            30731,
            [2340.0, 1730.0, 5696.0, 7434.0],
            [438.7, 415.0, 834.0, 998.0],
        ),
    ];
    for (name, n, prompt, output) in files {
        let Some(found) = info(name, &ReadOptions::default()) else { continue };
        assert_eq!((found.requests, found.arrivals.is_some()), (n, false), "{name}");
        lengths(found.prompt_tokens.as_ref().unwrap(), prompt, name);
        lengths(&found.output_tokens, output, name);
    }
    let name = "codet_multisample/humaneval_codegen16b_n100_lengths.csv.gz";
    let Some(found) = info(name, &ReadOptions::default()) else { return };
    assert_eq!((found.requests, found.classes.len(), found.prompt_tokens), (16400, 164, None));
    lengths(&found.output_tokens, [48.5, 34.0, 104.0, 261.0], name);
}

/// The peers were fed one workload in three formats.
#[test]
fn three_formats_of_one_workload() {
    let read = |name: &str| -> Option<Vec<(u64, u32, u32)>> {
        let rows = trace::open(shared(name)?, &ReadOptions::default()).unwrap().map(Result::unwrap);
        Some(rows.map(|r| (r.arrival.0, r.prompt_tokens, r.output_tokens)).collect())
    };
    let Some(blis) = read("peers/blis/trace_v2_1000.csv") else { return };
    assert_eq!(blis.len(), 1000);
    assert_eq!(read("peers/dynamo/trace_mooncake_1000.jsonl").unwrap(), blis);
    assert_eq!(read("peers/vidur_a100/trace.csv").unwrap(), blis);
}

/// Real text in the raw LMSYS schema: the estimate is as good as it says.
#[test]
fn arena_hard_by_estimate() {
    let name = "arena_hard/arena_hard_v01_lmsys_schema.jsonl.gz";
    let Some(found) = info(name, &ReadOptions::default()) else { return };
    assert_eq!((found.requests, found.sessions, found.classes.len()), (1500, 1500, 3));
    let means = [(found.prompt_tokens.unwrap().mean, 95.3), (found.output_tokens.mean, 369.3)];
    for (estimate, counted) in means {
        assert!((estimate / counted - 1.0).abs() < 0.035, "{estimate} for {counted}");
    }
}

#[cfg(feature = "text")]
#[test]
fn arena_hard_by_encoding() {
    let name = "arena_hard/arena_hard_v01_lmsys_schema.jsonl.gz";
    let options = ReadOptions { tokenizer: trace::Tokenizer::Cl100kBase, ..ReadOptions::default() };
    let Some(path) = shared(name) else { return };
    let rows: Vec<_> = trace::open(path, &options).unwrap().map(Result::unwrap).collect();
    let printed = [
        ("gpt-3.5-turbo-0125", [329.7, 296.0, 516.0, 850.0]),
        ("gpt-4-0314", [423.3, 391.0, 691.0, 1085.0]),
        ("gpt-4-0613", [354.9, 344.0, 553.0, 839.0]),
    ];
    for (model, output) in printed {
        let of = |length: fn(&trace::TraceRow) -> u32| -> Vec<u32> {
            rows.iter().filter(|r| r.class.as_deref() == Some(model)).map(length).collect()
        };
        lengths(&Lengths::of(&mut of(|r| r.prompt_tokens)), [95.3, 30.0, 241.0, 1142.0], model);
        lengths(&Lengths::of(&mut of(|r| r.output_tokens)), output, model);
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_the_same_as_lines() {
    let options = ReadOptions { limit: Some(300), ..ReadOptions::default() };
    let read = |name: &str| -> Option<Vec<trace::TraceRow>> {
        Some(trace::open(shared(name)?, &options).unwrap().map(Result::unwrap).collect())
    };
    let Some(lines) = read("arena_hard/arena_hard_v01_lmsys_schema.jsonl.gz") else { return };
    let shard = read("arena_hard/arena_hard_v01_lmsys_schema_first300.parquet").unwrap();
    assert_eq!((shard.len(), shard == lines), (300, true));
}
