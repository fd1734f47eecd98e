//! The Python of docs/from-python.md, run as one script.

use super::{Checkout, root};
use std::path::Path;
use std::process::Command;

const NEEDED: &str = "import pandas, polars, pyarrow, matplotlib";

/// The blocks fenced as `python`, and those for builds with Parquet if this is one.
fn script(page: &str) -> String {
    let mut script = String::new();
    for block in page.split("\n```python").skip(1) {
        let (info, rest) = block.split_once('\n').expect("a fence ends its line");
        let code = rest.split("\n```").next().unwrap();
        match info.trim() {
            "parquet" if !cfg!(feature = "parquet") => continue,
            "" | "parquet" => script += code,
            other => panic!("a block for {other}?"),
        }
        script += "\n";
    }
    script
}

/// A Python that has what the guide needs, or why there is none.
fn python() -> Result<String, String> {
    let python = std::env::var("FORETOKEN_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(&python).args(["-c", NEEDED]).output();
    let output = output.map_err(|e| format!("{python} does not start: {e}"))?;
    let talk = String::from_utf8_lossy(&output.stderr).trim().to_string();
    let last = talk.lines().last().unwrap_or_default();
    if output.status.success() { Ok(python) } else { Err(format!("{python}: {last}")) }
}

#[test]
#[allow(clippy::print_stdout, reason = "says what was not tested")]
fn the_guide_for_python_runs() {
    let page = std::fs::read_to_string(root().join("docs/from-python.md")).unwrap();
    let script = script(&page);
    assert!(script.matches("foretoken(").count() > 4, "the blocks are not found");
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            // FORETOKEN_PYTHON is set where the guide must run.
            assert!(std::env::var_os("FORETOKEN_PYTHON").is_none(), "{why}");
            println!("docs/from-python.md was not run: {why}");
            return;
        }
    };
    let checkout = Checkout::new();
    std::fs::write(checkout.0.path().join("guide.py"), &script).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_foretoken")).parent().unwrap();
    let mut path = program.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new(python)
        .current_dir(checkout.0.path())
        .env("PATH", path)
        .env("MPLCONFIGDIR", checkout.0.path())
        .arg("guide.py")
        .output()
        .unwrap();
    let (out, talk) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{talk}");
    assert!(out.contains("better"), "{out}");
    assert!(checkout.0.path().join("ttft.png").is_file());
}

#[test]
fn blocks_for_other_builds_are_left_out() {
    let page = "\n```python\na\n```\n\n```python parquet\nb\n```\n```sh\nc\n```\n\n```python\nd\n```\n";
    let expected = if cfg!(feature = "parquet") { "a\nb\nd\n" } else { "a\nd\n" };
    assert_eq!(script(page), expected);
}
