//! Rounds and tokens: what the `theory` preset takes.

use crate::engine::ROUND_NS;
use crate::error::{Error, Place, Result};
use crate::ids::RequestId;
use crate::time::SimTime;
use crate::workload::{Outcome, Request, RequestSource};

/// Requests that must arrive at the start of a round.
pub(super) struct WholeRounds<'a>(pub &'a mut dyn RequestSource);

impl RequestSource for WholeRounds<'_> {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        self.0.next_time()
    }

    fn take(&mut self) -> Result<Request> {
        let request = self.0.take()?;
        let (id, arrival) = (request.visible.id, request.visible.arrival);
        if arrival.0.is_multiple_of(ROUND_NS) {
            return Ok(request);
        }
        let what =
            format!("request {} arrives at {} s, and theory has rounds of 1 s", id.0, arrival.as_secs());
        let help = "round the trace's times to whole seconds, or choose another engine";
        Err(Error::input(Place::key("engine.preset"), what, help))
    }

    fn left(&mut self, id: RequestId, at: SimTime, outcome: Outcome) {
        self.0.left(id, at, outcome);
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
