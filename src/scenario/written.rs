//! Schedulers and predictors as they are written on the command line.

use super::SchedulerConfig;
use crate::braced::{braced, json, split_outside_brackets};
use crate::error::{Error, Result};
use crate::predict::PredictorConfig;
use crate::scheduler::finite;

/// The schedulers of repeated, comma-separated lists. Keys in braces are parameters, but for
/// `predictor` and `label`.
pub fn schedulers(flags: &[String]) -> Result<Vec<SchedulerConfig>> {
    let each = flags.iter().flat_map(|flag| split_outside_brackets(flag));
    each.map(|text| {
        let braced = braced(text)?;
        if braced.name.is_empty() {
            let flags = flags.join(",");
            return Err(Error::Usage(format!(
                "schedulers `{flags}`: a name is missing; see `foretoken schedulers`"
            )));
        }
        let mut config = SchedulerConfig::plain(&braced.name);
        for (key, value) in braced.values {
            match (key.as_str(), &value) {
                ("predictor", toml::Value::String(text)) => config.predictor = Some(predictor(text)?),
                ("label", toml::Value::String(text)) => config.label = Some(text.clone()),
                ("label", other) => config.label = Some(other.to_string()),
                _ => {
                    config.params.insert(key, json(&value));
                }
            }
        }
        finite(&config.name, &config.params)?;
        Ok(config)
    })
    .collect()
}

/// The predictor written as `kind{key=value}`.
pub fn predictor(text: &str) -> Result<PredictorConfig> {
    let table = braced(text)?.table("kind");
    table
        .try_into()
        .map_err(|e: toml::de::Error| Error::Usage(format!("predictor `{text}`: {}", e.message())))
}
