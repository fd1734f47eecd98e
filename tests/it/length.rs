//! Length laws, their scores and their fits.

mod command;
mod fits;
mod laws;
mod properties;
mod scores;

/// Fails unless `got` is within `relative` of `wanted`.
fn close(got: f64, wanted: f64, relative: f64, what: &str) {
    assert!((got - wanted).abs() <= relative * wanted.abs(), "{what}: {got:e}, not {wanted:e}");
}
