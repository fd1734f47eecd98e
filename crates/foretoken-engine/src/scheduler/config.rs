//! [`SchedulerConfig`]: one scheduler as scenarios name it.

use crate::predict::{PredictionConfig, PredictorConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scheduler of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchedulerConfig {
    /// Name of `foretoken schedulers`.
    pub name: String,
    /// Name in tables, figures and directories; unset = the name and what differs from its defaults.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<String>,
    /// Parameters; `foretoken schedulers` lists them.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty", default)]
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Who predicts for it; unset = `[predictor]`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predictor: Option<PredictorConfig>,
    /// How long its predictions take and how they fail; unset = `[prediction]`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prediction: Option<PredictionConfig>,
}

impl SchedulerConfig {
    /// The scheduler `name` as it comes.
    pub fn plain(name: &str) -> SchedulerConfig {
        SchedulerConfig {
            name: name.into(),
            label: None,
            params: serde_json::Map::new(),
            predictor: None,
            prediction: None,
        }
    }

    /// Its name in tables and directories.
    pub fn label(&self) -> String {
        if let Some(label) = &self.label {
            return label.clone();
        }
        let plain = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let params = self.params.iter().map(|(key, value)| match value {
            // A table: its kind, then the rest.
            serde_json::Value::Object(table) => {
                let kind = table.get("kind").map(plain).unwrap_or_default();
                let rest = table.iter().filter(|(inner, _)| *inner != "kind");
                let rest: String = rest.map(|(inner, value)| format!("+{inner}={}", plain(value))).collect();
                format!("{key}={kind}{rest}")
            }
            other => format!("{key}={}", plain(other)),
        });
        let predictor = self.predictor.iter().map(|p| p.label().replace(' ', "-"));
        std::iter::once(self.name.clone()).chain(params).chain(predictor).collect::<Vec<_>>().join("-")
    }
}
