//! A reference scenario and its plan, in the form of the reference files.

use crate::error::{Error, Place, Result};
use crate::real::{Difference, first_difference};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Order of the waiting queue, and who loses memory first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Order of arrival; the last of the running list loses.
    #[default]
    Fcfs,
    /// Order of (priority, arrival); the largest of that loses.
    Priority,
}

/// Requests and the settings they are served under.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub why: String,
    /// Tokens a block holds.
    pub block: u64,
    /// Blocks; the real engine is given one more, its null block.
    pub usable: u64,
    /// Tokens a step.
    pub budget: u64,
    /// Seats.
    pub seqs: usize,
    /// Prefix caching.
    pub cache: bool,
    /// Asynchronous scheduling.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// Who is served first.
    pub policy: Policy,
    /// `long_prefill_token_threshold`; 0 = off.
    pub threshold: u64,
    /// `long_prefill_token_threshold_adaptive`: the threshold is never under budget / requests.
    pub adaptive: bool,
    /// `scheduler_reserve_full_isl`: all known tokens must find room before admission.
    pub reserve_full: bool,
    /// Share of all blocks, the null block included, that admission leaves free while somebody runs.
    pub watermark: f64,
    /// Whether a prompt may be spread over steps.
    pub chunked: bool,
    /// Longest prompt and outputs, tokens; 0 = what the blocks hold.
    pub model_len: u64,
    /// In order of arrival.
    pub requests: Vec<Asked>,
    /// What the real engine did.
    pub result: Option<Planned>,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            id: String::new(),
            why: String::new(),
            block: 4,
            usable: 6,
            budget: 8,
            seqs: 12,
            cache: false,
            asynchronous: false,
            policy: Policy::Fcfs,
            threshold: 0,
            adaptive: false,
            reserve_full: true,
            watermark: 0.0,
            chunked: true,
            model_len: 0,
            requests: Vec::new(),
            result: None,
        }
    }
}

/// One request of a scenario.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Its name.
    pub id: String,
    /// When it comes, steps.
    pub arrival: u64,
    /// Prompt tokens.
    pub prompt: u64,
    /// Output tokens; the last is a stop token if `max_tokens` is larger.
    pub output: u64,
    /// Where it is cut off; unset = `output`.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// Smaller is sooner.
    #[serde(default)]
    pub priority: i64,
    /// Streams that its prompt begins with, and how many tokens of each; `@A` is what request A says.
    #[serde(default)]
    pub shared: Vec<(String, u64)>,
    /// Under policy `priority`: equal arrivals are equal, not told apart by their order in the list.
    #[serde(default)]
    pub equal_times: bool,
}

impl Asked {
    /// Outputs after which it is cut off.
    pub fn limit(&self) -> u64 {
        self.max_tokens.unwrap_or(self.output)
    }
}

/// Plan and times of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Plans that schedule or preempt somebody.
    pub steps: Vec<Step>,
    /// In order of the scenario.
    pub requests: Vec<Served>,
}

impl Planned {
    /// Where it parts from `reference` first: a step, or what became of a request.
    pub fn first_difference(&self, reference: &Planned) -> Option<Difference> {
        let steps = first_difference(&self.steps, &reference.steps, |step| format!("step {}", step.step));
        let of = |request: &Served| format!("request {}", request.id);
        steps.or_else(|| first_difference(&self.requests, &reference.requests, of))
    }
}

/// One plan. Times are in steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Number of the plan, empty ones counted.
    pub step: u64,
    /// When it was made.
    pub planned: u64,
    /// When the device began with it.
    pub start: u64,
    /// When its tokens were there.
    pub end: u64,
    /// New tokens by request, in the order in which they were scheduled.
    pub tokens: Tokens,
    /// Who lost their memory while it was made, in order of the scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preempted: Vec<String>,
    /// Tokens that the requests admitted found in the cache.
    #[serde(default, skip_serializing_if = "Tokens::is_empty")]
    pub hit: Tokens,
    /// Who has a seat afterwards.
    pub running: Vec<String>,
    /// Who waits afterwards, the next one first.
    pub waiting: Vec<String>,
    /// Free blocks afterwards.
    pub free: u64,
    /// Who got a token at its end, in order of the scenario.
    pub emitted: Vec<String>,
}

/// What became of a request. Times are in steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// Its name.
    pub id: String,
    /// When each token came.
    pub token_times: Vec<u64>,
    /// How often it lost its memory.
    pub preemptions: u64,
    /// When it was done.
    pub finish: u64,
}

/// Token counts by request, in an order that means something: a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens(pub Vec<(String, u64)>);

impl Tokens {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, tokens) in &self.0 {
            map.serialize_entry(id, tokens)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Tokens, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Tokens;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("token counts by request")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Tokens, A::Error> {
                let mut tokens = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    tokens.push(entry);
                }
                Ok(Tokens(tokens))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

impl Scenario {
    /// Longest prompt and outputs, tokens.
    pub(super) fn model_len(&self) -> u64 {
        if self.model_len == 0 { self.usable * self.block } else { self.model_len }
    }

    /// The error of request `who`, or of the scenario as a whole.
    pub(super) fn wrong(&self, who: &str, key: &str, what: String, help: &str) -> Error {
        let of = if who.is_empty() { String::new() } else { format!(", request {who}") };
        Error::input(Place::key(key), format!("scenario {}{of}: {what}", self.id), help)
    }

    /// What the real engine would refuse to start with, or to take in.
    pub(super) fn check(&self) -> Result<()> {
        let least = [
            ("block", self.block),
            ("usable", self.usable),
            ("budget", self.budget),
            ("seqs", self.seqs as u64),
        ];
        if let Some((key, _)) = least.into_iter().find(|(_, value)| *value == 0) {
            return Err(self.wrong("", key, format!("{key} is 0"), "give at least 1"));
        }
        if !(0.0..1.0).contains(&self.watermark) {
            let what = format!("a watermark of {}", self.watermark);
            return Err(self.wrong(
                "",
                "watermark",
                what,
                "it is a share of the blocks, at least 0 and below 1",
            ));
        }
        let holds = self.usable.checked_mul(self.block).filter(|&tokens| tokens < u64::from(u32::MAX));
        let Some(holds) = holds else {
            return Err(self.wrong(
                "",
                "usable",
                "the blocks hold over 4 billion tokens".into(),
                "give fewer",
            ));
        };
        if self.model_len > holds {
            let what = format!("the blocks hold {holds} tokens, fewer than model_len = {}", self.model_len);
            return Err(self.wrong(
                "",
                "model_len",
                what,
                "the real engine does not start: give more blocks",
            ));
        }
        self.requests.iter().enumerate().try_for_each(|(i, r)| self.check_request(i, r))
    }

    fn check_request(&self, i: usize, r: &Asked) -> Result<()> {
        let earlier = &self.requests[..i];
        if earlier.iter().any(|other| other.id == r.id) {
            return Err(self.wrong(&r.id, "id", "two requests of that id".into(), "give each its own"));
        }
        if earlier.last().is_some_and(|before| before.arrival > r.arrival) {
            let help = "list requests in order of arrival";
            return Err(self.wrong(
                &r.id,
                "arrival",
                "it comes before the one listed before it".into(),
                help,
            ));
        }
        if r.prompt == 0 || r.output == 0 || r.limit() < r.output {
            let what = format!("prompt {}, output {}, max_tokens {}", r.prompt, r.output, r.limit());
            return Err(self.wrong(
                &r.id,
                "output",
                what,
                "give a prompt, an output, and no smaller max_tokens",
            ));
        }
        let most = self.model_len();
        if r.prompt >= most {
            let what = format!("a prompt of {} leaves no room for a token within {most}", r.prompt);
            return Err(self.wrong(&r.id, "prompt", what, "the real engine refuses it on arrival"));
        }
        if !self.chunked && r.prompt > self.budget {
            let what = format!("a prompt of {} never fits a step of {} tokens", r.prompt, self.budget);
            return Err(self.wrong(&r.id, "prompt", what, "allow chunks, or a larger budget"));
        }
        Ok(())
    }
}
