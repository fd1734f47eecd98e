//! Numbers as traces write them, read exactly.

use crate::time::Span;

/// Lengths above this are no lengths.
const MAX_LENGTH: u64 = 1 << 31;

/// A count of tokens: digits, perhaps with a fraction of zeros (`374.0`, as tables with gaps are written).
pub(super) fn length(cell: &[u8]) -> Result<u32, String> {
    let cell = cell.trim_ascii();
    let whole = match cell.iter().position(|&b| b == b'.') {
        Some(dot) if cell[dot + 1..].iter().all(|&b| b == b'0') => &cell[..dot],
        _ => cell,
    };
    match digits(whole) {
        Some(value) => check_length(value),
        None => Err(not("a whole number of tokens", cell)),
    }
}

/// `value` as a count of tokens.
pub(super) fn check_length(value: u64) -> Result<u32, String> {
    if value <= MAX_LENGTH { Ok(value as u32) } else { Err(format!("{value} tokens is over 2^31")) }
}

/// A time in units of 10^`unit` nanoseconds (9 for seconds, 3 for microseconds), exact to the nanosecond;
/// further digits are rounded half up.
pub(super) fn time_ns(cell: &[u8], unit: u32) -> Result<u64, String> {
    match decimal(cell.trim_ascii(), unit) {
        Some(ns) => Ok(ns),
        // Exponents, and whatever is wrong.
        None => parse::<f64>(cell)
            .and_then(|value| Span::from_ns(value * 10f64.powi(unit as i32)))
            .map(|span| span.0)
            .ok_or_else(|| not("a time of 0 or later", cell)),
    }
}

/// Anything that the standard library can parse, from bytes.
pub(super) fn parse<T: std::str::FromStr>(cell: &[u8]) -> Option<T> {
    std::str::from_utf8(cell).ok()?.trim().parse().ok()
}

/// What to say when `cell` is not `wanted`.
pub(super) fn not(wanted: &str, cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell);
    if text.is_empty() {
        return format!("nothing where {wanted} should be");
    }
    let short: String = text.chars().take(40).collect();
    format!("`{short}` is not {wanted}")
}

fn digits(cell: &[u8]) -> Option<u64> {
    if cell.is_empty() {
        return None;
    }
    cell.iter().try_fold(0u64, |sum, &b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

fn decimal(cell: &[u8], unit: u32) -> Option<u64> {
    let dot = cell.iter().position(|&b| b == b'.').unwrap_or(cell.len());
    let whole = digits(&cell[..dot])?.checked_mul(10u64.pow(unit))?;
    let fraction = cell.get(dot + 1..).unwrap_or_default();
    let kept = fraction.len().min(unit as usize);
    let scale = 10u64.pow(unit - kept as u32);
    let part = if kept == 0 { 0 } else { digits(&fraction[..kept])? * scale };
    let rest = &fraction[kept..];
    if !rest.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let round = u64::from(rest.first().is_some_and(|&b| b >= b'5'));
    whole.checked_add(part)?.checked_add(round)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact() {
        assert_eq!(time_ns(b"12.000000001", 9), Ok(12_000_000_001));
        assert_eq!(time_ns(b"97.023", 6), Ok(97_023_000));
        assert_eq!(time_ns(b"0.0000000005", 9), Ok(1));
        assert_eq!(time_ns(b"1e-5", 9), Ok(10_000));
        assert_eq!(time_ns(b"7", 3), Ok(7_000));
        for bad in ["", "-1", "nan", "inf", "1.5x", "x", "99999999999999999999"] {
            assert!(time_ns(bad.as_bytes(), 9).is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_are_whole_and_small() {
        assert_eq!(length(b"374"), Ok(374));
        assert_eq!(length(b"374.0"), Ok(374));
        assert_eq!(length(b" 374 "), Ok(374));
        assert_eq!(length(b"2147483648"), Ok(1 << 31));
        for bad in ["", "-3", "3.5", "2147483649", "nan", ".0", "99999999999999999999999"] {
            assert!(length(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
