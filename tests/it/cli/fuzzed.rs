//! A short deterministic run of the scenario fuzzing harness: a valid scenario, mutated.

use foretoken::rng::Stream;
use foretoken::scenario::fuzz_scenario;

const SEED: &str = "kv.blocks=500\nengine.preset=static\n\nschema = 1\nname = \"x\"\nseed = 3\nreplicates = 2\n\
[trace]\npath = \"t.csv\"\nlimit = 5\n[workload]\nrate_rps = 4.0\n[workload.arrivals]\nkind = \"poisson\"\n\
[engine]\nmax_seqs = 8\n[kv]\nwatermark = 0.01\n[predictor]\nkind = \"noisy\"\nsigma = 0.5\n\
[[schedulers]]\nname = \"mlfq\"\nparams = { quantum_tokens = 8 }\n[[schedulers]]\nname = \"sjf\"\n\
[load]\nrates_rps = [1.0, 2.0]\n[metrics]\nhorizon_s = 9.0\n";

const SPICE: [&str; 14] =
    ["\"", "[", "]", "=", "\n", "-", "nan", "inf", "1e999", "{", "}", ".", "true", "99999999999999999999"];

#[test]
fn mutated_scenarios_never_panic() {
    fuzz_scenario(SEED);
    for i in 0..1500 {
        let mut chance = Stream::new(1, 0, "fuzz", i);
        let mut text = SEED.to_string();
        for _ in 0..1 + chance.below(3) {
            let at = chance.below(text.len() as u64) as usize;
            let end = (at + chance.below(9) as usize).min(text.len());
            let spice = SPICE[chance.below(SPICE.len() as u64) as usize];
            text.replace_range(at..end, if chance.below(3) == 0 { "" } else { spice });
        }
        fuzz_scenario(&text);
    }
}
