//! The `[workload]` section of a scenario.

use super::check::bad;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// How rows of a trace become requests: when they arrive, how many there are, what lengths they have.
///
/// The default replays the trace as it is. Stages work in this order: conversation history, over-long
/// requests, thinning or replication, resampling, the count, arrival times, concurrency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// When requests arrive.
    pub arrivals: Arrivals,
    /// Mean arrival rate, requests/s, of `constant`, `poisson`, `gamma` and `weibull` arrivals and of
    /// `scale.kind = "rate-match"`. `inf` puts all arrivals at time 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_rps: Option<OrInf>,
    /// Stretch the drawn arrival times so that the last of n requests arrives at n / `rate_rps`, as vLLM's
    /// benchmark does. For `constant`, `poisson`, `gamma` and `weibull` arrivals.
    pub normalize: bool,
    /// How many requests to send; all rows if unset. More than there are rows needs `lengths = "resample"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Requests that would arrive later than this are not sent, seconds: an experiment of fixed length. With
    /// `lengths = "resample"`, and arrivals other than `trace`, as many are drawn as arrive until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Where prompt, output, class and law of each request come from.
    pub lengths: Lengths,
    /// Change of the recorded times; for `trace` arrivals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Most requests in flight. Arrivals keep their schedule; a request over the limit waits at the client
    /// until another leaves, and that wait is reported apart from the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// What the session and turn columns of the trace mean.
    pub sessions: Sessions,
    /// Longest prompt plus output, tokens. A longer request is an error unless `over_long` says what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_model_len: Option<u32>,
    /// What happens to requests longer than `max_model_len`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_long: Option<OverLong>,
}

/// When requests arrive. Request j (from 0) of the drawn processes arrives after j + 1 gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrivals {
    /// At the times of the trace.
    Trace {},
    /// Every 1 / `rate_rps` seconds.
    Constant {},
    /// Exponential gaps with mean 1 / `rate_rps`.
    Poisson {},
    /// Gamma gaps with mean 1 / `rate_rps` and coefficient of variation 1 / sqrt(shape).
    Gamma {
        /// Shape of the gaps ("burstiness" in vLLM's benchmark): 1 is Poisson, `inf` constant.
        shape: OrInf,
    },
    /// Weibull gaps with mean 1 / `rate_rps`.
    Weibull {
        /// Shape of the gaps: 1 is Poisson, smaller is burstier.
        shape: f64,
    },
    /// A Poisson process that switches between two rates (Markov-modulated), started in its steady state.
    Mmpp {
        /// Rates of the two states, requests/s; one may be 0.
        rates_rps: [f64; 2],
        /// Mean time spent in each state, seconds.
        sojourns_s: [f64; 2],
    },
    /// A Poisson process whose rate follows a schedule, over and over.
    Piecewise {
        /// The pieces, in order; at least one has a positive rate.
        segments: Vec<Segment>,
    },
    /// A rate that moves from one value to another over the requests: request j of n has its gap drawn at
    /// the curve's value at j / (n - 1).
    Ramp {
        /// Rate of the first request, requests/s.
        from_rps: f64,
        /// Rate of the last request, requests/s.
        to_rps: f64,
        /// How the rate moves.
        #[serde(default)]
        curve: Curve,
        /// Gamma shape of the gaps: 1 is Poisson, `inf` constant.
        #[serde(default = "one")]
        shape: OrInf,
    },
    /// A closed loop: every client sends its next request a while after its last one left.
    ClosedLoop {
        /// Number of clients, all of which send at time 0.
        clients: u32,
        /// Time between an answer and the same client's next request, seconds.
        #[serde(default)]
        think_s: f64,
    },
}

impl Default for Arrivals {
    fn default() -> Self {
        Arrivals::Trace {}
    }
}

/// One piece of a rate schedule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How long it lasts, seconds.
    pub duration_s: f64,
    /// Arrival rate meanwhile, requests/s; 0 is a pause.
    pub rate_rps: f64,
}

/// Path of a ramp's rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// r0 + (r1 - r0) x.
    #[default]
    Linear,
    /// r0 (r1 / r0)^x.
    Exponential,
}

/// Where the content of a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lengths {
    /// Rows in the order of the trace.
    #[default]
    Trace,
    /// Rows drawn with replacement; ids then count requests, not rows.
    Resample,
}

/// Change of recorded times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scale {
    /// Divide every time: keeps the shape, shortens bursts.
    Compress {
        /// What to divide by; over 1 raises the rate.
        factor: f64,
    },
    /// Keep each row with a probability: lowers the rate, keeps the time scale.
    Thin {
        /// The probability. A row kept at some value is kept at every larger one.
        keep: f64,
    },
    /// Send each row several times: raises the rate, keeps the time scale. Ids then count requests.
    Replicate {
        /// Times each row is sent, the original included.
        copies: u32,
        /// Copies come up to this much after their original, evenly spread, seconds.
        jitter_s: f64,
    },
    /// Multiply all times so that the last of n requests arrives at n / `rate_rps`.
    RateMatch {},
}

/// What conversations do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sessions {
    /// Rows are independent requests with the prompt lengths of the trace.
    Off {},
    /// A turn is sent a while after the one before it was answered. Arrivals are those of first turns (and
    /// of rows outside any session); the rest of a conversation is given up when a turn is rejected.
    Closed {
        /// Time between an answer and the next turn, seconds.
        #[serde(default)]
        think_s: f64,
        /// Whether a turn's prompt grows by all earlier prompts and outputs of its session. Unset: unless the
        /// prompt lengths of the trace are whole requests, as Qwen's are and those of chats read with
        /// `trace.history`. Other formats cannot tell: set it to false where the history is in their prompts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add_history: Option<bool>,
    },
    /// Turns are sent at their recorded times, whatever became of the ones before.
    Open {
        /// As for `closed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add_history: Option<bool>,
    },
}

impl Sessions {
    /// Whether earlier turns are to be added to prompts, where no trace says that they are in them.
    pub(super) fn adds_history(&self) -> bool {
        match *self {
            Sessions::Off {} => false,
            Sessions::Closed { add_history, .. } | Sessions::Open { add_history } => {
                add_history != Some(false)
            }
        }
    }

    /// The same for a trace whose prompts hold all that was said before (`whole`) or only what a turn adds.
    ///
    /// # Errors
    /// History is to be added to prompts that hold it.
    pub fn with_whole_prompts(mut self, whole: bool) -> crate::error::Result<Sessions> {
        match &mut self {
            Sessions::Closed { add_history, .. } | Sessions::Open { add_history } if whole => {
                if *add_history == Some(true) {
                    let what = "the prompts of this trace hold their history already";
                    return Err(bad("workload.sessions.add_history", what, "leave it out"));
                }
                *add_history = Some(false);
            }
            _ => {}
        }
        Ok(self)
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions::Off {}
    }
}

/// What happens to a request longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OverLong {
    /// Shorten the output, and the prompt where even one output token does not fit.
    Clip,
    /// Leave it out, and count it.
    Drop,
    /// Send it, and count it; the engine, which has the same limit, refuses it on arrival.
    Reject,
}

fn one() -> OrInf {
    OrInf(1.0)
}

/// A number that may be infinite: in files a number or `"inf"` (TOML's own `inf` too; JSON has none).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct OrInf(pub f64);

impl Serialize for OrInf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == f64::INFINITY {
            serializer.serialize_str("inf")
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for OrInf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OrInf, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = OrInf;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or \"inf\"")
            }

            fn visit_f64<E>(self, v: f64) -> Result<OrInf, E> {
                Ok(OrInf(v))
            }

            fn visit_i64<E>(self, v: i64) -> Result<OrInf, E> {
                Ok(OrInf(v as f64))
            }

            fn visit_u64<E>(self, v: u64) -> Result<OrInf, E> {
                Ok(OrInf(v as f64))
            }

            fn visit_str<E: de::Error>(self, v: &str) -> Result<OrInf, E> {
                match v {
                    "inf" => Ok(OrInf(f64::INFINITY)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(v), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for OrInf {
    fn schema_name() -> Cow<'static, str> {
        "OrInf".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number" }, { "const": "inf" }] })
    }
}
