//! The formats there are, by name and by content.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// A trace format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Our own CSV: `arrival_s,prompt_tokens,output_tokens` and optional columns (see [`super::Columns`]).
    Foretoken,
    /// Azure LLM inference traces of 2023 and 2024: `TIMESTAMP,ContextTokens,GeneratedTokens`.
    Azure,
    /// BurstGPT with 6 or 8 columns.
    BurstGpt,
    /// Mooncake JSON lines: milliseconds, lengths, hashes of 512-token blocks.
    Mooncake,
    /// Qwen-Bailian JSON lines: seconds, lengths, sessions, hashes of 16-token blocks.
    Qwen,
    /// Vidur trace: `arrived_at,num_prefill_tokens,num_decode_tokens`.
    Vidur,
    /// Vidur or Etalon lengths without times: `num_prefill_tokens,num_decode_tokens`.
    VidurLengths,
    /// The CSV half of a BLIS TraceV2, times in microseconds.
    Blis,
    /// ShareGPT JSON: `conversations` of `from` and `value`.
    ShareGpt,
    /// Raw LMSYS-Chat-1M as JSON lines.
    Lmsys,
    /// A raw LMSYS-Chat-1M Parquet shard.
    LmsysParquet,
    /// Instruction data as JSON lines: `prompt` and `response`, or Alpaca's `instruction`, `input` and `output`.
    Instruct,
    /// Several output lengths per prompt: `prompt_id,sample,tokens` or `prompt_id,length`.
    Samples,
}

/// Every format with its name, in listing order.
const NAMES: [(Format, &str); 13] = [
    (Format::Foretoken, "foretoken"),
    (Format::Azure, "azure"),
    (Format::BurstGpt, "burstgpt"),
    (Format::Mooncake, "mooncake"),
    (Format::Qwen, "qwen"),
    (Format::Vidur, "vidur"),
    (Format::VidurLengths, "vidur-lengths"),
    (Format::Blis, "blis"),
    (Format::ShareGpt, "sharegpt"),
    (Format::Lmsys, "lmsys"),
    (Format::LmsysParquet, "lmsys-parquet"),
    (Format::Instruct, "instruct"),
    (Format::Samples, "samples"),
];

impl Format {
    /// All formats in listing order.
    pub fn all() -> impl Iterator<Item = Format> {
        NAMES.iter().map(|&(format, _)| format)
    }

    /// Name on the command line and in files.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// Whether its rows carry arrival times.
    pub fn has_times(self) -> bool {
        use Format::{Instruct, Lmsys, LmsysParquet, Samples, ShareGpt, VidurLengths};
        !matches!(self, VidurLengths | Instruct | ShareGpt | Lmsys | LmsysParquet | Samples)
    }

    /// Whether it records requests that were not answered.
    pub(super) fn may_fail(self) -> bool {
        use Format::{Blis, BurstGpt, Instruct, Lmsys, LmsysParquet, ShareGpt};
        matches!(self, Blis | BurstGpt | Instruct | Lmsys | LmsysParquet | ShareGpt)
    }

    /// Whether its clock is a wall clock, so that only differences mean anything.
    pub(super) fn has_wall_clock(self) -> bool {
        matches!(self, Format::Azure | Format::BurstGpt)
    }

    /// The format of a file that starts with `head` (decompressed, without a byte order mark): by its first
    /// JSON keys or its header line.
    pub fn detect(head: &[u8]) -> Option<Format> {
        if head.starts_with(b"PAR1") {
            return Some(Format::LmsysParquet);
        }
        let start = head.iter().position(|b| !b.is_ascii_whitespace())?;
        let head = &head[start..];
        let line = head.split(|&b| b == b'\n').next().unwrap_or(head);
        match head[0] {
            b'[' => Some(Format::ShareGpt),
            b'{' => json_format(if line.len() > 2 { line } else { head }),
            _ => csv_format(line),
        }
    }
}

fn json_format(object: &[u8]) -> Option<Format> {
    let text = String::from_utf8_lossy(object);
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    if has("conversation") {
        Some(Format::Lmsys)
    } else if has("conversations") {
        Some(Format::ShareGpt)
    } else if has("chat_id") || has("parent_chat_id") {
        Some(Format::Qwen)
    } else if (has("prompt") && has("response")) || (has("instruction") && has("output")) {
        Some(Format::Instruct)
    } else {
        has("input_length").then_some(Format::Mooncake)
    }
}

fn csv_format(header: &[u8]) -> Option<Format> {
    let header = String::from_utf8_lossy(header);
    let names: Vec<&str> = header.split(',').map(|n| n.trim().trim_matches('"')).collect();
    let has = |name: &str| names.contains(&name);
    if has("TIMESTAMP") || has("ContextTokens") {
        Some(Format::Azure)
    } else if has("Request tokens") || has("Response tokens") {
        Some(Format::BurstGpt)
    } else if has("num_prefill_tokens") {
        Some(if has("arrived_at") { Format::Vidur } else { Format::VidurLengths })
    } else if has("arrival_time_us") {
        Some(Format::Blis)
    } else if has("prompt_id")
        && (has("sample") || has("length") || names.iter().any(|n| n.starts_with("tokens_")))
    {
        Some(Format::Samples)
    } else {
        (has("arrival_s") || has("prompt_tokens") || has("output_tokens")).then_some(Format::Foretoken)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format, Error> {
        let found = NAMES.iter().find(|&&(_, n)| n == name);
        found.map(|&(f, _)| f).ok_or_else(|| Error::unknown("trace format", name, NAMES.map(|(_, n)| n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_enum() {
        for format in Format::all() {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
        }
        let message = "azzure".parse::<Format>().unwrap_err().to_string();
        assert!(message.contains("did you mean `azure`"), "{message}");
    }
}
