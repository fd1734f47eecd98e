//! Made-up requests: exponential lengths.

use crate::rng::Stream;
use crate::trace::TraceRow;

/// `n` requests whose prompts and outputs have exponential lengths of these means, tokens, cut so that both together
/// fit `context`.
pub fn exponential(n: u32, seed: u64, prompt_mean: f64, output_mean: f64, context: u32) -> Vec<TraceRow> {
    let mut draw = Stream::new(seed, 0, "validate.lengths", 0);
    let mut length =
        |mean: f64, most: u32| (draw.exponential() * mean).ceil().clamp(1.0, f64::from(most)) as u32;
    let row = |id| {
        let prompt_tokens = length(prompt_mean, (context * 3 / 4).max(1));
        let output_tokens = length(output_mean, context.saturating_sub(prompt_tokens).max(1));
        TraceRow { id, prompt_tokens, output_tokens, ..TraceRow::default() }
    };
    (0..n).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_means_and_fit() {
        let rows = exponential(20_000, 1, 96.0, 48.0, 4096);
        let mean = |of: fn(&TraceRow) -> u32| rows.iter().map(|r| f64::from(of(r))).sum::<f64>() / 20_000.0;
        // Rounded up: half a token more.
        assert!(
            (mean(|r| r.prompt_tokens) - 96.5).abs() < 2.5 && (mean(|r| r.output_tokens) - 48.5).abs() < 1.2
        );
        let short = exponential(2000, 1, 96.0, 48.0, 64);
        assert!(short.iter().all(|r| r.prompt_tokens + r.output_tokens <= 64 && r.output_tokens > 0));
    }
}
