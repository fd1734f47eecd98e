//! What every profile's model shares: rounding to time, domain, power.

use super::profile::{Domain, Power, Profile};
use super::{LatencyModel, Minorant, Needs, StepLimits, StepShape};
use crate::error::{Error, Result};
use crate::time::Span;

/// The formula of one kind of profile: a pure function of the shape.
pub(super) trait Kernel: Send + 'static {
    /// Duration of a step.
    fn step(&self, shape: &StepShape<'_>) -> Result<Span>;

    /// Affine functions that no step within `limits` is shorter than.
    fn minorants(&self, limits: &StepLimits) -> Vec<Minorant>;

    /// Seconds that arithmetic and memory traffic would take at the device's peaks, where they are known.
    fn at_peak_s(&self, _shape: &StepShape<'_>) -> Option<[f64; 2]> {
        None
    }

    /// Whether `context_max` of a shape is read.
    fn reads_max(&self) -> bool {
        false
    }

    /// Whether [`Kernel::covers`] may say no.
    fn has_limits(&self) -> bool {
        false
    }

    /// Whether the formula itself has an answer for this shape without reaching beyond its data.
    fn covers(&self, _shape: &StepShape<'_>) -> bool {
        true
    }
}

/// A formula with the domain and power of its profile.
pub(super) struct Model<K> {
    kernel: K,
    domain: Domain,
    power: Option<Power>,
}

impl<K: Kernel> Model<K> {
    pub fn boxed(kernel: K, profile: &Profile) -> Box<dyn LatencyModel> {
        Box::new(Model { kernel, domain: profile.domain.clone(), power: profile.power.clone() })
    }
}

impl<K: Kernel> LatencyModel for Model<K> {
    #[inline]
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        self.kernel.step(shape)
    }

    fn needs(&self) -> Needs {
        let domain = self.kernel.has_limits() || self.domain != Domain::default();
        Needs {
            max: self.kernel.reads_max(),
            domain,
            device: self.power.is_some() || self.kernel.at_peak_s(&StepShape::default()).is_some(),
            ..Needs::default()
        }
    }

    fn minorants(&self, limits: &StepLimits) -> Vec<Minorant> {
        self.kernel.minorants(limits)
    }

    fn at_peak_s(&self, shape: &StepShape<'_>) -> Option<[f64; 2]> {
        self.kernel.at_peak_s(shape)
    }

    fn energy_j(&self, shape: &StepShape<'_>, took: Span) -> Option<f64> {
        let seconds = took.as_secs();
        let utilisation = match self.kernel.at_peak_s(shape) {
            Some([compute, memory]) if seconds > 0.0 => (compute.max(memory) / seconds).min(1.0),
            Some(_) => 0.0,
            None => 1.0,
        };
        self.power.as_ref().map(|p| p.energy_j(utilisation, seconds))
    }

    fn in_domain(&self, shape: &StepShape<'_>) -> bool {
        self.domain.contains(shape) && self.kernel.covers(shape)
    }
}

/// `ns` nanoseconds as time, rounded once; `quantity` names it where it is no duration.
#[inline]
pub(super) fn span_ns(quantity: &str, ns: f64) -> Result<Span> {
    Span::from_ns(ns).ok_or_else(|| no_duration(quantity, ns))
}

#[cold]
pub(super) fn no_duration(quantity: &str, ns: f64) -> Error {
    let seconds = ns / 1e9;
    Error::Usage(format!(
        "{quantity} comes out as {seconds} s, which is no duration; correct its coefficients"
    ))
}
