//! In builds with feature `parquet`.

use crate::metrics::any_record;
use foretoken::record::parquet::{self, Kind, ParquetTable};
use foretoken::record::{Columns, RequestRecord, RequestTable, RequestsCsv};
use foretoken::time::SimTime;
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;
use std::process::Command;

fn csv_of(records: &[RequestRecord], classes: &[String]) -> Vec<u8> {
    RequestsCsv::write(Vec::new(), records, Columns::for_records(records), classes).unwrap()
}

/// Writes the bytes of a CSV as Parquet and reads them back.
fn there_and_back(csv: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.parquet");
    let mut table = ParquetTable::new(Vec::new(), Kind::of_column);
    // In odd pieces, as a buffered writer gives them.
    csv.chunks(97).for_each(|part| table.write_all(part).unwrap());
    std::fs::write(&path, table.finish().unwrap()).unwrap();
    parquet::read(&path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_requests_come_back(records in prop::collection::vec(any_record(), 0..20)) {
        // Parquet holds whole nanoseconds for 26 days.
        let short = |r: &RequestRecord| {
            let times = [r.arrival.into(), r.first_scheduled, r.first_token, r.finish, r.deadline];
            times.iter().all(|t: &foretoken::time::MaybeTime| t.get().is_none_or(|t| t < SimTime(1 << 51)))
        };
        let records: Vec<RequestRecord> = records.into_iter().filter(short).collect();
        let classes = ["", "a, \"b\"\nc", "plain", "d"].map(String::from);
        let csv = csv_of(&records, &classes);
        let back = there_and_back(&csv);
        prop_assert_eq!(String::from_utf8(back).unwrap(), String::from_utf8(csv).unwrap());
    }
}

#[test]
fn long_tables_have_several_groups() {
    let rows: String = (0..150_000).map(|i| format!("{i},{}.{:09},x\n", i / 7, i * 31)).collect();
    let csv = format!("id,start_s,class\n{rows}");
    assert!(there_and_back(csv.as_bytes()) == csv.as_bytes());
    let mut table = ParquetTable::new(Vec::new(), Kind::of_column);
    table.write_all(csv.as_bytes()).unwrap();
    let bytes = table.finish().unwrap();
    assert!(bytes.len() < csv.len(), "{} of {}", bytes.len(), csv.len());
}

#[test]
fn too_long_a_time_is_refused() {
    let mut table = ParquetTable::new(Vec::new(), Kind::of_column);
    table.write_all(b"id,e2e_s\n1,3000000.000000000\n").unwrap();
    let wrong = table.finish().unwrap_err().to_string();
    assert!(wrong.contains("write CSV"), "{wrong}");
}

#[test]
fn any_table_can_be_converted() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("points.csv"), folder.path().join("points.parquet"));
    let csv = "point,scheduler,seed,reason,kv.blocks,x\n0,sjf,18446744073709551615,,500,0.5\n1,\"a,b\",2,out of \
               memory,600,\n";
    std::fs::write(&from, csv).unwrap();
    parquet::from_csv(&from, &to).unwrap();
    assert_eq!(String::from_utf8(parquet::read(&to).unwrap()).unwrap(), csv);
    std::fs::write(&from, "a,b\n1\n").unwrap();
    let wrong = parquet::from_csv(&from, &to).unwrap_err().to_string();
    assert!(wrong.contains("line 2"), "{wrong}");
}

fn foretoken(folder: &Path, args: &str) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretoken"));
    command.current_dir(folder).args(args.split_whitespace()).output().unwrap()
}

#[test]
fn replay_writes_it_and_compare_and_verify_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &str| {
        let output = foretoken(folder.path(), args);
        assert!(output.status.success(), "{args}\n{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let replay = "replay --trace lmsys-like --set trace.limit=200 --scheduler fcfs,sjf --steps --no-figures";
    run(&format!("{replay} --out csv"));
    run(&format!("{replay} --tables parquet --out typed"));
    for table in ["requests", "steps"] {
        let csv = std::fs::read(folder.path().join(format!("csv/sjf/{table}.csv"))).unwrap();
        let typed = folder.path().join(format!("typed/sjf/{table}.parquet"));
        assert_eq!(parquet::read(&typed).unwrap(), csv, "{table}");
        assert!(!folder.path().join(format!("typed/sjf/{table}.csv")).exists());
    }
    let read = |name: &str| RequestTable::read(&folder.path().join(name)).unwrap();
    assert_eq!(read("csv/sjf/requests.csv"), read("typed/sjf/requests.parquet"));
    assert_eq!(run("compare csv --format csv"), run("compare typed --format csv"));
    run("verify typed");
    let path = folder.path().join("typed/sjf/requests.parquet");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let torn = foretoken(folder.path(), "compare typed");
    let said = String::from_utf8_lossy(&torn.stderr).into_owned();
    assert!(torn.status.code() == Some(2) && said.contains("requests.parquet"), "{said}");
    assert_eq!(foretoken(folder.path(), "verify typed").status.code(), Some(1));
}
