//! The contract suite over every router, and a canary for each rule to show that the suite bites.

use super::all;
use foretoken::contract::check_router;
use foretoken::error::Error;
use foretoken::router::{Arrival, Entry, Fleet, Registry, Router};
use foretoken::scheduler::{Params, parse};
use foretoken::time::Span;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn every_router_keeps_its_contract() {
    // Of the variants, those that ask the replicas or have rules of their own.
    let poll = |params: &serde_json::Value| params.get("poll_s").is_some() || params.get("rule").is_some();
    for (name, params) in all().into_iter().filter(|(_, params)| *params == json!({}) || poll(params)) {
        let params: Params = serde_json::from_value(params).unwrap();
        let entry = Registry::builtin().get(name).copied().unwrap();
        let report = check_router(&entry, &params).unwrap_or_else(|e| panic!("{e}"));
        assert!(report.worlds >= 100 && report.routed > 1000 && report.completed > 800, "{report:?}");
        assert!(report.turns > 30, "{report:?}");
    }
}

const CANARY: Entry = Entry {
    name: "canary",
    summary: "breaks a rule",
    source: "tests",
    reads_belief: false,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(Song),
    make: |params, site| {
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Canary { does: parse::<Song>(params)?.does, replicas: site.replicas, run, asked: 0 }))
    },
};

static RUNS: AtomicU64 = AtomicU64::new(0);

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Song {
    does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Does {
    Behave,
    ChooseStranger,
    PollAlways,
    DifferEachRun,
    ReadBelief,
    ReadPrompt,
    ReadSession,
}

struct Canary {
    does: Does,
    replicas: usize,
    run: u64,
    asked: usize,
}

impl Router for Canary {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        self.asked += 1;
        let number = match self.does {
            Does::Behave | Does::PollAlways => self.asked,
            Does::ChooseStranger => return self.replicas,
            Does::DifferEachRun => self.run as usize + self.asked,
            Does::ReadBelief => r.belief.point().unwrap_or_default() as usize,
            Does::ReadPrompt => r.prompt.symbols.len(),
            Does::ReadSession => r.visible.session.unwrap_or_default() as usize,
        };
        number % self.replicas
    }

    fn polls(&self) -> Option<Span> {
        (self.does == Does::PollAlways).then_some(Span::ZERO)
    }
}

#[test]
fn the_suite_bites_on_every_rule() {
    let rules = [
        ("choose-stranger", "it chooses replica", true),
        ("poll-always", "it polls replicas after no time at all", false),
        ("differ-each-run", "the same run must give the same events twice", true),
        ("read-belief", "it reads no beliefs, and it does", true),
        ("read-prompt", "it reads no prompts, and it does", true),
        ("read-session", "it reads no sessions, and it does", true),
    ];
    let params = |does: &str| serde_json::from_value(json!({ "does": does })).unwrap();
    for (does, expected, names_request) in rules {
        let error = check_router(&CANARY, &params(does)).expect_err(does);
        let Error::Router { router, request, rule } = &error else { panic!("{does}: {error}") };
        assert_eq!(router, "canary");
        assert!(rule.contains(expected) && rule.contains("contract world"), "{does}: {rule}");
        assert_eq!(request.parse::<u32>().is_ok(), names_request, "{does}: request {request}");
    }
    assert!(check_router(&CANARY, &params("behave")).unwrap().completed > 800);
}
