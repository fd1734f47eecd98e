//! What is refused, and what the refusal says.

use super::*;
use foretoken::latency::Dtype;

fn config(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/models/mixtral-8x7b.json"),
    );
    let changed = text.unwrap().replace(from, to);
    Architecture::parse("config.json", &changed, None, None).unwrap_err().to_string()
}

fn refused(model: &str, hardware: &str, serving: Serving) -> String {
    estimate(model, hardware, serving).unwrap_err().to_string()
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "wanted `{part}`: {error}");
    }
}

#[test]
fn what_does_not_fit_names_the_smallest_degree() {
    says(&refused("llama3-70b", "h100-sxm", tp(1)), &["does not fit", "parallelism that fits is 2"]);
    says(&refused("llama3-70b", "l40s", tp(2)), &["does not fit", "parallelism that fits is 4"]);
    assert!(estimate("llama3-70b", "l40s", tp(4)).is_ok());
    let hungry = Serving { activation_reserve_bytes: 1 << 40, ..Serving::default() };
    says(&refused("llama3-8b", "h100-sxm", hungry), &["no tensor parallelism up to 64 fits"]);
}

#[test]
fn degrees_that_do_not_divide_list_those_that_do() {
    says(&refused("llama3-8b", "h100-sxm", tp(3)), &["key serving.tp", "32 attention heads", "[1, 2, 4, 8,"]);
    says(&refused("qwen2.5-7b", "h100-sxm", tp(7)), &["4 KV heads", "[1, 2, 4]"]);
    says(&refused("llama3-8b", "h100-sxm", tp(0)), &["does not divide"]);
}

#[test]
fn settings_out_of_range_are_named() {
    let default = Serving::default();
    let mut hardware = Hardware::load("a100-80g-sxm").unwrap();
    hardware.peak_flops_per_s.remove(&Dtype::Int8);
    let serving = Serving { dtype: Some(Dtype::Int8), ..default.clone() };
    let model = Architecture::load("llama3-8b", serving.dtype).unwrap();
    let lacking = Plan { serving, model, hardware }.estimate("p").unwrap_err().to_string();
    says(&lacking, &["int8", "bf16, fp16"]);
    let cache = Serving { kv_dtype: Some(Dtype::Int4), ..default.clone() };
    says(&refused("llama3-8b", "h100-sxm", cache), &["serving.kv_dtype", "int4"]);
    let fast = Serving { compute_efficiency: 1.5, ..default.clone() };
    says(&refused("llama3-8b", "h100-sxm", fast), &["serving.compute_efficiency", "1.5"]);
    let backwards = Serving { step_overhead_s: -1.0, ..default };
    says(&refused("llama3-8b", "h100-sxm", backwards), &["step_overhead_s", "-1"]);
}

#[test]
fn configurations_not_modelled_are_refused() {
    let other = config("MixtralFor", "MistralaFor");
    says(&other, &["key architectures", "class `MistralaForCausalLM` is not known", "foretoken calibrate"]);
    assert!(!other.contains("did you mean"), "a class is not another for its spelling: {other}");
    says(&config("architectures", "class"), &["key architectures", "missing"]);
    says(&config("num_local_experts", "experts"), &["config.json, key num_local_experts", "missing"]);
    says(&config("hidden_size", "width"), &["key hidden_size", "missing"]);
    says(&config("\"vocab_size\": 32000", "\"vocab_size\": -1"), &["key vocab_size", "-1"]);
    says(&config("\"num_key_value_heads\": 8", "\"num_key_value_heads\": 5"), &["key num_key_value_heads"]);
    says(&config("\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"), &["key num_local_experts"]);
    says(&config("}", ""), &["config.json, line", "config.json"]);
}

#[test]
fn unknown_names_get_the_nearest() {
    says(&Hardware::load("h100_sxm").unwrap_err().to_string(), &["unknown hardware", "`h100-sxm`?"]);
    says(
        &Architecture::load("llama3-80b", None).unwrap_err().to_string(),
        &["unknown model", "`llama3-8b`?"],
    );
}

#[test]
fn hardware_files_are_checked_by_line_and_key() {
    let good = foretoken::latency::shipped::HARDWARE[0].1;
    let bad =
        |from: &str, to: &str| Hardware::parse("x.toml", &good.replace(from, to)).unwrap_err().to_string();
    says(&bad("2.039e12", "0.0"), &["x.toml, line", "key memory.bytes_per_s"]);
    says(&bad("tdp_w", "tpd_w"), &["key power.tpd_w", "`tdp_w`?"]);
    says(&bad("fp16 =", "fp15 ="), &["key peak_flops_per_s.fp15", "`fp16`?"]);
    says(&bad("schema = 1", "schema = 2"), &["line 1, key schema", "newer foretoken"]);
}
