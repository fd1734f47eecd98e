//! temp
use foretoken::*;
fn main() {
    let mut l = scenario::Layers::default();
    for a in std::env::args().skip(1) {
        if a.ends_with(".toml") {
            l.file = Some(a.into())
        } else {
            l.set(&a).unwrap();
        }
    }
    let s = scenario::resolve(&l).unwrap();
    let t = std::time::Instant::now();
    let i = replay::Inputs::load(&s, 1).unwrap();
    println!("load {:?}", t.elapsed());
    let j = replay::Job { scheduler: 0, replicate: 0, rate_rps: None };
    let f = j.run(&s, &i, &scheduler::Registry::builtin(), false, &mut replay::Listeners::default()).unwrap();
    println!(
        "run {:?} steps {} preempt {} digest {} end {}",
        t.elapsed(),
        f.totals.steps,
        0,
        f.totals.digest,
        f.totals.horizon
    );
    let file = std::fs::File::create("/tmp/requests.csv").unwrap();
    record::RequestsCsv::write(file, &f.records, record::Columns::for_records(&f.records), &f.classes)
        .unwrap();
    println!("csv {:?}", t.elapsed());
    let e2e: f64 =
        f.records.iter().filter_map(|r| r.e2e()).map(|s| s.as_secs()).sum::<f64>() / f.records.len() as f64;
    println!("mean e2e {e2e}");
}
