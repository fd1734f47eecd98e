//! Parameters and bytes against published counts.

use super::*;
use foretoken::latency::{Dtype, Kv};

#[test]
fn parameters_are_the_published_numbers() {
    let shipped = [
        ("llama3-8b", 8_030_261_248),
        ("llama3-70b", 70_553_706_496),
        ("qwen2.5-7b", 7_615_616_512),
        ("mixtral-8x7b", 46_702_792_704),
    ];
    for (name, parameters) in shipped {
        assert_eq!(Architecture::load(name, None).unwrap().parameters(), parameters, "{name}");
    }
    let others =
        [(DEEPSEEK_V2_LITE, 15_706_484_224), (DEEPSEEK_V3, 671_026_419_200), (QWEN3_30B_A3B, 30_532_122_624)];
    for (text, parameters) in others {
        let shape = Architecture::parse("config.json", text, None, None).unwrap();
        assert_eq!(shape.parameters(), parameters, "{}", shape.class);
    }
}

#[test]
fn llama3_8b_by_hand() {
    let eight = plan(Architecture::load("llama3-8b", None).unwrap(), "h100-sxm", tp(1));
    assert_eq!(eight.weight_bytes(1), 2.0 * 8_030_261_248.0);
    let profile = eight.estimate("p").unwrap();
    // 2 (K and V) · 32 layers · 8 heads · 128 wide · 2 bytes.
    let free = 0.9 * (81_559u64 << 20) as f64 - 16_060_522_496.0 - 2_147_483_648.0;
    let kv = Kv { capacity_tokens: (free / 131_072.0) as u64, bytes_per_token: 131_072 };
    assert_eq!(profile.kv, Some(kv));
    let r = roofline(&profile);
    let per_layer = 4096 * 4096 * 2 + 4096 * 1024 * 2 + 3 * 4096 * 14336;
    assert_eq!(r.linear_flops_per_token, (2u64 * 32 * per_layer) as f64);
    assert_eq!(r.linear_bytes, (2u64 * (32 * per_layer + 65 * 4096)) as f64);
    assert_eq!(r.head_bytes, (2u64 * 128_256 * 4096) as f64);
    // Scores and values, 2 FLOPs each per multiply-add, 32 heads · 128 · 32 layers.
    assert_eq!(r.prefill_flops_per_pair, f64::from(4 * 32 * 128 * 32));
    assert_eq!(r.decode_flops_per_context_token, r.prefill_flops_per_pair);
    assert!(r.experts.is_none() && r.all_reduce.is_none());
}

#[test]
fn number_formats_scale_linear_weights_and_kv_only() {
    let of = |dtype, kv_dtype| Serving { dtype: Some(dtype), kv_dtype: Some(kv_dtype), ..Serving::default() };
    let [full, eight, four] =
        [(Dtype::Bf16, Dtype::Bf16), (Dtype::Fp8, Dtype::Fp8), (Dtype::Int4, Dtype::Fp8)]
            .map(|(d, kv)| estimate("llama3-8b", "h100-sxm", of(d, kv)).unwrap());
    assert_eq!(roofline(&full).matmul_flops_per_s, 989.4e12);
    // The vocabulary product stays in 16 bits: on the 8-bit rate that the profile states, twice its FLOPs.
    assert_eq!(roofline(&eight).head_flops_per_row, roofline(&full).head_flops_per_row * (1978.9 / 989.4));
    let small = 2.0 * 65.0 * 4096.0;
    assert_eq!(2.0 * (roofline(&eight).linear_bytes - small), roofline(&full).linear_bytes - small);
    assert_eq!(4.0 * (roofline(&four).linear_bytes - small), roofline(&full).linear_bytes - small);
    assert_eq!(roofline(&eight).head_bytes, roofline(&full).head_bytes);
    assert_eq!(eight.kv.unwrap().bytes_per_token, 65_536);
    // 4-bit weights are multiplied in 16 bits, 8-bit ones at the 8-bit rate.
    assert_eq!(roofline(&four).matmul_flops_per_s, 989.4e12);
}

#[test]
fn latent_attention_caches_its_compression() {
    let model = Architecture::parse("config.json", DEEPSEEK_V3, None, Some(Dtype::Fp8)).unwrap();
    let serving = Serving { dtype: Some(Dtype::Fp8), ..tp(8) };
    let profile = plan(model, "h200-sxm", serving).estimate("p").unwrap();
    let r = roofline(&profile);
    // 61 layers · (512 + 64) · 2 bytes, on every device: heads are split, the compression is not.
    assert_eq!(r.kv_bytes_per_token, 70_272.0);
    assert_eq!(profile.kv.as_ref().unwrap().bytes_per_token, 8 * 70_272);
    // 16 heads a device: (128 + 64) scores and 128 values expanded; 512 + 64 and 512 absorbed.
    assert_eq!(r.prefill_flops_per_pair, f64::from(61 * 16 * 2 * (128 + 64 + 128)));
    assert_eq!(r.decode_flops_per_context_token, f64::from(61 * 16 * 2 * (512 + 64 + 512)));
    assert_eq!(r.prefill_flops_per_context_token, f64::from(61 * 16 * 2 * 512 * (128 + 128)));
    let experts = r.experts.as_ref().unwrap();
    assert_eq!((experts.count, experts.active), (256, 8));
    assert_eq!(experts.bytes_per_expert, f64::from(58 * 3 * 7168) * 2048.0 / 8.0);
}
