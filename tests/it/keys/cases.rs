//! The table: keys, micro-scenarios and values that must all run differently.

/// Where the difference must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In the digest of the event log.
    Digest,
    /// In the summary.
    Summary,
    /// In the data of the figures.
    Figures,
    /// One value is refused.
    Refused,
}

pub struct Case {
    /// The key, as `keys()` lists it, less `=value`.
    pub key: &'static str,
    /// Other keys, `;` in between.
    pub given: &'static str,
    /// Its values; keys that one value alone needs follow it after a `;`.
    pub values: &'static [&'static str],
    pub outcome: Outcome,
}

impl Case {
    /// `path=value` of the key under test and of what its value needs.
    pub fn sets(&self, value: &str) -> Vec<String> {
        let (own, rest) = value.split_once(';').unwrap_or((value, ""));
        let path = match (self.key.split_once('{'), self.key.rsplit_once('}')) {
            (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
            _ => self.key.to_string(),
        };
        // Arrays of tables are set as a whole.
        let own = match path.split_once("[]") {
            Some((array, _)) => format!("{array}=[{{{own}}}]"),
            None => format!("{path}={own}"),
        };
        std::iter::once(own).chain(rest.split(';').filter(|s| !s.is_empty()).map(str::to_string)).collect()
    }

    /// Keys that it covers.
    pub fn covers(&self) -> Vec<String> {
        if LISTS.contains(&self.key) {
            return self
                .values
                .iter()
                .map(|v| format!("{}={}", self.key, v.split(';').next().unwrap()))
                .collect();
        }
        // A parameter that is one of a list has its words in quotes.
        let name = self.key.rsplit_once(['.', '}']).map_or(self.key, |(_, name)| name);
        let word = |value: &&str| {
            let (_, rest) = value.split_once(&format!("{name}=\""))?;
            Some(format!("{}={}", self.key, rest.split('"').next()?))
        };
        let words: Vec<String> = self.values.iter().filter_map(word).collect();
        if self.key.contains(".params{") && !words.is_empty() { words } else { vec![self.key.to_string()] }
    }
}

/// Keys whose values are a closed list, each covered on its own.
const LISTS: &[&str] = &[
    "engine.preset",
    "engine.step",
    "engine.shortfall",
    "engine.victim",
    "engine.requeue",
    "kv.gate",
    "kv.cache",
    "metrics.percentiles",
    "noise",
    "prediction.after_preemption",
    "prediction.batching",
    "prediction.mode",
    "predictor.kind",
    "predictor{file}.missing",
    "workload.arrivals.kind",
    "workload.arrivals{ramp}.curve",
    "workload.lengths",
    "workload.over_long",
    "workload.scale.kind",
    "workload.sessions.kind",
];

/// Keys that change nothing in any run, and why.
pub const EXCEPTIONS: &[(&str, &str)] = &[
    ("schema", "there is one schema; a newer one is refused, which tests of the scenario reader show"),
    ("name", "names the result directory and the caption of the figure, not the run"),
    ("schedulers[].label", "names tables, figures and directories, not the run"),
    ("cluster.groups[].name", "names the group in messages, not the run"),
    ("engine.async", "accepts only false: asynchronous scheduling is not modelled"),
    // A device measures: every run differs, whatever the key says.
    ("hardware.model", "runs on hardware show its effect, and an unknown one is refused"),
    ("hardware.backend=candle-cpu", "the default, which the tests of hardware in the loop run"),
    ("hardware.backend=candle-cuda", "needs a GPU; refused by name elsewhere"),
    ("hardware.backend=tch-cpu", "needs libtorch; refused by name in other builds"),
    ("hardware.backend=tch-cuda", "needs libtorch and a GPU; refused by name elsewhere"),
    ("hardware.dtype=f32", "the default, which the tests of hardware in the loop run"),
    ("hardware.dtype=bf16", "the tests of hardware in the loop open it"),
    ("hardware.layout=ragged", "the default, which the tests of hardware in the loop run"),
    ("hardware.layout=padded", "the tests of hardware in the loop open it"),
    ("hardware.slots", "seats and memory follow it, which tests of the scenario reader show"),
    ("hardware.context", "memory and longest request follow it, which tests of the scenario reader show"),
    (
        "hardware.weights",
        "a folder that is not there is refused, which the tests of hardware in the loop show",
    ),
    ("hardware.threads", "the command line starts again with them, which its tests show"),
    ("hardware.clock=wall", "the default, which the tests of hardware in the loop run"),
    ("hardware.clock=cpu", "the tests of hardware in the loop read it"),
    ("hardware.real_time", "the tests of hardware in the loop wait for arrivals with it"),
];

const fn run(key: &'static str, given: &'static str, values: &'static [&'static str]) -> Case {
    Case { key, given, values, outcome: Outcome::Digest }
}

const fn refused(key: &'static str, given: &'static str, values: &'static [&'static str]) -> Case {
    Case { key, given, values, outcome: Outcome::Refused }
}

const fn shown(key: &'static str, values: &'static [&'static str]) -> Case {
    Case { key, given: "", values, outcome: Outcome::Summary }
}

const SJF: &str = "schedulers=[{name=\"sjf\"}]";
/// Intervals of two classes, seats for all, and memory for few.
const CLASSES: &str = "predictor.kind=binned;predictor.edges=[40];predictor.confusion=[[1,0],[0,1]];\
                       predictor.cap=100;engine.max_seqs=30";
/// Lengths that are often wrong, seats for all, and memory for few.
const LAWS: &str = "predictor.kind=law;engine.max_seqs=30";
/// Every prediction takes a while, and each request waits for its own.
const HELD: &str = "schedulers=[{name=\"sjf\"}];prediction.mode=synchronous;prediction.batch_s=0.05";
/// Requests are served before they are predicted.
const LATE: &str = "predictor.kind=law;prediction.mode=asynchronous;prediction.batch_s=0.1";
const LAW: &str = "predictor.kind=law";
/// Outputs drawn anew, twice as far apart as they are.
const DRAWN: &str = "trace.laws={mu_mean=3,mu_sd=1,sigma_median=0.5,sigma_spread=0.5,sigma_nu=7,sigma_max=2,\
                     still_share=0.1,still_sigma=0.001,nu=3.5,cap=90}";
const POISSON: &str = "workload.arrivals.kind=poisson;workload.rate_rps=50";

pub const CASES: &[Case] = &[
    run("seed", POISSON, &["1", "2"]),
    run("replicates", POISSON, &["1", "2"]),
    run("profile", "", &["llama3-8b-h100", "qwen2.5-7b-h100"]),
    run("noise", "profile=@noisy.toml", &["profile", "off"]),
    run("trace.path", "trace.ignore_extra=true", &["@trace.csv", "@shorter.csv"]),
    refused("trace.format", "", &["foretoken", "azure"]),
    refused("trace.ignore_extra", "trace.path=@shorter.csv", &["true", "false"]),
    run("trace.keep_failed", "trace.path=&burstgpt_6.csv;kv.blocks=400", &["false", "true"]),
    run(
        "trace.history",
        "trace.path=&lmsys.jsonl;workload.arrivals.kind=poisson;workload.rate_rps=5",
        &["false", "true"],
    ),
    // The estimate, and a tokenizer that a build without feature `text` refuses by that name.
    refused(
        "trace.tokenizer",
        "trace.path=&lmsys.jsonl;workload.arrivals.kind=poisson;workload.rate_rps=5",
        &["estimate", "cl100k_base"],
    ),
    refused("trace.hash_block_tokens", "trace.path=&mooncake.jsonl;kv.blocks=4000", &["512", "16"]),
    run("trace.limit", "", &["10", "20"]),
    run("trace.time_unit", "", &["s", "ms"]),
    run("trace.from_s", "", &["0", "0.2"]),
    run("trace.to_s", "", &["0.2", "0.3"]),
    run("trace.clock_from_s", "", &["0", "0.2"]),
    run("trace.clock_to_s", "", &["0.2", "0.3"]),
    run(
        "workload.arrivals.kind",
        "",
        &[
            "trace",
            "constant;workload.rate_rps=50",
            "poisson;workload.rate_rps=50",
            "gamma;workload.rate_rps=50;workload.arrivals.shape=0.3",
            "weibull;workload.rate_rps=50;workload.arrivals.shape=0.5",
            "mmpp;workload.arrivals.rates_rps=[10, 100];workload.arrivals.sojourns_s=[0.2, 0.2]",
            "piecewise;workload.arrivals.segments=[{duration_s=0.3,rate_rps=60}]",
            "ramp;workload.arrivals.from_rps=20;workload.arrivals.to_rps=80",
            "closed-loop;workload.arrivals.clients=4",
        ],
    ),
    run("workload.rate_rps", "workload.arrivals.kind=poisson", &["20", "50", "\"inf\""]),
    run("workload.arrivals{gamma}.shape", "workload.arrivals.kind=gamma;workload.rate_rps=50", &["0.3", "3"]),
    run(
        "workload.arrivals{weibull}.shape",
        "workload.arrivals.kind=weibull;workload.rate_rps=50",
        &["0.5", "2.0"],
    ),
    run(
        "workload.arrivals{mmpp}.rates_rps",
        "workload.arrivals.kind=mmpp;workload.arrivals.sojourns_s=[0.2, 0.2]",
        &["[10, 100]", "[10, 50]"],
    ),
    run(
        "workload.arrivals{mmpp}.sojourns_s",
        "workload.arrivals.kind=mmpp;workload.arrivals.rates_rps=[10, 100]",
        &["[0.2, 0.2]", "[0.2, 0.4]"],
    ),
    run(
        "workload.arrivals{piecewise}.segments[].duration_s",
        "workload.arrivals.kind=piecewise",
        &[
            "duration_s=0.3,rate_rps=60},{duration_s=1,rate_rps=9",
            "duration_s=0.1,rate_rps=60},{duration_s=1,rate_rps=9",
        ],
    ),
    run(
        "workload.arrivals{piecewise}.segments[].rate_rps",
        "workload.arrivals.kind=piecewise",
        &["duration_s=0.3,rate_rps=60", "duration_s=0.3,rate_rps=90"],
    ),
    run(
        "workload.arrivals{ramp}.from_rps",
        "workload.arrivals.kind=ramp;workload.arrivals.to_rps=80",
        &["20", "60"],
    ),
    run(
        "workload.arrivals{ramp}.to_rps",
        "workload.arrivals.kind=ramp;workload.arrivals.from_rps=20",
        &["40", "80"],
    ),
    run(
        "workload.arrivals{ramp}.curve",
        "workload.arrivals.kind=ramp;workload.arrivals.from_rps=20;workload.arrivals.to_rps=80",
        &["linear", "exponential"],
    ),
    run(
        "workload.arrivals{ramp}.shape",
        "workload.arrivals.kind=ramp;workload.arrivals.from_rps=20;workload.arrivals.to_rps=80",
        &["1", "\"inf\""],
    ),
    run("workload.arrivals{closed-loop}.clients", "workload.arrivals.kind=closed-loop", &["2", "4"]),
    run(
        "workload.arrivals{closed-loop}.think_s",
        "workload.arrivals.kind=closed-loop;workload.arrivals.clients=3",
        &["0", "0.1"],
    ),
    run("workload.normalize", POISSON, &["false", "true"]),
    run("workload.requests", "", &["10", "20"]),
    run("trace.laws.mu_mean", DRAWN, &["2.5", "3.5"]),
    run("trace.laws.mu_sd", DRAWN, &["0", "0.5"]),
    run("trace.laws.sigma_median", DRAWN, &["0.3", "0.7"]),
    run("trace.laws.sigma_spread", DRAWN, &["0", "1"]),
    run("trace.laws.sigma_nu", DRAWN, &["2", "30"]),
    run("trace.laws.sigma_max", DRAWN, &["0.4", "2"]),
    run("trace.laws.still_share", DRAWN, &["0", "0.9"]),
    run("trace.laws.still_sigma", DRAWN, &["0.001", "0.6;trace.laws.still_share=0.9"]),
    run("trace.laws.correlation", DRAWN, &["-0.9", "0.9"]),
    run("trace.laws.nu", DRAWN, &["1.5", "30"]),
    run("trace.laws.cap", DRAWN, &["20", "90"]),
    run("workload.duration_s", "", &["0.2", "0.4"]),
    run("workload.lengths", "", &["trace", "resample"]),
    run(
        "workload.scale.kind",
        "",
        &[
            "compress;workload.scale.factor=2",
            "thin;workload.scale.keep=0.5",
            "replicate;workload.scale.copies=2;workload.scale.jitter_s=0.1",
            "rate-match;workload.rate_rps=90",
        ],
    ),
    run("workload.scale{compress}.factor", "workload.scale.kind=compress", &["2", "3"]),
    run("workload.scale{thin}.keep", "workload.scale.kind=thin", &["0.3", "0.8"]),
    run(
        "workload.scale{replicate}.copies",
        "workload.scale.kind=replicate;workload.scale.jitter_s=0.1",
        &["2", "3"],
    ),
    run(
        "workload.scale{replicate}.jitter_s",
        "workload.scale.kind=replicate;workload.scale.copies=2",
        &["0.1", "0.2"],
    ),
    run("workload.max_concurrency", "", &["2", "4"]),
    run("workload.sessions.kind", "kv.blocks=400", &["off", "closed", "open"]),
    run("workload.sessions{closed}.think_s", "kv.blocks=400;workload.sessions.kind=closed", &["0", "0.1"]),
    run(
        "workload.sessions{closed}.add_history",
        "kv.blocks=400;workload.sessions.kind=closed",
        &["true", "false"],
    ),
    run(
        "workload.sessions{open}.add_history",
        "kv.blocks=400;workload.sessions.kind=open",
        &["true", "false"],
    ),
    run("workload.max_model_len", "workload.over_long=clip", &["100", "150"]),
    run(
        "workload.over_long",
        "workload.max_model_len=120;engine.max_model_len=120",
        &["clip", "drop", "reject"],
    ),
    run(
        "engine.preset",
        "kv.blocks=300",
        &[
            "vllm-v1",
            "vllm-v1-2025;engine.max_tokens_per_step=64;kv.blocks=20",
            "static;engine.max_model_len=400",
            "theory;workload.scale.kind=rate-match;workload.rate_rps=inf",
        ],
    ),
    run(
        "engine.step",
        "kv.gate=max-len;engine.max_model_len=400;engine.chunked_prefill=false;kv.blocks=100",
        &["mixed", "lockstep"],
    ),
    run("engine.max_tokens_per_step", "", &["64", "256"]),
    run("engine.max_seqs", "kv.blocks=100", &["3", "5"]),
    run("engine.chunked_prefill", "engine.max_tokens_per_step=112", &["true", "false"]),
    run("engine.long_prefill_threshold", "", &["0", "32"]),
    run("engine.max_model_len", "kv.gate=max-len;kv.blocks=60", &["250", "400"]),
    run("engine.admit_in_preempt_step", "kv.gate=known;engine.requeue=back;kv.blocks=24", &["false", "true"]),
    run(
        "engine.self_preempt_stops",
        "schedulers=[{name=\"sjf-input\"}];engine.victim=latest-arrival",
        &["true", "false"],
    ),
    run("engine.shortfall", "", &["recompute", "restart"]),
    run("engine.victim", SJF, &["last-admitted", "latest-arrival", "worst-priority"]),
    run("engine.requeue", "schedulers=[{name=\"edf\"}];kv.blocks=24", &["front", "back"]),
    run("engine.requeue", "kv.blocks=24", &["back", "ranked"]),
    run("engine.host_overhead_s", "", &["0", "0.001"]),
    run("kv.block_tokens", "kv.blocks=60", &["8", "16"]),
    run("kv.blocks", "", &["30", "40"]),
    run(
        "kv.gate",
        "engine.max_tokens_per_step=64;engine.max_model_len=250",
        &["known", "known-full", "max-len"],
    ),
    run("kv.cache", "trace.path=&mooncake.jsonl;kv.blocks=4000", &["off", "hash"]),
    run("kv.watermark", "", &["0", "0.2"]),
    run("kv.lookahead_tokens", "", &["0", "8"]),
    run("cluster.replicas", "", &["1", "2"]),
    run(
        "cluster.router",
        "cluster.replicas=2",
        &["round-robin", "least-outstanding", "random", "session{assign=random}", "session"],
    ),
    run("cluster.groups[].replicas", "", &["name=\"a\",replicas=1", "name=\"a\",replicas=2"]),
    run("cluster.groups[].profile", "", &["name=\"a\"", "name=\"a\",profile=\"unit\""]),
    run("cluster.groups[].engine", "", &["name=\"a\"", "name=\"a\",engine={max_seqs=3}"]),
    run("cluster.groups[].kv", "", &["name=\"a\"", "name=\"a\",kv={blocks=30}"]),
    run(
        "predictor.kind",
        SJF,
        &[
            "oracle",
            "law",
            "noisy;predictor.sigma=1",
            "noisy-r2;predictor.r2=0.3",
            "noisy-tau;predictor.tau=0.3",
            "log-t;predictor.r2_mu=0.5;predictor.r2_sigma=0.5",
            "binned;predictor.edges=[40];predictor.confusion=[[0.9,0.1],[0.1,0.9]];predictor.cap=200",
            "interval-classes;predictor.width=10",
            "file;predictor.path=@p.csv",
        ],
    ),
    // Nobody predicts for a scheduler that needs a prediction: refused.
    refused("predictor.kind", SJF, &["oracle", "none"]),
    run(
        "predictor.kind",
        "schedulers=[{name=\"a-min\"}];engine.max_seqs=30",
        &[
            "oracle",
            "interval;predictor.lower=1;predictor.upper=100",
            "interval-around;predictor.x=0.5",
            "interval-quantiles;predictor.p_lo=0.1;predictor.p_hi=0.9",
        ],
    ),
    run(
        "predictor{interval}.lower",
        "schedulers=[{name=\"a-min\"}];predictor.kind=interval;predictor.upper=100;engine.max_seqs=30",
        &["1", "80"],
    ),
    run(
        "predictor{interval}.upper",
        "schedulers=[{name=\"a-max\"}];predictor.kind=interval;predictor.lower=1;engine.max_seqs=30",
        &["100", "400"],
    ),
    run(
        "predictor{interval-classes}.width",
        "schedulers=[{name=\"sjf\"}];predictor.kind=interval-classes",
        &["10", "60"],
    ),
    run(
        "predictor{interval-around}.x",
        "schedulers=[{name=\"a-max\"}];predictor.kind=interval-around",
        &["0.1", "0.9"],
    ),
    run(
        "predictor{interval-around}.miss",
        "schedulers=[{name=\"sjf\"}];predictor.kind=interval-around;predictor.x=0.9",
        &["0", "0.9"],
    ),
    run(
        "predictor{interval-around}.kv_tokens",
        "schedulers=[{name=\"a-max\"}];predictor.kind=interval-around;predictor.x=0.9",
        &["120", "4000"],
    ),
    run(
        "predictor{interval-quantiles}.p_lo",
        "schedulers=[{name=\"a-min\"}];predictor.kind=interval-quantiles;predictor.p_hi=0.9;engine.max_seqs=30",
        &["0.01", "0.5"],
    ),
    run(
        "predictor{interval-quantiles}.p_hi",
        "schedulers=[{name=\"a-max\"}];predictor.kind=interval-quantiles;predictor.p_lo=0.1",
        &["0.5", "0.99"],
    ),
    run(
        "predictor{interval-quantiles}.path",
        "schedulers=[{name=\"sjf\"}];predictor.kind=interval-quantiles;predictor.p_lo=0.1;predictor.p_hi=0.9",
        &["@laws.csv", "@laws2.csv"],
    ),
    run("predictor{noisy}.sigma", "schedulers=[{name=\"sjf\"}];predictor.kind=noisy", &["0.5", "2"]),
    run("predictor{noisy-r2}.r2", "schedulers=[{name=\"sjf\"}];predictor.kind=noisy-r2", &["0.2", "0.8"]),
    run("predictor{noisy-tau}.tau", "schedulers=[{name=\"sjf\"}];predictor.kind=noisy-tau", &["0.2", "0.8"]),
    run(
        "predictor{binned}.edges",
        "schedulers=[{name=\"sjf\"}];predictor.kind=binned;predictor.confusion=[[0.9,0.1],[0.1,0.9]];predictor.cap=200",
        &["[20]", "[60]"],
    ),
    run(
        "predictor{binned}.confusion",
        "schedulers=[{name=\"sjf\"}];predictor.kind=binned;predictor.edges=[40];predictor.cap=200",
        &["[[1,0],[0,1]]", "[[0.5,0.5],[0.5,0.5]]"],
    ),
    // The middle of the last class moves, which hrrn divides by.
    run(
        "predictor{binned}.cap",
        "schedulers=[{name=\"hrrn\"}];predictor.kind=binned;predictor.confusion=[[1,0],[0,1]];predictor.edges=[40]",
        &["100", "4000"],
    ),
    run(
        "predictor{file}.path",
        "schedulers=[{name=\"sjf\"}];predictor.kind=file;trace.limit=29",
        &["@p.csv", "@q.csv"],
    ),
    refused("predictor{file}.missing", "predictor.kind=file;predictor.path=@q.csv", &["unknown", "error"]),
    run(
        "prediction.mode",
        SJF,
        &["instant", "asynchronous;prediction.batch_s=0.05", "synchronous;prediction.batch_s=0.05"],
    ),
    run("prediction.batching", HELD, &["window", "released-code"]),
    run("prediction.batch_max", HELD, &["1", "128"]),
    run("prediction.batch_wait_s", HELD, &["0", "0.03"]),
    run("prediction.batch_s", HELD, &["0.02", "0.05"]),
    run("prediction.prompt_s", HELD, &["0", "0.01"]),
    run(
        "prediction.after_preemption",
        "schedulers=[{name=\"tie\"}];predictor.kind=law;prediction.mode=asynchronous;prediction.batch_s=0.1;kv.blocks=24",
        &["keep", "again"],
    ),
    run("prediction.failure_rate", SJF, &["0", "0.5"]),
    run(
        "prediction.failure_score",
        "schedulers=[{name=\"sjf\"}];prediction.failure_rate=0.5",
        &["1", "1000"],
    ),
    run(
        "predictor{log-t}.r2_mu",
        "schedulers=[{name=\"sept\"}];predictor.kind=log-t;predictor.r2_sigma=1",
        &["0.2", "0.9"],
    ),
    // All laws of the trace have one sigma: what is explained of its spread changes nothing, unless there is some.
    run(
        "predictor{log-t}.r2_sigma",
        "schedulers=[{name=\"sept\"}];predictor.kind=log-t;predictor.r2_mu=0.2;trace.path=@sigmas.csv",
        &["0.2", "0.5"],
    ),
    run(
        "predictor{log-t}.error_correlation",
        "schedulers=[{name=\"sept\"}];predictor.kind=log-t;predictor.r2_mu=0.5;predictor.r2_sigma=0.5;trace.path=@sigmas.csv",
        &["-0.9", "0.9"],
    ),
    run(
        "schedulers[].prediction",
        "",
        &["name=\"sjf\"", "name=\"sjf\",prediction={mode=\"synchronous\",batch_s=0.05}"],
    ),
    run("schedulers[].name", "", &["name=\"fcfs\"", "name=\"ljf\""]),
    run(
        "schedulers[].predictor",
        "",
        &["name=\"sjf\",predictor={kind=\"oracle\"}", "name=\"sjf\",predictor={kind=\"law\"}"],
    ),
    run("schedulers[].params", "", &["name=\"hrrn\"", "name=\"hrrn\",params={service=\"input\"}"]),
    run(
        "schedulers[].params{srpt}.margin_tokens",
        "",
        &["name=\"srpt\"", "name=\"srpt\",params={margin_tokens=40}"],
    ),
    run(
        "schedulers[].params{hrrn}.service",
        "",
        &["name=\"hrrn\",params={service=\"output\"}", "name=\"hrrn\",params={service=\"input\"}"],
    ),
    refused(
        "schedulers[].params{edf}.default_deadline_s",
        "trace.path=@shorter.csv;trace.ignore_extra=true",
        &["name=\"edf\",params={default_deadline_s=1.0}", "name=\"edf\""],
    ),
    refused(
        "schedulers[].params{least-slack}.default_deadline_s",
        "trace.path=@shorter.csv;trace.ignore_extra=true",
        &["name=\"least-slack\",params={default_deadline_s=1.0}", "name=\"least-slack\""],
    ),
    run(
        "schedulers[].params{least-slack}.token_s",
        "",
        &["name=\"least-slack\"", "name=\"least-slack\",params={token_s=1.0}"],
    ),
    run(
        "schedulers[].params{mlfq}.quantum_tokens",
        "engine.max_seqs=2",
        &["name=\"mlfq\"", "name=\"mlfq\",params={quantum_tokens=8}"],
    ),
    run(
        "schedulers[].params{mlfq}.growth",
        "engine.max_seqs=2",
        &["name=\"mlfq\",params={quantum_tokens=8}", "name=\"mlfq\",params={quantum_tokens=8,growth=4}"],
    ),
    run(
        "schedulers[].params{mlfq}.levels",
        "engine.max_seqs=2",
        &["name=\"mlfq\",params={quantum_tokens=8}", "name=\"mlfq\",params={quantum_tokens=8,levels=2}"],
    ),
    run(
        "schedulers[].params{a-min}.bound",
        CLASSES,
        &["name=\"a-min\",params={bound=\"stored\"}", "name=\"a-min\",params={bound=\"running\"}"],
    ),
    run(
        "schedulers[].params{a-min}.tie",
        CLASSES,
        &[
            "name=\"a-min\",params={tie=\"random\"}",
            "name=\"a-min\",params={tie=\"index\"}",
            "name=\"a-min\",params={tie=\"most-progress\"}",
        ],
    ),
    run(
        "schedulers[].params{a-min}.projection",
        CLASSES,
        &[
            "name=\"a-min\",params={projection=\"running\"}",
            "name=\"a-min\",params={projection=\"hold\"}",
            "name=\"a-min\",params={projection=\"literal\"}",
        ],
    ),
    run(
        "schedulers[].params{mc-sf}.estimate",
        LAWS,
        &[
            "name=\"mc-sf\",params={estimate=\"point\"}",
            "name=\"mc-sf\",params={estimate=\"lower\"}",
            "name=\"mc-sf\",params={estimate=\"upper\"}",
            "name=\"mc-sf\",params={estimate=\"mid\"}",
        ],
    ),
    run(
        "schedulers[].params{mc-sf}.reserve",
        LAWS,
        &["name=\"mc-sf\"", "name=\"mc-sf\",params={reserve=0.4}"],
    ),
    run(
        "schedulers[].params{mc-sf}.clear",
        LAWS,
        &["name=\"mc-sf\",params={clear=\"few\"}", "name=\"mc-sf\",params={clear=\"all\"}"],
    ),
    run(
        "schedulers[].params{svf}.estimate",
        LAWS,
        &[
            "name=\"svf\",params={estimate=\"point\"}",
            "name=\"svf\",params={estimate=\"lower\"}",
            "name=\"svf\",params={estimate=\"upper\"}",
            "name=\"svf\",params={estimate=\"mid\"}",
        ],
    ),
    run("schedulers[].params{svf}.reserve", LAWS, &["name=\"svf\"", "name=\"svf\",params={reserve=0.4}"]),
    run(
        "schedulers[].params{svf}.clear",
        LAWS,
        &["name=\"svf\",params={clear=\"few\"}", "name=\"svf\",params={clear=\"all\"}"],
    ),
    run(
        "schedulers[].params{sorted-f}.estimate",
        LAWS,
        &[
            "name=\"sorted-f\",params={estimate=\"point\"}",
            "name=\"sorted-f\",params={estimate=\"lower\"}",
            "name=\"sorted-f\",params={estimate=\"upper\"}",
            "name=\"sorted-f\",params={estimate=\"mid\"}",
        ],
    ),
    run(
        "schedulers[].params{sorted-f}.reserve",
        LAWS,
        &["name=\"sorted-f\"", "name=\"sorted-f\",params={reserve=0.4}"],
    ),
    run(
        "schedulers[].params{sorted-f}.clear",
        LAWS,
        &["name=\"sorted-f\",params={clear=\"few\"}", "name=\"sorted-f\",params={clear=\"all\"}"],
    ),
    run("schedulers[].params{gba}.first", LAWS, &["name=\"gba\"", "name=\"gba\",params={first=7}"]),
    run("schedulers[].params{gba}.growth", LAWS, &["name=\"gba\"", "name=\"gba\",params={growth=1.2}"]),
    run("schedulers[].params{gba-d}.first", LAWS, &["name=\"gba-d\"", "name=\"gba-d\",params={first=7}"]),
    run("schedulers[].params{gba-d}.growth", LAWS, &["name=\"gba-d\"", "name=\"gba-d\",params={growth=1.2}"]),
    run("schedulers[].params{gsa}.first", LAWS, &["name=\"gsa\"", "name=\"gsa\",params={first=7}"]),
    run("schedulers[].params{gsa}.growth", LAWS, &["name=\"gsa\"", "name=\"gsa\",params={growth=1.2}"]),
    run(
        "schedulers[].params{gsa-spec}.first",
        LAWS,
        &["name=\"gsa-spec\"", "name=\"gsa-spec\",params={first=7}"],
    ),
    run(
        "schedulers[].params{gsa-spec}.growth",
        LAWS,
        &["name=\"gsa-spec\"", "name=\"gsa-spec\",params={growth=1.2}"],
    ),
    run(
        "schedulers[].params{tie}.alpha",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={alpha=0.5,aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.beta",
        LAW,
        &[
            "name=\"tie\",params={beta=0.0,aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={beta=0.5,aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.live",
        "predictor.kind=law;engine.max_seqs=2",
        &[
            "name=\"tie\",params={aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={live=true,aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.mean_cap",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={mean_cap=30,aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.draws",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={draws=20,aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.round",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"linear\",per_s=50}}",
            "name=\"tie\",params={round=true,aging={kind=\"linear\",per_s=50}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.family",
        "predictor.kind=law;trace.path=@sigmas.csv",
        &[
            "name=\"tie\",params={family=\"log-t\",aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={family=\"log-normal\",aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.initial_score",
        LATE,
        &["name=\"tie\",params={initial_score=1}", "name=\"tie\",params={initial_score=4000}"],
    ),
    run(
        "schedulers[].params{tie}.aging.kind",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"none\"}}",
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.1}}",
            "name=\"tie\",params={aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={aging={kind=\"relative\",limit_s=0.004}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.aging{exponential}.gamma",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.1}}",
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.1,gamma=0.4}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.aging{exponential}.tau_s",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.1}}",
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.02}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.aging{exponential}.refresh_s",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.1}}",
            "name=\"tie\",params={aging={kind=\"exponential\",tau_s=0.1,refresh_s=0.3}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.aging{linear}.per_s",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"linear\",per_s=200}}",
            "name=\"tie\",params={aging={kind=\"linear\",per_s=20}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.aging{relative}.limit_s",
        LAW,
        &[
            "name=\"tie\",params={aging={kind=\"relative\",limit_s=0.004}}",
            "name=\"tie\",params={aging={kind=\"relative\",limit_s=0.02}}",
        ],
    ),
    run(
        "schedulers[].params{tie}.preempted",
        "predictor.kind=law;kv.blocks=24",
        &["name=\"tie\",params={preempted=\"ranked\"}", "name=\"tie\",params={preempted=\"front\"}"],
    ),
    run(
        "schedulers[].params{sept}.initial_score",
        LATE,
        &["name=\"sept\",params={initial_score=1}", "name=\"sept\",params={initial_score=4000}"],
    ),
    run(
        "schedulers[].params{sept}.aging",
        LAW,
        &[
            "name=\"sept\",params={aging={kind=\"none\"}}",
            "name=\"sept\",params={aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{quantile}.initial_score",
        LATE,
        &["name=\"quantile\",params={initial_score=1}", "name=\"quantile\",params={initial_score=4000}"],
    ),
    run(
        "schedulers[].params{quantile}.aging",
        LAW,
        &[
            "name=\"quantile\",params={aging={kind=\"none\"}}",
            "name=\"quantile\",params={aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{gittins}.initial_score",
        LATE,
        &["name=\"gittins\",params={initial_score=1}", "name=\"gittins\",params={initial_score=4000}"],
    ),
    run(
        "schedulers[].params{gittins}.aging",
        LAW,
        &[
            "name=\"gittins\",params={aging={kind=\"none\"}}",
            "name=\"gittins\",params={aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{ssjf}.initial_score",
        LATE,
        &["name=\"ssjf\",params={initial_score=1}", "name=\"ssjf\",params={initial_score=4000}"],
    ),
    run(
        "schedulers[].params{ssjf}.aging",
        LAW,
        &[
            "name=\"ssjf\",params={aging={kind=\"none\"}}",
            "name=\"ssjf\",params={aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{ltr}.initial_score",
        LATE,
        &["name=\"ltr\",params={initial_score=1}", "name=\"ltr\",params={initial_score=4000}"],
    ),
    run(
        "schedulers[].params{ltr}.aging",
        LAW,
        &[
            "name=\"ltr\",params={aging={kind=\"none\"}}",
            "name=\"ltr\",params={aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{quantile}.level",
        LAW,
        &[
            "name=\"quantile\",params={level=0.3,aging={kind=\"linear\",per_s=200}}",
            "name=\"quantile\",params={level=0.95,aging={kind=\"linear\",per_s=200}}",
        ],
    ),
    run(
        "schedulers[].params{ssjf}.max_wait_s",
        LAW,
        &["name=\"ssjf\"", "name=\"ssjf\",params={max_wait_s=0.2}"],
    ),
    run(
        "schedulers[].params{ssjf}.max_slowdown",
        LAW,
        &["name=\"ssjf\"", "name=\"ssjf\",params={max_slowdown=0.5}"],
    ),
    run(
        "schedulers[].params{ssjf}.token_s",
        LAW,
        &["name=\"ssjf\",params={max_slowdown=0.5}", "name=\"ssjf\",params={max_slowdown=0.5,token_s=0.001}"],
    ),
    run(
        "schedulers[].params{ssjf}.base_s",
        LAW,
        &["name=\"ssjf\",params={max_slowdown=0.5}", "name=\"ssjf\",params={max_slowdown=0.5,base_s=10}"],
    ),
    run(
        "schedulers[].params{ltr}.preemptive",
        LAW,
        &["name=\"ltr\"", "name=\"ltr\",params={preemptive=true}"],
    ),
    run(
        "schedulers[].params{ltr}.starved_steps",
        LAW,
        &["name=\"ltr\"", "name=\"ltr\",params={starved_steps=20}"],
    ),
    run(
        "schedulers[].params{ltr}.rescued_steps",
        LAW,
        &[
            "name=\"ltr\",params={preemptive=true,starved_steps=10,rescued_steps=2}",
            "name=\"ltr\",params={preemptive=true,starved_steps=10,rescued_steps=40}",
        ],
    ),
    run(
        "schedulers[].params{uniboost}.gamma_per_s",
        "",
        &["name=\"uniboost\",params={gamma_per_s=1}", "name=\"uniboost\",params={gamma_per_s=1000}"],
    ),
    run(
        "schedulers[].params{uniboost}.token_s",
        "",
        &[
            "name=\"uniboost\",params={gamma_per_s=5,token_s=0.001}",
            "name=\"uniboost\",params={gamma_per_s=5,token_s=0.01}",
        ],
    ),
    Case { key: "load.rates_rps", given: "", values: &["[10, 20]", "[10, 40]"], outcome: Outcome::Figures },
    shown("metrics.percentiles", &["linear", "mlperf", "nearest"]),
    shown("metrics.slo.ttft_s", &["0.05", "0.5"]),
    shown("metrics.slo.tpot_s", &["0.007", "0.1"]),
    shown("metrics.slo.e2e_s", &["0.3", "1.5"]),
    shown("metrics.slo_preset", &["llama3.1-8b", "llama3.1-8b-interactive"]),
    refused("metrics.max_outside_domain", "profile=@narrow.toml", &["1.0", "0.01"]),
    shown("metrics.warmup_share", &["0.1", "0.4"]),
    shown("metrics.cooldown_share", &["0.1", "0.4"]),
    shown("metrics.time_at", &["[10]", "[20]"]),
    shown("metrics.finished_by_s", &["[0.5]", "[1.0]"]),
    run("metrics.horizon_s", "", &["0.4", "0.9"]),
];
