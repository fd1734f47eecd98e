//! What is refused, by the feature's name.

use super::*;

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "wanted `{part}`: {error}");
    }
}

#[test]
fn unknown_classes_are_not_taken_for_others() {
    for class in ["GptOsForCausalLM", "LlamaForCausalLm", "MyOwnForCausalLM"] {
        let error = refusal(&config(class, ""));
        says(&error, &["config.json, key architectures", class, "foretoken calibrate"]);
        assert!(!error.contains("did you mean"), "{error}");
    }
    says(&refusal(&config("DeepseekV4ForCausalLM", "")), &["compressed history", "compress_ratios"]);
    says(&refusal(&config("KimiK3ForConditionalGeneration", "")), &["attention residuals"]);
}

#[test]
fn features_without_words_are_named() {
    let types = r#""sliding_window": 128, "layer_types": ["odd_attention"]"#;
    says(
        &refusal(&config("Gemma3ForCausalLM", types)),
        &["key layer_types", "`odd_attention`", "layer 0 of 8"],
    );
    let blocks = r#""hybrid_override_pattern": "MX""#;
    says(&refusal(&config("NemotronHForCausalLM", blocks)), &["hybrid_override_pattern", "`X`"]);
    let linear = r#""linear_num_key_heads": 4, "mamba_ssm_dtype": "int8""#;
    says(&refusal(&config("Qwen3_5ForCausalLM", linear)), &["mamba_ssm_dtype", "`int8`"]);
    let state = r#""layer_types": ["linear_attention"], "sliding_window": 128"#;
    says(&refusal(&config("Gemma3ForCausalLM", state)), &["1 kinds of layers for 8"]);
    let one = config("Gemma3ForCausalLM", state).replace("num_hidden_layers\": 8", "num_hidden_layers\": 1");
    says(&refusal(&one), &["keeps a state, which this class has none of"]);
}

#[test]
fn missing_and_impossible_keys_are_named() {
    let without = |key: &str| refusal(&config("LlamaForCausalLM", "").replace(key, "other"));
    says(&without("hidden_size"), &["key hidden_size", "missing"]);
    says(&without("num_hidden_layers"), &["key num_hidden_layers", "missing"]);
    says(&refusal(&config("MiMoV2FlashForCausalLM", "")), &["hybrid_layer_pattern", "a list"]);
    says(&refusal(&config("DeciLMForCausalLM", r#""block_configs": []"#)), &["block_configs", "each layer"]);
    let huge = r#""n_routed_experts": 99999999, "num_experts_per_tok": 2"#;
    says(&refusal(&config("Glm4MoeForCausalLM", huge)), &["n_routed_experts", "2^24"]);
    says(&refusal("{\"architectures\": [\"Lla"), &["config.json, line 1", "give the model's config.json"]);
    says(&refusal("[]"), &["key architectures"]);
}
