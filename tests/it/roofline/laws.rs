//! Laws that hold for every shape.

use super::*;
use foretoken::latency::{Chunk, LatencyModel};
use foretoken::time::Span;
use proptest::prelude::*;

fn models() -> Vec<Box<dyn LatencyModel>> {
    let latent = Architecture::parse("config.json", DEEPSEEK_V2_LITE, None, None).unwrap();
    let latent = plan(latent, "h100-sxm", tp(1)).estimate("p").unwrap();
    let shipped = ["llama3-8b-h100", "llama3-70b-h100-tp4", "mixtral-8x7b-h100-tp2"];
    let profiles = shipped.into_iter().map(|name| Profile::load(name).unwrap()).chain([latent]);
    profiles.map(|p| p.model(1).unwrap()).collect()
}

fn time(model: &mut dyn LatencyModel, chunks: &[(u32, u32)], decodes: u64, context_sum: u64) -> Span {
    let chunks: Vec<Chunk> = chunks.iter().map(|&(context, new)| Chunk::of_prompt(context, new)).collect();
    let shape = StepShape { prefill: &chunks, ..decode(decodes, context_sum) };
    let took = model.step(&shape).unwrap();
    let energy_j = model.energy_j(&shape, took).unwrap();
    assert!(energy_j.is_finite() && energy_j > 0.0);
    took
}

proptest! {
    #[test]
    fn more_work_is_never_faster(
        chunks in prop::collection::vec((0u32..100_000, 1u32..10_000), 0..4),
        decodes in 0u64..500, context_sum in 0u64..1_000_000, more in 1u32..5_000,
    ) {
        for mut model in models() {
            let base = time(&mut *model, &chunks, decodes, context_sum);
            let extra = u64::from(more);
            prop_assert!(time(&mut *model, &chunks, decodes + extra, context_sum) >= base);
            prop_assert!(time(&mut *model, &chunks, decodes, context_sum + extra) >= base);
            let added: Vec<_> = chunks.iter().copied().chain([(more, more)]).collect();
            prop_assert!(time(&mut *model, &added, decodes, context_sum) >= base);
            let longer: Vec<_> = chunks.iter().map(|&(c, n)| (c + more, n)).collect();
            prop_assert!(time(&mut *model, &longer, decodes, context_sum) >= base);
            let wider: Vec<_> = chunks.iter().map(|&(c, n)| (c, n + more)).collect();
            prop_assert!(time(&mut *model, &wider, decodes, context_sum) >= base);
        }
    }

    #[test]
    fn mixing_prefill_into_decodes_shares_the_weights(new in 1u32..10_000, decodes in 1u64..500) {
        for mut model in models() {
            let apart = time(&mut *model, &[(0, new)], 0, 0).0 + time(&mut *model, &[], decodes, 9_999).0;
            prop_assert!(time(&mut *model, &[(0, new)], decodes, 9_999).0 <= apart);
        }
    }
}

#[test]
fn tensor_parallelism_divides_weights_work_and_kv() {
    let one = estimate("llama3-8b", "h100-sxm", tp(1)).unwrap();
    let one = roofline(&one);
    for degree in [2, 4, 8] {
        let profile = estimate("llama3-8b", "h100-sxm", tp(degree)).unwrap();
        let (r, n) = (roofline(&profile), degree as f64);
        assert_eq!(r.linear_flops_per_token * n, one.linear_flops_per_token);
        assert_eq!(r.kv_bytes_per_token * n, one.kv_bytes_per_token);
        assert_eq!(r.decode_flops_per_context_token * n, one.decode_flops_per_context_token);
        assert_eq!(r.head_bytes * n, one.head_bytes);
        let reduce = r.all_reduce.as_ref().unwrap();
        assert_eq!(reduce.bytes_per_token, 64.0 * 2.0 * (n - 1.0) / n * 2.0 * 4096.0);
        assert_eq!(reduce.step_latency_s, 64.0 * 10e-6);
    }
}

#[test]
fn kv_heads_are_copied_beyond_their_number() {
    let [eight, sixteen] = [8, 16].map(|n| estimate("llama3-8b", "h100-sxm", tp(n)).unwrap());
    assert_eq!(roofline(&sixteen).kv_bytes_per_token, roofline(&eight).kv_bytes_per_token);
    let halved = |r: &Roofline| r.decode_flops_per_context_token;
    assert_eq!(halved(roofline(&sixteen)) * 2.0, halved(roofline(&eight)));
    assert_eq!(sixteen.kv.unwrap().bytes_per_token, 2 * 131_072);
}

#[test]
fn more_devices_serve_a_large_batch_faster_and_hold_more() {
    let names = ["llama3-70b-h100-tp2", "llama3-70b-h100-tp4", "llama3-70b-h100-tp8"];
    let profiles = names.map(|n| Profile::load(n).unwrap());
    let times = profiles.each_ref().map(|p| p.model(1).unwrap().step(&decode(64, 64_000)).unwrap());
    let held = profiles.each_ref().map(|p| p.kv.as_ref().unwrap().capacity_tokens);
    assert!(times[0] > times[1] && times[1] > times[2], "{times:?}");
    assert!(held[0] < held[1] && held[1] < held[2], "{held:?}");
}
