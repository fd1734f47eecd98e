//! Analytic profiles: shapes, step times by hand, laws of tensor parallelism, refusals, the command.

mod command;
mod laws;
mod refusals;
mod shapes;
mod steps;

use foretoken::error::Result;
use foretoken::latency::{Architecture, Hardware, Plan, Profile, Roofline, Serving, StepShape, Timing};

const DEEPSEEK_V2_LITE: &str = r#"{
  "architectures": ["DeepseekV2ForCausalLM"], "num_hidden_layers": 27, "hidden_size": 2048,
  "num_attention_heads": 16, "q_lora_rank": null, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
  "qk_rope_head_dim": 64, "v_head_dim": 128, "intermediate_size": 10944, "moe_intermediate_size": 1408,
  "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6, "first_k_dense_replace": 1,
  "moe_layer_freq": 1, "vocab_size": 102400, "max_position_embeddings": 163840
}"#;

const DEEPSEEK_V3: &str = r#"{
  "architectures": ["DeepseekV3ForCausalLM"], "num_hidden_layers": 61, "hidden_size": 7168,
  "num_attention_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
  "qk_rope_head_dim": 64, "v_head_dim": 128, "intermediate_size": 18432, "moe_intermediate_size": 2048,
  "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3,
  "moe_layer_freq": 1, "vocab_size": 129280, "max_position_embeddings": 163840
}"#;

const QWEN3_30B_A3B: &str = r#"{
  "architectures": ["Qwen3MoeForCausalLM"], "num_hidden_layers": 48, "hidden_size": 2048, "head_dim": 128,
  "num_attention_heads": 32, "num_key_value_heads": 4, "moe_intermediate_size": 768, "num_experts": 128,
  "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [], "vocab_size": 151936,
  "sliding_window": null, "max_position_embeddings": 40960
}"#;

fn plan(model: Architecture, hardware: &str, serving: Serving) -> Plan {
    Plan { serving, model, hardware: Hardware::load(hardware).unwrap() }
}

fn estimate(model: &str, hardware: &str, serving: Serving) -> Result<Profile> {
    plan(Architecture::load(model, serving.dtype).unwrap(), hardware, serving).estimate("p")
}

fn tp(tp: u64) -> Serving {
    Serving { tp, ..Serving::default() }
}

fn roofline(profile: &Profile) -> &Roofline {
    match &profile.timing {
        Timing::Roofline(r) => r,
        other => panic!("{} is no roofline", other.kind()),
    }
}

fn decode(decodes: u64, context_sum: u64) -> StepShape<'static> {
    StepShape { decodes, context_sum, ..StepShape::default() }
}
