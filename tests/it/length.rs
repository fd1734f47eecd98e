//! Length laws and their scores.

mod scores;
