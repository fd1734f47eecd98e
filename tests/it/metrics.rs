//! Records and what is computed from them.

mod histogram;
mod requests_csv;

use foretoken::ids::RequestId;
use foretoken::record::{RequestRecord, Status};
use foretoken::time::{SimTime, Span};
use foretoken::workload::Visible;

/// A request that has only arrived.
fn arrived(id: u32, arrival: u64, prompt: u32, output: u32) -> RequestRecord {
    let visible =
        Visible { id: RequestId(id), arrival: SimTime(arrival), prompt_tokens: prompt, ..Visible::default() };
    RequestRecord::arrived(&visible, output, Span::ZERO)
}

/// A request that was served from `start` on, with its tokens at `deliveries`.
fn served(id: u32, arrival: u64, prompt: u32, start: u64, deliveries: &[u64]) -> RequestRecord {
    RequestRecord {
        status: Status::Completed,
        first_scheduled: SimTime(start).into(),
        first_token: SimTime(deliveries[0]).into(),
        finish: SimTime(deliveries[deliveries.len() - 1]).into(),
        ..arrived(id, arrival, prompt, deliveries.len() as u32)
    }
}
