//! `requests.csv` read back.

use std::path::Path;

use foretoken::record::{Columns, RequestRecord, RequestTable, RequestsCsv};
use proptest::prelude::*;

use super::{any_record, arrived, served};

fn written(records: &[RequestRecord], classes: &[String]) -> Vec<u8> {
    RequestsCsv::write(Vec::new(), records, Columns::for_records(records), classes).unwrap()
}

fn parse(bytes: &[u8]) -> foretoken::error::Result<RequestTable> {
    RequestTable::parse(bytes, Path::new("requests.csv"))
}

proptest! {
    #[test]
    fn what_was_written_is_read(records in prop::collection::vec(any_record(), 0..40)) {
        let classes = ["", "chat, long", "say \"hi\""].map(String::from);
        let table = parse(&written(&records, &classes)).unwrap();
        prop_assert_eq!(table.records.len(), records.len());
        for (got, want) in table.records.iter().zip(&records) {
            prop_assert_eq!(&table.classes[usize::from(got.class.0)], &classes[usize::from(want.class.0)]);
            prop_assert_eq!(got.predicted(), want.predicted());
            // NaN differs from itself and class ids are numbered anew; the rest is the same.
            let same = RequestRecord { class: got.class, predicted_tokens: 0.0, ..*want };
            prop_assert_eq!(RequestRecord { predicted_tokens: 0.0, ..*got }, same);
        }
    }

    #[test]
    fn a_cut_file_is_refused(records in prop::collection::vec(any_record(), 1..5), cut in 1..400usize) {
        let bytes = written(&records, &[]);
        let header = bytes.iter().position(|&b| b == b'\n').unwrap() + 1;
        let cut = bytes.len().saturating_sub(cut).max(header);
        let whole = bytes[..cut].ends_with(b"\n");
        prop_assert_eq!(parse(&bytes[..cut]).is_ok(), whole);
    }
}

#[test]
fn damage_is_named_by_line_and_column() {
    let records = [served(0, 1_000, 5, 2_000, &[3_000, 4_000]), arrived(1, 2_000, 5, 6)];
    let good = String::from_utf8(written(&records, &[])).unwrap();
    let cases = [
        ("0.000001000", "0.000001", "line 2, column arrival_s"),
        ("completed", "complete", "did you mean `completed`"),
        ("completed", "rejected", "line 2, column finish_s"),
        ("0.000002000,0.000003000,0.000004000", "0.000002000,,0.000004000", "line 2, column finish_s"),
        (
            "0.000002000,0.000003000,0.000004000",
            "0.000000002,0.000003000,0.000004000",
            "column first_scheduled_s",
        ),
        ("0.000003000,0.000001500", "0.000003000,0.000001501", "column per_token_s"),
        ("\n1,", "\n-1,", "line 3, column id"),
        ("\n1,", "\n", "line 3: 14 cells where the header has 15"),
        ("replica", "replicas", "did you mean `replica`"),
        (",replica,", ",class,", "line 1: column `replica` is missing"),
    ];
    for (from, to, message) in cases {
        assert!(good.contains(from), "{from} is not in\n{good}");
        let error = parse(good.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
        assert!(error.contains(message), "{from} -> {to}: {error}");
    }
}
