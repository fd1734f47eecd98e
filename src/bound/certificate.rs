//! `certificate.json`: a bound with all that a check of it needs.

/// Version of the format.
pub const SCHEMA: u32 = 1;
/// x
pub struct Certificate;
