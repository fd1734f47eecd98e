//! Records and what is computed from them.

mod compare;
mod histogram;
mod read;
mod requests_csv;
mod slo;
mod stats;
mod summary;
mod timeline;

use foretoken::ids::{ReplicaId, RequestId};
use foretoken::record::{RequestRecord, Status};
use foretoken::time::{MaybeTime, SimTime, Span};
use foretoken::workload::{ClassId, Visible};
use proptest::prelude::*;

/// A request that has only arrived.
fn arrived(id: u32, arrival: u64, prompt: u32, output: u32) -> RequestRecord {
    let visible =
        Visible { id: RequestId(id), arrival: SimTime(arrival), prompt_tokens: prompt, ..Visible::default() };
    RequestRecord::arrived(&visible, output, Span::ZERO)
}

/// A request that was served from `start` on, with its tokens at `deliveries`.
pub fn served(id: u32, arrival: u64, prompt: u32, start: u64, deliveries: &[u64]) -> RequestRecord {
    RequestRecord {
        status: Status::Completed,
        first_scheduled: SimTime(start).into(),
        first_token: SimTime(deliveries[0]).into(),
        finish: SimTime(deliveries[deliveries.len() - 1]).into(),
        ..arrived(id, arrival, prompt, deliveries.len() as u32)
    }
}

/// Any record that a run can leave.
pub fn any_record() -> impl Strategy<Value = RequestRecord> {
    let times = prop_oneof![0..5_000_000_000u64, 0..1u64 << 60];
    let story = (times.clone(), times.clone(), times.clone(), times, 0..5u8, 1..5000u32, any::<u32>());
    let rest = (any::<u32>(), 0..3u16, 0..4u32, 0..1u64 << 40, prop::option::of(0..1u64 << 61));
    let predicted = prop_oneof![Just(f32::NAN), (1..4096u32).prop_map(|v| v as f32), 0.0f32..1e9];
    (story, rest, predicted).prop_map(
        |((arrival, wait, prefill, decode, stage, output, prompt), rest, predicted)| {
            let (id, class, replica, extra, deadline) = rest;
            let start = arrival + wait;
            let first = start + prefill;
            let last = if output == 1 { first } else { first + decode };
            let when = |reached: bool, t: u64| if reached { SimTime(t).into() } else { MaybeTime::NONE };
            RequestRecord {
                class: ClassId(class),
                status: [
                    Status::Unfinished,
                    Status::Unfinished,
                    Status::Unfinished,
                    Status::Completed,
                    Status::Rejected,
                ][usize::from(stage)],
                replica: ReplicaId(replica),
                first_scheduled: when((1..4).contains(&stage), start),
                first_token: when((2..4).contains(&stage), first),
                finish: when(stage == 3, last),
                preemptions: replica,
                recomputed_tokens: extra,
                deadline: deadline.map(SimTime).into(),
                client_wait: Span(extra / 3),
                predicted_tokens: predicted,
                ..arrived(id, arrival, prompt, output)
            }
        },
    )
}
