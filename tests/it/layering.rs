//! The architecture, held: which folder of a package may import which, who touches the outside world, and how
//! large files and functions may grow. Between packages the compiler holds it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Packages whose folders are in [`ALLOWED`]: the path to each from the root.
const PACKAGES: &[&str] = &["", "crates/foretoken-engine/", "crates/foretoken-lab/"];

/// Folder (or file) of `src/` and the others it may import. `lib.rs` and `main.rs` only re-export and call.
const ALLOWED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("time", &[]),
    ("ids", &[]),
    ("rng", &[]),
    ("digest", &[]),
    ("length", &["rng", "error"]),
    ("kv", &["error"]),
    ("in_the_loop", &["time", "ids", "rng", "error", "latency"]),
    ("trace", &["time", "rng", "error", "length"]),
    ("workload", &["time", "ids", "rng", "error", "length", "trace"]),
    ("latency", &["time", "ids", "rng", "error"]),
    ("predict", &["time", "ids", "rng", "error", "length", "workload"]),
    ("learn", &["rng", "error", "length", "trace"]),
    ("scheduler", &["time", "ids", "rng", "error", "length", "workload", "predict"]),
    ("router", &["time", "ids", "rng", "error", "length", "workload", "scheduler"]),
    ("record", &["time", "ids", "error", "workload"]),
    (
        "engine",
        &[
            "time",
            "ids",
            "error",
            "digest",
            "length",
            "kv",
            "latency",
            "predict",
            "scheduler",
            "record",
            "workload",
        ],
    ),
    (
        "contract",
        &[
            "time",
            "ids",
            "rng",
            "error",
            "length",
            "latency",
            "predict",
            "scheduler",
            "record",
            "workload",
            "engine",
        ],
    ),
    ("real", &["error", "kv", "trace"]),
    ("bound", &["error", "latency"]),
    ("calibrate", &["error", "latency", "rng"]),
    ("device", &["time", "error", "latency", "calibrate", "in_the_loop"]),
    ("metrics", &["time", "ids", "error", "record", "workload"]),
    ("report", &["error"]),
    ("gallery", &["error", "length", "trace", "metrics", "report"]),
    (
        "scenario",
        &["error", "trace", "workload", "latency", "predict", "scheduler", "engine", "metrics", "calibrate"],
    ),
    (
        "compete",
        &[
            "time",
            "ids",
            "rng",
            "error",
            "length",
            "trace",
            "workload",
            "latency",
            "predict",
            "scheduler",
            "record",
            "engine",
            "metrics",
            "report",
            "scenario",
        ],
    ),
    (
        "replay",
        &[
            "time",
            "ids",
            "error",
            "trace",
            "workload",
            "latency",
            "predict",
            "scheduler",
            "engine",
            "record",
            "bound",
            "metrics",
            "report",
            "scenario",
            "in_the_loop",
            "device",
        ],
    ),
    ("sweep", &["rng", "error", "latency", "scheduler", "engine", "record", "metrics", "scenario", "replay"]),
    (
        "validate",
        &[
            "time",
            "ids",
            "rng",
            "error",
            "trace",
            "workload",
            "latency",
            "scheduler",
            "calibrate",
            "device",
            "record",
            "metrics",
            "report",
            "scenario",
            "replay",
        ],
    ),
    ("compare", &["error", "ids", "metrics", "record", "replay", "report", "scenario"]),
    (
        "cli",
        &[
            "compare",
            "time",
            "ids",
            "rng",
            "error",
            "learn",
            "length",
            "trace",
            "workload",
            "latency",
            "predict",
            "scheduler",
            "router",
            "engine",
            "real",
            "record",
            "metrics",
            "report",
            "scenario",
            "replay",
            "gallery",
            "contract",
            "sweep",
            "compete",
            "calibrate",
            "device",
            "validate",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];

/// Folders that neither read nor write, not even through a `Write` that is handed to them.
const NO_IO: &[&str] =
    &["time", "ids", "rng", "digest", "kv", "length", "scheduler", "router", "engine", "contract", "lib"];

const MOST_LINES: usize = 900;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

struct File {
    /// As `crates/foretoken-engine/src/engine/plan.rs`.
    name: String,
    /// As `engine`.
    folder: String,
    text: String,
}

fn sources() -> Vec<File> {
    fn collect(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    let dirs = ["src", "tests", "examples", "benches"];
    let dirs = PACKAGES.iter().flat_map(|package| dirs.map(|dir| root.join(package).join(dir)));
    for dir in dirs.filter(|dir| dir.exists()) {
        collect(&dir, &mut paths);
    }
    paths.sort();
    let file = |path: &PathBuf| {
        let inside = path.strip_prefix(root).unwrap();
        let name = inside.components().map(|c| c.as_os_str().to_str().unwrap()).collect::<Vec<_>>().join("/");
        let own = PACKAGES.iter().rev().find_map(|package| name.strip_prefix(package)).unwrap();
        let folder = own.split('/').nth(1).unwrap().trim_end_matches(".rs").to_string();
        File { name, folder, text: std::fs::read_to_string(path).unwrap() }
    };
    paths.iter().map(file).collect()
}

fn library() -> impl Iterator<Item = File> {
    sources().into_iter().filter(|f| f.name.contains("src/"))
}

/// Lines of code with their 1-based numbers: no comments, and nothing after a `#[cfg(test)]` that stands at
/// the start of a line, as unit tests do.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    numbered
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Modules that a line names as `crate::module`, also several in braces.
fn imports(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, marker) in line.match_indices("crate::") {
        // `$crate::` and `foretoken_crate::` are other things.
        if at > 0 && line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &line[at + marker.len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            found.push(name.trim().split(|c| !word(c)).next().unwrap().to_string());
        }
    }
    found
}

fn assert_none(offences: &str) {
    assert!(offences.is_empty(), "\n{offences}");
}

#[test]
fn folders_import_only_what_is_below_them() {
    let mut offences = String::new();
    for file in library() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(folder, _)| *folder == file.folder) else {
            writeln!(offences, "{}: give folder {} a line in ALLOWED", file.name, file.folder).unwrap();
            continue;
        };
        for (number, line) in code(&file.text) {
            for import in imports(line) {
                if import != file.folder && !allowed.contains(&import.as_str()) {
                    let (name, line) = (&file.name, line.trim());
                    writeln!(offences, "{name}:{number}: {} imports {import}: {line}", file.folder).unwrap();
                }
            }
        }
    }
    assert_none(&offences);
}

/// The table itself is one-way: nothing imports what imports it.
#[test]
fn the_allowed_imports_have_no_cycle() {
    let mut below: Vec<&str> = Vec::new();
    while below.len() < ALLOWED.len() {
        let ready = |(folder, allowed): &&(&str, &[&str])| {
            !below.contains(folder) && allowed.iter().all(|import| below.contains(import))
        };
        let next: Vec<&str> = ALLOWED.iter().filter(ready).map(|(folder, _)| *folder).collect();
        assert!(!next.is_empty(), "a cycle among {:?}", ALLOWED.iter().filter(|(f, _)| !below.contains(f)));
        below.extend(next);
    }
    for (folder, allowed) in ALLOWED {
        assert!(*folder == "main" || !allowed.contains(&"cli"), "{folder} imports cli");
        let may_replay = ["cli", "compare", "sweep", "validate"].contains(folder);
        assert!(may_replay || !allowed.contains(&"replay"), "{folder} imports replay");
        assert!(*folder == "cli" || !allowed.contains(&"sweep"), "{folder} imports sweep");
    }
}

#[test]
fn only_the_command_line_prints_and_low_layers_do_no_io() {
    let mut offences = String::new();
    for file in library() {
        for (number, line) in code(&file.text) {
            let has = |words: &[&str]| words.iter().any(|w| line.contains(w));
            let prints = has(&["println!", "print!(", "eprint!(", "dbg!(", "stdout()", "stderr()"]);
            let clock = has(&["Instant::now", "SystemTime", "thread_rng", "std::env::"]);
            let io = has(&["std::fs", "std::io", "std::net", "std::process", "File::open"]);
            let mut offence = |what: &str| {
                writeln!(offences, "{}:{number}: {} {what}: {}", file.name, file.folder, line.trim())
                    .unwrap();
            };
            if prints && file.folder != "cli" {
                offence("prints");
            }
            if clock && !["cli", "main", "device"].contains(&file.folder.as_str()) {
                offence("looks at the machine");
            }
            if io && NO_IO.contains(&file.folder.as_str()) {
                offence("does I/O");
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn nothing_is_left_for_later() {
    // In two parts, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    let mut offences = String::new();
    for file in sources() {
        for (i, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                writeln!(offences, "{}:{}: {}", file.name, i + 1, line.trim()).unwrap();
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn files_and_functions_stay_small() {
    let mut offences = String::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            writeln!(offences, "{}: {lines} lines, over {MOST_LINES}", file.name).unwrap();
        }
        for (number, length) in functions(&file.text) {
            if length > MOST_LINES_OF_A_FUNCTION {
                let name = &file.name;
                writeln!(offences, "{name}:{number}: {length} lines, over {MOST_LINES_OF_A_FUNCTION}")
                    .unwrap();
            }
        }
    }
    assert_none(&offences);
}

/// Start line and length of each function. rustfmt closes a function with a brace at its own indentation.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let starts_function = |line: &str| {
        let words = line.trim_start();
        let rest = ["pub ", "pub(crate) ", "pub(super) ", "const "]
            .iter()
            .fold(words, |w, p| w.strip_prefix(p).unwrap_or(w));
        rest.starts_with("fn ")
    };
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate().filter(|(_, line)| starts_function(line)) {
        let closes = |l: &&str| indent(l) == indent(line) && l.trim_start().starts_with('}');
        let one_line = line.ends_with(['}', ';']);
        let end = lines[i + 1..].iter().position(closes).map_or(0, |n| n + 2);
        found.push((i + 1, if one_line { 1 } else { end }));
    }
    found
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert_eq!(imports("use crate::engine::{Gate, Preset};"), ["engine"]);
    assert_eq!(imports("use crate::{time::Span, ids};"), ["time", "ids"]);
    assert_eq!(
        imports("    key: fn(&crate::workload::Visible) -> crate::error::Error,"),
        ["workload", "error"]
    );
    assert_eq!(imports("use super::crates::x;"), [""; 0]);
    assert_eq!(code("a\n// b\n    /// c\nd\n#[cfg(test)]\ne").map(|(n, _)| n).collect::<Vec<_>>(), [1, 4]);
    let text = "impl X {\n    pub fn f(\n        a: u8,\n    ) {\n        b\n    }\n}\nfn g() {}\npub const fn h() {\n}\n";
    assert_eq!(functions(text), [(2, 5), (8, 1), (9, 2)]);
}
