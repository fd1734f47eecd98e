//! `foretoken length` as a user runs it.

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;

/// Runs `foretoken length ARGS` in `dir`, which must exit with `code`; its stdout and stderr.
fn length(dir: &Path, code: i32, args: &str) -> (String, String) {
    let output = Command::cargo_bin("foretoken")
        .unwrap()
        .current_dir(dir)
        .arg("length")
        .args(args.split_whitespace())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args}\n{out}\n{err}");
    (out, err)
}

fn json(dir: &Path, args: &str) -> Value {
    serde_json::from_str(&length(dir, 0, &format!("{args} --format json")).0).unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(dir.path().join(name), text).unwrap());
    dir
}

#[test]
fn eval_prints_the_five_numbers() {
    let dir = folder(&[]);
    let here = dir.path();
    let one =
        json(here, "eval --mu 5 --sigma 0.6 --nu 3.5 --cap 2048 --cap-mean 2028 --alpha 0.9 --beta 0.1");
    for (key, wanted) in
        [("p_cap", 7.985061902e-03), ("mean", 212.5508755), ("cvar", 773.5839869), ("tie", 289.9092742)]
    {
        super::close(one[key].as_f64().unwrap(), wanted, 1e-8, key);
    }
    assert_eq!(one.as_object().unwrap().len(), 6, "{one}");
    let drawn = "eval --mu 5 --sigma 0.6 --cap 2048 --monte-carlo 5000 --seed 3";
    assert_eq!(json(here, drawn), json(here, drawn));
    assert_ne!(json(here, drawn), json(here, &format!("{drawn}1")));
    for (args, word) in [
        ("--mu 5 --sigma -1 --cap 9", "--sigma"),
        ("--mu nan --sigma 1 --cap 9", "--mu"),
        ("--mu 5 --sigma 1 --cap 0", "--cap"),
        ("--mu 5 --sigma 1 --cap 9 --alpha 1", "alpha"),
        ("--mu 5 --sigma 1 --cap 9 --nu 0", "nu"),
        ("--mu 5 --sigma 1 --cap 9.5 --monte-carlo 10", "whole"),
    ] {
        let (_, err) = length(here, 2, &format!("eval {args}"));
        assert!(err.contains(word), "{args}: {err}");
    }
}

#[test]
fn fit_reads_samples_and_traces() {
    let samples = "prompt_id,length\na,100\nb,7\na,120\nb,7\na,140\n";
    let trace = "arrival_s,prompt_tokens,output_tokens,class,text\n0,1,100,x,say a\n1,1,7,y,say b\n2,1,120,z,say a\n3,1,7,y,say b\n4,1,140,x,say a\n";
    let dir = folder(&[("samples.csv", samples), ("trace.csv", trace)]);
    let here = dir.path();
    let fits = json(here, "fit samples.csv");
    assert_eq!((&fits["schema"], fits["fits"].as_array().unwrap().len()), (&1.into(), 2));
    let (a, b) = (&fits["fits"][0], &fits["fits"][1]);
    let keys: Vec<&String> = a.as_object().unwrap().keys().collect();
    let mut wanted = ["prompt_id", "n", "mu", "sigma", "nu", "censored", "degenerate", "ks", "reason"];
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
    assert_eq!(
        (&a["prompt_id"], &a["n"], &a["degenerate"], &a["nu"]),
        (&"a".into(), &3.into(), &false.into(), &3.5.into())
    );
    assert_eq!(
        (&b["prompt_id"], &b["degenerate"], &b["mu"], &b["ks"]),
        (&"b".into(), &true.into(), &Value::Null, &Value::Null)
    );
    // The same lengths by prompt text, in a trace.
    let traced = json(here, "fit trace.csv");
    assert_eq!((&traced["fits"][0]["mu"], &traced["fits"][0]["prompt_id"]), (&a["mu"], &"0".into()));
    let one = json(here, "fit samples.csv --prompt a --cap 130 --nu 5");
    assert_eq!((&one["fits"][0]["censored"], &one["fits"][0]["nu"]), (&1.into(), &5.0.into()));
    let pooled = json(here, "fit samples.csv --pool --family gamma");
    assert_eq!((&pooled["fits"][0]["n"], &pooled["fits"][0]["prompt_id"]), (&5.into(), &"all".into()));
    assert!(pooled["fits"][0]["shape"].as_f64().unwrap() > 0.0 && pooled["fits"][0]["mu"].is_null());
    let repaired = json(here, "fit samples.csv --repair --sigma-floor 0.01");
    assert_eq!(
        (&repaired["fits"][1]["sigma"], &repaired["fits"][1]["degenerate"]),
        (&0.01.into(), &true.into())
    );
    // All of a prompt's lengths at the cap are an error only where nothing else is in the file.
    let cut = json(here, "fit samples.csv --cap 100");
    assert_eq!((&cut["fits"][0]["degenerate"], &cut["fits"][0]["censored"]), (&true.into(), &3.into()));
    let (csv, _) = length(here, 0, "fit samples.csv --format csv");
    assert!(csv.starts_with("prompt_id,n,mu,sigma,nu,censored,degenerate,ks,reason\na,3,"), "{csv}");
}

#[test]
fn bad_files_are_told_by_row() {
    let dir = folder(&[
        ("one.csv", "prompt_id,length\na,5\nb,6\na,7\n"),
        ("zero.csv", "prompt_id,length\na,5\na,0\n"),
        ("negative.csv", "prompt_id,length\na,5\na,-3\n"),
        ("cut.csv", "prompt_id,length\na,50\na,60\n"),
        ("bare.csv", "arrival_s,prompt_tokens,output_tokens\n0,1,5\n1,1,6\n"),
        ("unnamed.csv", "prompt_id,length\na,5\n,6\n"),
        ("empty.csv", ""),
    ]);
    for (args, words) in [
        ("fit one.csv", &["one.csv, line 3", "prompt b has a single length"][..]),
        ("fit zero.csv", &["zero.csv, line 3, column length"]),
        ("fit negative.csv", &["negative.csv, line 3, column length"]),
        ("fit cut.csv --cap 50", &["cut.csv, line 2", "at the cap"]),
        ("fit bare.csv", &["bare.csv, line 2", "--pool"]),
        ("fit unnamed.csv", &["unnamed.csv, line 3"]),
        ("fit empty.csv", &["empty.csv", "empty"]),
        ("fit missing.csv", &["missing.csv"]),
        ("fit one.csv --prompt c", &["there is no prompt c"]),
        ("fit one.csv --family log-q", &["did you mean `log-t`"]),
        ("fit one.csv --family gamma --nu 3", &["--nu is for family log-t"]),
        ("fit one.csv --nu 0", &["nu is 0"]),
        ("fit one.csv --cap 1", &["--cap"]),
        ("fit one.csv --sigma-floor -1", &["--sigma-floor"]),
        ("compare cut.csv --cap 50 --figure out", &["nothing to draw"]),
        ("rate --a 0 --b 2", &["--a 0"]),
    ] {
        let (out, err) = length(dir.path(), 2, args);
        assert!(out.is_empty() && words.iter().all(|w| err.contains(w)), "{args}: {err}");
    }
}

#[test]
fn compare_shows_families_and_draws_them() {
    let mut text = "prompt_id,length\n".to_string();
    for i in 0..60u32 {
        text += &format!("{},{}\n", i % 3, 40 + (i * i * 7919) % 160);
    }
    let dir = folder(&[("s.csv", &text)]);
    let here = dir.path();
    let compared = json(here, "compare s.csv --figure figures");
    let families: Vec<&str> =
        compared["families"].as_array().unwrap().iter().map(|f| f["family"].as_str().unwrap()).collect();
    assert_eq!(families, ["log-t", "log-t-free", "log-normal", "gamma"]);
    assert_eq!((&compared["prompts"], &compared["lengths"]), (&3.into(), &60.into()));
    // Of the four exactly one is closest on each prompt, and free nu is never less likely than a fixed one.
    let best: f64 =
        compared["families"].as_array().unwrap().iter().map(|f| f["best_share"].as_f64().unwrap()).sum();
    super::close(best, 1.0, 1e-9, "best");
    let drawn = std::fs::read_to_string(here.join("figures/lengths.csv")).unwrap();
    assert!(["observed", "log-t", "log-normal", "gamma"].iter().all(|name| drawn.contains(name)), "{drawn}");
    let (table, _) = length(here, 0, "compare s.csv --pool --cap 150");
    assert!(table.contains("log-normal") && table.contains('-'), "{table}");
}

#[test]
fn rate_tends_to_its_power_law() {
    let dir = folder(&[]);
    let rate = json(dir.path(), "rate --a 1.5 --b 20");
    let last = &rate["points"][6];
    super::close(last["p_longer"].as_f64().unwrap(), last["power_law"].as_f64().unwrap(), 1e-4, "ratio");
    assert!((rate["hill_exponent"].as_f64().unwrap() - 1.5).abs() < 0.2);
}

/// Answers of no tokens are refused by row, or left out and counted.
#[test]
fn empty_answers_are_refused_or_counted() {
    let dir = folder(&[
        (
            "s.csv",
            "prompt_id,model,chars,tokens_cl100k\na,m,9,5\na,n,0,0\na,o,8,6\nb,m,1,0\nb,n,3,9\nb,o,3,7\n",
        ),
        ("trace.csv", "arrival_s,prompt_tokens,output_tokens,class\n0,1,100,x\n1,1,7,x\n"),
    ]);
    let here = dir.path();
    let (_, refused) = length(here, 2, "fit s.csv");
    assert!(
        refused.contains("s.csv, line 3, column tokens_cl100k") && refused.contains("--skip-empty"),
        "{refused}"
    );
    let (_, said) = length(here, 0, "fit s.csv --skip-empty");
    assert!(said.contains("2 answers of 0 tokens are left out"), "{said}");
    let fits = json(here, "fit s.csv --skip-empty");
    let n: Vec<&Value> = fits["fits"].as_array().unwrap().iter().map(|f| &f["n"]).collect();
    assert_eq!(n, [2, 2]);
    let (_, refused) = length(here, 2, "fit trace.csv --skip-empty");
    assert!(refused.contains("--skip-empty is for files of samples"), "{refused}");
}

/// Section 7.4 of the specification: the tail term hardly changes an order unless uncertain prompts are short ones.
#[test]
fn ranks_part_only_where_the_uncertain_are_short() {
    let dir = folder(&[]);
    let row = |mu: f64, sigma: f64, i: u32| format!("{i},1,5,{mu},{sigma},3.5,2048\n");
    let head = "arrival_s,prompt_tokens,output_tokens,length_mu,length_sigma,length_nu,length_cap\n";
    let spearman = |slope: f64, beta: f64| {
        let rows = (0..200u32).map(|i| {
            let mu = 4.0 + f64::from(i) / 200.0;
            row(mu, 0.6 + slope * (mu - 4.5), i)
        });
        std::fs::write(dir.path().join("t.csv"), head.to_string() + &rows.collect::<String>()).unwrap();
        let said = json(dir.path(), &format!("ranks t.csv --beta {beta}"));
        assert_eq!((&said["laws"], said["orders"].as_array().unwrap().len()), (&200.into(), 1));
        said["orders"][0]["spearman"].as_f64().unwrap()
    };
    assert!((spearman(0.5, 0.5) - 1.0).abs() < 1e-12, "the longer are the more uncertain");
    assert!((spearman(-0.8, 0.0) - 1.0).abs() < 1e-12, "without a tail term there is one order");
    assert!(spearman(-0.8, 0.5) < spearman(-0.8, 0.1) && spearman(-0.8, 0.5) < 0.9);
    let (_, refused) = length(dir.path(), 2, "ranks t.csv --beta -1");
    assert!(refused.contains("--beta -1"), "{refused}");
}

/// The comparison of data.md on both sets of samples: on every so many-th prompt, whose medians are near those of all.
#[test]
#[allow(clippy::print_stdout, reason = "says what was not tested")]
fn families_on_the_shared_samples() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let sets = [
        ("codet_multisample/humaneval_codegen16b_n100_lengths.csv.gz", 6, [0.149, 0.187, 0.169], 0.87),
        ("alpaca_eval_lengths/alpaca_eval_output_lengths.csv.gz", 40, [0.067, 0.120, 0.089], 0.95),
    ];
    for (file, nth, medians, beats) in sets {
        let path = shared.join(file);
        if !path.is_file() {
            println!("{} is not there: its row of the comparison is not tested", path.display());
            continue;
        }
        let mut text = String::new();
        let bytes = std::fs::File::open(&path).unwrap();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes), &mut text).unwrap();
        let kept =
            |line: &&str| line.split(',').next().unwrap().parse::<u32>().map_or(true, |id| id % nth == 0);
        let some: String = text.lines().filter(kept).flat_map(|line| [line, "\n"]).collect();
        let dir = folder(&[("s.csv", &some)]);
        let compared = json(dir.path(), "compare s.csv --repair --skip-empty");
        let of = |name: &str| {
            let all = compared["families"].as_array().unwrap();
            all.iter().find(|f| f["family"] == name).unwrap().clone()
        };
        for (name, median) in ["log-t", "log-normal", "gamma"].into_iter().zip(medians) {
            let got = of(name)["ks_median"].as_f64().unwrap();
            assert!((got - median).abs() < 0.02, "{file} {name}: {got} for {median}");
        }
        let closer = of("log-t")["closer_than"]["log-normal"].as_f64().unwrap();
        assert!((closer - beats).abs() < 0.1, "{file}: {closer}");
    }
}
