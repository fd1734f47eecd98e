//! What must hold of every model on every backend this build has.

use foretoken_nn::{Device, Dtype, Layout, Options, Room, Row, Runner, Weights, Work, open, zoo};

const SMALL: [&str; 5] = ["tiny", "tiny-gpt2", "tiny-t5", "tiny-bart", "tiny-blenderbot"];

fn devices() -> Vec<Device> {
    let mut devices = vec![Device::CandleCpu];
    if cfg!(feature = "tch") {
        devices.push(Device::TchCpu);
    }
    devices
}

fn runner(model: &str, device: Device, layout: Layout, slots: usize) -> Box<dyn Runner> {
    let options = Options { layout, room: Room { slots, context: 96 }, ..Options::default() };
    open(&zoo::model(model).unwrap(), device, &options).unwrap()
}

/// A prompt of n tokens that no other (n, salt) has.
fn prompt(n: usize, salt: u32) -> Vec<u32> {
    (0..n as u32).map(|i| (i * 37 + salt * 101 + 11) % 512).collect()
}

/// Serves three requests of different lengths that join and leave at different steps, with slots reused:
/// every request's tokens.
fn serve(runner: &mut dyn Runner, chunk: usize) -> Vec<Vec<u32>> {
    let encodes = runner.shape().is_encoder_decoder();
    let prompts = [prompt(17, 1), prompt(50, 2), prompt(33, 3), prompt(5, 4)];
    let lengths = [10, 4, 12, 7];
    let slots = runner.room().slots;
    let mut out: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
    let mut done = vec![0; prompts.len()];
    let mut live: Vec<Option<usize>> = vec![None; slots];
    let mut next = 0;
    for _ in 0..200 {
        for slot in live.iter_mut() {
            if slot.is_none() && next < prompts.len() {
                *slot = Some(next);
                next += 1;
            }
        }
        let mut rows = Vec::new();
        for (slot, request) in live.iter().enumerate() {
            let Some(r) = *request else { continue };
            let all = &prompts[r];
            let work = if done[r] < all.len() {
                let end = if encodes { all.len() } else { (done[r] + chunk).min(all.len()) };
                Work::Prompt { tokens: &all[done[r]..end], last: end == all.len() }
            } else {
                // Stirred, for models of random weights like to repeat themselves.
                Work::Decode { token: (out[r].last().unwrap() * 31 + out[r].len() as u32 * 17) % 512 }
            };
            rows.push((r, Row { slot, work }));
        }
        if rows.is_empty() {
            break;
        }
        let step: Vec<Row<'_>> = rows.iter().map(|(_, row)| *row).collect();
        let tokens = runner.step(&step).unwrap();
        for ((r, row), token) in rows.iter().zip(tokens) {
            if let Work::Prompt { tokens, .. } = row.work {
                done[*r] += tokens.len();
            }
            out[*r].extend(token);
            if out[*r].len() == lengths[*r] {
                runner.release(row.slot);
                live[row.slot] = None;
            }
        }
    }
    out
}

#[test]
fn company_layout_chunks_and_backend_change_no_token() {
    for model in SMALL {
        let mut alone = runner(model, Device::CandleCpu, Layout::Ragged, 1);
        let expected = serve(alone.as_mut(), 96);
        let distinct: std::collections::BTreeSet<u32> = expected.iter().flatten().copied().collect();
        assert!(
            distinct.len() > 3,
            "{model}: outputs hardly vary, so equal tokens would prove little: {expected:?}"
        );
        for device in devices() {
            for layout in [Layout::Ragged, Layout::Padded] {
                for (slots, chunk) in [(1, 7), (3, 96), (3, 13), (4, 16)] {
                    let got = serve(runner(model, device, layout, slots).as_mut(), chunk);
                    assert_eq!(
                        got, expected,
                        "{model} on {device}, {layout:?}, {slots} slots, chunks of {chunk}"
                    );
                }
            }
        }
    }
}

#[test]
fn published_parameter_counts() {
    for name in zoo::names() {
        let shape = zoo::model(name).unwrap();
        assert_eq!(shape.name, name);
        if let Some(published) = shape.published_parameters {
            assert_eq!(shape.parameters(), published, "{name}");
        }
    }
}

#[test]
fn impossible_steps_are_refused_and_change_nothing() {
    let long = prompt(97, 0);
    let short = prompt(3, 0);
    let bad = [
        (vec![Row { slot: 2, work: Work::Prompt { tokens: &short, last: true } }], "only 2"),
        (vec![Row { slot: 0, work: Work::Decode { token: 1 } }], "without a prompt"),
        (vec![Row { slot: 0, work: Work::Prompt { tokens: &long, last: true } }], "97 tokens in room for 96"),
        (vec![Row { slot: 0, work: Work::Prompt { tokens: &[], last: true } }], "no tokens"),
        (vec![Row { slot: 0, work: Work::Prompt { tokens: &[512], last: true } }], "vocabulary of 512"),
        (vec![Row { slot: 1, work: Work::Prompt { tokens: &short, last: true } }; 2], "twice"),
    ];
    for device in devices() {
        let mut r = runner("tiny", device, Layout::Ragged, 2);
        for (rows, words) in &bad {
            let error = r.step(rows).unwrap_err().to_string();
            assert!(error.contains(words), "{device}: {error}");
            assert_eq!((r.context(0), r.context(1)), (0, 0));
        }
    }
}

#[test]
fn what_is_missing_is_said() {
    assert!(zoo::model("llama-9000").unwrap_err().to_string().contains("llama-3-8b"));
    assert!("gpu".parse::<Device>().unwrap_err().to_string().contains("candle-cpu"));
    let shape = zoo::model("tiny").unwrap();
    let gone = Options { weights: Weights::Directory("no/such/place".into()), ..Options::default() };
    let error = open(&shape, Device::CandleCpu, &gone).err().unwrap().to_string();
    assert!(error.contains("no/such/place"), "{error}");
    if !cfg!(feature = "cuda") {
        let error = open(&shape, Device::CandleCuda, &Options::default()).err().unwrap().to_string();
        assert!(error.contains("no CUDA"), "{error}");
    }
    if cfg!(feature = "tch") {
        // Where there is a GPU and libtorch has its CUDA part, it opens.
        let refusal = open(&shape, Device::TchCuda, &Options::default()).err();
        assert!(refusal.is_none_or(|e| e.to_string().contains("libtorch sees no CUDA")));
    } else {
        let error = open(&shape, Device::TchCpu, &Options::default()).err().unwrap().to_string();
        assert!(error.contains("libtorch"), "{error}");
    }
}

#[test]
fn bf16_runs() {
    let options = Options { dtype: Dtype::Bf16, room: Room { slots: 3, context: 96 }, ..Options::default() };
    for device in devices() {
        let mut r = open(&zoo::model("tiny").unwrap(), device, &options).unwrap();
        assert_eq!(serve(r.as_mut(), 16).iter().map(Vec::len).collect::<Vec<_>>(), [10, 4, 12, 7]);
    }
}
