//! Frozen encoders, from tiny random directories that the tests write.

use foretoken_nn::predict::{Encoder, Family, Pooling, load_rows, save_rows};
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::path::{Path, PathBuf};

const HIDDEN: usize = 8;
const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "write", "a", "poem", "about", "owls", "list", "facts", "now"];

/// A directory of its own, gone with it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("foretoken-embed-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A word-level tokenizer whose file asks for padding to 9 and a cut at 4: both must not matter.
fn tokenizer() -> String {
    let vocabulary: Vec<String> = WORDS.iter().enumerate().map(|(i, w)| format!("\"{w}\":{i}")).collect();
    format!(
        r#"{{"version":"1.0","truncation":{{"direction":"Right","max_length":4,"strategy":"LongestFirst","stride":0}},
        "padding":{{"strategy":{{"Fixed":9}},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"}},
        "added_tokens":[],"normalizer":null,"pre_tokenizer":{{"type":"Whitespace"}},
        "post_processor":{{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}},"decoder":null,
        "model":{{"type":"WordLevel","vocab":{{{}}},"unk_token":"[UNK]"}}}}"#,
        vocabulary.join(",")
    )
}

/// Weights of these names and dims from a plain congruential generator.
fn weights(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 24) as f32 - 0.5
    };
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, dims)| (0..dims.iter().product()).flat_map(|_: usize| next().to_le_bytes()).collect())
        .collect();
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, dims), b)| (name.as_str(), TensorView::new(Dtype::F32, dims.clone(), b).unwrap()))
        .collect();
    std::fs::write(path, serialize(views, None).unwrap()).unwrap();
}

fn names(list: &mut Vec<(String, Vec<usize>)>, prefix: &str, parts: &[(&str, &[usize])]) {
    list.extend(parts.iter().map(|(name, dims)| (format!("{prefix}{name}"), dims.to_vec())));
}

/// Tensors of one transformer layer; the names of its attention differ between families.
fn layer(list: &mut Vec<(String, Vec<usize>)>, prefix: &str, attention: [&str; 3]) {
    const H: &[usize] = &[HIDDEN];
    for part in attention {
        names(
            list,
            &format!("{prefix}attention.self.{part}."),
            &[("weight", &[HIDDEN, HIDDEN]), ("bias", H)],
        );
    }
    names(
        list,
        prefix,
        &[
            ("attention.output.dense.weight", &[HIDDEN, HIDDEN]),
            ("attention.output.dense.bias", H),
            ("attention.output.LayerNorm.weight", H),
            ("attention.output.LayerNorm.bias", H),
            ("intermediate.dense.weight", &[16, HIDDEN]),
            ("intermediate.dense.bias", &[16]),
            ("output.dense.weight", &[HIDDEN, 16]),
            ("output.dense.bias", H),
            ("output.LayerNorm.weight", H),
            ("output.LayerNorm.bias", H),
        ],
    );
}

fn bert(name: &str) -> Dir {
    let dir = Dir::new(name);
    dir.write("tokenizer.json", &tokenizer());
    dir.write(
        "config.json",
        r#"{"model_type":"bert","vocab_size":12,"hidden_size":8,"num_hidden_layers":2,"num_attention_heads":2,
        "intermediate_size":16,"hidden_act":"gelu","hidden_dropout_prob":0.1,"max_position_embeddings":20,
        "type_vocab_size":2,"initializer_range":0.02,"layer_norm_eps":1e-12,"pad_token_id":0}"#,
    );
    let mut list = Vec::new();
    names(
        &mut list,
        "embeddings.",
        &[
            ("word_embeddings.weight", &[12, HIDDEN]),
            ("position_embeddings.weight", &[20, HIDDEN]),
            ("token_type_embeddings.weight", &[2, HIDDEN]),
            ("LayerNorm.weight", &[HIDDEN]),
            ("LayerNorm.bias", &[HIDDEN]),
        ],
    );
    (0..2).for_each(|i| layer(&mut list, &format!("encoder.layer.{i}."), ["query", "key", "value"]));
    weights(&dir.0.join("model.safetensors"), &list);
    dir
}

fn deberta(name: &str) -> Dir {
    let dir = Dir::new(name);
    dir.write("tokenizer.json", &tokenizer());
    dir.write(
        "config.json",
        r#"{"model_type":"deberta-v2","vocab_size":12,"hidden_size":8,"num_hidden_layers":2,"num_attention_heads":2,
        "intermediate_size":16,"hidden_act":"gelu","hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1,
        "max_position_embeddings":20,"type_vocab_size":0,"initializer_range":0.02,"layer_norm_eps":1e-7,
        "relative_attention":true,"position_buckets":8,"norm_rel_ebd":"layer_norm","share_att_key":true,
        "pos_att_type":"p2c|c2p","max_relative_positions":-1,"position_biased_input":false,"pad_token_id":0}"#,
    );
    let mut list = Vec::new();
    names(
        &mut list,
        "deberta.",
        &[
            ("embeddings.word_embeddings.weight", &[12, HIDDEN]),
            ("embeddings.LayerNorm.weight", &[HIDDEN]),
            ("embeddings.LayerNorm.bias", &[HIDDEN]),
            ("encoder.rel_embeddings.weight", &[16, HIDDEN]),
            ("encoder.LayerNorm.weight", &[HIDDEN]),
            ("encoder.LayerNorm.bias", &[HIDDEN]),
        ],
    );
    let attention = ["query_proj", "key_proj", "value_proj"];
    (0..2).for_each(|i| layer(&mut list, &format!("deberta.encoder.layer.{i}."), attention));
    weights(&dir.0.join("model.safetensors"), &list);
    dir
}

const TEXTS: [&str; 3] = ["write a poem about owls now", "list facts", "poem"];

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-4)
}

#[test]
fn poolings_and_padding() {
    for (dir, family) in [(bert("pool-b"), Family::Bert), (deberta("pool-d"), Family::Deberta)] {
        let embed = |pooling, texts: &[&str]| {
            let encoder = Encoder::open(&dir.0, family, pooling, 12).unwrap();
            let mut done = 0;
            let rows = encoder.embed(texts, &mut |n| done = n).unwrap();
            assert_eq!(done, texts.len());
            assert!(rows.iter().all(|r| r.len() == encoder.width()));
            rows
        };
        let all = embed(Pooling::All, &TEXTS);
        let parts = [Pooling::Cls, Pooling::Mean, Pooling::Max].map(|p| embed(p, &TEXTS));
        for i in 0..TEXTS.len() {
            let joined: Vec<f32> = parts.iter().flat_map(|rows| rows[i].clone()).collect();
            assert!(close(&all[i], &joined), "{family:?} {i}");
            // What stands beside a text in its batch does not matter to it.
            assert!(close(&embed(Pooling::All, &TEXTS[i..=i])[0], &all[i]), "{family:?} {i}");
        }
        assert!(!close(&all[0], &all[1]));
        // The file's own cut at 4 tokens is gone: the sixth word counts. Ours is not.
        let cut = ["write a poem about owls now", "write a poem about owls list"];
        let rows = embed(Pooling::Mean, &cut);
        assert!(!close(&rows[0], &rows[1]), "{family:?}");
        let short = Encoder::open(&dir.0, family, Pooling::Mean, 6).unwrap();
        let rows = short.embed(&cut, &mut |_| ()).unwrap();
        assert!(close(&rows[0], &rows[1]), "{family:?}");
    }
}

#[test]
fn directories_that_do_not_fit_are_refused() {
    let dir = bert("bad");
    let open = |family, longest| {
        Encoder::open(&dir.0, family, Pooling::Cls, longest).map(|_| ()).unwrap_err().to_string()
    };
    assert!(open(Family::Deberta, 12).contains("model_type is bert where deberta-v2 is needed"));
    assert!(open(Family::Bert, 21).contains("reads at most 20 tokens, not 21"));
    let unknown = "means".parse::<Pooling>().unwrap_err().to_string();
    assert!(unknown.contains("unknown pooling `means`"), "{unknown}");
    weights(&dir.0.join("model.safetensors"), &[("embeddings.LayerNorm.bias".to_string(), vec![HIDDEN])]);
    let missing = open(Family::Bert, 12);
    assert!(missing.contains("embeddings.word_embeddings.weight"), "{missing}");
    std::fs::write(dir.0.join("model.safetensors"), "nothing").unwrap();
    assert!(open(Family::Bert, 12).contains("no safetensors file"));
    std::fs::remove_file(dir.0.join("model.safetensors")).unwrap();
    assert!(open(Family::Bert, 12).contains("holds no .safetensors file"));
    std::fs::remove_file(dir.0.join("config.json")).unwrap();
    assert!(open(Family::Bert, 12).contains("config.json"));
}

#[test]
fn rows_are_kept() {
    let dir = Dir::new("rows");
    let path = dir.0.join("rows.safetensors");
    let rows = vec![vec![1.0, -2.5], vec![0.1, f32::MIN_POSITIVE]];
    save_rows(&path, &rows).unwrap();
    assert_eq!(load_rows(&path).unwrap(), rows);
}
