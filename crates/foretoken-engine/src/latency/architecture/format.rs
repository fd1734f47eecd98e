//! How a matrix is stored: bits of a weight with its scales, and the format its products run in.

use super::super::hardware::Dtype;

/// Storage of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Name.
    pub name: &'static str,
    /// Bits of a weight, its share of scales and zero points included.
    pub bits: f64,
    /// Format in which products run, on a device that has it.
    pub compute: Dtype,
}

impl Format {
    /// 16 bits.
    pub const WIDE: Format = Format { name: "bf16", bits: 16.0, compute: Dtype::Bf16 };
    /// NVFP4: a scale of 8 bits for each 16 weights; products in 4 bits.
    pub const NVFP4: Format = Format { name: "nvfp4", bits: 4.5, compute: Dtype::Fp4 };
    /// MXFP4: a scale of 8 bits for each 32 weights; weights only, products in 16 bits.
    pub const MXFP4: Format = Format { name: "mxfp4", bits: 4.25, compute: Dtype::Bf16 };
    /// MXFP8: a scale of 8 bits for each 32 weights.
    pub const MXFP8: Format = Format { name: "mxfp8", bits: 8.25, compute: Dtype::Fp8 };
    /// FP8 with one scale a matrix or channel.
    pub const FP8: Format = Format { name: "fp8", bits: 8.0, compute: Dtype::Fp8 };

    /// FP8 in blocks of `weights` weights, each with a scale of 32 bits.
    pub fn fp8_blocks(weights: u64) -> Format {
        Format { name: "fp8 in blocks", bits: 8.0 + 32.0 / weights as f64, compute: Dtype::Fp8 }
    }

    /// Integers of `bits` bits in groups of `group` with a scale of 16 bits and, unless symmetric, a zero point.
    /// No group means one scale a channel, which is not counted.
    pub fn integer(bits: u64, group: Option<u64>, zero_point: bool) -> Format {
        let scales = 16 + if zero_point { bits } else { 0 };
        let scales = group.map_or(0.0, |g| scales as f64 / g as f64);
        let name = if bits == 8 { "int8 groups" } else { "int4 groups" };
        Format { name, bits: bits as f64 + scales, compute: Dtype::Bf16 }
    }

    /// NF4 of bitsandbytes: a scale for each 64 weights of 32 bits, or of 8 bits and 32 bits for each 256 of those.
    pub fn nf4(double: bool) -> Format {
        let scales = if double { 8.0 / 64.0 + 32.0 / (64.0 * 256.0) } else { 32.0 / 64.0 };
        Format { name: "nf4", bits: 4.0 + scales, compute: Dtype::Bf16 }
    }

    /// The same storage, multiplied in 16 bits.
    pub fn weight_only(self) -> Format {
        Format { compute: Dtype::Bf16, ..self }
    }

    /// Bytes of a weight.
    pub fn bytes(self) -> f64 {
        self.bits / 8.0
    }
}

impl From<Dtype> for Format {
    fn from(dtype: Dtype) -> Format {
        let name = match dtype {
            Dtype::Bf16 => "bf16",
            Dtype::Fp16 => "fp16",
            Dtype::Fp8 => "fp8",
            Dtype::Int8 => "int8",
            Dtype::Int4 => "int4",
            Dtype::Fp4 => "fp4",
        };
        Format { name, bits: 8.0 * dtype.bytes(), compute: dtype.compute() }
    }
}
