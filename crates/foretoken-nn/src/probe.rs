//! A stopwatch inside a step: how long each part of each layer takes.

use crate::backend::Backend;
use crate::error::Result;
use std::fmt;
use std::time::Instant;

/// A kind of part of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Rows of the token table, positions added.
    Embedding,
    /// Normalisation, with the residual sum before it.
    Norm,
    /// Attention over a request's own context, its projections included.
    Attention,
    /// Attention over an encoded prompt.
    CrossAttention,
    /// The feed-forward layer.
    Ffn,
    /// The product with the vocabulary, and its largest entry.
    Head,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Embedding => "embedding",
            Part::Norm => "norm",
            Part::Attention => "attention",
            Part::CrossAttention => "cross-attention",
            Part::Ffn => "ffn",
            Part::Head => "head",
        })
    }
}

/// A part of a step, timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartTime {
    /// Whether it is of the encoder.
    pub encoder: bool,
    /// Number of its layer in its stack; the one before for what follows a stack.
    pub layer: usize,
    /// Its kind.
    pub part: Part,
    /// Seconds, the device synchronised at both ends.
    pub seconds: f64,
}

/// The stopwatch of a step; off, it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Probe(Option<Running>);

#[derive(Debug)]
struct Running {
    last: Instant,
    encoder: bool,
    times: Vec<PartTime>,
}

impl Probe {
    /// Starts it.
    pub fn start(&mut self) {
        self.0 = Some(Running { last: Instant::now(), encoder: false, times: Vec::new() });
    }

    /// Says which stack comes next.
    pub fn enter(&mut self, encoder: bool) {
        if let Some(running) = &mut self.0 {
            running.encoder = encoder;
        }
    }

    /// Notes that a part has ended: waits for the device, and reads the clock.
    pub fn mark<B: Backend>(&mut self, b: &B, part: Part, layer: usize) -> Result<()> {
        let Some(running) = &mut self.0 else { return Ok(()) };
        b.synchronize()?;
        let now = Instant::now();
        let seconds = now.duration_since(running.last).as_secs_f64();
        running.times.push(PartTime { encoder: running.encoder, layer, part, seconds });
        running.last = now;
        Ok(())
    }

    /// Stops it: what it noted.
    pub fn stop(&mut self) -> Vec<PartTime> {
        self.0.take().map_or_else(Vec::new, |running| running.times)
    }
}
