//! The model itself: embedding, stacks of layers, head; written once for every backend.

use crate::attention::{Caches, Distances, Plan};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::layers::{Layer, Linear, Loader, NormWeights, relative_bucket, residual, split_heads};
use crate::probe::{self, PartTime, Probe};
use crate::runner::{Layout, Room, Row, Runner, Slots, Span, Work};
use crate::shape::{ModelShape, Position};
use crate::weights::{Part, Source, Stack, Weights};
use std::cell::RefCell;
use std::time::Instant;

/// Token that an encoder-decoder starts its output with.
const DECODER_START: u32 = 0;

/// One stack: its layers and what stands around them.
pub(crate) struct StackWeights<T> {
    positions: Option<T>,
    /// [buckets, heads].
    relative: Option<T>,
    embedding_norm: Option<NormWeights<T>>,
    layers: Vec<Layer<T>>,
    final_norm: Option<NormWeights<T>>,
}

/// A transformer on a backend.
pub struct Model<B: Backend> {
    backend: B,
    shape: ModelShape,
    layout: Layout,
    room: Room,
    embedding: B::Tensor,
    encoder: Option<StackWeights<B::Tensor>>,
    decoder: StackWeights<B::Tensor>,
    head: Linear<B::Tensor>,
    /// cos and sin [room.context, head_dim / 2].
    rope: Option<(B::Tensor, B::Tensor)>,
    distances: Option<Distances<B::Tensor>>,
    caches: Caches<B>,
    kv_bytes_measured: Option<u64>,
    slots: Slots,
    probe: RefCell<Probe>,
}

impl<B: Backend> Model<B> {
    /// Puts a model on a device.
    ///
    /// # Errors
    /// [`Error::Shape`] where the room exceeds the model's positions; else weights' and device's errors.
    pub fn load(
        backend: B,
        shape: ModelShape,
        weights: &Weights,
        layout: Layout,
        room: Room,
    ) -> Result<Model<B>> {
        if room.slots == 0 || room.context == 0 || room.context > shape.max_positions {
            let what = format!(
                "room for {} requests of {} tokens; the model has {} positions",
                room.slots, room.context, shape.max_positions
            );
            return Err(Error::Shape { model: shape.name.clone(), what });
        }
        let source = Source::open(weights, &shape)?;
        let mut loader = Loader { backend: &backend, shape: &shape, source, stack: Stack::Encoder, layer: 0 };
        let embedding = loader.table(Part::Embedding, shape.vocab, shape.hidden)?;
        let encoder = if shape.is_encoder_decoder() {
            Some(load_stack(&mut loader, shape.encoder_layers)?)
        } else {
            None
        };
        loader.stack = Stack::Decoder;
        let decoder = load_stack(&mut loader, shape.layers)?;
        let head = if shape.tied_head { loader.tied_head(&embedding) } else { loader.head()? };
        let rope = rope_tables(&backend, &shape, room.context)?;
        let distances = match &decoder.relative {
            Some(table) => Some(distance_bias(&backend, &shape, table, room.context)?),
            None => None,
        };
        let before = backend.memory_used();
        let caches = Caches::new(&backend, &shape, room)?;
        backend.synchronize()?;
        let after = backend.memory_used();
        let kv_bytes_measured = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        let slots = Slots::new(room.slots);
        Ok(Model {
            backend,
            shape,
            layout,
            room,
            embedding,
            encoder,
            decoder,
            head,
            rope,
            distances,
            caches,
            kv_bytes_measured,
            slots,
            probe: RefCell::default(),
        })
    }

    /// Notes that a part of the step has ended; free unless parts are timed.
    fn mark(&self, part: probe::Part, layer: usize) -> Result<()> {
        self.probe.borrow_mut().mark(&self.backend, part, layer)
    }

    /// Hidden vectors of tokens at positions, before the first layer.
    fn embed(&self, stack: &StackWeights<B::Tensor>, tokens: &[u32], positions: &[u32]) -> Result<B::Tensor> {
        let b = &self.backend;
        let mut x = b.rows(&self.embedding, &b.indices(tokens)?)?;
        if self.shape.embedding_factor != 1.0 {
            x = b.scale(&x, self.shape.embedding_factor)?;
        }
        if let (Some(table), Position::Learned { offset }) = (&stack.positions, self.shape.position) {
            let rows: Vec<u32> = positions.iter().map(|p| p + offset as u32).collect();
            x = b.add(&x, &b.rows(table, &b.indices(&rows)?)?)?;
        }
        match &stack.embedding_norm {
            Some(norm) => norm.apply(b, &x),
            None => Ok(x),
        }
    }

    /// Encodes prompts and keeps what the decoder's cross-attention reads of them.
    fn encode(&mut self, prompts: &[(usize, &[u32])]) -> Result<()> {
        let Some(encoder) = &self.encoder else { return Ok(()) };
        if prompts.is_empty() {
            return Ok(());
        }
        let (b, s) = (&self.backend, &self.shape);
        let tokens: Vec<u32> = prompts.iter().flat_map(|(_, t)| t.iter().copied()).collect();
        let positions: Vec<u32> = prompts.iter().flat_map(|(_, t)| 0..t.len() as u32).collect();
        let spans = spans(prompts.iter().map(|(slot, t)| (*slot, 0, t.len())));
        let n = tokens.len();
        let mut x = self.embed(encoder, &tokens, &positions)?;
        let biases = spans
            .iter()
            .map(|span| encoder.relative.as_ref().map(|t| square_bias(b, s, t, span.len)).transpose())
            .collect::<Result<Vec<_>>>()?;
        self.mark(probe::Part::Embedding, 0)?;
        for (number, layer) in encoder.layers.iter().enumerate() {
            x = self.sublayer(probe::Part::Attention, number, &layer.attention_norm, &x, |x| {
                let qkv = layer.attention.qkv.apply(b, x)?;
                let mixed = self.caches.attend_itself(b, s, &qkv, n, &spans, &biases)?;
                layer.attention.out.apply(b, &mixed)
            })?;
            x = self.sublayer(probe::Part::Ffn, number, &layer.ffn_norm, &x, |x| layer.ffn.apply(b, s, x))?;
        }
        if let Some(norm) = &encoder.final_norm {
            x = norm.apply(b, &x)?;
        }
        self.mark(probe::Part::Norm, encoder.layers.len() - 1)?;
        for (number, layer) in self.decoder.layers.iter().enumerate() {
            if let Some((cross, _)) = &layer.cross {
                self.caches.keep_encoded(b, s, number, &cross.kv.apply(b, &x)?, n, &spans)?;
                self.mark(probe::Part::CrossAttention, number)?;
            }
        }
        for span in &spans {
            self.slots.encoder[span.slot] = span.len;
        }
        Ok(())
    }

    /// One pass of the decoder over spans (prompt chunks first, then decodes): the hidden vectors.
    fn decode(&self, spans: &[Span], tokens: &[u32]) -> Result<B::Tensor> {
        let (b, s) = (&self.backend, &self.shape);
        let n = tokens.len();
        let positions: Vec<u32> =
            spans.iter().flat_map(|span| span.context as u32..(span.context + span.len) as u32).collect();
        let mut x = self.embed(&self.decoder, tokens, &positions)?;
        let turn = match &self.rope {
            Some((cos, sin)) => {
                let at = b.indices(&positions)?;
                Some((b.rows(cos, &at)?, b.rows(sin, &at)?))
            }
            None => None,
        };
        let plan =
            Plan::new(b, s, self.layout, spans, &self.slots, self.room.context, self.distances.as_ref())?;
        self.mark(probe::Part::Embedding, 0)?;
        for (number, layer) in self.decoder.layers.iter().enumerate() {
            x = self.sublayer(probe::Part::Attention, number, &layer.attention_norm, &x, |x| {
                let qkv = layer.attention.qkv.apply(b, x)?;
                let mixed = self.caches.attend_context(b, s, number, &qkv, &plan, turn.as_ref())?;
                layer.attention.out.apply(b, &mixed)
            })?;
            if let Some((cross, norm)) = &layer.cross {
                x = self.sublayer(probe::Part::CrossAttention, number, norm, &x, |x| {
                    let q = split_heads(b, &cross.q.apply(b, x)?, n, 0, s.heads, s.head_dim)?;
                    cross.out.apply(b, &self.caches.attend_encoded(b, s, number, &q, &plan)?)
                })?;
            }
            x = self.sublayer(probe::Part::Ffn, number, &layer.ffn_norm, &x, |x| layer.ffn.apply(b, s, x))?;
        }
        if let Some(norm) = &self.decoder.final_norm {
            x = norm.apply(b, &x)?;
        }
        self.mark(probe::Part::Norm, s.layers - 1)?;
        Ok(x)
    }

    /// [`residual`] with its parts marked: the norm (and the sum before it), and what it is around.
    fn sublayer(
        &self,
        part: probe::Part,
        layer: usize,
        norm: &NormWeights<B::Tensor>,
        x: &B::Tensor,
        f: impl FnOnce(&B::Tensor) -> Result<B::Tensor>,
    ) -> Result<B::Tensor> {
        residual(&self.backend, &self.shape, norm, x, |x| {
            self.mark(probe::Part::Norm, layer)?;
            let out = f(x)?;
            self.mark(part, layer)?;
            Ok(out)
        })
    }

    /// Likeliest next token after each of these rows of x.
    fn next_tokens(&self, x: &B::Tensor, rows: &[u32]) -> Result<Vec<u32>> {
        let b = &self.backend;
        let mut last = b.rows(x, &b.indices(rows)?)?;
        if self.shape.head_factor != 1.0 {
            last = b.scale(&last, self.shape.head_factor)?;
        }
        b.argmax(&self.head.apply(b, &last)?)
    }
}

impl<B: Backend> Runner for Model<B> {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn backend(&self) -> String {
        self.backend.name()
    }

    fn room(&self) -> Room {
        self.room
    }

    fn kv_bytes(&self) -> u64 {
        let kinds = if self.shape.is_encoder_decoder() { 2 } else { 1 };
        let tokens = (self.room.slots * self.room.context) as u64;
        kinds * tokens * self.shape.kv_bytes_per_token(self.backend.dtype().bytes())
    }

    fn kv_bytes_measured(&self) -> Option<u64> {
        self.kv_bytes_measured
    }

    fn weight_bytes(&self) -> u64 {
        self.shape.parameters() * self.backend.dtype().bytes() as u64
    }

    fn software(&self) -> String {
        self.backend.software()
    }

    fn step(&mut self, rows: &[Row<'_>]) -> Result<Vec<Option<u32>>> {
        self.slots.check(&self.shape, self.room, rows)?;
        let encodes = self.shape.is_encoder_decoder();
        if encodes {
            let prompts: Vec<(usize, &[u32])> = rows
                .iter()
                .filter_map(|row| match row.work {
                    Work::Prompt { tokens, .. } => Some((row.slot, tokens)),
                    Work::Decode { .. } => None,
                })
                .collect();
            self.probe.borrow_mut().enter(true);
            self.encode(&prompts)?;
        }
        // Prompt chunks first, so that decodes stand together.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| matches!(rows[i].work, Work::Decode { .. }));
        let mut tokens: Vec<u32> = Vec::new();
        let mut parts = Vec::with_capacity(rows.len());
        for &i in &order {
            let before = tokens.len();
            match rows[i].work {
                Work::Prompt { .. } if encodes => tokens.push(DECODER_START),
                Work::Prompt { tokens: chunk, .. } => tokens.extend_from_slice(chunk),
                Work::Decode { token } => tokens.push(token),
            }
            parts.push((rows[i].slot, self.slots.decoder[rows[i].slot], tokens.len() - before));
        }
        let spans = spans(parts.into_iter());
        self.probe.borrow_mut().enter(false);
        let x = self.decode(&spans, &tokens)?;
        for span in &spans {
            self.slots.grow(span.slot, span.len);
        }
        let emitting: Vec<usize> = (0..order.len())
            .filter(|&j| !matches!(rows[order[j]].work, Work::Prompt { last: false, .. }))
            .collect();
        let mut out = vec![None; rows.len()];
        if emitting.is_empty() {
            self.backend.synchronize()?;
            return Ok(out);
        }
        let last: Vec<u32> = emitting.iter().map(|&j| (spans[j].start + spans[j].len - 1) as u32).collect();
        for (token, &j) in self.next_tokens(&x, &last)?.into_iter().zip(&emitting) {
            out[order[j]] = Some(token);
        }
        self.mark(probe::Part::Head, self.shape.layers - 1)?;
        Ok(out)
    }

    fn step_by_part(&mut self, rows: &[Row<'_>]) -> Result<(Vec<Option<u32>>, Vec<PartTime>)> {
        self.backend.synchronize()?;
        self.probe.get_mut().start();
        let tokens = self.step(rows);
        let times = self.probe.get_mut().stop();
        Ok((tokens?, times))
    }

    fn operations(&self) -> Vec<f64> {
        self.backend.operations()
    }

    fn context(&self, slot: usize) -> usize {
        self.slots.decoder[slot]
    }

    fn release(&mut self, slot: usize) {
        self.slots.decoder[slot] = 0;
        self.slots.encoder[slot] = 0;
    }

    fn hold(&mut self, slot: usize, own: usize, encoded: usize) -> Result<()> {
        self.slots.hold(slot, own, encoded)
    }

    fn transfer(&self, bytes: usize) -> Result<[f64; 2]> {
        let n = bytes.div_ceil(size_of::<f32>());
        let host = vec![1.0; n];
        self.backend.synchronize()?;
        let start = Instant::now();
        let tensor = self.backend.upload(&host, &[n])?;
        self.backend.synchronize()?;
        let up = start.elapsed().as_secs_f64();
        let start = Instant::now();
        self.backend.download(&tensor)?;
        Ok([up, start.elapsed().as_secs_f64()])
    }

    fn synchronize(&self) -> Result<()> {
        self.backend.synchronize()
    }
}

/// Lays (slot, context, length) one after the other.
fn spans(parts: impl Iterator<Item = (usize, usize, usize)>) -> Vec<Span> {
    let mut start = 0;
    parts
        .map(|(slot, context, len)| {
            start += len;
            Span { slot, context, start: start - len, len }
        })
        .collect()
}

fn load_stack<B: Backend>(loader: &mut Loader<'_, B>, layers: usize) -> Result<StackWeights<B::Tensor>> {
    let s = loader.shape;
    loader.layer = 0;
    let positions = match s.position {
        Position::Learned { offset } => {
            Some(loader.table(Part::Positions, s.max_positions + offset, s.hidden)?)
        }
        _ => None,
    };
    let relative = match s.position {
        Position::Relative { buckets, .. } => Some(loader.table(Part::RelativeBias, buckets, s.heads)?),
        _ => None,
    };
    let embedding_norm = if s.embedding_norm { Some(loader.norm(Part::EmbeddingNorm)?) } else { None };
    let layers = (0..layers).map(|i| loader.layer(i)).collect::<Result<Vec<_>>>()?;
    let final_norm = if s.norm_first { Some(loader.norm(Part::FinalNorm)?) } else { None };
    Ok(StackWeights { positions, relative, embedding_norm, layers, final_norm })
}

fn rope_tables<B: Backend>(b: &B, s: &ModelShape, context: usize) -> Result<Option<(B::Tensor, B::Tensor)>> {
    let Position::Rope { theta } = s.position else { return Ok(None) };
    let half = s.head_dim / 2;
    let angle = |p: usize, i: usize| p as f64 * theta.powf(-(i as f64) / half as f64);
    let table = |f: fn(f64) -> f64| -> Vec<f32> {
        (0..context).flat_map(|p| (0..half).map(move |i| f(angle(p, i)) as f32)).collect()
    };
    Ok(Some((b.upload(&table(f64::cos), &[context, half])?, b.upload(&table(f64::sin), &[context, half])?)))
}

fn distance_bias<B: Backend>(
    b: &B,
    s: &ModelShape,
    table: &B::Tensor,
    context: usize,
) -> Result<Distances<B::Tensor>> {
    let buckets: Vec<u32> =
        (0..context).rev().map(|d| relative_bucket(-(d as i64), false, s.position)).collect();
    let device = b.swap(&b.rows(table, &b.indices(&buckets)?)?)?;
    Ok(Distances { context, host: b.download(&device)?, device })
}

/// The encoder's bias of a prompt of t tokens: [heads, t, t].
fn square_bias<B: Backend>(b: &B, s: &ModelShape, table: &B::Tensor, t: usize) -> Result<B::Tensor> {
    let buckets: Vec<u32> = (0..t)
        .flat_map(|q| (0..t).map(move |k| relative_bucket(k as i64 - q as i64, true, s.position)))
        .collect();
    b.reshape(&b.swap(&b.rows(table, &b.indices(&buckets)?)?)?, &[s.heads, t, t])
}
