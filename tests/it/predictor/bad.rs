//! Bad input: exit 2, the row or key, nothing written.

use super::{Desk, prompts, table, trace};

#[test]
fn tables_say_which_row_is_wrong() {
    let desk = Desk::new();
    let good = table(40, 1);
    for (row, wanted) in [
        ("Why,0\n", "line 42, column length: 0 is no length"),
        ("Why,-3\n", "line 42, column length: -3 is no length"),
        ("Why,many\n", "line 42, column length: `many` is no length"),
        ("Why,99999999999\n", "line 42, column length: 99999999999 tokens is over"),
        (",7\n", "line 42, column prompt: this row has no text"),
        ("Why,1,2\n", "line 42"),
    ] {
        desk.write("bad.csv", &(good.clone() + row));
        let said = desk.refused("predictor train bad.csv --out m", "m");
        assert!(said.contains(wanted), "{row:?}: {said}");
    }
    for (content, wanted) in [
        ("prompt,answer\na,b\n", "neither lengths nor laws"),
        ("prompt,length\n", "there are no prompts"),
        ("prompt,logt_mu,logt_sigma\na,1,-1\n", "line 2, column logt_sigma: sigma is -1"),
        ("prompt,logt_mu,logt_sigma\na,x,1\n", "line 2, column logt_mu: `x` is no number"),
    ] {
        desk.write("bad.csv", content);
        let said = desk.refused("predictor train bad.csv --out m", "m");
        assert!(said.contains(wanted), "{content:?}: {said}");
    }
}

#[test]
fn too_little_to_learn_from_is_refused() {
    let desk = Desk::new();
    desk.write("few.csv", &table(29, 4));
    let said = desk.refused("predictor train few.csv --out m", "m");
    assert!(said.contains("few.csv: 29 different prompts are too few") && said.contains("give 30"), "{said}");
    desk.write("cut.csv", &table(40, 1));
    let said = desk.refused("predictor train cut.csv --cap 5 --out m", "m");
    assert!(said.contains("cut.csv: all 40 lengths are at the cap of 5 tokens or above"), "{said}");
    let said = desk.refused("predictor train cut.csv --task bins --bins 0,500 --out m", "m");
    assert!(said.contains("three or more rising edges"), "{said}");
    desk.write("mixed.csv", "arrival_s,prompt_tokens,output_tokens,text\n0,1,1,a\n1,1,1,\n");
    let said = desk.refused("predictor train mixed.csv --out m", "m");
    assert!(said.contains("mixed.csv, line 3") && said.contains("have a text"), "{said}");
}

#[test]
fn names_and_options_are_checked() {
    let desk = Desk::new();
    let train = |more: &str| desk.refused(&format!("predictor train {} --out m {more}", prompts()), "m");
    assert!(train("--model lihgt").contains("did you mean `light`"));
    assert!(train("--task length --bins trail").contains("--bins is for task bins, not for length"));
    assert!(train("--task lengths").contains("did you mean `length`"));
    assert!(train("--epochs 3").contains("--epochs is for networks, not for light"));
    assert!(train("--encoder x").contains("--encoder is for models minilm and deberta"));
    assert!(train("--split 50/20/20").contains("three percentages"));
    assert!(train("--model minilm --tune-encoder").contains("no backward pass"));
    if !cfg!(feature = "nn") {
        for model in ["mlp", "minilm", "deberta", "encoder"] {
            let said = train(&format!("--model {model}"));
            assert!(said.contains(&format!("predictor model {model} needs feature `nn`")), "{said}");
        }
    }
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let desk = Desk::new();
    desk.json(&format!("predictor train {} --out m", prompts()));
    let (before, again) =
        (desk.read("m/model.json"), format!("predictor train {} --seed 1 --out m", prompts()));
    let (code, _, said) = desk.run(&again);
    assert!(code == Some(2) && said.contains("--overwrite") && desk.read("m/model.json") == before, "{said}");
    desk.json(&format!("{again} --overwrite"));
    assert_ne!(desk.read("m/model.json"), before);

    desk.write("bare.csv", "arrival_s,prompt_tokens,output_tokens\n0,5,5\n1,5,5\n");
    let said = desk.refused("predictor apply m bare.csv --out p.csv", "p.csv");
    assert!(said.contains("bare.csv, line 2") && said.contains("request 0 has no text"), "{said}");
    let said = desk.refused("predictor eval m bare.csv --figure f", "f");
    assert!(said.contains("these prompts have none"), "{said}");
    let said = desk.refused(&format!("predictor apply m {} --histograms --out p.csv", trace()), "p.csv");
    assert!(said.contains("--histograms is for task bins"), "{said}");

    desk.refused(&format!("predictor apply nowhere {} --out p.csv", trace()), "p.csv");
    desk.write("m/model.json", &before.replace("\"cap\": 2048", "\"cap\": \"x\""));
    let said = desk.refused(&format!("predictor apply m {} --out p.csv", trace()), "p.csv");
    assert!(said.contains("model.json") && said.contains("key decoder.cap"), "{said}");
    std::fs::create_dir(desk.path("other")).unwrap();
    desk.write("other/notes.txt", "mine");
    let (code, _, said) = desk.run(&format!("predictor train {} --overwrite --out other", prompts()));
    assert!(code == Some(2) && said.contains("no model") && desk.read("other/notes.txt") == "mine", "{said}");
}
