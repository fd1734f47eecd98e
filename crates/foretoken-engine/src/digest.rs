//! The digest of a run's event log: XXH3-128 over little-endian records.

use xxhash_rust::xxh3::Xxh3;

const FLUSH_AT: usize = 64 * 1024;

/// A rolling hash over fixed-size event records.
#[derive(Clone)]
pub struct Digest {
    hash: Xxh3,
    buffer: Vec<u8>,
}

impl Default for Digest {
    fn default() -> Self {
        Digest { hash: Xxh3::new(), buffer: Vec::with_capacity(FLUSH_AT + 64) }
    }
}

impl Digest {
    /// Adds raw record bytes.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= FLUSH_AT {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
    }

    /// The 128-bit digest of everything added so far, as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut hash = self.hash.clone();
        hash.update(&self.buffer);
        format!("{:032x}", hash.digest128())
    }
}
