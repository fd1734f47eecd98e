//! How a checkpoint is quantised: read from the configuration or from the file beside it.

use super::super::hardware::Dtype;
use super::format::Format;
use super::keys::Config;
use super::{Part, families::Family};
use crate::error::{Error, Result};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// Prefixes of module names that differ between wrappers of one model.
const PREFIXES: [&str; 4] = ["model.", "language_model.", "backbone.", "thinker."];

/// A set of module names.
enum Pattern {
    /// `*` stands for anything; a name stands for all below it.
    Glob(String),
    Regex(Regex),
}

impl Pattern {
    fn matches(&self, module: &str) -> bool {
        match self {
            Pattern::Regex(regex) => regex.is_match(module),
            Pattern::Glob(glob) if glob.contains('.') || glob.contains('*') => {
                let module = stripped(module);
                globs(glob, module) || globs(&format!("{glob}.*"), module)
            }
            Pattern::Glob(word) => module.split('.').any(|part| part == word),
        }
    }
}

/// How the matrices are stored.
#[derive(Default)]
pub(super) struct Quant {
    /// Format of linear layers that nothing else is said of.
    default: Option<Format>,
    /// The default is for routed experts only.
    experts_only: bool,
    /// Formats by module name.
    named: BTreeMap<String, Format>,
    /// Formats by pattern.
    targets: Vec<(Pattern, Format)>,
    /// Modules that stay wide.
    excluded: Vec<Pattern>,
    /// Format of the KV cache.
    pub kv: Option<Dtype>,
    /// What was found.
    pub remark: Option<String>,
}

impl Quant {
    /// What the configuration says, else what `sidecar` (`hf_quant_config.json`) does.
    pub fn read(config: &Config, sidecar: Option<&Value>) -> Result<Quant> {
        let inner = config.value("quantization_config");
        let written = if config.outer("quantization_config").is_object() {
            config.outer("quantization_config")
        } else {
            inner
        };
        let beside = sidecar.map(|s| if s["quantization"].is_object() { &s["quantization"] } else { s });
        let Some(source) = written.is_object().then_some(written).or(beside) else {
            return Ok(Quant::default());
        };
        let mut quant = Quant::parse(config, source)?;
        if quant.kv.is_none()
            && let Some(beside) = beside
        {
            quant.kv = kv_dtype(config, beside)?;
        }
        let place = if written.is_object() { "quantization_config" } else { "hf_quant_config.json" };
        quant.remark = Some(format!("weights quantised as {place} says"));
        Ok(quant)
    }

    fn parse(config: &Config, q: &Value) -> Result<Quant> {
        let mut quant = Quant { kv: kv_dtype(config, q)?, ..Quant::default() };
        let words = ["ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers"];
        for name in words.iter().filter_map(|w| q[*w].as_array()).flatten().filter_map(Value::as_str) {
            quant.excluded.push(pattern(config, name)?);
        }
        let groups = q["config_groups"].as_object();
        match (q["quant_method"].as_str(), q["quant_algo"].as_str()) {
            _ if q["quantized_layers"].is_object() => quant.by_layer(config, q)?,
            _ if groups.is_some_and(|g| !g.is_empty()) => {
                for group in groups.into_iter().flat_map(|g| g.values()) {
                    quant.group(config, group)?;
                }
            }
            (_, Some(name)) => quant.default = Some(algorithm(config, name)?),
            (Some(method), None) => {
                quant.experts_only = method == "mxfp4";
                quant.default = Some(self::method(config, method, q)?);
            }
            (None, None) => return Err(unknown(config, "a quantisation without quant_method or quant_algo")),
        }
        Ok(quant)
    }

    fn by_layer(&mut self, config: &Config, q: &Value) -> Result<()> {
        for (name, layer) in q["quantized_layers"].as_object().into_iter().flatten() {
            let format = algorithm(config, layer["quant_algo"].as_str().unwrap_or_default())?;
            self.named.insert(stripped(name).to_string(), format);
        }
        Ok(())
    }

    fn group(&mut self, config: &Config, group: &Value) -> Result<()> {
        let format = grouped(config, group)?;
        let Some(targets) = group["targets"].as_array() else {
            self.default = Some(format);
            return Ok(());
        };
        for target in targets.iter().filter_map(Value::as_str) {
            match target {
                "Linear" => self.default = Some(format),
                name if name.starts_with("re:") || name.contains('*') => {
                    self.targets.push((pattern(config, name)?, format));
                }
                name => {
                    self.named.insert(stripped(name).to_string(), format);
                }
            }
        }
        Ok(())
    }

    /// Format of `module` (a full name) of `part`.
    pub fn format(&self, module: &str, part: Part) -> Format {
        if part == Part::Router || self.excluded.iter().any(|p| p.matches(module)) {
            return Format::WIDE;
        }
        let target = self.targets.iter().find(|(p, _)| p.matches(module)).map(|(_, f)| *f);
        let default = self.default.filter(|_| !self.experts_only || part == Part::Routed);
        self.by_name(stripped(module)).or(target).or(default).unwrap_or(Format::WIDE)
    }

    /// Format of the vocabulary product, which is quantised only where it is named.
    pub fn head(&self) -> Format {
        let head = |p: &Pattern| p.matches("lm_head");
        match self.named.get("lm_head") {
            Some(format) => *format,
            None if self.excluded.iter().any(head) => Format::WIDE,
            None => self.targets.iter().find(|(p, _)| head(p)).map_or(Format::WIDE, |(_, f)| *f),
        }
    }

    /// What is said of the module itself, of what it lies in, or of something in the expert it lies in.
    fn by_name(&self, module: &str) -> Option<Format> {
        if self.named.is_empty() {
            return None;
        }
        let above = std::iter::successors(Some(module), |m| m.rsplit_once('.').map(|(parent, _)| parent));
        let found = above.into_iter().find_map(|m| self.named.get(m));
        let expert = module.find(".experts.").map(|at| &module[..at + ".experts.".len()]);
        let below = || {
            let prefix = expert?;
            self.named
                .range(prefix.to_string()..)
                .next()
                .filter(|(k, _)| k.starts_with(prefix))
                .map(|(_, f)| f)
        };
        found.or_else(below).copied()
    }
}

/// The full name of a module of layer `layer`.
pub(super) fn module(layer: u64, within: &str) -> String {
    format!("model.layers.{layer}.{within}")
}

/// Module of the mixer, state, dense part or experts of a family.
pub(super) fn of(family: &Family, part: usize, leaf: &str) -> String {
    format!("{}.{leaf}", family.modules[part])
}

fn stripped(mut module: &str) -> &str {
    while let Some(rest) = PREFIXES.into_iter().find_map(|p| module.strip_prefix(p)) {
        module = rest;
    }
    module
}

fn pattern(config: &Config, name: &str) -> Result<Pattern> {
    let Some(regex) = name.strip_prefix("re:") else {
        return Ok(Pattern::Glob(stripped(name).to_string()));
    };
    let anchored = Regex::new(&format!("^(?:{regex})"));
    anchored.map(Pattern::Regex).map_err(|e| unknown(config, &format!("the pattern `{name}` ({e})")))
}

/// Whether `glob`, in which `*` stands for anything, matches all of `name`.
fn globs(glob: &str, name: &str) -> bool {
    let Some((head, mut tail)) = glob.split_once('*') else { return glob == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    while let Some((middle, rest)) = tail.split_once('*') {
        let Some(at) = name.find(middle) else { return false };
        (name, tail) = (&name[at + middle.len()..], rest);
    }
    name.ends_with(tail)
}

fn kv_dtype(config: &Config, q: &Value) -> Result<Option<Dtype>> {
    let scheme = &q["kv_cache_scheme"];
    let name = q["kv_cache_quant_algo"].as_str().or(scheme.as_str());
    match (name, scheme["num_bits"].as_u64()) {
        (None, None) => Ok(None),
        (Some("FP8"), _) | (None, Some(8)) => Ok(Some(Dtype::Fp8)),
        _ => Err(unknown(config, &format!("a KV cache in {}", name.unwrap_or("other than 8 bits")))),
    }
}

/// Formats by the names of NVIDIA's ModelOpt.
fn algorithm(config: &Config, name: &str) -> Result<Format> {
    Ok(match name {
        "FP8" | "FP8_PER_CHANNEL_PER_TOKEN" => Format::FP8,
        "FP8_PB_WO" => Format::fp8_blocks(128 * 128).weight_only(),
        "NVFP4" | "NVFP4_AWQ" => Format::NVFP4,
        "W4A16_NVFP4" => Format::NVFP4.weight_only(),
        "MXFP8" => Format::MXFP8,
        "W4A16_MXFP4" => Format::MXFP4,
        "W4A16_AWQ" => Format::integer(4, Some(128), false),
        other => return Err(unknown(config, &format!("the algorithm `{other}`"))),
    })
}

/// Formats by the names of transformers.
fn method(config: &Config, name: &str, q: &Value) -> Result<Format> {
    let bits = q["bits"].as_u64().unwrap_or(4);
    let group = q["group_size"].as_u64().filter(|&g| g > 0);
    let block: Option<u64> =
        q["weight_block_size"].as_array().map(|b| b.iter().filter_map(Value::as_u64).product());
    Ok(match name {
        "fp8" => block.filter(|&b| b > 0).map_or(Format::FP8, Format::fp8_blocks),
        "fbgemm_fp8" => Format::FP8,
        "awq" => Format::integer(bits, group, q["zero_point"].as_bool().unwrap_or(true)),
        "gptq" => Format::integer(bits, group, true),
        "mxfp4" => Format::MXFP4,
        "bitsandbytes" if q["load_in_8bit"] == true => Format::integer(8, None, false),
        "bitsandbytes" => Format::nf4(q["bnb_4bit_use_double_quant"] == true),
        other => return Err(unknown(config, &format!("the method `{other}`"))),
    })
}

/// The format of a group of compressed-tensors.
fn grouped(config: &Config, group: &Value) -> Result<Format> {
    let weights = &group["weights"];
    let bits = weights["num_bits"].as_u64().unwrap_or(0);
    let size = weights["group_size"].as_u64();
    let float = weights["type"] == "float";
    let format = match (bits, float, size) {
        (4, true, Some(16)) => Format::NVFP4,
        (4, true, Some(32)) => Format::MXFP4,
        (8, true, Some(32)) => Format::MXFP8,
        (8, true, _) => match weights["block_structure"].as_array() {
            Some(b) => Format::fp8_blocks(b.iter().filter_map(Value::as_u64).product::<u64>().max(1)),
            None => Format::FP8,
        },
        (8, false, None) if group["input_activations"].is_object() => Format::from(Dtype::Int8),
        (4 | 8, false, size) => Format::integer(bits, size, weights["symmetric"] == false),
        _ => return Err(unknown(config, &format!("weights of {bits} bits in groups of {size:?}"))),
    };
    Ok(if group["input_activations"].is_object() { format } else { format.weight_only() })
}

fn unknown(config: &Config, what: &str) -> Error {
    let help = "state the format yourself with --dtype (bf16, fp8, int8, int4, fp4) and, where it has one, --kv-dtype; \
                or measure a profile";
    Error::input(config.place("quantization_config"), format!("{what} is not read"), help)
}
