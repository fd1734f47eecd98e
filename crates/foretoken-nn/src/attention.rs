//! Attention over KV kept in slots, in both layouts.

use crate::backend::Backend;
use crate::error::Result;
use crate::layers::split_heads;
use crate::runner::{Layout, Room, Slots, Span};
use crate::shape::ModelShape;

/// Keys and values of one layer, each [slots, kv_heads, context, head_dim].
struct Cache<T> {
    k: T,
    v: T,
}

/// KV of all layers: the decoder's own context, and the encoded prompts.
pub(crate) struct Caches<B: Backend> {
    own: Vec<Cache<B::Tensor>>,
    encoded: Vec<Cache<B::Tensor>>,
}

/// The decoder's bias by distance, farthest first: [heads, context].
pub(crate) struct Distances<T> {
    pub context: usize,
    pub host: Vec<f32>,
    pub device: T,
}

/// A span that attends on its own.
struct Single<T> {
    span: Span,
    bias: Option<T>,
    /// Tokens of its encoded prompt.
    encoded: usize,
}

/// Decode rows that go through one batched product.
struct Batch<T> {
    /// First of their packed rows, and how many.
    start: usize,
    count: usize,
    slots: Vec<usize>,
    /// Row numbers in the flattened cache where their new KV goes, [count · kv_heads].
    targets: T,
    own: Padding<T>,
    encoded: Option<Padding<T>>,
}

/// Context padded to the longest of a batch.
struct Padding<T> {
    longest: usize,
    /// 0 (or the distance bias) where there is context, -inf beyond: [count · kv_heads, 1 or group, longest].
    bias: T,
}

/// How one pass attends: which spans one by one, which together, and what is added to their scores.
pub(crate) struct Plan<T> {
    /// Packed rows of the pass.
    pub rows: usize,
    single: Vec<Single<T>>,
    batch: Option<Batch<T>>,
}

impl<T: Clone> Plan<T> {
    /// Prompt chunks (which come first in `spans`) go one by one; decodes too when ragged, together when
    /// padded. `context` is each slot's room.
    pub fn new<B: Backend<Tensor = T>>(
        b: &B,
        s: &ModelShape,
        layout: Layout,
        spans: &[Span],
        slots: &Slots,
        context: usize,
        distances: Option<&Distances<T>>,
    ) -> Result<Plan<T>> {
        let alone = match layout {
            Layout::Ragged => spans.len(),
            Layout::Padded => {
                spans.iter().rposition(|x| x.len > 1 || x.context == 0).map_or(0, |last| last + 1)
            }
        };
        let (first, rest) = spans.split_at(alone);
        let mut single = Vec::with_capacity(first.len());
        for &span in first {
            single.push(Single {
                span,
                bias: own_bias(b, s, &span, distances)?,
                encoded: slots.encoder[span.slot],
            });
        }
        let batch = if rest.is_empty() { None } else { Some(batch(b, s, rest, slots, distances, context)?) };
        Ok(Plan { rows: spans.iter().map(|x| x.len).sum(), single, batch })
    }
}

/// What is added to the scores of one span: causality within a chunk, and the distance bias.
fn own_bias<B: Backend>(
    b: &B,
    s: &ModelShape,
    span: &Span,
    distances: Option<&Distances<B::Tensor>>,
) -> Result<Option<B::Tensor>> {
    let total = span.context + span.len;
    let group = s.heads / s.kv_heads;
    if let Some(distances) = distances {
        // Only decoders of an encoder-decoder have distances, and they advance by one token.
        let near = b.narrow(&distances.device, 1, distances.context - total, total)?;
        return Ok(Some(b.reshape(&near, &[s.kv_heads, group, total])?));
    }
    if span.len == 1 {
        return Ok(None);
    }
    let row = |i: usize| (0..total).map(move |j| if j > span.context + i { f32::NEG_INFINITY } else { 0.0 });
    let mask: Vec<f32> = (0..group).flat_map(|_| (0..span.len).flat_map(row)).collect();
    Ok(Some(b.upload(&mask, &[1, group * span.len, total])?))
}

fn batch<B: Backend>(
    b: &B,
    s: &ModelShape,
    spans: &[Span],
    slots: &Slots,
    distances: Option<&Distances<B::Tensor>>,
    context: usize,
) -> Result<Batch<B::Tensor>> {
    let target = |x: &Span, head: usize| ((x.slot * s.kv_heads + head) * context + x.context) as u32;
    let targets: Vec<u32> = spans.iter().flat_map(|x| (0..s.kv_heads).map(move |k| target(x, k))).collect();
    let own: Vec<usize> = spans.iter().map(|x| x.context + 1).collect();
    let encoded: Vec<usize> = spans.iter().map(|x| slots.encoder[x.slot]).collect();
    Ok(Batch {
        start: spans[0].start,
        count: spans.len(),
        slots: spans.iter().map(|x| x.slot).collect(),
        targets: b.indices(&targets)?,
        own: padding(b, s, &own, distances)?,
        encoded: if s.is_encoder_decoder() { Some(padding(b, s, &encoded, None)?) } else { None },
    })
}

fn padding<B: Backend>(
    b: &B,
    s: &ModelShape,
    lengths: &[usize],
    distances: Option<&Distances<B::Tensor>>,
) -> Result<Padding<B::Tensor>> {
    let longest = lengths.iter().copied().max().unwrap_or(1);
    let rows = if distances.is_some() { s.heads / s.kv_heads } else { 1 };
    let mut bias = Vec::with_capacity(lengths.len() * s.kv_heads * rows * longest);
    for &len in lengths {
        for head in 0..s.kv_heads * rows {
            match distances {
                Some(d) => {
                    bias.extend_from_slice(&d.host[(head + 1) * d.context - len..(head + 1) * d.context])
                }
                None => bias.resize(bias.len() + len, 0.0),
            }
            bias.resize(bias.len() + longest - len, f32::NEG_INFINITY);
        }
    }
    Ok(Padding { longest, bias: b.upload(&bias, &[lengths.len() * s.kv_heads, rows, longest])? })
}

impl<B: Backend> Caches<B> {
    /// Room for every slot's KV, zeroed. It is written, not only promised by the operating system, so that no
    /// step pays for its pages.
    pub fn new(b: &B, s: &ModelShape, room: Room) -> Result<Caches<B>> {
        let dims = [room.slots, s.kv_heads, room.context, s.head_dim];
        let layers = |n: usize| -> Result<Vec<Cache<B::Tensor>>> {
            let written = || b.scale(&b.zeros(&dims)?, 1.0);
            (0..n).map(|_| Ok(Cache { k: written()?, v: written()? })).collect()
        };
        let encoded = if s.is_encoder_decoder() { s.layers } else { 0 };
        Ok(Caches { own: layers(s.layers)?, encoded: layers(encoded)? })
    }

    /// An encoder's attention: each span over itself, both ways. `qkv` [n, ·] to [n, heads · head_dim].
    pub fn attend_itself(
        &self,
        b: &B,
        s: &ModelShape,
        qkv: &B::Tensor,
        n: usize,
        spans: &[Span],
        biases: &[Option<B::Tensor>],
    ) -> Result<B::Tensor> {
        let [q, k, v] = heads(b, s, qkv, n)?;
        let mut parts = Vec::with_capacity(spans.len());
        for (span, bias) in spans.iter().zip(biases) {
            let cut = |x: &B::Tensor| b.narrow(x, 1, span.start, span.len);
            parts.push(one(b, s, &cut(&q)?, span.len, &cut(&k)?, &cut(&v)?, bias.as_ref())?);
        }
        join(b, s, &parts, n)
    }

    /// Keeps keys and values of encoded prompts, `kv` [n, 2 · kv_heads · head_dim], for decoder layer `layer`.
    pub fn keep_encoded(
        &self,
        b: &B,
        s: &ModelShape,
        layer: usize,
        kv: &B::Tensor,
        n: usize,
        spans: &[Span],
    ) -> Result<()> {
        let k = split_heads(b, kv, n, 0, s.kv_heads, s.head_dim)?;
        let v = split_heads(b, kv, n, s.kv_heads * s.head_dim, s.kv_heads, s.head_dim)?;
        spans.iter().try_for_each(|span| keep(b, s, &self.encoded[layer], span, 0, &k, &v))
    }

    /// A decoder's attention over its own context: writes the new KV, reads all. `turn` holds cos and sin.
    pub fn attend_context(
        &self,
        b: &B,
        s: &ModelShape,
        layer: usize,
        qkv: &B::Tensor,
        plan: &Plan<B::Tensor>,
        turn: Option<&(B::Tensor, B::Tensor)>,
    ) -> Result<B::Tensor> {
        let [mut q, mut k, v] = heads(b, s, qkv, plan.rows)?;
        if let Some((cos, sin)) = turn {
            q = b.rotate(&q, cos, sin)?;
            k = b.rotate(&k, cos, sin)?;
        }
        let cache = &self.own[layer];
        let mut parts = Vec::with_capacity(plan.single.len() + 1);
        for single in &plan.single {
            let span = &single.span;
            keep(b, s, cache, span, span.context, &k, &v)?;
            let total = span.context + span.len;
            parts.push(over(b, s, &q, span, cache, total, single.bias.as_ref())?);
        }
        if let Some(batch) = &plan.batch {
            for (target, new) in [(&cache.k, &k), (&cache.v, &v)] {
                let rows = b.swap(&b.narrow(new, 1, batch.start, batch.count)?)?;
                b.scatter(
                    target,
                    &batch.targets,
                    &b.reshape(&rows, &[batch.count * s.kv_heads, s.head_dim])?,
                )?;
            }
            parts.push(together(b, s, &q, batch, cache, &batch.own)?);
        }
        join(b, s, &parts, plan.rows)
    }

    /// A decoder's attention over encoded prompts; q [heads, n, head_dim].
    pub fn attend_encoded(
        &self,
        b: &B,
        s: &ModelShape,
        layer: usize,
        q: &B::Tensor,
        plan: &Plan<B::Tensor>,
    ) -> Result<B::Tensor> {
        let cache = &self.encoded[layer];
        let mut parts = Vec::with_capacity(plan.single.len() + 1);
        for single in &plan.single {
            parts.push(over(b, s, q, &single.span, cache, single.encoded, None)?);
        }
        let encoded = plan.batch.as_ref().and_then(|batch| Some((batch, batch.encoded.as_ref()?)));
        if let Some((batch, padding)) = encoded {
            parts.push(together(b, s, q, batch, cache, padding)?);
        }
        join(b, s, &parts, plan.rows)
    }
}

/// Queries [heads, n, d], keys and values [kv_heads, n, d] out of qkv [n, ·].
fn heads<B: Backend>(b: &B, s: &ModelShape, qkv: &B::Tensor, n: usize) -> Result<[B::Tensor; 3]> {
    let (q, kv) = (s.heads * s.head_dim, s.kv_heads * s.head_dim);
    Ok([
        split_heads(b, qkv, n, 0, s.heads, s.head_dim)?,
        split_heads(b, qkv, n, q, s.kv_heads, s.head_dim)?,
        split_heads(b, qkv, n, q + kv, s.kv_heads, s.head_dim)?,
    ])
}

/// Writes a span's keys and values [kv_heads, n, d] into its slot.
fn keep<B: Backend>(
    b: &B,
    s: &ModelShape,
    cache: &Cache<B::Tensor>,
    span: &Span,
    position: usize,
    k: &B::Tensor,
    v: &B::Tensor,
) -> Result<()> {
    for (cache, new) in [(&cache.k, k), (&cache.v, v)] {
        let new =
            b.reshape(&b.narrow(new, 1, span.start, span.len)?, &[1, s.kv_heads, span.len, s.head_dim])?;
        b.write(cache, span.slot, position, &new)?;
    }
    Ok(())
}

/// One span's queries over the first `total` tokens of its slot: [heads, len, d].
fn over<B: Backend>(
    b: &B,
    s: &ModelShape,
    q: &B::Tensor,
    span: &Span,
    cache: &Cache<B::Tensor>,
    total: usize,
    bias: Option<&B::Tensor>,
) -> Result<B::Tensor> {
    let read = |x: &B::Tensor| b.narrow(&b.pick(x, span.slot)?, 1, 0, total);
    let q = b.narrow(q, 1, span.start, span.len)?;
    one(b, s, &q, span.len, &read(&cache.k)?, &read(&cache.v)?, bias)
}

/// q [heads, t, d] over k, v [kv_heads, total, d]. The heads of a group become rows of one product
/// instead of copies of its keys.
fn one<B: Backend>(
    b: &B,
    s: &ModelShape,
    q: &B::Tensor,
    t: usize,
    k: &B::Tensor,
    v: &B::Tensor,
    bias: Option<&B::Tensor>,
) -> Result<B::Tensor> {
    let group = s.heads / s.kv_heads;
    let q = b.reshape(q, &[s.kv_heads, group * t, s.head_dim])?;
    b.reshape(&b.attend(&q, k, v, bias, factor(s))?, &[s.heads, t, s.head_dim])
}

/// A batch of decodes over padded context: [heads, count, d].
fn together<B: Backend>(
    b: &B,
    s: &ModelShape,
    q: &B::Tensor,
    batch: &Batch<B::Tensor>,
    cache: &Cache<B::Tensor>,
    padding: &Padding<B::Tensor>,
) -> Result<B::Tensor> {
    let group = s.heads / s.kv_heads;
    let (n, d) = (batch.count, s.head_dim);
    let q = b.swap(&b.narrow(q, 1, batch.start, n)?)?;
    let q = b.reshape(&q, &[n * s.kv_heads, group, d])?;
    let read = |x: &B::Tensor| b.gather(x, &batch.slots, padding.longest);
    let mixed = b.attend(&q, &read(&cache.k)?, &read(&cache.v)?, Some(&padding.bias), factor(s))?;
    b.swap(&b.reshape(&mixed, &[n, s.heads, d])?)
}

/// Parts [heads, ·, d] in packed order as [n, heads · d].
fn join<B: Backend>(b: &B, s: &ModelShape, parts: &[B::Tensor], n: usize) -> Result<B::Tensor> {
    let all = if parts.len() == 1 { parts[0].clone() } else { b.cat(parts, 1)? };
    b.reshape(&b.swap(&all)?, &[n, s.heads * s.head_dim])
}

fn factor(s: &ModelShape) -> f64 {
    if s.scale_attention { (s.head_dim as f64).sqrt().recip() } else { 1.0 }
}
