//! What the engine is given: requests in order of arrival.

use crate::error::Result;
use crate::ids::RequestId;
use crate::length::LogT;
use crate::time::SimTime;

/// Index into a workload's list of class names; 0 is the unnamed class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u16);

/// What a prompt says, as far as it matters who else says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Nobody else does.
    #[default]
    Own,
    /// All that was said in its session so far: turns continue one another.
    Session,
    /// What hashes `start` to `start + count` of [`super::Prompts`] stand for, each over everything up to it.
    Hashed {
        /// Place of the first.
        start: u32,
        /// How many there are.
        count: u32,
    },
}

/// Everything about a request that a real server sees when it arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Visible {
    /// Identity: data row of the trace.
    pub id: RequestId,
    /// When the server receives it.
    pub arrival: SimTime,
    /// Prompt length, tokens.
    pub prompt_tokens: u32,
    /// Limit on the output, tokens; `None` where the client gave none.
    pub max_tokens: Option<u32>,
    /// Kind of request.
    pub class: ClassId,
    /// Smaller is more urgent; 0 unless the trace says otherwise.
    pub priority: i32,
    /// Absolute deadline of the whole answer.
    pub deadline: Option<SimTime>,
    /// Conversation (dense index), if any.
    pub session: Option<u32>,
    /// 0-based turn within the session.
    pub turn: u32,
    /// What its prompt says.
    pub content: Content,
}

/// A true output length. Only the engine, the oracle side of predictors and metrics may look inside;
/// the layering test holds the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrueLength(u32);

impl TrueLength {
    /// Wraps a length of at least one token.
    pub fn new(tokens: u32) -> TrueLength {
        TrueLength(tokens.max(1))
    }

    /// The length in tokens.
    pub(crate) fn reveal(self) -> u32 {
        self.0
    }
}

/// One request on its way into the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// What anyone may see.
    pub visible: Visible,
    /// How long the answer will really be.
    pub truth: TrueLength,
    /// The law the length was drawn from, where the workload is synthetic; read by predictors only.
    pub law: Option<LogT>,
    /// How long the client held the request back (closed concurrency), already included in `arrival`.
    pub client_wait_ns: u64,
}

/// How a request left the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All output tokens were delivered.
    Completed,
    /// The server refused it.
    Rejected,
}

/// A stream of requests in order of arrival, which may react to completions (closed loops, sessions).
pub trait RequestSource {
    /// Arrival time of the next request that is scheduled so far; `None` if none is.
    /// Never earlier than any request already taken.
    fn next_time(&mut self) -> Result<Option<SimTime>>;

    /// Takes that request. Called only after `next_time` returned `Some`.
    fn take(&mut self) -> Result<Request>;

    /// Request `id` left the system at `at`. Open-loop sources ignore this.
    fn left(&mut self, id: RequestId, at: SimTime, outcome: Outcome) {
        let _ = (id, at, outcome);
    }

    /// Whether later requests may depend on [`RequestSource::left`].
    fn is_closed(&self) -> bool {
        false
    }
}
