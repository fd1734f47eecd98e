//! Families: what each adds to the plain decoder.

use super::*;

/// Parameters of eight plain layers, each with `more`.
fn plain(more: u64) -> u64 {
    8 * (ATTENTION + DENSE + 2 * 1024 + more) + TABLES + 1024
}

fn kv(e: &Explained) -> [u64; 3] {
    [0, 1, 2].map(|i| e.kv_bytes[i].1 as u64)
}

#[test]
fn biases_and_norms_are_the_class_s() {
    let qkv = 1024 + 2 * 256;
    assert_eq!(parse(&config("LlamaForCausalLM", "")).parameters(), plain(0));
    assert_eq!(
        parse(&config("LlamaForCausalLM", r#""attention_bias": true"#)).parameters(),
        plain(qkv + 1024)
    );
    assert_eq!(
        parse(&config("LlamaForCausalLM", r#""mlp_bias": true"#)).parameters(),
        plain(2 * 2048 + 1024)
    );
    assert_eq!(parse(&config("Qwen2ForCausalLM", "")).parameters(), plain(qkv));
    assert_eq!(parse(&config("Qwen3ForCausalLM", "")).parameters(), plain(2 * 64));
    assert_eq!(parse(&config("Gemma3ForCausalLM", "")).parameters(), plain(2 * 1024 + 2 * 64));
}

#[test]
fn windows_hold_only_where_the_class_turns_them_on() {
    let window = r#""sliding_window": 4096"#;
    let every = [8 * KV * 1024, 8 * KV * 8192, 8 * KV * 131_072];
    let capped = [8 * KV * 1024, 8 * KV * 4096, 8 * KV * 4096];
    let of = |class: &str, more: &str| kv(&explained(&config(class, more)));
    assert_eq!(of("LlamaForCausalLM", window), every);
    assert_eq!(of("Qwen2ForCausalLM", window), every);
    assert_eq!(of("MistralForCausalLM", window), capped);
    assert_eq!(of("MistralForCausalLM", r#""sliding_window": null"#), every);
    assert_eq!(
        of("MistralForCausalLM", r#""sliding_window": 65536"#),
        every,
        "a window as long as the context"
    );
    let on = r#""sliding_window": 4096, "use_sliding_window": true, "max_window_layers": 6"#;
    assert_eq!(of("Qwen2ForCausalLM", on)[1], 6 * KV * 8192 + 2 * KV * 4096);
    // The key's absence is the class's window, and the output says so.
    let silent = explained(&config("MistralForCausalLM", ""));
    assert_eq!(kv(&silent), capped);
    assert!(
        silent.model.remarks.iter().any(|r| r.contains("sliding_window 4096")),
        "{:?}",
        silent.model.remarks
    );
}

#[test]
fn layer_types_and_patterns_agree() {
    let types = r#""sliding_window": 512, "layer_types": ["sliding_attention", "sliding_attention",
        "sliding_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
        "sliding_attention"]"#;
    let [listed, patterned] =
        [types, r#""sliding_window": 512"#].map(|more| explained(&config("Gemma3ForCausalLM", more)));
    assert_eq!(kv(&listed), kv(&patterned));
    assert_eq!(kv(&listed)[2], KV * 131_072 + 7 * KV * 512);
    let marked = r#""sliding_window": 128, "hybrid_layer_pattern": [0, 1, 1, 1, 1, 1, 1, 0], "v_head_dim": 32,
        "swa_num_key_value_heads": 8, "moe_layer_freq": [0, 0, 0, 0, 0, 0, 0, 0]"#;
    let mimo = explained(&config("MiMoV2FlashForCausalLM", marked));
    // Keys of 64 and values of 32; twice the heads within the window.
    assert_eq!(kv(&mimo)[2], 2 * 2 * 4 * (64 + 32) * 131_072 + 6 * 2 * 8 * (64 + 32) * 128);
}

#[test]
fn wrappers_keep_their_language_model_under_a_key() {
    let flat = config("Qwen3VLForConditionalGeneration", "");
    let inner = flat.replace(r#""architectures": ["Qwen3VLForConditionalGeneration"], "#, "");
    let nested = format!(
        r#"{{"architectures": ["Qwen3VLForConditionalGeneration"], "text_config": {inner},
            "vision_config": {{"hidden_size": 99}}, "time_step_limit": [0.0, Infinity], "note": "a bare Infinity"}}"#
    );
    assert_eq!(parse(&nested), parse(&flat));
}

#[test]
fn experts_lie_where_the_keys_say() {
    let moe = r#""num_experts": 16, "num_experts_per_tok": 2, "moe_intermediate_size": 256"#;
    let expert = 3 * 1024 * 256;
    let sparse = ATTENTION + 16 * expert + 16 * 1024 + 2 * 1024 + 2 * 64;
    let dense = ATTENTION + DENSE + 2 * 1024 + 2 * 64;
    let count = |layers: u64| layers * sparse + (8 - layers) * dense + TABLES + 1024;
    let of = |more: &str| parse(&config("Qwen3MoeForCausalLM", &format!("{moe}, {more}")));
    let all = of(r#""mlp_only_layers": []"#);
    assert_eq!(all.parameters(), count(8));
    assert_eq!(all.parameters() - all.active_parameters(), 8 * 14 * expert);
    assert_eq!(of(r#""mlp_only_layers": [0, 3]"#).parameters(), count(6));
    assert_eq!(of(r#""decoder_sparse_step": 2"#).parameters(), count(4));
    // Saved again by transformers 5.
    let renamed = config("Qwen3MoeForCausalLM", moe).replace("num_experts\"", "num_local_experts\"");
    assert_eq!(parse(&renamed), parse(&config("Qwen3MoeForCausalLM", moe)));
    let glm = r#""n_routed_experts": 16, "num_experts_per_tok": 2, "moe_intermediate_size": 256,
        "n_shared_experts": 1, "first_k_dense_replace": 3"#;
    let sparse = ATTENTION + 17 * expert + 16 * 1024 + 16 + 2 * 1024;
    let expected = 5 * sparse + 3 * (ATTENTION + DENSE + 2 * 1024) + TABLES + 1024;
    assert_eq!(parse(&config("Glm4MoeForCausalLM", glm)).parameters(), expected);
}

#[test]
fn states_are_kept_once_a_request_in_the_format_that_is_asked_for() {
    let delta = r#""linear_num_key_heads": 4, "linear_num_value_heads": 8"#;
    let of = |more: &str| explained(&config("Qwen3_5ForCausalLM", &format!("{delta}{more}")));
    let (half, single) = (of(""), of(r#", "mamba_ssm_dtype": "float32""#));
    // Six of eight layers: 8 heads of 128 x 128; three columns of 2·4·128 + 8·128 channels.
    let (state, convolution) = (8 * 128 * 128, 3 * 2048);
    assert_eq!(half.state_bytes, f64::from(6 * 2 * (state + convolution)));
    assert_eq!(single.state_bytes, f64::from(6 * (4 * state + 2 * convolution)));
    assert_eq!((half.state_dtype, single.state_dtype), (Some("bf16"), Some("fp32")));
    assert_eq!(half.kv_bytes_per_token, (2 * KV) as f64);
}

#[test]
fn layers_that_only_mix_or_only_feed_forward() {
    let more = r#""hybrid_override_pattern": "M-*EM-*E", "mamba_num_heads": 8, "mamba_head_dim": 64,
        "ssm_state_size": 16, "n_groups": 2, "conv_kernel": 4, "n_routed_experts": 4, "num_experts_per_tok": 1,
        "moe_intermediate_size": 128, "moe_shared_expert_intermediate_size": 256, "moe_latent_size": 512"#;
    let model = parse(&config("NemotronHForCausalLM", more));
    let (inner, channels) = (512, 512 + 2 * 2 * 16);
    let mamba = 1024 * (inner + channels + 8) + inner * 1024 + channels * 5 + 3 * 8 + inner + 1024;
    let dense = 2 * 1024 * 2048 + 1024;
    let experts = 4 * 2 * 512 * 128 + 2 * 1024 * 512 + 2 * 1024 * 256 + 4 * 1024 + 4 + 1024;
    assert_eq!(model.parameters(), 2 * (mamba + dense + ATTENTION + 1024 + experts) + TABLES + 1024);
    assert_eq!(model.layers.iter().map(|l| l.count * l.reductions).sum::<u64>(), 8);
}

#[test]
fn an_index_has_keys_of_its_own_where_the_layer_owns_it() {
    let latent = r#""q_lora_rank": 256, "kv_lora_rank": 128, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
        "v_head_dim": 32, "n_routed_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 128,
        "index_n_heads": 8, "index_head_dim": 128, "index_topk": 512"#;
    let all = explained(&config("DeepseekV32ForCausalLM", latent));
    assert_eq!(all.index_bytes_per_token, f64::from(8 * (128 + 4)));
    assert_eq!(all.kv_bytes_per_token, f64::from(8 * (2 * (128 + 16) + 132)));
    let shared =
        r#", "indexer_types": ["full", "shared", "shared", "shared", "full", "shared", "shared", "shared"]"#;
    let some = explained(&config("GlmMoeDsaForCausalLM", &format!("{latent}{shared}")));
    assert_eq!(some.index_bytes_per_token, f64::from(2 * 132));
    let own = 256 * 8 * 128 + 1024 * 128 + 1024 * 8 + 2 * 128;
    assert_eq!(all.model.parameters - some.model.parameters, 6 * own);
}

#[test]
fn shared_caches_and_tables_beside_the_embedding() {
    let more = r#""sliding_window": 512, "num_kv_shared_layers": 2, "use_double_wide_mlp": true,
        "global_head_dim": 128, "hidden_size_per_layer_input": 32, "vocab_size_per_layer_input": 500,
        "sliding_window_pattern": 4"#;
    let gemma = explained(&config("Gemma4ForCausalLM", more));
    // Layers 3 and 7 are full; 6 and 7 read the cache of earlier ones.
    assert_eq!(kv(&gemma)[2], 2 * KV * 131_072 + 5 * KV * 512);
    let wide = 2 * 1024 * 2048 + 2 * 1024 * 512;
    let own = 5 * (ATTENTION + 2 * 64) + (wide + 2 * 128);
    let shared = (2 * 1024 * 1024 + 64) + (2 * 1024 * 2048 + 128);
    let feed = 6 * DENSE + 2 * 2 * DENSE;
    let inputs = 8 * (3 * 1024 * 32 + 1024) + 500 * 8 * 32 + 32;
    assert_eq!(gemma.model.parameters, own + shared + feed + 8 * 4 * 1024 + inputs + TABLES + 1024);
}

#[test]
fn layers_cut_down_one_by_one() {
    let block = |group: &str, cut: bool, factor: f64| {
        format!(
            r#"{{"attention": {{"n_heads_in_group": {group}, "no_op": {cut}}}, "ffn": {{"ffn_mult": {factor}}}}}"#
        )
    };
    let blocks: Vec<String> =
        (0..8).map(|i| if i < 6 { block("4", false, 3.0) } else { block("null", true, 1.5) }).collect();
    let more = format!(r#""block_configs": [{}]"#, blocks.join(", "));
    let text = config("DeciLMForCausalLM", &more)
        .replace(r#""num_key_value_heads": 4"#, r#""num_key_value_heads": null"#);
    // Widths 2·3.0·1024/3 and 2·1.5·1024/3.
    let expected = 6 * (ATTENTION + DENSE + 2 * 1024) + 2 * (DENSE / 2 + 1024) + TABLES + 1024;
    assert_eq!(parse(&text).parameters(), expected);
}

#[test]
fn older_decoders_have_biases_and_two_matrices() {
    let two = 8 * (ATTENTION + 2 * 1024 * 2048 + 4 * 1024) + TABLES + 2 * 1024;
    let biases = 8 * ((1024 + 2 * 256 + 1024) + (2048 + 1024));
    assert_eq!(parse(&config("GPTNeoXForCausalLM", "")).parameters(), two + biases);
    assert_eq!(parse(&config("Starcoder2ForCausalLM", r#""use_bias": false"#)).parameters(), two);
    // One norm a layer: attention and feed-forward part side by side.
    assert_eq!(parse(&config("CohereForCausalLM", "")).parameters(), plain(0) - 8 * 1024);
    assert_eq!(parse(&config("Olmo2ForCausalLM", "")).parameters(), plain(20 * 64));
}

#[test]
fn kimi_delta_layers_are_listed_from_one() {
    let more = r#""kv_lora_rank": 128, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32,
        "q_lora_rank": null, "num_experts": 4, "num_experts_per_token": 1, "moe_intermediate_size": 128,
        "first_k_dense_replace": 8, "linear_attn_config": {"full_attn_layers": [4, 8], "num_heads": 16,
        "head_dim": 64, "short_conv_kernel_size": 4}"#;
    let text = config("KimiLinearForCausalLM", more)
        .replace(r#""first_k_dense_replace": 8"#, r#""first_k_dense_replace": 7"#);
    let kimi = explained(&text);
    assert_eq!(kimi.kv_bytes_per_token, f64::from(2 * 2 * (128 + 16)));
    // Six layers: 16 heads of 64 x 64 in fp32, three columns of three convolutions in bf16.
    assert_eq!(kimi.state_bytes, f64::from(6 * (4 * 16 * 64 * 64 + 2 * 3 * 3 * 1024)));
    assert!(refusal(&config("KimiLinearForCausalLM", more)).contains("no layer has experts"));
}

#[test]
fn lists_of_one_value_are_that_value() {
    let single = r#""num_experts": 8, "moe_topk": 2, "moe_intermediate_size": 64, "num_shared_expert": 1"#;
    let listed = r#""num_experts": 8, "moe_topk": [2, 2], "moe_intermediate_size": [64, 64], "num_shared_expert": [1, 1]"#;
    let [single, listed] = [single, listed].map(|more| config("HunYuanMoEV1ForCausalLM", more));
    assert_eq!(parse(&listed), parse(&single));
    assert!(refusal(&listed.replace("[64, 64]", "[64, 65]")).contains("moe_intermediate_size"));
}
