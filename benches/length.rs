//! Cost of a score: the quick way, the mean alone, the tables behind them, and the quadrature.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use foretoken::length::{Family, FitOptions, LogT, Sample, Tail, fit};
use foretoken::rng::Stream;
use std::hint::black_box;

fn scores(c: &mut Criterion) {
    let tail = Tail::new(3.5, 0.9).unwrap();
    let mut stream = Stream::new(1, 0, "bench", 0);
    // As in the LMSYS-like trace: medians spread widely, most spreads small.
    let mut laws = std::iter::repeat_with(move || {
        let sigma = 0.11 * libm::exp(0.8 * stream.normal());
        (5.5 + 1.3 * stream.normal(), sigma.clamp(0.001, 3.0))
    });
    let laws: Vec<(f64, f64)> = laws.by_ref().take(4096).collect();
    let mut next = laws.iter().cycle();
    let mut law = move || *next.next().unwrap();
    let mut group = c.benchmark_group("length");
    group.bench_function("tie", |b| {
        b.iter(|| {
            let (mu, sigma) = law();
            black_box(tail.tie(mu, sigma, 2048.0, 2048.0, 0.1))
        });
    });
    group.bench_function("tie, two caps", |b| {
        b.iter(|| black_box(tail.tie(black_box(5.5), 0.4, 2048.0, 2028.0, 0.1)));
    });
    group.bench_function("mean", |b| b.iter(|| black_box(tail.mean(black_box(5.5), 0.4, 2048.0))));
    group.bench_function("sf", |b| b.iter(|| black_box(tail.sf(black_box(5.5), 0.4, 700.0))));
    group.bench_function("exact", |b| {
        b.iter(|| black_box(tail.exact(black_box(5.5), 0.4, 2048.0, 2048.0, 0.1)));
    });
    group.bench_function("tables", |b| b.iter(|| Tail::new(black_box(3.5), 0.9).unwrap()));
    group.finish();
}

fn fits(c: &mut Criterion) {
    let law = LogT { mu: 5.5, sigma: 0.4, nu: 3.5, cap: 2048 };
    let mut stream = Stream::new(1, 0, "bench", 0);
    let lengths: Vec<u32> = (0..20).map(|_| law.sample(&mut stream)).collect();
    let mut group = c.benchmark_group("fit of 20 lengths");
    for cap in [None, Some(400)] {
        let sample = Sample::new(&lengths, cap);
        let name = if cap.is_some() { "log-t, censored" } else { "log-t" };
        group.bench_function(name, |b| {
            b.iter(|| fit(black_box(&sample), Family::LogT(3.5), &FitOptions::default()));
        });
    }
    group.finish();
}

criterion_group!(benches, scores, fits);
criterion_main!(benches);
