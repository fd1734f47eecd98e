//! Rows of text, without the formatting machinery: the result files are written with these.

use std::io::{self, Write};

const FLUSH_AT: usize = 64 * 1024;

/// A reused byte buffer in front of an output.
pub(super) struct Rows<W: Write> {
    out: W,
    /// What is not written yet.
    pub(super) buffer: Vec<u8>,
}

impl<W: Write> Rows<W> {
    pub(super) fn new(out: W) -> Rows<W> {
        Rows { out, buffer: Vec::with_capacity(FLUSH_AT + 1024) }
    }

    /// Starts a CSV with its header.
    pub(super) fn with_header<'a>(out: W, names: impl Iterator<Item = &'a str>) -> Rows<W> {
        let mut rows = Rows::new(out);
        for name in names {
            rows.buffer.extend_from_slice(name.as_bytes());
            rows.buffer.push(b',');
        }
        rows.close_line();
        rows
    }

    /// Ends a CSV row, every cell of which was followed by a comma.
    #[inline]
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        self.close_line();
        self.spill()
    }

    /// Writes the buffer out if it is full.
    #[inline]
    pub(super) fn spill(&mut self) -> io::Result<()> {
        if self.buffer.len() >= FLUSH_AT {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes what is left and hands the output back, flushed.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        Ok(self.out)
    }

    #[inline]
    fn close_line(&mut self) {
        if let Some(last) = self.buffer.last_mut() {
            *last = b'\n';
        }
    }
}

/// "00", "01", ... "99".
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

/// Appends a whole number.
#[inline]
pub(super) fn push_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends nanoseconds as seconds with nine digits.
#[inline]
pub(super) fn push_secs(out: &mut Vec<u8>, ns: u64) {
    push_u64(out, ns / 1_000_000_000);
    let fraction = (ns % 1_000_000_000) as u32;
    let (high, low) = (fraction / 10_000, fraction % 10_000);
    let mut text = [b'.'; 10];
    text[1] = b'0' + (high / 10_000) as u8;
    put_four(&mut text[2..6], high % 10_000);
    put_four(&mut text[6..], low);
    out.extend_from_slice(&text);
}

/// Appends nanoseconds as microseconds with three digits (the unit of Chrome traces).
#[inline]
pub(super) fn push_micros(out: &mut Vec<u8>, ns: u64) {
    push_u64(out, ns / 1000);
    let fraction = (ns % 1000) as usize;
    let [tens, ones] = PAIRS[fraction % 100];
    out.extend_from_slice(&[b'.', b'0' + (fraction / 100) as u8, tens, ones]);
}

#[inline]
fn put_four(text: &mut [u8], value: u32) {
    text[..2].copy_from_slice(&PAIRS[(value / 100) as usize]);
    text[2..4].copy_from_slice(&PAIRS[(value % 100) as usize]);
}
