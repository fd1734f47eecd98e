//! Where the step times of a run come from.

use super::hardware;
use crate::error::Result;
use crate::latency::{Draws, LatencyModel, Profile, Recorded};
use crate::scenario::{HardwareConfig, Scenario, StepNoise};
use crate::time::Span;
use std::sync::Arc;

/// Where step times come from.
#[derive(Clone)]
pub enum Timing {
    /// A profile.
    Profile(Arc<Profile>),
    /// A device, or what stands for it: what it is, and who makes a run's model.
    Device(HardwareConfig, Arc<MakeModel>),
}

/// Makes the latency model of a run of a scenario.
pub type MakeModel = dyn Fn(&Scenario) -> Result<Box<dyn LatencyModel>> + Send + Sync;

impl Timing {
    /// What `scenario` names.
    ///
    /// # Errors
    /// A profile that cannot be read.
    pub fn load(scenario: &Scenario) -> Result<Timing> {
        match &scenario.hardware {
            Some(config) => Ok(Timing::hardware(config.clone())),
            None => Ok(Timing::Profile(Arc::new(Profile::load(&scenario.profile)?))),
        }
    }

    /// The device of this machine that `config` describes, opened afresh by every run.
    pub fn hardware(config: HardwareConfig) -> Timing {
        let own = config.clone();
        Timing::Device(config, Arc::new(move |scenario| hardware::model(&own, scenario.seed)))
    }

    /// What the steps of an earlier run on a device took, in order.
    pub fn recorded(config: HardwareConfig, steps: Vec<Span>) -> Timing {
        let recorded = Recorded::new(steps);
        Timing::Device(config, Arc::new(move |_| Ok(Box::new(recorded.clone()))))
    }

    /// Its name in tables and messages.
    pub fn name(&self) -> String {
        match self {
            Timing::Profile(profile) => profile.name.clone(),
            Timing::Device(config, _) => config.label(),
        }
    }

    /// Whether one run at a time can use it.
    pub fn is_exclusive(&self) -> bool {
        matches!(self, Timing::Device(..))
    }

    /// The latency model of a run of `scenario` on a replica whose KV memory holds `kv_capacity_tokens`; `draws` make
    /// the profile's noise.
    ///
    /// # Errors
    /// The profile's, or the device's.
    pub fn model(
        &self,
        scenario: &Scenario,
        kv_capacity_tokens: u64,
        draws: Draws,
    ) -> Result<Box<dyn LatencyModel>> {
        match self {
            Timing::Profile(profile) => match scenario.noise {
                StepNoise::Profile => profile.noisy_model(kv_capacity_tokens, draws),
                StepNoise::Off => profile.model(kv_capacity_tokens),
            },
            Timing::Device(_, make) => make(scenario),
        }
    }

    /// The model without noise, by which any step can be asked for beforehand; none for a device.
    ///
    /// # Errors
    /// The profile's.
    pub fn estimate(&self, kv_capacity_tokens: u64) -> Result<Option<Box<dyn LatencyModel>>> {
        match self {
            Timing::Profile(profile) => profile.model(kv_capacity_tokens).map(Some),
            Timing::Device(..) => Ok(None),
        }
    }

    /// Whether steps deviate at random in a run of `scenario`.
    pub fn is_noisy(&self, scenario: &Scenario) -> bool {
        match self {
            Timing::Profile(profile) => scenario.noise == StepNoise::Profile && !profile.noise.is_calm(),
            Timing::Device(..) => false,
        }
    }
}
