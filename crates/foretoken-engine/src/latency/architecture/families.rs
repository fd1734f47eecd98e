//! The families of models: one row each. What a row leaves out is as in Llama.

/// When projections have a bias.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    Never,
    Always,
    /// Where `attention_bias` says so.
    Asked,
}

/// How queries and keys are normalised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QkNorm {
    None,
    /// Each head by the same weights.
    PerHead,
    /// All heads together.
    Whole,
    /// Each head, where `use_qk_norm` says so.
    Asked,
}

/// Gate on what attention puts out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    None,
    /// As wide as the queries.
    Whole,
    /// A number a head.
    PerHead,
}

/// Which layers attend to what, where `layer_types` does not say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// All to everything.
    Full,
    /// All within `sliding_window`, if that is written or the class has one.
    Window,
    /// Within `sliding_window` from layer `max_window_layers` on, if `use_sliding_window` says so.
    Flagged,
    /// Every so-many-th layer fully, the others within `sliding_window`.
    Windows(u64),
    /// Every so-many-th layer fully, the others within chunks of `attention_chunk_size`.
    Chunks(u64),
    /// Every so-many-th layer fully, the others by a state.
    States(u64),
    /// `hybrid_override_pattern` or `layers_block_type`: a layer mixes or feeds forward, not both.
    Blocks,
    /// `block_configs`: each layer has its own heads and widths.
    PerLayer,
    /// `hybrid_layer_pattern`: 1 within the window.
    Marked,
    /// `linear_attn_config.full_attn_layers` names the full ones from 1 on; the others keep a state.
    Listed,
}

/// Kinds of state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StateKind {
    None,
    /// Gated delta rule (Qwen3-Next): projections together in two, or apart in four.
    GatedDelta {
        together: bool,
    },
    /// State space of Mamba-2.
    Mamba2,
    /// Kimi's delta rule, its sizes in `linear_attn_config`.
    Kimi,
}

/// A family.
pub(super) struct Family {
    /// Class names.
    pub classes: &'static [&'static str],
    /// What the class assumes where a key is absent.
    pub defaults: &'static [(&'static str, u64)],
    /// The class's own names of keys: usual name, its name.
    pub names: &'static [(&'static str, &'static str)],
    /// Multi-head latent attention.
    pub latent: bool,
    pub qkv_bias: Bias,
    pub output_bias: Bias,
    pub qk_norm: QkNorm,
    pub gate: Gate,
    /// Learned sinks, a number a head: in layers within a window only, or in all.
    pub sinks: Sinks,
    pub pattern: Pattern,
    pub state: StateKind,
    /// Norms of a layer, in widths of the residual stream.
    pub norms: u64,
    /// Norms after the last layer, in the same measure.
    pub final_norms: u64,
    /// Feed-forward parts have a gate: three matrices, not two.
    pub gated: bool,
    /// Layers have experts.
    pub experts: bool,
    /// Experts have biases.
    pub expert_bias: bool,
    /// Shared experts have a gate.
    pub shared_gate: bool,
    /// A dense part beside the experts in the same layer, with three norms and a router with scales.
    pub beside: bool,
    /// The router corrects its scores by a number an expert.
    pub router_bias: bool,
    /// Module names of checkpoints: mixer, state, dense part, experts.
    pub modules: [&'static str; 4],
}

/// Where there are sinks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sinks {
    None,
    All,
    Windows,
}

const LLAMA: Family = Family {
    classes: &["LlamaForCausalLM"],
    defaults: &[],
    names: &[],
    latent: false,
    qkv_bias: Bias::Asked,
    output_bias: Bias::Asked,
    qk_norm: QkNorm::None,
    gate: Gate::None,
    sinks: Sinks::None,
    pattern: Pattern::Full,
    state: StateKind::None,
    norms: 2,
    final_norms: 1,
    gated: true,
    experts: false,
    expert_bias: false,
    shared_gate: false,
    beside: false,
    router_bias: false,
    modules: ["self_attn", "linear_attn", "mlp", "mlp"],
};

const DEEPSEEK: Family = Family { latent: true, experts: true, qkv_bias: Bias::Never, ..LLAMA };

const DELTA: Family = Family {
    qk_norm: QkNorm::PerHead,
    gate: Gate::Whole,
    pattern: Pattern::States(4),
    state: StateKind::GatedDelta { together: false },
    ..LLAMA
};

const GEMMA: Family = Family { qk_norm: QkNorm::PerHead, norms: 4, pattern: Pattern::Windows(6), ..LLAMA };

const GEMMA3_DEFAULTS: &[(&str, u64)] = &[
    ("vocab_size", 262_208),
    ("hidden_size", 2304),
    ("intermediate_size", 9216),
    ("num_hidden_layers", 26),
    ("num_attention_heads", 8),
    ("num_key_value_heads", 4),
    ("head_dim", 256),
    ("max_position_embeddings", 131_072),
    ("sliding_window", 4096),
    ("tie_word_embeddings", 1),
];

const GEMMA4_DEFAULTS: &[(&str, u64)] = &[
    ("vocab_size", 262_144),
    ("hidden_size", 2304),
    ("intermediate_size", 9216),
    ("num_hidden_layers", 30),
    ("num_attention_heads", 8),
    ("num_key_value_heads", 4),
    ("head_dim", 256),
    ("global_head_dim", 512),
    ("max_position_embeddings", 131_072),
    ("sliding_window", 512),
    ("tie_word_embeddings", 1),
    ("vocab_size_per_layer_input", 262_144),
    ("hidden_size_per_layer_input", 256),
];

const DELTA_DEFAULTS: &[(&str, u64)] = &[
    ("linear_conv_kernel_dim", 4),
    ("linear_key_head_dim", 128),
    ("linear_value_head_dim", 128),
    ("linear_num_key_heads", 16),
    ("linear_num_value_heads", 32),
    ("head_dim", 256),
];

const DELTA_MOE_DEFAULTS: &[(&str, u64)] = &[
    ("linear_conv_kernel_dim", 4),
    ("linear_key_head_dim", 128),
    ("linear_value_head_dim", 128),
    ("linear_num_key_heads", 16),
    ("linear_num_value_heads", 32),
    ("head_dim", 256),
    ("moe_intermediate_size", 512),
    ("shared_expert_intermediate_size", 512),
];

const MINIMAX: Family = Family {
    qkv_bias: Bias::Never,
    output_bias: Bias::Never,
    experts: true,
    router_bias: true,
    modules: ["self_attn", "linear_attn", "mlp", "block_sparse_moe"],
    ..LLAMA
};

/// All families.
pub(super) const FAMILIES: &[Family] = &[
    LLAMA,
    Family {
        classes: &["MistralForCausalLM"],
        pattern: Pattern::Window,
        defaults: &[("sliding_window", 4096)],
        ..LLAMA
    },
    Family {
        classes: &["MixtralForCausalLM"],
        pattern: Pattern::Window,
        experts: true,
        modules: ["self_attn", "linear_attn", "mlp", "block_sparse_moe"],
        ..LLAMA
    },
    Family {
        classes: &["Mistral3ForConditionalGeneration", "MinistralForCausalLM", "Ministral3ForCausalLM"],
        pattern: Pattern::Window,
        ..LLAMA
    },
    Family {
        classes: &[
            "Qwen2ForCausalLM",
            "Qwen2_5_VLForConditionalGeneration",
            "Qwen2VLForConditionalGeneration",
        ],
        qkv_bias: Bias::Always,
        output_bias: Bias::Never,
        pattern: Pattern::Flagged,
        defaults: &[("max_window_layers", 28)],
        ..LLAMA
    },
    Family {
        classes: &["MiMoForCausalLM"],
        qkv_bias: Bias::Always,
        output_bias: Bias::Never,
        pattern: Pattern::Flagged,
        ..LLAMA
    },
    Family {
        classes: &["Qwen3ForCausalLM", "Qwen3VLForConditionalGeneration"],
        qk_norm: QkNorm::PerHead,
        pattern: Pattern::Flagged,
        defaults: &[("max_window_layers", 28), ("head_dim", 128)],
        ..LLAMA
    },
    Family {
        classes: &["Phi3ForCausalLM"],
        qkv_bias: Bias::Never,
        output_bias: Bias::Never,
        pattern: Pattern::Window,
        ..LLAMA
    },
    Family {
        classes: &["Qwen2MoeForCausalLM"],
        qkv_bias: Bias::Always,
        output_bias: Bias::Never,
        pattern: Pattern::Flagged,
        experts: true,
        shared_gate: true,
        defaults: &[("max_window_layers", 28)],
        ..LLAMA
    },
    Family {
        classes: &["Qwen3MoeForCausalLM", "Qwen3VLMoeForConditionalGeneration"],
        qk_norm: QkNorm::PerHead,
        pattern: Pattern::Flagged,
        experts: true,
        defaults: &[("max_window_layers", 28)],
        ..LLAMA
    },
    Family { classes: &["DeepseekV2ForCausalLM"], defaults: &[("q_lora_rank", 1536)], ..DEEPSEEK },
    Family {
        classes: &["DeepseekV3ForCausalLM", "KimiK25ForConditionalGeneration"],
        defaults: &[("q_lora_rank", 1536)],
        router_bias: true,
        ..DEEPSEEK
    },
    Family {
        classes: &["DeepseekV32ForCausalLM", "GlmMoeDsaForCausalLM"],
        defaults: &[
            ("q_lora_rank", 1536),
            ("index_n_heads", 64),
            ("index_head_dim", 128),
            ("index_topk", 2048),
        ],
        router_bias: true,
        ..DEEPSEEK
    },
    Family {
        classes: &["Qwen3NextForCausalLM"],
        state: StateKind::GatedDelta { together: true },
        experts: true,
        shared_gate: true,
        defaults: DELTA_MOE_DEFAULTS,
        ..DELTA
    },
    Family {
        classes: &["Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeForCausalLM"],
        experts: true,
        shared_gate: true,
        defaults: DELTA_MOE_DEFAULTS,
        ..DELTA
    },
    Family {
        classes: &["Qwen3_5ForConditionalGeneration", "Qwen3_5ForCausalLM"],
        defaults: DELTA_DEFAULTS,
        ..DELTA
    },
    Family {
        classes: &["GptOssForCausalLM"],
        sinks: Sinks::All,
        pattern: Pattern::Windows(2),
        experts: true,
        expert_bias: true,
        router_bias: true,
        defaults: &[("sliding_window", 128), ("attention_bias", 1), ("head_dim", 64)],
        ..LLAMA
    },
    Family {
        classes: &["Gemma3ForConditionalGeneration", "Gemma3ForCausalLM"],
        defaults: GEMMA3_DEFAULTS,
        ..GEMMA
    },
    Family {
        classes: &["Gemma4ForConditionalGeneration", "Gemma4ForCausalLM"],
        defaults: GEMMA4_DEFAULTS,
        experts: true,
        beside: true,
        modules: ["self_attn", "linear_attn", "mlp", "moe"],
        ..GEMMA
    },
    Family {
        classes: &["Llama4ForConditionalGeneration", "Llama4ForCausalLM"],
        pattern: Pattern::Chunks(4),
        experts: true,
        defaults: &[
            ("attention_chunk_size", 8192),
            ("interleave_moe_layer_step", 1),
            ("n_shared_experts", 1),
            ("num_local_experts", 16),
            ("num_experts_per_tok", 1),
        ],
        modules: ["self_attn", "linear_attn", "feed_forward", "feed_forward"],
        ..LLAMA
    },
    Family {
        classes: &["Glm4MoeForCausalLM"],
        output_bias: Bias::Never,
        qk_norm: QkNorm::Asked,
        experts: true,
        router_bias: true,
        ..LLAMA
    },
    Family { classes: &["MiniMaxM2ForCausalLM"], qk_norm: QkNorm::Whole, ..MINIMAX },
    Family {
        classes: &["MiniMaxM3ForCausalLM", "MiniMaxM3SparseForConditionalGeneration"],
        qk_norm: QkNorm::PerHead,
        ..MINIMAX
    },
    Family {
        classes: &["MiMoV2FlashForCausalLM"],
        output_bias: Bias::Never,
        sinks: Sinks::Windows,
        pattern: Pattern::Marked,
        experts: true,
        router_bias: true,
        ..LLAMA
    },
    Family {
        classes: &["Step3p7FlashForCausalLM", "Step3p7ForConditionalGeneration"],
        qk_norm: QkNorm::PerHead,
        gate: Gate::PerHead,
        pattern: Pattern::Windows(4),
        experts: true,
        router_bias: true,
        defaults: &[("first_k_dense_replace", 3)],
        modules: ["self_attn", "linear_attn", "mlp", "moe"],
        ..LLAMA
    },
    Family {
        classes: &["NemotronHForCausalLM"],
        qkv_bias: Bias::Never,
        output_bias: Bias::Never,
        pattern: Pattern::Blocks,
        state: StateKind::Mamba2,
        norms: 1,
        gated: false,
        experts: true,
        router_bias: true,
        defaults: &[
            ("num_key_value_heads", 8),
            ("head_dim", 128),
            ("ssm_state_size", 128),
            ("conv_kernel", 4),
        ],
        modules: ["mixer", "mixer", "mixer", "mixer"],
        ..LLAMA
    },
    Family { classes: &["Glm4ForCausalLM"], output_bias: Bias::Never, norms: 4, ..LLAMA },
    Family { classes: &["SeedOssForCausalLM"], output_bias: Bias::Never, ..LLAMA },
    Family {
        classes: &["SmolLM3ForCausalLM"],
        pattern: Pattern::Flagged,
        defaults: &[("tie_word_embeddings", 1)],
        ..LLAMA
    },
    Family { classes: &["CohereForCausalLM"], norms: 1, defaults: &[("tie_word_embeddings", 1)], ..LLAMA },
    Family {
        classes: &["Cohere2ForCausalLM"],
        norms: 1,
        pattern: Pattern::Windows(4),
        defaults: &[("tie_word_embeddings", 1), ("sliding_window", 4096)],
        ..LLAMA
    },
    Family { classes: &["Olmo2ForCausalLM"], qk_norm: QkNorm::Whole, ..LLAMA },
    Family {
        classes: &["Olmo3ForCausalLM"],
        qk_norm: QkNorm::Whole,
        pattern: Pattern::Windows(4),
        defaults: &[("sliding_window", 4096)],
        ..LLAMA
    },
    Family {
        classes: &["Exaone4ForCausalLM"],
        qkv_bias: Bias::Never,
        output_bias: Bias::Never,
        qk_norm: QkNorm::PerHead,
        pattern: Pattern::Windows(4),
        defaults: &[("sliding_window", 4096)],
        ..LLAMA
    },
    Family {
        classes: &["GemmaForCausalLM"],
        defaults: &[("tie_word_embeddings", 1), ("head_dim", 256)],
        ..LLAMA
    },
    Family {
        classes: &["Gemma2ForCausalLM"],
        norms: 4,
        pattern: Pattern::Windows(2),
        defaults: &[("tie_word_embeddings", 1), ("head_dim", 256), ("sliding_window", 4096)],
        ..LLAMA
    },
    Family {
        classes: &["Starcoder2ForCausalLM"],
        names: &[("attention_bias", "use_bias"), ("mlp_bias", "use_bias")],
        defaults: &[("attention_bias", 1), ("mlp_bias", 1), ("tie_word_embeddings", 1)],
        pattern: Pattern::Window,
        norms: 4,
        final_norms: 2,
        gated: false,
        ..LLAMA
    },
    Family {
        classes: &["GPTNeoXForCausalLM"],
        defaults: &[("attention_bias", 1), ("mlp_bias", 1)],
        norms: 4,
        final_norms: 2,
        gated: false,
        modules: ["attention", "attention", "mlp", "mlp"],
        ..LLAMA
    },
    Family {
        classes: &["Ernie4_5_MoeForCausalLM"],
        names: &[("attention_bias", "use_bias"), ("first_k_dense_replace", "moe_layer_start_index")],
        defaults: &[("tie_word_embeddings", 1)],
        experts: true,
        router_bias: true,
        ..LLAMA
    },
    Family { classes: &["HunYuanMoEV1ForCausalLM"], qk_norm: QkNorm::PerHead, experts: true, ..LLAMA },
    Family {
        classes: &["KimiLinearForCausalLM"],
        pattern: Pattern::Listed,
        state: StateKind::Kimi,
        router_bias: true,
        modules: ["self_attn", "self_attn", "mlp", "block_sparse_moe"],
        ..DEEPSEEK
    },
    Family { classes: &["DeciLMForCausalLM"], pattern: Pattern::PerLayer, ..LLAMA },
];

/// Classes whose layers the grammar has no words for: name, feature.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("DeepseekV4ForCausalLM", "attention over a compressed history (compress_ratios) and hyper-connections"),
    (
        "KimiK3ForConditionalGeneration",
        "attention residuals between blocks of layers and experts in a latent",
    ),
];
