//! Networks, from the command line; a tiny random encoder stands for MiniLM.

use super::{Desk, prompts, trace};
use serde_json::Value;

const SMALL: &str = "--epochs 6 --patience 6";

fn tau(json: &Value) -> f64 {
    json.pointer("/test/tau").and_then(Value::as_f64).unwrap_or_else(|| panic!("{json:#}"))
}

#[test]
fn networks_learn_every_task() {
    let desk = Desk::new();
    for (model, task, least) in [
        ("mlp", "logt", 0.5),
        ("mlp", "rank", 0.4),
        ("mlp", "bins --bins ssjf", 0.3),
        ("encoder", "length", 0.3),
    ] {
        let name = format!("{model}-{}", task.split(' ').next().unwrap());
        let more = if model == "encoder" {
            "--epochs 8 --max-tokens 16 --learning-rate 0.003"
        } else {
            "--epochs 12 --learning-rate 0.003"
        };
        let trained = desk.json(&format!(
            "predictor train {} --model {model} --task {task} {more} --out {name}",
            prompts()
        ));
        assert!(tau(&trained) > least, "{name}: {trained:#}");
        let held_out = desk.json(&format!("predictor eval {name} {}", prompts()));
        assert_eq!(held_out["held_out"], trained["test"], "what was saved is what was trained");
        desk.json(&format!("predictor apply {name} {} --limit 5 --out {name}.csv", trace()));
        let kind = match task {
            "logt" => "logt",
            "rank" => "score",
            _ => "point",
        };
        assert!(desk.read(&format!("{name}.csv")).lines().skip(1).all(|l| l.split(',').nth(1) == Some(kind)));
    }
}

/// A directory with a random BERT of width 8.
fn bert(desk: &Desk) {
    const H: usize = 8;
    std::fs::create_dir(desk.path("bert")).unwrap();
    let vocabulary = r#"{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"Write":4,"poem":5,"about":6,"List":7}"#;
    desk.write(
        "bert/tokenizer.json",
        &format!(
            r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
            "pre_tokenizer":{{"type":"Whitespace"}},"decoder":null,
            "post_processor":{{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}},
            "model":{{"type":"WordLevel","vocab":{vocabulary},"unk_token":"[UNK]"}}}}"#
        ),
    );
    desk.write(
        "bert/config.json",
        r#"{"model_type":"bert","vocab_size":8,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
        "intermediate_size":8,"hidden_act":"gelu","hidden_dropout_prob":0.1,"max_position_embeddings":64,
        "type_vocab_size":1,"initializer_range":0.02,"layer_norm_eps":1e-12,"pad_token_id":0}"#,
    );
    let mut tensors: Vec<(String, Vec<usize>)> = [("word", 8), ("position", 64), ("token_type", 1)]
        .map(|(name, n)| (format!("embeddings.{name}_embeddings.weight"), vec![n, H]))
        .to_vec();
    let mut add = |name: &str, square: bool| {
        let dims = |weight: bool| if square && weight { vec![H, H] } else { vec![H] };
        tensors.push((format!("{name}.weight"), dims(true)));
        tensors.push((format!("{name}.bias"), dims(false)));
    };
    add("embeddings.LayerNorm", false);
    for part in
        ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
    {
        add(&format!("encoder.layer.0.{part}"), true);
    }
    for part in ["intermediate.dense", "output.dense"] {
        add(&format!("encoder.layer.0.{part}"), true);
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        add(&format!("encoder.layer.0.{part}"), false);
    }
    let mut state = 3u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 24) as f32 - 0.5
    };
    // A safetensors file: the length of its header, the header as JSON, the numbers.
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dims) in tensors {
        let from = data.len();
        (0..dims.iter().product()).for_each(|_: usize| data.extend(next().to_le_bytes()));
        let entry = serde_json::json!({ "dtype": "F32", "shape": dims, "data_offsets": [from, data.len()] });
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    std::fs::write(desk.path("bert/model.safetensors"), file).unwrap();
}

#[test]
fn heads_on_a_frozen_encoder() {
    let desk = Desk::new();
    bert(&desk);
    let train =
        format!("predictor train {} --model minilm --encoder bert --max-tokens 32 {SMALL}", prompts());
    let first = desk.json(&format!("{train} --task logt --out m"));
    let card: Value = serde_json::from_str(&desk.read("m/model.json")).unwrap();
    assert_eq!((&card["net"]["width"], &card["net"]["branches"]), (&24.into(), &serde_json::json!([1, 1])));
    // The second time what the encoder says is read from the folder beside the output.
    assert_eq!(std::fs::read_dir(desk.path("m.embeddings")).unwrap().count(), 1);
    let again = desk.json(&format!("{train} --task logt --out m --overwrite"));
    assert_eq!(again["test"], first["test"]);
    let held_out = desk.json(&format!("predictor eval m {}", prompts()));
    for metric in ["r2", "tau"] {
        let [a, b] = [&held_out["held_out"], &first["test"]].map(|m| m[metric].as_f64().unwrap());
        assert!((a - b).abs() < 1e-3, "{metric}: {a} {b}");
    }

    let refused = |more: &str| desk.refused(&format!("{train} {more} --out x"), "x");
    assert!(refused("--pooling means").contains("did you mean `mean`"));
    let long = format!("predictor train {} --model minilm --encoder bert --out x", prompts());
    assert!(desk.refused(&long, "x").contains("reads at most 64 tokens, not 512"));
    let bare = format!("predictor train {} --model minilm --out x", prompts());
    assert!(desk.refused(&bare, "x").contains("needs --encoder DIR"));
    let wrong =
        format!("predictor train {} --model deberta --encoder bert --max-tokens 32 --out x", prompts());
    assert!(desk.refused(&wrong, "x").contains("model_type is bert"));
    desk.write("bare.csv", "arrival_s,prompt_tokens,output_tokens\n0,5,5\n1,5,6\n");
    let said = desk.refused("predictor train bare.csv --model encoder --out x", "x");
    assert!(said.contains("model encoder reads texts, and these prompts have none"), "{said}");

    std::fs::remove_file(desk.path("m/model.safetensors")).unwrap();
    let said = desk.refused(&format!("predictor apply m {} --out p.csv", trace()), "p.csv");
    assert!(said.contains("model.safetensors"), "{said}");
    desk.write("bert/model.safetensors", "other weights");
    let said = desk.refused(&format!("predictor eval m {} --figure f", prompts()), "f");
    assert!(said.contains("not the weights that the heads were trained on"), "{said}");
}
