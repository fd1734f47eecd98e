//! The profiles, devices and model configurations that come with the program, inside it.

macro_rules! shipped {
    ($folder:literal, $ending:literal, $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../profiles/", $folder, $name, $ending)))),*]
    };
}

/// Name and TOML text of every shipped profile, in listing order.
pub const PROFILES: &[(&str, &str)] = shipped![
    "",
    ".toml",
    "llama3-8b-h100",
    "qwen2.5-7b-h100",
    "llama3-70b-h100-tp2",
    "llama3-70b-h100-tp4",
    "llama3-70b-h100-tp8",
    "mixtral-8x7b-h100-tp2",
    "mixtral-8x7b-h100-tp4",
    "tiny-cpu",
    "llama-15m-cpu",
    "llama-100m-cpu",
    "dialogpt-medium-cpu",
    "t5-base-cpu",
    "godel-base-cpu",
    "bart-base-cpu",
    "blenderbot-400m-distill-cpu",
    "dynamo-polynomial",
    "unit",
];

/// Name and TOML text of every shipped device, in listing order.
pub const HARDWARE: &[(&str, &str)] = shipped![
    "hardware/",
    ".toml",
    "a100-80g-sxm",
    "a10g",
    "l4",
    "a30",
    "a100-40g-sxm",
    "a100-80g-pcie",
    "l40s",
    "rtx-4090",
    "rtx-5090",
    "rtx-pro-6000",
    "h20",
    "h100-sxm",
    "h100-pcie",
    "h100-nvl",
    "h200-sxm",
    "b200",
    "gb200",
    "b300",
    "gb300",
    "mi300x",
    "mi325x",
    "mi350x",
    "mi355x",
    "gaudi3",
    "arc-pro-b60",
    "tpu-v5e",
    "tpu-v5p",
    "tpu-v6e",
    "trainium2",
    "epyc-9654",
    "xeon-8592"
];

/// Name and JSON text of every shipped model configuration, in listing order.
pub const MODELS: &[(&str, &str)] =
    shipped!["models/", ".json", "llama3-8b", "llama3-70b", "qwen2.5-7b", "mixtral-8x7b"];

/// Names of the shipped profiles, in listing order.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

/// Whether `name` is a file rather than the name of something shipped: it has a slash or a file's ending.
pub(super) fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".toml") || name.ends_with(".json")
}
