//! Timing a plan on this machine's CPU.

use foretoken::calibrate::{Clock, Extent, Plan, Samples};
use foretoken::device::{Bench, Level, MeasureOptions, measure, scout, time_overhead, time_parts};
use foretoken::error::Error;
use foretoken_nn::{Device, Layout, Options, Part, Room, zoo};
use std::collections::{BTreeMap, BTreeSet};

fn options(layout: Layout) -> Options {
    Options { layout, room: Room { slots: 4, context: 64 }, ..Options::default() }
}

fn bench(model: &str, layout: Layout) -> Bench {
    Bench::open(&zoo::model(model).unwrap(), Device::CandleCpu, &options(layout), Clock::Wall).unwrap()
}

fn plan(model: &str) -> Plan {
    let whole_prompts = zoo::model(model).unwrap().is_encoder_decoder();
    Plan::new(&Extent { slots: 4, context: 64, step_tokens: 96, whole_prompts }, 3).unwrap()
}

#[test]
fn every_point_is_timed_in_every_pass_that_must_be_whatever_the_model_and_layout() {
    for model in ["tiny", "tiny-t5"] {
        for layout in [Layout::Ragged, Layout::Padded] {
            let plan = plan(model);
            let options = MeasureOptions { budget_s: 300.0, tolerance: 1e9, ..MeasureOptions::default() };
            let mut heard = 0;
            let samples = measure(&mut bench(model, layout), &plan, &options, &mut |_, p| {
                heard += 1;
                assert!(p.done <= p.points && p.points <= plan.points.len());
                Ok(())
            })
            .unwrap();
            assert_eq!(heard, samples.rows.len());
            let mut seen: BTreeMap<_, Vec<u32>> = BTreeMap::new();
            for s in &samples.rows {
                assert!(s.wall_s > 0.0 && s.wall_s < 5.0);
                seen.entry(s.point.clone()).or_default().push(s.pass);
            }
            assert_eq!(seen.len(), plan.points.len());
            // Five samples are enough for an interval, and any interval is narrow enough here.
            assert!(seen.values().all(|passes| *passes == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]), "{model}");
            assert!(samples.rows.is_sorted_by_key(|s| s.pass));
        }
    }
}

#[test]
fn a_measurement_goes_on_where_it_was_stopped() {
    let plan = plan("tiny");
    let mut options = MeasureOptions { budget_s: 300.0, tolerance: 1e9, ..MeasureOptions::default() };
    let mut kept = Samples::default();
    let stopped = measure(&mut bench("tiny", Layout::Ragged), &plan, &options, &mut |s, _| {
        kept.rows.push(s.clone());
        if kept.rows.len() == 20 { Err(Error::Interrupted) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
    options.before = kept.clone();
    let whole = measure(&mut bench("tiny", Layout::Ragged), &plan, &options, &mut |_, _| Ok(())).unwrap();
    assert_eq!(whole.rows[..20], kept.rows);
    let round: BTreeSet<_> = whole.rows[..plan.points.len()].iter().map(|s| s.point.clone()).collect();
    assert_eq!(round.len(), plan.points.len(), "no point of the first round is timed twice");
    assert_eq!(whole.rows.last().unwrap().pass, 2);
}

#[test]
fn longer_prompts_and_larger_batches_take_longer() {
    let mut bench = bench("tiny", Layout::Ragged);
    let options = MeasureOptions { budget_s: 300.0, tolerance: 1e9, ..MeasureOptions::default() };
    let samples = measure(&mut bench, &plan("tiny"), &options, &mut |_, _| Ok(())).unwrap();
    let best = |prefill: &str, decode: &str| {
        let of = |s: &&foretoken::calibrate::Sample| {
            s.point.prefill_text() == prefill && s.point.decode_text() == decode
        };
        samples.rows.iter().filter(of).map(|s| s.wall_s).fold(f64::INFINITY, f64::min)
    };
    assert!(best("64@0", "") > 1.5 * best("4@0", ""));
    assert!(best("", "64x4") > best("", "64x1"));
}

#[test]
fn scouting_fits_the_plan_to_the_budget_and_names_the_least_one() {
    let model = zoo::model("tiny").unwrap();
    let scouted = |budget| scout(&model, Device::CandleCpu, &options(Layout::Ragged), Clock::Wall, budget);
    let wide = scouted(60.0).unwrap().extent;
    assert_eq!((wide.slots, wide.context, wide.step_tokens), (4, 64, 256));
    let error = scouted(1e-4).err().unwrap().to_string();
    assert!(error.contains("too short") && error.contains("at least"), "{error}");
}

#[test]
fn kv_as_measured_is_kv_as_computed() {
    let mut bench = bench("tiny", Layout::Ragged);
    let session = bench.session(plan("tiny").extent(), 1);
    assert_eq!((session.kv_capacity_tokens, session.kv_bytes_per_token), (256, 2 * 2 * 2 * 16 * 4));
    assert_eq!(bench.runner().kv_bytes(), session.kv_capacity_tokens * session.kv_bytes_per_token);
}

#[test]
fn parts_of_layers_are_all_timed() {
    for model in ["tiny", "tiny-bart"] {
        let (mut bench, plan) = (bench(model, Layout::Ragged), plan(model));
        let parts = time_parts(&mut bench, &plan).unwrap();
        let shape = zoo::model(model).unwrap();
        let of =
            |prefill: &str| parts.iter().filter(|p| p.point.prefill_text() == prefill).collect::<Vec<_>>();
        let prompt = of("64@0");
        let count = |part, encoder| prompt.iter().filter(|p| p.part == part && p.encoder == encoder).count();
        assert_eq!(count(Part::Attention, false), shape.layers);
        assert_eq!(count(Part::Ffn, true), shape.encoder_layers);
        assert_eq!(
            count(Part::CrossAttention, false),
            if shape.encoder_layers > 0 { shape.layers } else { 0 }
        );
        assert_eq!((count(Part::Head, false), count(Part::Embedding, false)), (1, 1));
        assert!(prompt.iter().all(|p| p.seconds > 0.0), "{model}");
    }
}

#[test]
fn finer_timing_reads_the_clock_more_often() {
    let (mut bench, plan) = (bench("tiny", Layout::Ragged), plan("tiny"));
    let costs = time_overhead(&mut bench, Device::CandleCpu, plan.extent()).unwrap();
    let readings = |level| costs.iter().find(|c| c.level == level).unwrap().readings;
    let levels = [Level::None, Level::Step, Level::Part, Level::Operation];
    assert!(levels.map(readings).is_sorted_by(|a, b| a < b));
    assert!(costs.iter().filter(|c| c.level != Level::CudaGraph).all(|c| *c.seconds.as_ref().unwrap() > 0.0));
    let graph = costs.iter().find(|c| c.level == Level::CudaGraph).unwrap();
    assert!(graph.seconds.as_ref().unwrap_err().contains("no graph capture"));
}
