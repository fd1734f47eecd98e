//! `requests.csv`: its bytes.

use foretoken::record::{Columns, RequestRecord, RequestsCsv, Status};
use foretoken::time::{SimTime, Span};
use foretoken::workload::ClassId;

use super::{arrived, served};

fn text(records: &[RequestRecord], columns: Columns, classes: &[&str]) -> String {
    let classes: Vec<String> = classes.iter().map(|c| c.to_string()).collect();
    String::from_utf8(RequestsCsv::write(Vec::new(), records, columns, &classes).unwrap()).unwrap()
}

#[test]
fn standard_columns() {
    let records = [
        served(0, 0, 10, 5, &[1_000_000_000]),
        served(7, 1_500_000_000, 200, 2_000_000_000, &[2_000_000_001, 2_000_000_002, 2_000_000_004]),
        RequestRecord { status: Status::Rejected, ..arrived(8, 3, 99_999, 4) },
        RequestRecord {
            first_scheduled: SimTime(12_000_000_000_000_000_000).into(),
            preemptions: 2,
            ..arrived(9, 4, 1, 5)
        },
    ];
    let columns = Columns::for_records(&records);
    insta::assert_snapshot!(text(&records, columns, &[]), @r"
    id,arrival_s,prompt_tokens,output_tokens,status,replica,first_scheduled_s,first_token_s,finish_s,ttft_s,tpot_s,e2e_s,per_token_s,preemptions,recomputed_tokens
    0,0.000000000,10,1,completed,0,0.000000005,1.000000000,1.000000000,1.000000000,,1.000000000,1.000000000,0,0
    7,1.500000000,200,3,completed,0,2.000000000,2.000000001,2.000000004,0.500000001,0.000000002,0.500000004,0.166666668,0,0
    8,0.000000003,99999,4,rejected,0,,,,,,,,0,0
    9,0.000000004,1,5,unfinished,0,12000000000.000000000,,,,,,,2,0
    ");
}

#[test]
fn optional_columns_come_with_their_values() {
    let records = [
        RequestRecord { predicted_tokens: 12.5, class: ClassId(1), ..arrived(0, 1, 2, 3) },
        RequestRecord { predicted_tokens: 300.0, client_wait: Span(7), ..arrived(1, 1, 2, 3) },
        RequestRecord { deadline: SimTime(9).into(), ..arrived(2, 1, 2, 3) },
    ];
    let all = Columns::for_records(&records);
    assert_eq!(all.as_slice().len(), 19);
    let picked = Columns::pick(&["predicted_tokens", "id", "class", "client_wait_s", "deadline_s"]).unwrap();
    insta::assert_snapshot!(text(&records, picked, &["chat", "say \"hi\", twice"]), @r#"
    predicted_tokens,id,class,client_wait_s,deadline_s
    12.5,0,"say ""hi"", twice",0.000000000,
    300,1,chat,0.000000007,
    ,2,chat,0.000000000,0.000000009
    "#);
}

#[test]
fn columns_are_checked() {
    let unknown = Columns::pick(&["id", "ttfts"]).unwrap_err().to_string();
    assert!(unknown.contains("`ttfts`") && unknown.contains("did you mean `ttft_s`"), "{unknown}");
    assert!(Columns::pick(&["id", "id"]).is_err());
    assert!(Columns::pick::<&str>(&[]).is_err());
}
