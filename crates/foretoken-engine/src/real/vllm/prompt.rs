//! What requests say, as hashes of their blocks.

use super::scenario::Scenario;
use crate::error::{Error, Result};
use crate::kv::BlockHash;
use xxhash_rust::xxh3::xxh3_128;

/// A token by where it comes from: (stream, position in it). Two requests share tokens where these are equal.
type Token = (u32, u32);

/// The hash of every full block of what each request can ever say, chained from its first block on.
pub(super) fn chains(scenario: &Scenario) -> Result<Vec<Vec<BlockHash>>> {
    let mut streams: Vec<&str> = Vec::new();
    let mut said: Vec<Vec<Token>> = Vec::new();
    let own = scenario.requests.len() as u32;
    for (i, request) in scenario.requests.iter().enumerate() {
        let mut tokens: Vec<Token> = Vec::new();
        for (name, count) in &request.shared {
            match name.strip_prefix('@') {
                Some(other) => tokens.extend(spoken(scenario, &said, &request.id, other, *count)?),
                None => {
                    let known = streams.iter().position(|s| s == name);
                    let stream = known.unwrap_or(streams.len()) as u32 + own;
                    if known.is_none() {
                        streams.push(name);
                    }
                    tokens.extend((0..(*count).min(request.prompt) as u32).map(|at| (stream, at)));
                }
            }
        }
        tokens.truncate(request.prompt as usize);
        let most = request.prompt + request.limit();
        tokens.extend((tokens.len() as u32..most as u32).map(|at| (i as u32, at)));
        said.push(tokens);
    }
    Ok(said.iter().map(|tokens| chain(tokens, scenario.block as usize)).collect())
}

/// The first `count` tokens of what request `other` says.
fn spoken<'a>(
    scenario: &Scenario,
    said: &'a [Vec<Token>],
    who: &str,
    other: &str,
    count: u64,
) -> Result<impl Iterator<Item = Token> + 'a> {
    let earlier = &scenario.requests[..said.len()];
    let Some(at) = earlier.iter().position(|r| r.id == other) else {
        let known = earlier.iter().map(|r| r.id.as_str());
        return Err(Error::unknown("earlier request", other, known));
    };
    let says = earlier[at].prompt + earlier[at].output;
    if count > says {
        let what = format!("{count} tokens of @{other}, which says {says}");
        return Err(scenario.wrong(who, "shared", what, "share no more than that"));
    }
    Ok(said[at][..count as usize].iter().copied())
}

fn chain(tokens: &[Token], block: usize) -> Vec<BlockHash> {
    let mut hash = 0u128;
    let mut bytes = Vec::new();
    let full = tokens.chunks_exact(block);
    full.map(|chunk| {
        bytes.clear();
        bytes.extend(hash.to_le_bytes());
        chunk.iter().for_each(|(stream, at)| {
            bytes.extend(stream.to_le_bytes());
            bytes.extend(at.to_le_bytes());
        });
        hash = xxh3_128(&bytes);
        BlockHash(hash)
    })
    .collect()
}
