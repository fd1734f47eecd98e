//! Step times of windows, states and indexes by hand, laws that hold for them, and the command.

use super::*;
use foretoken::latency::{Chunk, LatencyModel, Profile, StepShape};
use proptest::prelude::*;
use std::process::Command;

const BYTES_PER_S: f64 = 3.35e12 * 0.8;

fn profile(text: &str) -> Profile {
    plan(parse(text), "h100-sxm").estimate("p").unwrap()
}

fn decode_s(profile: &Profile, decodes: u64, context: u64) -> f64 {
    let shape = StepShape { decodes, context_sum: decodes * context, ..StepShape::default() };
    profile.model(1).unwrap().step(&shape).unwrap().as_secs()
}

#[test]
fn a_window_is_read_no_further_than_it_reaches() {
    let window = profile(&config("MistralForCausalLM", r#""sliding_window": 4096"#));
    let full = profile(&config("MistralForCausalLM", r#""sliding_window": null"#));
    for context in [100, 4_096] {
        assert!((decode_s(&window, 8, context) - decode_s(&full, 8, context)).abs() < 2e-9);
    }
    assert_eq!(decode_s(&window, 8, 4_096), decode_s(&window, 8, 60_000));
    let read = decode_s(&full, 8, 60_000) - decode_s(&full, 8, 4_096);
    assert!((read - (8 * 8 * KV * (60_000 - 4_096)) as f64 / BYTES_PER_S).abs() < 2e-9);
}

#[test]
fn a_state_is_read_and_written_whatever_the_context() {
    let delta = r#""linear_num_key_heads": 4, "linear_num_value_heads": 8, "full_attention_interval": 9"#;
    let model = profile(&config("Qwen3_5ForCausalLM", delta));
    assert_eq!(decode_s(&model, 4, 10), decode_s(&model, 4, 50_000));
    let state = explained(&config("Qwen3_5ForCausalLM", delta)).state_bytes;
    let more = decode_s(&model, 5, 10) - decode_s(&model, 4, 10);
    assert!((more - 2.0 * state / BYTES_PER_S).abs() < 2e-9, "{more}");
    // Capacity is stated for requests of 8,192 tokens, which is said.
    assert!(model.provenance.notes.iter().any(|n| n.contains("requests of 8192 tokens")));
}

#[test]
fn a_prompt_within_the_window_costs_what_full_attention_does() {
    let window = profile(&config("MistralForCausalLM", r#""sliding_window": 4096"#));
    let full = profile(&config("MistralForCausalLM", r#""sliding_window": null"#));
    let of = |p: &Profile, context, new| {
        let chunks = [Chunk::of_prompt(context, new)];
        let shape = StepShape { prefill: &chunks, ..StepShape::default() };
        p.model(1).unwrap().step(&shape).unwrap().as_secs()
    };
    assert!((of(&window, 1_000, 3_096) - of(&full, 1_000, 3_096)).abs() < 2e-9);
    // Beyond it every query sees 4,096: as many pairs as tokens times that.
    let flops = 8.0 * 4.0 * 1024.0 * 4_096.0 * 8_192.0;
    let longer = of(&window, 20_000, 8_192 + 8_192) - of(&window, 20_000, 8_192);
    let linear = 2.0 * (8 * (ATTENTION + DENSE)) as f64 * 8_192.0;
    let wanted = (flops + linear) / (989.4e12 * 0.7);
    assert!((longer / wanted - 1.0).abs() < 1e-5, "{longer} for {wanted}");
}

fn models() -> Vec<Box<dyn LatencyModel>> {
    let gemma = config("Gemma3ForCausalLM", r#""sliding_window": 512"#);
    let delta = config("Qwen3_5ForCausalLM", r#""linear_num_key_heads": 4, "linear_num_value_heads": 8"#);
    let latent = r#""q_lora_rank": 256, "kv_lora_rank": 128, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
        "v_head_dim": 32, "n_routed_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 128"#;
    let index = config("DeepseekV32ForCausalLM", latent);
    [gemma, delta, index].iter().map(|text| profile(text).model(1).unwrap()).collect()
}

fn time(model: &mut dyn LatencyModel, chunks: &[(u32, u32)], decodes: u64, context_sum: u64) -> u64 {
    let chunks: Vec<Chunk> = chunks.iter().map(|&(context, new)| Chunk::of_prompt(context, new)).collect();
    let shape = StepShape { prefill: &chunks, decodes, context_sum, ..StepShape::default() };
    model.step(&shape).unwrap().0
}

proptest! {
    #[test]
    fn more_work_is_never_faster(
        chunks in prop::collection::vec((0u32..100_000, 1u32..10_000), 0..4),
        decodes in 0u64..500, context_sum in 0u64..1_000_000, more in 1u32..5_000,
    ) {
        for mut model in models() {
            let base = time(&mut *model, &chunks, decodes, context_sum);
            let extra = u64::from(more);
            prop_assert!(time(&mut *model, &chunks, decodes + extra, context_sum) >= base);
            prop_assert!(time(&mut *model, &chunks, decodes, context_sum + extra) >= base);
            let longer: Vec<_> = chunks.iter().map(|&(c, n)| (c + more, n)).collect();
            prop_assert!(time(&mut *model, &longer, decodes, context_sum) >= base);
            let wider: Vec<_> = chunks.iter().map(|&(c, n)| (c, n + more)).collect();
            prop_assert!(time(&mut *model, &wider, decodes, context_sum) >= base);
        }
    }
}

#[test]
fn explain_prints_counts_in_words_and_as_json() {
    let run = |args: &[&str]| {
        let mut all =
            vec!["profile", "roofline", "--config", "mixtral-8x7b", "--hardware", "h100-sxm", "--explain"];
        all.extend(args);
        let output = Command::new(env!("CARGO_BIN_EXE_foretoken")).args(all).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = run(&["--tp", "2"]);
    for wanted in ["46,702,792,704", "12,879,925,248", "93,405,585,408", "2 of 8 experts", "17,179,869,184"] {
        assert!(table.contains(wanted), "wanted {wanted}: {table}");
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    assert_eq!(json["explained"]["kv_bytes"][0][1], 131_072.0 * 1_024.0);
    // The weights alone are more than one device has.
    assert_eq!(json["explained"]["blocks"], 0);
}
