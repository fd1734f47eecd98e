//! Tensor names of public checkpoints, by family.

use crate::shape::Names;
use crate::weights::{Address, Part, Stack};

/// Where a tensor lies in a file, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its name, without the prefixes that exporters add.
    pub name: String,
    /// Kept as (in, out).
    pub transposed: bool,
    /// Which of how many equal outputs of a fused matrix it is.
    pub share: Option<(usize, usize)>,
}

impl Stored {
    fn plain(name: String) -> Stored {
        Stored { name, transposed: false, share: None }
    }
}

/// Finds a tensor among the names of a checkpoint: its full name and where `lookup` has it.
pub(crate) fn find(
    names: Names,
    at: Address,
    lookup: impl Fn(&str) -> Option<usize>,
) -> Option<(String, Stored, usize)> {
    let stored = stored(names, at);
    ["", "model.", "transformer."].iter().find_map(|prefix| {
        let full = format!("{prefix}{}", stored.name);
        lookup(&full).map(|file| (full, stored.clone(), file))
    })
}

/// The name a family stores a tensor under.
pub(crate) fn stored(names: Names, at: Address) -> Stored {
    match names {
        Names::Llama => Stored::plain(llama(at)),
        Names::Gpt2 => gpt2(at),
        Names::T5 => Stored::plain(t5(at)),
        Names::Bart => Stored::plain(bart(at)),
    }
}

fn llama(at: Address) -> String {
    let inside = match at.part {
        Part::Query => "self_attn.q_proj",
        Part::Key => "self_attn.k_proj",
        Part::Value => "self_attn.v_proj",
        Part::Output => "self_attn.o_proj",
        Part::AttentionNorm => "input_layernorm",
        Part::FfnNorm => "post_attention_layernorm",
        Part::Gate => "mlp.gate_proj",
        Part::Up => "mlp.up_proj",
        Part::Down => "mlp.down_proj",
        Part::Embedding => return "embed_tokens.weight".to_string(),
        Part::FinalNorm => return "norm.weight".to_string(),
        _ => return "lm_head.weight".to_string(),
    };
    format!("layers.{}.{inside}.{}", at.layer, suffix(at.bias))
}

fn gpt2(at: Address) -> Stored {
    let (inside, share) = match at.part {
        Part::Query => ("attn.c_attn", Some((0, 3))),
        Part::Key => ("attn.c_attn", Some((1, 3))),
        Part::Value => ("attn.c_attn", Some((2, 3))),
        Part::Output => ("attn.c_proj", None),
        Part::Up => ("mlp.c_fc", None),
        Part::Down => ("mlp.c_proj", None),
        Part::AttentionNorm => return Stored::plain(format!("h.{}.ln_1.{}", at.layer, suffix(at.bias))),
        Part::FfnNorm => return Stored::plain(format!("h.{}.ln_2.{}", at.layer, suffix(at.bias))),
        Part::Positions => return Stored::plain("wpe.weight".to_string()),
        Part::FinalNorm => return Stored::plain(format!("ln_f.{}", suffix(at.bias))),
        Part::Embedding => return Stored::plain("wte.weight".to_string()),
        _ => return Stored::plain("lm_head.weight".to_string()),
    };
    Stored { name: format!("h.{}.{inside}.{}", at.layer, suffix(at.bias)), transposed: true, share }
}

fn t5(at: Address) -> String {
    let stack = stack(at.stack);
    let ffn = if at.stack == Stack::Decoder { 2 } else { 1 };
    let (sub, inside) = match at.part {
        Part::Query => (0, "SelfAttention.q"),
        Part::Key => (0, "SelfAttention.k"),
        Part::Value => (0, "SelfAttention.v"),
        Part::Output => (0, "SelfAttention.o"),
        Part::AttentionNorm => (0, "layer_norm"),
        Part::RelativeBias => (0, "SelfAttention.relative_attention_bias"),
        Part::CrossQuery => (1, "EncDecAttention.q"),
        Part::CrossKey => (1, "EncDecAttention.k"),
        Part::CrossValue => (1, "EncDecAttention.v"),
        Part::CrossOutput => (1, "EncDecAttention.o"),
        Part::CrossNorm => (1, "layer_norm"),
        Part::Gate => (ffn, "DenseReluDense.wi_0"),
        Part::Up => (ffn, "DenseReluDense.wi"),
        Part::Down => (ffn, "DenseReluDense.wo"),
        Part::FfnNorm => (ffn, "layer_norm"),
        Part::FinalNorm => return format!("{stack}.final_layer_norm.weight"),
        Part::Embedding => return "shared.weight".to_string(),
        _ => return "lm_head.weight".to_string(),
    };
    format!("{stack}.block.{}.layer.{sub}.{inside}.{}", at.layer, suffix(at.bias))
}

fn bart(at: Address) -> String {
    let stack = stack(at.stack);
    let inside = match at.part {
        Part::Query => "self_attn.q_proj",
        Part::Key => "self_attn.k_proj",
        Part::Value => "self_attn.v_proj",
        Part::Output => "self_attn.out_proj",
        Part::AttentionNorm => "self_attn_layer_norm",
        Part::CrossQuery => "encoder_attn.q_proj",
        Part::CrossKey => "encoder_attn.k_proj",
        Part::CrossValue => "encoder_attn.v_proj",
        Part::CrossOutput => "encoder_attn.out_proj",
        Part::CrossNorm => "encoder_attn_layer_norm",
        Part::Up => "fc1",
        Part::Down => "fc2",
        Part::FfnNorm => "final_layer_norm",
        Part::Positions => return format!("{stack}.embed_positions.weight"),
        Part::EmbeddingNorm => return format!("{stack}.layernorm_embedding.{}", suffix(at.bias)),
        Part::FinalNorm => return format!("{stack}.layer_norm.{}", suffix(at.bias)),
        Part::Embedding => return "shared.weight".to_string(),
        _ => return "lm_head.weight".to_string(),
    };
    format!("{stack}.layers.{}.{inside}.{}", at.layer, suffix(at.bias))
}

fn stack(stack: Stack) -> &'static str {
    match stack {
        Stack::Encoder => "encoder",
        Stack::Decoder => "decoder",
    }
}

fn suffix(bias: bool) -> &'static str {
    if bias { "bias" } else { "weight" }
}
