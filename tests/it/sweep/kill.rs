//! A sweep that dies at any moment and is resumed leaves the bytes of one that did not.

use super::{Desk, assert_same};
use foretoken::rng::Stream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn start(desk: &Desk, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretoken"));
    let command = command.current_dir(desk.0.path()).args(args);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// More and longer runs than the others need, so that there is something to kill.
fn long(desk: &Desk) {
    let text = super::SCENARIO.replace("stop = 6", "stop = 40");
    desk.write("s.toml", text);
}

/// Waits until the journal beside `out` has so many bytes.
fn wait_for_journal(desk: &Desk, out: &str, bytes: u64, child: &mut Child) {
    let journal = desk.path(&format!(".{out}.sweep/journal"));
    while std::fs::metadata(&journal).map_or(0, |m| m.len()) < bytes {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn killed_five_times_and_resumed_it_has_the_same_bytes() {
    let desk = Desk::new();
    long(&desk);
    let args = ["sweep", "run", "s.toml", "--keep", "requests", "--resume", "--quiet", "--out"];
    let done = start(&desk, &[&args[..], &["whole"]].concat()).wait().unwrap();
    assert!(done.success());
    // A journal is larger than the table that is made of it.
    let table = std::fs::metadata(desk.path("whole/points.csv")).unwrap().len() as f64;
    let mut stream = Stream::new(2026, 0, "kill", 0);
    for i in 0..5 {
        let mut child = start(&desk, &[&args[..], &["killed"]].concat());
        wait_for_journal(
            &desk,
            "killed",
            (table * (f64::from(i) + stream.uniform()) / 6.0) as u64,
            &mut child,
        );
        std::thread::sleep(Duration::from_micros(stream.below(5000)));
        assert!(child.try_wait().unwrap().is_none(), "it is at work when it is killed");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(!desk.path("killed").exists());
    let last = desk.ok("sweep run s.toml --keep requests --resume --out killed");
    assert!(last.err.contains("runs were done already"), "{}", last.err);
    assert_same(&desk.tree("whole"), &desk.tree("killed"));
    assert_eq!(desk.list("."), ["killed", "s.toml", "t.csv", "whole"]);
}

/// A sweep stopped by Ctrl-C when a part of its runs is done: what is beside `d` then.
fn interrupted(desk: &Desk, more: &[&str]) {
    long(desk);
    let mut child =
        start(desk, &[&["sweep", "run", "s.toml", "--threads", "1", "--out", "d"], more].concat());
    wait_for_journal(desk, "d", 4000, &mut child);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!desk.path("d").exists());
}

#[test]
fn interrupted_it_keeps_its_journal() {
    let desk = Desk::new();
    interrupted(&desk, &[]);
    let refused = |args: &str, part: &str| {
        let done = desk.run(args);
        assert_eq!(done.code, Some(2), "{args}: {}", done.err);
        assert!(done.err.contains(part), "{args}: {}", done.err);
    };
    refused("sweep run s.toml --out d", "--resume");
    refused("sweep run s.toml --out d --resume --set kv.blocks=77", "key kv.blocks was not set");
    refused("sweep run s.toml --out d --resume --keep requests", "--keep differs");
    refused("sweep run s.toml --out d --resume --shard 1/2", "shard 1/2 is wanted");
    let trace = desk.read("t.csv");
    desk.write("t.csv", trace.replacen(",20,", ",21,", 1));
    refused("sweep run s.toml --out d --resume", "input t.csv is not what it was");
    desk.write("t.csv", trace);
    let resumed = desk.ok("sweep run s.toml --out d --resume");
    assert!(resumed.err.contains("runs were done already"), "{}", resumed.err);
    desk.ok("sweep run s.toml --out straight");
    assert_same(&desk.tree("straight"), &desk.tree("d"));
}

#[test]
fn torn_files_are_named_set_aside_and_their_runs_repeated() {
    let desk = Desk::new();
    interrupted(&desk, &["--keep", "requests"]);
    let journal = std::fs::read(desk.path(".d.sweep/journal")).unwrap();
    desk.write(".d.sweep/journal", &journal[..journal.len() - 30]);
    let kept = ".d.sweep/result/runs/0/fcfs-r000/requests.csv";
    let text = desk.read(kept);
    desk.write(kept, &text[..text.len() / 2]);
    std::fs::remove_file(desk.path(".d.sweep/result/runs/0/fcfs-r001/requests.csv")).unwrap();
    let resumed = desk.ok("sweep run s.toml --out d --resume --keep requests");
    assert!(
        resumed.err.contains("journal.torn") && resumed.err.contains("run0.requests.csv.torn"),
        "{}",
        resumed.err
    );
    desk.ok("sweep run s.toml --out straight --keep requests");
    assert_same(&desk.tree("straight"), &desk.tree("d"));
}

/// The same for a directory that was finished and has lost bytes since.
#[test]
fn a_finished_directory_with_a_torn_file_is_made_again() {
    let desk = Desk::new();
    desk.ok("sweep run s.toml --out d");
    let whole = desk.tree("d");
    for file in ["points.csv", "summary.csv", "manifest.json"] {
        let text = desk.read(&format!("d/{file}"));
        desk.write(&format!("d/{file}"), &text[..text.len() / 2]);
        let again = desk.ok("sweep run s.toml --out d");
        let aside = format!("{file}.torn");
        assert!(again.err.contains(&aside), "{}", again.err);
        assert_eq!(desk.read(&format!("d/{aside}")), text[..text.len() / 2]);
        std::fs::remove_file(desk.path(&format!("d/{aside}"))).unwrap();
        assert_same(&whole, &desk.tree("d"));
    }
    std::fs::remove_file(desk.path("d/points.csv")).unwrap();
    desk.ok("sweep run s.toml --out d");
    assert_same(&whole, &desk.tree("d"));
}

/// Killed between the last rename and the cleaning up, it is whole.
#[test]
fn what_a_dead_process_left_beside_a_whole_result_goes() {
    let desk = Desk::new();
    interrupted(&desk, &[]);
    desk.ok("sweep run s.toml --out e");
    std::fs::rename(desk.path("e"), desk.path("d")).unwrap();
    let done = desk.ok("sweep run s.toml --out d --resume");
    assert!(done.err.contains("unchanged"), "{}", done.err);
    assert_eq!(desk.list("."), ["d", "s.toml", "t.csv"]);
}
