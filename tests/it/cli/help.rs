//! Texts that users read, and schemas that programs read.

use super::Desk;
use std::path::Path;

#[test]
fn help_is_as_reviewed() {
    let desk = Desk::new();
    let commands = [
        "",
        "replay",
        "sweep",
        "sweep run",
        "verify",
        "compare",
        "schedulers",
        "routers",
        "engine",
        "engine route",
        "calibrate",
        "compete",
        "engine plan",
        "figure",
        "length",
        "predictor train",
        "predictor eval",
        "predictor apply",
        "trace",
        "profile",
        "schema",
        "completions",
    ];
    for command in commands {
        let text = desk.ok(&format!("{command} --help")).out;
        let name = if command.is_empty() { "foretoken".into() } else { command.replace(' ', "_") };
        let text: Vec<&str> = text.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(format!("help_{name}"), text.join("\n"));
    }
}

/// Write the schema anew with FORETOKEN_BLESS=1.
#[test]
fn printed_schemas_are_the_committed_ones() {
    let desk = Desk::new();
    for kind in ["scenario", "profile"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{kind}.json"));
        let printed = desk.ok(&format!("schema {kind}")).out;
        if std::env::var_os("FORETOKEN_BLESS").is_some() {
            std::fs::write(&path, &printed).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == printed,
            "docs/schema/{kind}.json is stale: run this test with FORETOKEN_BLESS=1"
        );
    }
}

#[test]
fn shells_and_man_get_their_text() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.ok(&format!("completions {shell}")).out.contains("replay"), "{shell}");
    }
    let page = desk.ok("man").out;
    assert!(page.contains(".TH") && page.contains("replay"), "{page}");
}
