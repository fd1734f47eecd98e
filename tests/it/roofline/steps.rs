//! Step times and energy by hand.

use super::*;
use foretoken::latency::{Chunk, Experts};
use foretoken::time::Span;

const BYTES_PER_S: f64 = 3.35e12 * 0.8;
const FLOPS_PER_S: f64 = 989.4e12 * 0.7;

fn close(took: Span, seconds: f64) {
    assert!((took.as_secs() - seconds).abs() < 1.5e-9, "{took} against {seconds} s");
}

#[test]
fn a_lone_decode_reads_weights_and_its_kv() {
    let mut model = Profile::load("llama3-8b-h100").unwrap().model(1).unwrap();
    let weights = 2.0 * (8_030_261_248.0 - 128_256.0 * 4096.0);
    let bytes = weights + 131_072.0 + 131_072.0 * 1_000.0;
    close(model.step(&decode(1, 1_000)).unwrap(), 0.001 + bytes / BYTES_PER_S);
}

#[test]
fn a_long_prompt_is_bound_by_compute() {
    let mut model = Profile::load("llama3-8b-h100").unwrap().model(1).unwrap();
    let linear = 2.0 * 6_979_321_856.0 * 3_000.0 / FLOPS_PER_S;
    // One row needs the vocabulary product: bound by memory.
    let head = 2.0 * 128_256.0 * 4096.0 / BYTES_PER_S;
    let pairs = 2_000.0 * 1_000.0 + 1_000.0 * (5_000.0 + 500.0);
    let attention = 524_288.0 * pairs / FLOPS_PER_S;
    let chunks = [Chunk::of_prompt(0, 2_000), Chunk::of_prompt(5_000, 1_000)];
    let shape = StepShape { prefill: &chunks, ..StepShape::default() };
    close(model.step(&shape).unwrap(), 0.001 + linear + head + attention);
}

#[test]
fn mixtral_reads_the_experts_it_touches() {
    let profile = Profile::load("mixtral-8x7b-h100-tp2").unwrap();
    let r = roofline(&profile);
    let mut model = profile.model(1).unwrap();
    let touched = 8.0 * (1.0 - 0.75f64.powi(3));
    let expert = 32.0 * 3.0 * 4096.0 * 14_336.0 * 2.0 / 2.0;
    let kv = 65_536.0 * (3.0 + 900.0);
    let bytes = r.linear_bytes + r.head_bytes + kv + touched * expert;
    // 64 all-reduces of 3 rows of 4,096 in 16 bits; each of two devices sends 2·(2-1)/2 of that.
    let links = 64.0 * (10e-6 + 3.0 * 4096.0 * 2.0 / 450e9);
    close(model.step(&decode(3, 900)).unwrap(), 0.001 + bytes / BYTES_PER_S + links);
}

#[test]
fn distinct_experts_grow_from_the_active_to_all() {
    let experts = Experts { count: 8, active: 2, flops_per_token: 0.0, bytes_per_expert: 0.0 };
    assert_eq!((experts.touched(0), experts.touched(1)), (0.0, 2.0));
    assert!((experts.touched(2) - 3.5).abs() < 1e-12);
    assert!((experts.touched(200) - 8.0).abs() < 1e-12);
}

#[test]
fn energy_follows_the_busier_resource() {
    let profile = Profile::load("llama3-8b-h100").unwrap();
    let mut model = profile.model(1).unwrap();
    let shape = decode(1, 1_000);
    let took = model.step(&shape).unwrap();
    // Without its 1 ms of overhead, the step runs at 0.8 of the bandwidth.
    let utilisation = 0.8 * (took.as_secs() - 0.001) / took.as_secs();
    let joules = (75.0 + 625.0 * utilisation) * took.as_secs();
    assert!((model.energy_j(&shape, took).unwrap() / joules - 1.0).abs() < 1e-6);
}
