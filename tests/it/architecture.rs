//! Model configurations: layers, parameters, bytes of weights, KV and state against counts by hand.

mod families;
mod formats;
mod refused;
mod times;

use foretoken::latency::{Architecture, Explained, Hardware, Plan, Serving};

fn parse(text: &str) -> Architecture {
    Architecture::parse("config.json", text, None, None).unwrap()
}

fn refusal(text: &str) -> String {
    Architecture::parse("config.json", text, None, None).unwrap_err().to_string()
}

fn plan(model: Architecture, hardware: &str) -> Plan {
    Plan { serving: Serving::default(), model, hardware: Hardware::load(hardware).unwrap() }
}

fn explained(text: &str) -> Explained {
    plan(parse(text), "h100-sxm").explain(None).unwrap()
}

/// A grouped-query model of class `class` with 8 layers of width 1,024 (16 heads on 4 of 64), feed-forward width
/// 2,048, vocabulary 1,000, and whatever else `more` says.
fn config(class: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        r#"{{"architectures": ["{class}"], "hidden_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 16,
            "num_key_value_heads": 4, "head_dim": 64, "intermediate_size": 2048, "vocab_size": 1000,
            "max_position_embeddings": 65536, "tie_word_embeddings": false{comma} {more}}}"#
    )
}

/// Projections of one layer of [`config`]: queries and output, keys and values.
const ATTENTION: u64 = 2 * 1024 * 1024 + 2 * 1024 * 256;
/// Its three feed-forward matrices.
const DENSE: u64 = 3 * 1024 * 2048;
/// Embedding and vocabulary product.
const TABLES: u64 = 2 * 1000 * 1024;
/// Bytes that a token takes in one layer.
const KV: u64 = 2 * 4 * 64 * 2;
