//! The forms that a step time may have: their columns, and the timing that coefficients make.

use super::knots::{hats, knots};
use super::target::{Target, Work};
use crate::error::Error;
use crate::latency::{Linear, Piecewise, Polynomial, StaticBatch, Timing};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A form of the step time: a kind of profile that can be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// [`Linear`].
    Linear,
    /// [`StaticBatch`].
    StaticBatch,
    /// [`Polynomial`], as one that does not fall; it needs the KV capacity.
    Polynomial,
    /// [`Piecewise`].
    Piecewise,
}

impl Form {
    /// Every form, the simpler first.
    pub const ALL: [Form; 4] = [Form::Linear, Form::StaticBatch, Form::Polynomial, Form::Piecewise];

    /// Its name, that of the kind of profile.
    pub fn name(self) -> &'static str {
        match self {
            Form::Linear => "linear",
            Form::StaticBatch => "static-batch",
            Form::Polynomial => "polynomial",
            Form::Piecewise => "piecewise",
        }
    }

    /// Names of its coefficients; those of the knots of a piecewise curve come before.
    fn names(self) -> &'static [&'static str] {
        match self {
            Form::Linear => &["step_s", "prefill_token_s", "decode_s", "context_token_s", "prefill_pair_s"],
            Form::StaticBatch => &[
                "prefill_s",
                "prefill_token_s",
                "prefill_square_s",
                "decode_s",
                "decode_row_s",
                "decode_context_s",
            ],
            Form::Polynomial => &[
                "prefill_ms[0]",
                "prefill_ms[1]",
                "prefill_ms[2]",
                "decode_ms[0]",
                "decode_ms[1]",
                "decode_ms[2]",
            ],
            Form::Piecewise => &["request_s", "several_s", "prefill_s", "context_token_s", "prefill_pair_s"],
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(name: &str) -> Result<Form, Error> {
        let found = Form::ALL.into_iter().find(|f| f.name() == name);
        found.ok_or_else(|| Error::unknown("form", name, Form::ALL.map(Form::name)))
    }
}

/// Fewest points with prefill and another request beside it that tell the cost of a request.
const TELLING: usize = 3;

/// A form made concrete by the points it is fitted to.
#[derive(Clone, Debug)]
pub struct Basis {
    pub form: Form,
    /// Knots of a piecewise curve.
    knots: Vec<u64>,
    /// Whether points tell the cost of a request apart from that of a row.
    requests: bool,
    /// Whether points tell the cost of a prefill apart from that of its rows.
    prefills: bool,
    capacity_tokens: f64,
}

impl Basis {
    pub fn new(form: Form, targets: &[&Target], kv_capacity_tokens: u64) -> Basis {
        let decodes = targets.iter().filter(|t| t.work.chunks == 0);
        let decoded = decodes.map(|t| t.work.rows).max().unwrap_or(0);
        let telling = |t: &&&Target| t.work.chunks > 0 && t.work.requests > 1.0;
        Basis {
            form,
            knots: if form == Form::Piecewise { knots(targets) } else { Vec::new() },
            requests: targets.iter().filter(telling).count() >= TELLING,
            prefills: targets.iter().filter(|t| t.work.chunks > 0 && t.work.rows <= decoded).count() >= 2,
            capacity_tokens: kv_capacity_tokens as f64,
        }
    }

    /// The columns of one step: its time is their sum, each times a coefficient of zero or more.
    pub fn row(&self, work: &Work) -> Vec<f64> {
        let when = |there: bool| f64::from(u8::from(there));
        let (prefill, decode) = (when(work.chunks > 0), when(work.decodes > 0.0));
        match self.form {
            Form::Linear => {
                vec![1.0, work.prefill_tokens, work.decodes, work.context_sum, work.prefill_pairs]
            }
            Form::StaticBatch => {
                let [tokens, squares] = work.padded;
                let contexts = work.decodes * work.context_max;
                vec![prefill, tokens, squares, decode, work.decodes, contexts]
            }
            Form::Polynomial => {
                let (t, u) = (work.mean_tokens, (work.context_sum / self.capacity_tokens).min(1.0));
                // Together the last two are every quadratic without constant that does not fall on [0, 1].
                vec![prefill, t, t * t, decode, u * u, 2.0 * u - u * u]
            }
            Form::Piecewise => {
                let told = when(self.requests);
                let (requests, several) = (told * work.requests, told * when(work.requests > 1.0));
                let mut row = hats(&self.knots, work.rows);
                row.extend([
                    requests,
                    several,
                    when(self.prefills) * prefill,
                    work.context_sum,
                    work.prefill_pairs,
                ]);
                row
            }
        }
    }

    /// Names of the coefficients as [`Basis::stated`] gives them.
    pub fn names(&self) -> Vec<String> {
        let knots = self.knots.iter().map(|n| format!("step_s[{n} rows]"));
        knots.chain(self.form.names().iter().map(|name| (*name).to_string())).collect()
    }

    /// The coefficients as the profile states them.
    pub fn stated(&self, x: &[f64]) -> Vec<f64> {
        match (self.form, x) {
            (Form::Polynomial, &[c0, c1, c2, d0, convex, concave]) => {
                [c0, c1, c2, d0, 2.0 * concave, convex - concave].map(|s| s * 1e3).to_vec()
            }
            _ => x.to_vec(),
        }
    }

    /// The timing of these coefficients, one for each column.
    pub fn timing(&self, x: &[f64]) -> Timing {
        let x = &self.stated(x)[..];
        match self.form {
            Form::Linear => Timing::Linear(Linear {
                step_s: x[0],
                prefill_token_s: x[1],
                decode_s: x[2],
                context_token_s: x[3],
                prefill_pair_s: x[4],
            }),
            Form::StaticBatch => Timing::StaticBatch(StaticBatch {
                prefill_s: x[0],
                prefill_token_s: x[1],
                prefill_square_s: x[2],
                decode_s: x[3],
                decode_row_s: x[4],
                decode_context_s: x[5],
            }),
            Form::Polynomial => Timing::Polynomial(Polynomial {
                prefill_ms: [x[0], x[1], x[2]],
                decode_ms: [x[3], x[4], x[5]],
                decode_min_ms: 0.0,
            }),
            Form::Piecewise => {
                let (step_s, rest) = x.split_at(self.knots.len());
                Timing::Piecewise(Piecewise {
                    rows: self.knots.clone(),
                    step_s: step_s.to_vec(),
                    request_s: rest[0],
                    several_s: rest[1],
                    prefill_s: rest[2],
                    context_token_s: rest[3],
                    prefill_pair_s: rest[4],
                })
            }
        }
    }
}
