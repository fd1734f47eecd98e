//! Numbers as text, without the formatting machinery: the result files are written with these.

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

#[inline]
fn put_four(text: &mut [u8], value: u32) {
    text[..2].copy_from_slice(&PAIRS[(value / 100) as usize]);
    text[2..4].copy_from_slice(&PAIRS[(value % 100) as usize]);
}
