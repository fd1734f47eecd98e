//! `foretoken profile`, as a user runs it.

use foretoken::latency::{Profile, shipped};
use std::process::{Command, Output};

fn foretoken(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foretoken")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = foretoken(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn shipped_analytic_profiles_are_what_the_command_writes() {
    let folder = tempfile::tempdir().unwrap();
    let analytic = ["llama3-8b", "qwen2.5-7b", "llama3-70b", "mixtral-8x7b"];
    let mut checked = 0;
    for (name, text) in shipped::PROFILES {
        let Some(model) = analytic.iter().find(|m| name.starts_with(**m)) else { continue };
        let tp = name.split_once("-tp").map_or("1", |(_, tp)| tp);
        let out = folder.path().join(format!("{name}.toml"));
        let out = out.to_str().unwrap();
        let args =
            ["profile", "roofline", "--config", model, "--hardware", "h100-sxm", "--tp", tp, "--out", out];
        stdout(&args);
        assert!(
            std::fs::read_to_string(out).unwrap() == *text,
            "profiles/{name}.toml is stale: run {args:?}"
        );
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn nothing_is_overwritten_unasked_and_nothing_lies_around() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mine.toml");
    std::fs::write(&out, "precious").unwrap();
    let path = out.to_str().unwrap();
    let args = ["profile", "roofline", "--config", "llama3-8b", "--hardware", "l40s", "--out", path];
    let refused = foretoken(&args);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--overwrite"));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "precious");
    stdout(&[&args[..], &["--overwrite"]].concat());
    assert_eq!(Profile::load(path).unwrap().name, "mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_configuration_file_of_a_published_model_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, super::DEEPSEEK_V3).unwrap();
    let config = config.to_str().unwrap();
    let args = ["profile", "roofline", "--config", config, "--hardware", "h200-sxm", "--tp", "8"];
    let text = stdout(&[&args[..], &["--dtype", "fp8", "--kv-dtype", "bf16"]].concat());
    let profile = Profile::parse("p.toml", &text).unwrap();
    assert_eq!(profile.name, "config-h200-sxm-tp8");
    assert!(profile.description.contains("DeepseekV3ForCausalLM of 671.0 B"), "{}", profile.description);
    let refused = foretoken(&[&args[..], &["--dtype", "fp9"]].concat());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`fp8`?"));
}

#[test]
fn list_and_show_speak_all_formats() {
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["profile", "list", "--format", "json"])).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["profiles"].as_array().unwrap().len(), shipped::PROFILES.len());
    for name in shipped::names() {
        assert!(stdout(&["profile", "list"]).contains(name));
        assert!(stdout(&["profile", "show", name]).contains("decode step, ms"));
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["profile", "show", "unit", "--format", "json"])).unwrap();
    assert_eq!(json["profile"]["timing"]["linear"]["step_s"], 1.0);
    assert_eq!(json["steps"][0]["step_s"], 1.0);
    let csv = stdout(&["profile", "show", "llama3-8b-h100", "--format", "csv"]);
    assert!(
        csv.starts_with("prefill_tokens,decodes,context_tokens,step_s,in_domain\n0,1,128,0.006"),
        "{csv}"
    );
}

#[test]
fn show_uses_the_capacity_it_is_told() {
    let show = |tokens: &str| {
        stdout(&["profile", "show", "dynamo-polynomial", "--format", "csv", "--kv-tokens", tokens])
    };
    assert!(show("118784").contains("0,256,512,0.034010000"), "{}", show("118784"));
    assert!(!show("1187840").contains("0,256,512,0.034010000"));
}
