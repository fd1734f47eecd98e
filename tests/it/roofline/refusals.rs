//! What is refused, and what the refusal says.

use super::*;
use foretoken::latency::Dtype;

fn config(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/models/mixtral-8x7b.json"),
    );
    let changed = text.unwrap().replace(from, to);
    ModelShape::parse("config.json", &changed).unwrap_err().to_string()
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
    let formats = Serving { dtype: Dtype::Fp8, ..default.clone() };
    says(&refused("llama3-8b", "a100-80g-sxm", formats), &["fp8", "bf16, fp16, int8"]);
    let cache = Serving { kv_dtype: Dtype::Int4, ..default.clone() };
    says(&refused("llama3-8b", "h100-sxm", cache), &["serving.kv_dtype", "int4"]);
    let fast = Serving { compute_efficiency: 1.5, ..default.clone() };
    says(&refused("llama3-8b", "h100-sxm", fast), &["serving.compute_efficiency", "1.5"]);
    let backwards = Serving { step_overhead_s: -1.0, ..default };
    says(&refused("llama3-8b", "h100-sxm", backwards), &["step_overhead_s", "-1"]);
}

#[test]
fn configurations_not_modelled_are_refused() {
    says(
        &config("MixtralFor", "MistralaFor"),
        &["architecture `MistralaForCausalLM`", "`MistralForCausalLM`?"],
    );
    says(&config("architectures", "class"), &["key architectures", "missing"]);
    says(&config("num_local_experts", "experts"), &["config.json, key num_local_experts", "missing"]);
    says(&config("hidden_size", "width"), &["key hidden_size", "missing"]);
    says(&config("\"vocab_size\": 32000", "\"vocab_size\": -1"), &["key vocab_size", "-1"]);
    says(&config("\"sliding_window\": null", "\"sliding_window\": 4096"), &["key sliding_window"]);
    says(&config("\"num_key_value_heads\": 8", "\"num_key_value_heads\": 5"), &["key num_key_value_heads"]);
    says(&config("\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"), &["key num_local_experts"]);
    says(&config("}", ""), &["config.json, line", "config.json"]);
    let qwen = QWEN3_30B_A3B.replace("\"mlp_only_layers\": []", "\"mlp_only_layers\": [0]");
    says(&ModelShape::parse("c.json", &qwen).unwrap_err().to_string(), &["mlp_only_layers"]);
}

#[test]
fn unknown_names_get_the_nearest() {
    says(&Hardware::load("h100_sxm").unwrap_err().to_string(), &["unknown hardware", "`h100-sxm`?"]);
    says(&ModelShape::load("llama3-80b").unwrap_err().to_string(), &["unknown model", "`llama3-8b`?"]);
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
