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
    /// A device of this machine.
    Hardware(HardwareConfig),
    /// What the steps of an earlier run on a device took, in order.
    Recorded(HardwareConfig, Arc<[Span]>),
}

impl Timing {
    /// What `scenario` names.
    ///
    /// # Errors
    /// A profile that cannot be read.
    pub fn load(scenario: &Scenario) -> Result<Timing> {
        match &scenario.hardware {
            Some(config) => Ok(Timing::Hardware(config.clone())),
            None => Ok(Timing::Profile(Arc::new(Profile::load(&scenario.profile)?))),
        }
    }

    /// Its name in tables and messages.
    pub fn name(&self) -> String {
        match self {
            Timing::Profile(profile) => profile.name.clone(),
            Timing::Hardware(config) | Timing::Recorded(config, _) => config.label(),
        }
    }

    /// Whether one run at a time can use it.
    pub fn is_exclusive(&self) -> bool {
        matches!(self, Timing::Hardware(_))
    }

    /// The latency model of a run of `scenario` on a replica whose KV memory holds `kv_capacity_tokens`; `draws`
    /// says whose noise it is.
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
            Timing::Hardware(config) => hardware::model(config, scenario.seed),
            Timing::Recorded(_, steps) => Ok(Box::new(Recorded::new(Arc::clone(steps)))),
        }
    }

    /// The model without noise, by which any step can be asked for beforehand; none for a device.
    ///
    /// # Errors
    /// The profile's.
    pub fn known(&self, kv_capacity_tokens: u64) -> Result<Option<Box<dyn LatencyModel>>> {
        match self {
            Timing::Profile(profile) => profile.model(kv_capacity_tokens).map(Some),
            Timing::Hardware(_) | Timing::Recorded(..) => Ok(None),
        }
    }
}
