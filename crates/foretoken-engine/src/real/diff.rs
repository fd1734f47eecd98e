//! Where two plans of the same scenario part.

use serde::Serialize;

/// The first step, or request, in which two plans differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What differs: `step 3`, `request B`.
    pub at: String,
    /// Ours, as JSON text (the order of its members means something); unset if we have none.
    pub ours: Option<String>,
    /// The real engine's.
    pub reference: Option<String>,
}

/// The first place at which `ours` is not `reference`; `name` says which place that is.
pub fn first_difference<T: PartialEq + Serialize>(
    ours: &[T],
    reference: &[T],
    name: impl Fn(&T) -> String,
) -> Option<Difference> {
    let most = ours.len().max(reference.len());
    let at = (0..most).find(|&i| ours.get(i) != reference.get(i))?;
    let value = |of: Option<&T>| of.and_then(|value| serde_json::to_string(value).ok());
    Some(Difference {
        at: reference.get(at).or(ours.get(at)).map(name).unwrap_or_default(),
        ours: value(ours.get(at)),
        reference: value(reference.get(at)),
    })
}
