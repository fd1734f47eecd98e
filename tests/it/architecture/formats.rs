//! Quantisation: bytes of weights by group of modules.

use super::*;
use foretoken::latency::Dtype;

const MOE: &str = r#""num_experts": 16, "num_experts_per_tok": 2, "moe_intermediate_size": 256"#;
/// Weights of all routed experts of the mixture.
const ROUTED: f64 = (8 * 16 * 3 * 1024 * 256) as f64;
/// Bytes of what never is quantised: tables, routers, norms.
const WIDE: f64 = 2.0 * (TABLES + 8 * (16 * 1024 + 2 * 1024 + 2 * 64) + 1024) as f64;

fn bytes(quantisation: &str) -> f64 {
    let more = format!(r#"{MOE}, "quantization_config": {quantisation}"#);
    parse(&config("Qwen3MoeForCausalLM", &more)).weight_bytes(1)
}

/// Expected bytes with so many bits an attention and an expert weight.
fn expected(attention: f64, experts: f64) -> f64 {
    WIDE + (8 * ATTENTION) as f64 * attention / 8.0 + ROUTED * experts / 8.0
}

#[test]
fn scales_and_zero_points_count() {
    let close =
        |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-9, "{found} for {wanted}");
    let block = 8.0 + 32.0 / (128.0 * 128.0);
    close(bytes(r#"{"quant_method": "fp8", "weight_block_size": [128, 128]}"#), expected(block, block));
    let awq = 4.0 + 20.0 / 128.0;
    close(
        bytes(r#"{"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": true}"#),
        expected(awq, awq),
    );
    close(bytes(r#"{"quant_method": "gptq", "bits": 4, "group_size": 64}"#), expected(4.3125, 4.3125));
    close(bytes(r#"{"quant_method": "mxfp4"}"#), expected(16.0, 4.25));
    close(bytes(r#"{"quant_method": "bitsandbytes", "load_in_4bit": true}"#), expected(4.5, 4.5));
    close(
        bytes(r#"{"quant_algo": "NVFP4", "exclude_modules": ["lm_head", "model.layers.*.self_attn*"]}"#),
        expected(16.0, 4.5),
    );
}

#[test]
fn excluded_modules_stay_wide_however_they_are_named() {
    let skip =
        |names: &str| bytes(&format!(r#"{{"quant_method": "fp8", "modules_to_not_convert": [{names}]}}"#));
    assert_eq!(skip(""), expected(8.0, 8.0));
    assert_eq!(skip(r#""gate", "lm_head""#), expected(8.0, 8.0), "`gate` is the router, not gate_proj");
    assert_eq!(skip(r#""model.layers.*.self_attn""#), expected(16.0, 8.0));
    assert_eq!(skip(r#""language_model.model.layers.*.self_attn*""#), expected(16.0, 8.0));
    assert_eq!(skip(r#""re:.*self_attn.*""#), expected(16.0, 8.0));
    assert_eq!(skip(r#""mtp.layers.*""#), expected(8.0, 8.0), "not the model's own layers");
    let one = (skip(r#""model.layers.1.mlp*""#) - expected(8.0, 8.0)) / ROUTED;
    assert_eq!(one, 1.0 / 8.0, "one layer of eight");
}

#[test]
fn groups_and_single_layers_have_formats_of_their_own() {
    let int4 = r#"{"quant_method": "compressed-tensors", "ignore": ["lm_head", "re:.*self_attn.*"],
        "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": null,
            "weights": {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": true}}}}"#;
    assert_eq!(bytes(int4), expected(16.0, 4.5));
    let mixed = r#"{"quant_method": "compressed-tensors", "config_groups": {
        "group_0": {"targets": ["re:.*self_attn.*"], "input_activations": {"num_bits": 8},
            "weights": {"num_bits": 8, "type": "float"}},
        "group_1": {"targets": ["re:.*experts.*"], "weights": {"num_bits": 4, "type": "float", "group_size": 32}}}}"#;
    assert_eq!(bytes(mixed), expected(8.0, 4.25));
    let named: Vec<String> = (0..8)
        .map(|i| format!(r#""model.layers.{i}.mlp.experts.0.up_proj": {{"quant_algo": "W4A16_NVFP4"}}"#))
        .collect();
    let by_layer =
        format!(r#"{{"quant_algo": "MIXED_PRECISION", "quantized_layers": {{{}}}}}"#, named.join(", "));
    assert_eq!(bytes(&by_layer), expected(16.0, 4.5));
}

#[test]
fn the_file_beside_the_configuration_counts_and_so_does_its_kv_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, config("Qwen3MoeForCausalLM", MOE)).unwrap();
    let load = || Architecture::load(path.to_str().unwrap(), None).unwrap();
    assert_eq!((load().weight_bytes(1), load().kv_dtype), (expected(16.0, 16.0), None));
    let sidecar = r#"{"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}"#;
    std::fs::write(folder.path().join("hf_quant_config.json"), sidecar).unwrap();
    assert_eq!((load().weight_bytes(1), load().kv_dtype), (expected(8.0, 8.0), Some(Dtype::Fp8)));
    assert_eq!(plan(load(), "h100-sxm").explain(None).unwrap().kv_bytes_per_token, (8 * KV / 2) as f64);
    let told = Architecture::load(path.to_str().unwrap(), Some(Dtype::Bf16)).unwrap();
    assert_eq!(told.weight_bytes(1), expected(16.0, 16.0), "--dtype outweighs the checkpoint");
    std::fs::write(folder.path().join("hf_quant_config.json"), "{").unwrap();
    let broken = Architecture::load(path.to_str().unwrap(), None).unwrap_err().to_string();
    assert!(broken.contains("hf_quant_config.json, line 1"), "{broken}");
}

#[test]
fn a_format_that_nobody_reads_is_named_and_dtype_helps() {
    let more = r#""quantization_config": {"quant_method": "quark"}"#;
    let text = config("LlamaForCausalLM", more);
    let refused = refusal(&text);
    assert!(refused.contains("`quark`") && refused.contains("--dtype"), "{refused}");
    let told = Architecture::parse("config.json", &text, None, Some(Dtype::Fp8)).unwrap();
    assert_eq!(told.parameters(), parse(&config("LlamaForCausalLM", "")).parameters());
}

#[test]
fn products_run_in_the_format_that_the_device_has() {
    let more = format!(r#"{MOE}, "quantization_config": {{"quant_method": "fp8"}}"#);
    let text = config("Qwen3MoeForCausalLM", &more);
    let rate = |hardware: &str| {
        let profile = plan(parse(&text), hardware).estimate("p").unwrap();
        let foretoken::latency::Timing::Roofline(law) = profile.timing else { panic!("no roofline") };
        (law.matmul_flops_per_s, profile.provenance.notes.join("; "))
    };
    assert_eq!(rate("h100-sxm").0, 1978.9e12);
    let (rate, notes) = rate("a100-80g-sxm");
    assert_eq!(rate, 312e12);
    assert!(notes.contains("weights only, multiplied in bf16"), "{notes}");
}
