//! Tables as Parquet: what is read back is the CSV, byte for byte; other builds say how to get it.

#[cfg(feature = "parquet")]
mod tables;

#[cfg(not(feature = "parquet"))]
#[test]
fn other_builds_say_how_to_get_it() {
    use foretoken::record::{RequestTable, TableFormat};
    let how = "build it in with: cargo build --release --features parquet";
    let wrong = RequestTable::read(std::path::Path::new("requests.parquet")).unwrap_err();
    assert!(wrong.to_string().contains(how) && wrong.exit_code() == 2, "{wrong}");
    let wrong = TableFormat::Parquet.check().unwrap_err();
    assert!(wrong.to_string().contains(how), "{wrong}");
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_foretoken"))
        .current_dir(folder.path())
        .args([
            "replay",
            "--trace",
            "lmsys-like",
            "--set",
            "trace.limit=10",
            "--tables",
            "parquet",
            "--out",
            "d",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(how));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
