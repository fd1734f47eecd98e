//! What samples must hold before a form can be fitted to them.

use super::form::Form;
use super::target::Target;
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Refuses samples with gaps that no form can fill.
pub fn refuse_gaps(targets: &[Target]) -> Result<()> {
    let gaps = [
        (targets.iter().any(|t| t.work.chunks > 0), "no prefill (such as 128@0)"),
        (targets.iter().any(|t| t.work.decodes > 0.0), "no decode (such as 64x8)"),
        (
            targets.iter().any(|t| t.work.is_decode_of(1.0)),
            "no decode of one row alone (such as 64x1), whose time cannot be guessed from larger batches",
        ),
    ];
    let missing: Vec<&str> = gaps.iter().filter(|(there, _)| !there).map(|(_, what)| *what).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("the samples have {}", missing.join("; "));
    Err(Error::Usage(format!("{what}; measure such points too: the samples stay as they are")))
}

/// Why `form` cannot be fitted to `targets`, if so.
pub fn lacking(form: Form, targets: &[&Target], kv_capacity_tokens: u64) -> Option<String> {
    if form == Form::Polynomial && kv_capacity_tokens == 0 {
        return Some("it goes by the share of KV in use, and the session names no KV capacity".to_string());
    }
    let missing = missing(form, targets);
    let least = least_points(form);
    if targets.len() >= least && missing.is_empty() {
        return None;
    }
    let kinds = match missing.is_empty() {
        true => String::new(),
        false => format!("; missing: {}", missing.join("; ")),
    };
    Some(format!("{} distinct points, it needs {least}{kinds}", targets.len()))
}

/// Fewest distinct points: a few more than coefficients, so that something is left to judge the fit by.
fn least_points(form: Form) -> usize {
    match form {
        Form::Linear => 8,
        Form::StaticBatch | Form::Polynomial => 9,
        Form::Piecewise => 10,
    }
}

/// Kinds of points that are missing.
fn missing(form: Form, targets: &[&Target]) -> Vec<String> {
    let count = |key: &dyn Fn(&Target) -> Option<u64>| -> usize {
        targets.iter().filter_map(|t| key(t)).collect::<BTreeSet<_>>().len()
    };
    let lengths = count(&|t| (t.work.chunks > 0).then_some(t.work.prefill_tokens as u64));
    let batches = count(&|t| (t.work.chunks == 0).then_some(t.work.decodes as u64));
    let contexts = count(&|t| (t.work.decodes > 0.0).then_some(t.work.context_max as u64));
    let lengths_wanted = if form == Form::Linear { 2 } else { 3 };
    let wanted = [
        (lengths, lengths_wanted, "prefill lengths"),
        (batches, 2, "batch sizes of decodes alone"),
        (contexts, 2, "decode contexts"),
    ];
    let short = wanted.into_iter().filter(|(have, want, _)| have < want);
    short.map(|(have, want, what)| format!("{} more {what}", want - have)).collect()
}
