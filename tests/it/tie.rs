//! TIE and the schedulers it is compared with: scores of the specification, keys that need no clock, the contract
//! with every option, and what queueing theory says of any order.

use foretoken::contract;
use foretoken::ids::RequestId;
use foretoken::length::{Belief, LogT};
use foretoken::rng::Stream;
use foretoken::scheduler::{Crowd, Noted, Order, Params, Registry, Scheduler, Waiting};
use foretoken::time::{SimTime, Span};
use foretoken::workload::Visible;
use proptest::prelude::*;
use rayon::prelude::*;

mod ltr;
mod page;
mod waits;

fn make(name: &str, params: &str) -> Box<dyn Scheduler> {
    Registry::builtin().make(name, &parse(params), 3).unwrap()
}

fn parse(params: &str) -> Params {
    serde_json::from_str(params).unwrap()
}

/// A request that waits since `arrival`.
fn visible(id: u32, arrival: SimTime) -> Visible {
    Visible { id: RequestId(id), arrival, prompt_tokens: 1, ..Visible::default() }
}

/// Its rank at `now`, its belief there since `at`, among `waiting` requests then and `waiting_now` later.
fn rank_in(
    scheduler: &mut dyn Scheduler,
    visible: &Visible,
    belief: &Belief,
    [at, now]: [SimTime; 2],
    [waiting, waiting_now]: [u32; 2],
) -> f64 {
    let noted = Noted { at, waiting, studied: [0.0; 2] };
    let crowd = Crowd { waiting: waiting_now, seats: 32 };
    let (queued_at, generated, generated_before) = (visible.arrival, 0, 0);
    let mut r =
        Waiting { visible, belief, queued_at, generated, generated_before, preemptions: 0, noted, crowd };
    r.noted.studied = scheduler.study(&r);
    scheduler.rank(&r, now).0
}

fn rank(scheduler: &mut dyn Scheduler, belief: &Belief, waiting: u32) -> f64 {
    let start = SimTime::ZERO;
    rank_in(scheduler, &visible(0, start), belief, [start; 2], [waiting; 2])
}

fn law(mu: f64, sigma: f64) -> Belief {
    Belief::LogT(LogT { mu, sigma, nu: 3.5, cap: 2048 })
}

fn close(a: f64, b: f64, relative: f64) {
    assert!((a - b).abs() <= relative * b.abs(), "{a} {b}");
}

/// Section 10 of the specification through the scheduler.
#[test]
fn ranks_are_the_published_scores() {
    let bare = |beta: f64| make("tie", &format!(r#"{{"beta":{beta},"aging":{{"kind":"none"}}}}"#));
    close(rank(bare(0.1).as_mut(), &law(5.0, 0.6), 1), 290.0698900, 1e-9);
    close(rank(bare(0.5).as_mut(), &law(6.5, 0.7), 1), 1853.9838091, 1e-9);
    let mut code = make("tie", r#"{"beta":0.1,"mean_cap":2028,"aging":{"kind":"none"}}"#);
    close(rank(code.as_mut(), &law(5.0, 0.6), 1), 289.9092742, 1e-9);
    let mut whole = make("tie", r#"{"beta":0.1,"round":true,"aging":{"kind":"none"}}"#);
    assert_eq!(rank(whole.as_mut(), &law(5.0, 0.6), 1), 290.0);
    // Equation 12 at 32 seats, by what E + beta CVaR says beta is.
    let mut adaptive = make("tie", r#"{"aging":{"kind":"none"}}"#);
    for (waiting, beta) in [(1, 0.1), (32, 0.1), (64, 0.2), (96, 0.3), (160, 0.5), (500, 0.5)] {
        close(rank(adaptive.as_mut(), &law(5.0, 0.6), waiting), 212.7114913 + beta * 773.5839869, 1e-8);
    }
}

/// The released code's Monte Carlo: within four of the specification's standard errors.
#[test]
fn monte_carlo_agrees_with_the_exact_score() {
    let mut drawn = make("tie", r#"{"beta":0.1,"draws":10000,"aging":{"kind":"none"}}"#);
    for id in 0..5 {
        let start = SimTime::ZERO;
        let score = rank_in(drawn.as_mut(), &visible(id, start), &law(5.0, 0.6), [start; 2], [1; 2]);
        assert!((score - 290.0698900).abs() < 4.0 * 3.21 && score != 290.0698900, "{score}");
    }
}

#[test]
fn other_beliefs_have_a_meaning() {
    let score = |name: &str, params: &str, belief: &Belief| rank(make(name, params).as_mut(), belief, 1);
    let bare = r#"{"aging":{"kind":"none"}}"#;
    assert_eq!(score("tie", bare, &Belief::Unknown), 2048.0);
    assert_eq!(score("tie", bare, &Belief::Score(100.0)), 100.0, "as the code scores a failed prediction");
    close(score("tie", bare, &Belief::Point(200.0)), 220.0, 1e-12);
    let interval = Belief::Interval { lo: 100, hi: 300 };
    close(score("tie", bare, &interval), 200.0 + 0.1 * 290.0, 1e-12);
    close(score("sept", bare, &interval), 200.0, 1e-12);
    close(score("sept", bare, &law(5.0, 0.6)), 212.7114913, 1e-9);
    close(score("quantile", bare, &law(5.0, 0.6)), 382.2007381, 1e-9);
    close(score("quantile", bare, &interval), 280.0, 1e-12);
    close(score("gittins", bare, &Belief::Point(70.0)), 70.0, 1e-12);
    // The log-normal of the same two moments of ln(length), by its closed form.
    let wide = 0.6 * (3.5f64 / 1.5).sqrt();
    let mean = libm::exp(5.0 + wide * wide / 2.0);
    let family = r#"{"beta":0,"family":"log-normal","aging":{"kind":"none"}}"#;
    close(score("tie", family, &law(5.0, 0.6)), mean, 1e-12);
}

/// A heavy tail has a falling hazard: the best quantum is short of everything, and the index better than 1 / E.
#[test]
fn a_gittins_index_is_no_worse_than_the_expectation() {
    let mut gittins = make("gittins", r#"{"aging":{"kind":"none"}}"#);
    let mut sept = make("sept", r#"{"aging":{"kind":"none"}}"#);
    for (mu, sigma) in [(3.0, 0.05), (5.0, 0.6), (5.0, 1.5), (7.2, 0.6)] {
        let (best, all) =
            (rank(gittins.as_mut(), &law(mu, sigma), 1), rank(sept.as_mut(), &law(mu, sigma), 1));
        assert!(best <= all * (1.0 + 1e-9) && best >= 1.0, "{best} {all}");
        if sigma >= 1.5 {
            assert!(best < 0.8 * all, "{best} {all}");
        }
    }
}

proptest! {
    /// beta = 0 is SEPT; without spread TIE orders by the median; more beta or mu is later.
    #[test]
    fn tie_is_monotone(mu in 2.0f64..6.0, step in 0.01f64..1.0, sigma in 0.001f64..0.8, beta in 0.0f64..0.5) {
        let of = |beta: f64, mu: f64, sigma: f64| {
            rank(make("tie", &format!(r#"{{"beta":{beta},"aging":{{"kind":"none"}}}}"#)).as_mut(), &law(mu, sigma), 1)
        };
        let sept = rank(make("sept", r#"{"aging":{"kind":"none"}}"#).as_mut(), &law(mu, sigma), 1);
        close(of(0.0, mu, sigma), sept, 1e-8);
        close(of(beta, mu, 1e-9), (1.0 + beta) * libm::exp(mu), 1e-6);
        prop_assert!(of(beta, mu + step, sigma) > of(beta, mu, sigma));
        prop_assert!(of(beta + 0.1, mu, sigma) > of(beta, mu, sigma));
    }

    /// The key without a clock orders two requests as S gamma^(wait / tau) does, at any time.
    #[test]
    fn the_exact_key_orders_as_the_decayed_score(
        scores in (1.0f64..3000.0, 1.0f64..3000.0),
        arrivals in (0u64..1_000_000_000_000, 0u64..1_000_000_000_000),
        later in 0u64..1_000_000_000_000,
    ) {
        let mut tie = make("tie", "{}");
        prop_assert_eq!(tie.order(), Order::Static);
        let now = SimTime(arrivals.0.max(arrivals.1) + later);
        let mut key = |score: f64, arrival: u64| {
            rank_in(tie.as_mut(), &visible(0, SimTime(arrival)), &Belief::Score(score), [SimTime(arrival), now], [1; 2])
        };
        let decayed = |score: f64, arrival: u64| score * libm::pow(0.9, (now - SimTime(arrival)).as_secs() / 30.0);
        let (a, b) = (decayed(scores.0, arrivals.0), decayed(scores.1, arrivals.1));
        prop_assume!((a / b - 1.0).abs() > 1e-9);
        prop_assert_eq!(key(scores.0, arrivals.0) < key(scores.1, arrivals.1), a < b);
    }

    /// As the code has it, a score is at most one rebuild behind: 0.9^(5 / 30).
    #[test]
    fn a_rebuilt_score_is_at_most_one_period_behind(score in 1.0f64..3000.0, arrival in 0u64..1 << 40, wait in 0u64..1 << 40) {
        let mut code = make("tie", r#"{"aging":{"kind":"exponential","refresh_s":5}}"#);
        prop_assert_eq!(code.order(), Order::Dynamic);
        let (arrival, now) = (SimTime(arrival), SimTime(arrival) + Span(wait));
        let got = rank_in(code.as_mut(), &visible(0, arrival), &Belief::Score(score), [arrival, now], [1; 2]);
        let exact = score * libm::pow(0.9, (now - arrival).as_secs() / 30.0);
        prop_assert!(got >= exact * (1.0 - 1e-12) && got <= exact * 1.0178, "{} {}", got, exact);
        let start = rank_in(code.as_mut(), &visible(0, arrival), &Belief::Unknown, [arrival, now], [1; 2]);
        prop_assert_eq!(start, 2048.0);
    }
}

/// A frozen beta stays as it was; a live one follows the queue.
#[test]
fn beta_is_frozen_or_live() {
    let start = SimTime::ZERO;
    let of = |params: &str| {
        let mut tie = make("tie", params);
        rank_in(tie.as_mut(), &visible(0, start), &law(5.0, 0.6), [start; 2], [1, 500])
    };
    close(of(r#"{"aging":{"kind":"none"}}"#), 212.7114913 + 0.1 * 773.5839869, 1e-8);
    close(of(r#"{"live":true,"aging":{"kind":"none"}}"#), 212.7114913 + 0.5 * 773.5839869, 1e-8);
}

/// Relative ageing promotes who has waited 0.02 s for each expected token.
#[test]
fn relative_aging_promotes() {
    let mut sept = make("sept", r#"{"aging":{"kind":"relative"}}"#);
    let mut at = |tokens: f64, wait_s: f64| {
        let now = SimTime::from_secs(wait_s).unwrap();
        rank_in(
            sept.as_mut(),
            &visible(0, SimTime::ZERO),
            &Belief::Point(tokens),
            [SimTime::ZERO, now],
            [1; 2],
        )
    };
    assert_eq!((at(100.0, 1.9), at(50.0, 0.9)), (100.0, 50.0));
    assert!(at(100.0, 2.1) < 0.0 && at(50.0, 2.1) < at(100.0, 2.1), "the larger ratio first");
}

/// Options that change decisions keep the contract too.
#[test]
fn every_option_keeps_the_contract() {
    let variants = [
        ("tie", r#"{"live":true}"#),
        (
            "tie",
            r#"{"preempted":"front","family":"log-normal","aging":{"kind":"exponential","refresh_s":1e-5}}"#,
        ),
        ("tie", r#"{"draws":20,"round":true,"aging":{"kind":"linear","per_s":1e6}}"#),
        ("sept", r#"{"aging":{"kind":"relative","limit_s":1e-7}}"#),
        ("ssjf", r#"{"max_wait_s":1e-5,"max_slowdown":0.001}"#),
        ("ltr", r#"{"preemptive":true}"#),
        ("ltr", r#"{"preemptive":true,"starved_steps":4,"rescued_steps":2}"#),
        ("ltr", r#"{"starved_steps":2,"aging":{"kind":"linear","per_s":1e6}}"#),
        ("gittins", r#"{"aging":{"kind":"none"}}"#),
    ];
    variants.into_par_iter().for_each(|(name, params)| {
        let registry = Registry::builtin();
        let report = contract::check(registry.get(name).unwrap(), &parse(params));
        let report = report.unwrap_or_else(|e| panic!("{name} {params}: {e}"));
        assert!(report.completed > 500, "{report:?}");
    });
}

#[test]
fn wrong_parameters_are_refused() {
    for (name, params, says) in [
        ("tie", r#"{"alpha":1.0}"#, "alpha"),
        ("tie", r#"{"beta":-1}"#, "beta"),
        ("tie", r#"{"beta":0.1,"live":true}"#, "live"),
        ("tie", r#"{"initial_score":0}"#, "initial_score"),
        ("tie", r#"{"family":"log-normal","draws":3}"#, "draws"),
        ("tie", r#"{"aging":{"kind":"exponential","gamma":1.5}}"#, "gamma"),
        ("sept", r#"{"aging":{"kind":"linear","per_s":0}}"#, "aging"),
        ("quantile", r#"{"level":1.0}"#, "alpha"),
        ("ltr", r#"{"starved_steps":5,"rescued_steps":0}"#, "rescued_steps"),
        ("ssjf", r#"{"max_slowdown":-1}"#, "max_slowdown"),
        ("uniboost", r#"{"gamma_per_s":0}"#, "gamma_per_s"),
    ] {
        let refused = Registry::builtin().make(name, &parse(params), 0).err().expect(params).to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

/// Predicted laws have the R2 that was asked for, and errors the correlation.
#[test]
fn log_t_predictors_have_the_stated_accuracy() {
    use foretoken::predict::{LengthSample, PredictorConfig};
    let mut draw = Stream::new(1, 0, "laws", 0);
    let laws: Vec<LogT> = (0..20_000)
        .map(|_| LogT {
            mu: 5.0 + draw.normal(),
            sigma: 0.3 * libm::exp(0.5 * draw.normal()),
            nu: 3.5,
            cap: 2048,
        })
        .collect();
    let sample = LengthSample::new(&vec![10; laws.len()], &laws);
    let config = PredictorConfig::LogT { r2_mu: 0.82, r2_sigma: 0.3, error_correlation: 0.6 };
    let mut predictor = config.build(&sample, 5, 0).unwrap();
    let mut pairs: [Vec<(f64, f64)>; 2] = Default::default();
    for (id, law) in laws.iter().enumerate() {
        let mut request = crate::support::request(id as u32, 0, 1, 10);
        request.law = Some(*law);
        let Belief::LogT(seen) = predictor.predict(&request).unwrap() else { panic!("no law") };
        pairs[0].push((law.mu, seen.mu));
        pairs[1].push((law.sigma.ln_1p(), seen.sigma.ln_1p()));
    }
    let n = laws.len() as f64;
    let errors = pairs.each_ref().map(|p| p.iter().map(|(x, y)| x - y).collect::<Vec<f64>>());
    let square = |v: &[f64]| v.iter().map(|e| e * e).sum::<f64>() / n;
    for (i, r2) in [0.82, 0.3].into_iter().enumerate() {
        let mean = pairs[i].iter().map(|p| p.0).sum::<f64>() / n;
        let centred: Vec<f64> = pairs[i].iter().map(|p| p.0 - mean).collect();
        let got = 1.0 - square(&errors[i]) / square(&centred);
        assert!((got - r2).abs() < 0.02, "{got} {r2}");
    }
    // Of the two noises, not of the shrinkage.
    let shrunk = |i: usize, r2: f64| {
        let mean = pairs[i].iter().map(|p| p.0).sum::<f64>() / n;
        pairs[i].iter().map(|(x, y)| y - mean - r2 * (x - mean)).collect::<Vec<f64>>()
    };
    let (a, b) = (shrunk(0, 0.82), shrunk(1, 0.3));
    let both = a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>() / n;
    let correlation = both / (square(&a) * square(&b)).sqrt();
    assert!((correlation - 0.6).abs() < 0.03, "{correlation}");
}
