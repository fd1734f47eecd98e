//! The journal, cut off and damaged at every byte.

use foretoken::sweep::{Journal, Outcome, Record};
use proptest::prelude::*;
use std::fs;

fn record(run: u64) -> Record {
    let outcome = match run % 3 {
        0 => Outcome::Failed { reason: format!("\"no\"\nline {run}") },
        _ => Outcome::Ok {
            digest: format!("{run:032x}"),
            metrics: vec![Some(run as f64 / 3.0), None, Some(1e300)],
            requests: (run % 3 == 1).then(|| "ab".into()),
        },
    };
    Record { run, outcome }
}

const RUNS: usize = 6;

fn whole() -> Vec<u8> {
    (0..RUNS as u64).rev().map(|run| record(run).line().unwrap()).collect::<String>().into_bytes()
}

/// Opens a journal of these bytes; what it has must be whole and as written, and it can be completed.
fn holds(bytes: &[u8]) -> (usize, bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fs::write(&path, bytes).unwrap();
    let (journal, torn) = Journal::open(&path, RUNS).unwrap();
    if let Some(torn) = &torn {
        assert_eq!(fs::read(torn).unwrap(), bytes, "what is torn is kept");
    }
    let had = journal.len();
    for run in (0..RUNS).filter(|&run| !journal.has(run)) {
        journal.append(&record(run as u64)).unwrap();
    }
    let mut read = journal.read().unwrap();
    for run in 0..RUNS {
        assert_eq!(read(run).unwrap(), Some(record(run as u64)));
    }
    drop(read);
    let (again, torn_again) = Journal::open(&path, RUNS).unwrap();
    assert_eq!((again.len(), torn_again), (RUNS, None));
    (had, torn.is_some())
}

#[test]
fn a_journal_cut_off_anywhere_keeps_its_whole_lines() {
    let bytes = whole();
    for cut in 0..=bytes.len() {
        let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        let clean = cut == 0 || bytes[cut - 1] == b'\n';
        assert_eq!(holds(&bytes[..cut]), (lines, !clean), "cut after {cut} bytes");
    }
}

#[test]
fn a_run_told_twice_counts_as_last_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (journal, _) = Journal::open(&path, RUNS).unwrap();
    journal.append(&record(1)).unwrap();
    journal.forget(1);
    assert!(!journal.has(1) && journal.is_empty());
    let other = Record { run: 1, outcome: Outcome::Failed { reason: "b".into() } };
    journal.append(&other).unwrap();
    let (again, torn) = Journal::open(&path, RUNS).unwrap();
    assert_eq!((again.read().unwrap()(1).unwrap(), torn), (Some(other), None));
}

#[test]
fn a_run_that_there_is_not_is_left_out() {
    let mut bytes = whole();
    bytes.extend(record(RUNS as u64).line().unwrap().into_bytes());
    assert_eq!(holds(&bytes), (RUNS, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One wrong byte costs one line, or two if it was the break between them.
    #[test]
    fn a_wrong_byte_costs_its_line(at in 0usize..10_000, to in any::<u8>()) {
        let mut bytes = whole();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != to);
        let breaks = usize::from(bytes[at] == b'\n' && at + 1 < bytes.len());
        bytes[at] = to;
        // The checksum's digits may be written in capitals.
        let (had, torn) = holds(&bytes);
        prop_assert!(had >= RUNS - 1 - breaks);
        prop_assert!(torn || had == RUNS);
    }
}
