//! What only the engine can tell of token times: second tokens, the busiest second, work at peak rates;
//! against the log of a naive reference that delivers every token by itself.

use crate::reference::{linear_step_ns, micro_scenario, run as reference_run};
use crate::support::{World, request};
use foretoken::engine::Preset;
use foretoken::latency::Profile;
use foretoken::metrics::{RunRecord, Slo, SummaryOptions, summarise};
use foretoken::record::Status;
use foretoken::scheduler::{Rank, Scheduler, Waiting};
use foretoken::time::SimTime;
use std::collections::BTreeMap;

const S: u64 = 1_000_000_000;

struct Table(Vec<f64>);

impl Scheduler for Table {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(self.0[r.visible.id.0 as usize])
    }
}

#[test]
fn second_tokens_and_the_busiest_second_are_the_references() {
    let mut seconds_with_two = 0;
    // Steps stretched so that runs last many seconds.
    let stretch = 100_000;
    for seed in 0..3000 {
        let (mut reference, config) = micro_scenario(seed);
        // Ranks that predictions do not change.
        reference.iter_mut().for_each(|r| (r.arrival_ns, r.early_rank) = (r.arrival_ns * stretch, r.rank));
        let expected = reference_run(&reference, &config, &|step| stretch * linear_step_ns(step));
        let (world, requests) =
            (crate::differential::world(&config), crate::differential::requests(&reference));
        let ranks: Vec<f64> = reference.iter().map(|r| r.rank).collect();
        for stepwise in [false, true] {
            let world = World { stepwise, ..world.clone() };
            let make = |_| Ok(Box::new(Table(ranks.clone())) as Box<dyn Scheduler>);
            let (totals, seen) = world
                .run_with(&requests, |shape| 100_000 * crate::differential::linear(shape), &make)
                .unwrap();
            let completed = seen.requests.iter().filter(|r| r.status == Status::Completed);
            for record in completed {
                let tokens = &expected.tokens[record.id.0 as usize];
                let second = record.second_token.get().map(|t| t.0);
                assert_eq!(second, tokens.get(1).copied(), "request {} of seed {seed}", record.id);
            }
            let whole = world.engine.preset != Preset::Theory && expected.rejected.is_empty();
            if whole {
                let mut by_second: BTreeMap<u64, u64> = BTreeMap::new();
                for at in expected.tokens.iter().flatten() {
                    *by_second.entry(at / S).or_default() += 1;
                }
                let peak = by_second.values().copied().max().unwrap_or(0);
                assert_eq!(totals.peak_output_tokens, peak, "seed {seed}");
                seconds_with_two += u64::from(peak > 1);
            }
        }
    }
    assert!(seconds_with_two > 500, "the runs are too slow to have a busy second");
}

#[test]
fn peaks_and_verdicts_of_a_small_run() {
    // Two requests overlap for a while, a third comes as the second leaves.
    let requests = [request(0, 0, 1, 4), request(1, S, 1, 3), request(2, 4 * S, 1, 1)];
    let (totals, seen) = World::new(Preset::VllmV1).run(&requests, |_| S).unwrap();
    let run = RunRecord {
        scheduler: "fcfs",
        engine: "vllm-v1",
        profile: "test",
        predictor: None,
        requests: &seen.requests,
        totals: &totals,
        classes: &[],
    };
    let slo = |ttft_s| Some(Slo { ttft_s: Some(ttft_s), tpot_s: Some(1.0), e2e_s: None });
    let summary =
        |ttft_s| summarise(&run, &SummaryOptions { slo: slo(ttft_s), ..Default::default() }).unwrap();
    let within = summary(1.0);
    assert_eq!((within.peak.concurrent_requests, within.peak.output_tokens_per_s), (2, 2));
    assert!(within.slo.unwrap().p99_within_limits && !summary(0.5).slo.unwrap().p99_within_limits);
    assert_eq!(
        (within.stages.decode_s.max, within.stages.inference_s.max, within.stages.prefill_s.max),
        (3.0, 4.0, 1.0)
    );
    assert_eq!((within.stages.ttst_s.n, within.stages.ttst_s.mean), (2, 1.0));
    assert_eq!((within.utilisation.mfu, within.utilisation.mbu), (None, None));
}

/// A decode step of a roofline profile is bound by memory: at peak bandwidth it would take its efficiency
/// share less of the time, and MBU says so.
#[test]
fn work_at_peak_is_below_the_step() {
    let mut model = Profile::load("llama3-8b-h100").unwrap().model(1 << 20).unwrap();
    let shape = foretoken::latency::StepShape { decodes: 1, context_sum: 1000, ..Default::default() };
    let [compute, memory] = model.at_peak_s(&shape).unwrap();
    let took = model.step(&shape).unwrap().as_secs();
    assert!(compute < memory && memory < took, "{compute} {memory} {took}");
    // 16.06 GB of weights but the embedding table, 3.35 TB/s.
    assert!((0.004..0.005).contains(&memory), "{memory}");
    assert!(Profile::load("unit").unwrap().model(1).unwrap().at_peak_s(&shape).is_none());
}
