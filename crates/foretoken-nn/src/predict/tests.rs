//! Gradients against finite differences, layers without a backward pass, toy sets learnt by heart.

use super::chance::Chance;
use super::layers::Linear;
use super::net::Net;
use super::store::{Start, Variables};
use super::train::check_gradients;
use super::{Examples, Inputs, Loss, Plan, Shape, ok, train};
use crate::error::Error;
use candle_core::{Device, Tensor, Var};

fn heads(branches: &[usize]) -> Shape {
    Shape::Heads { width: 5, branches: branches.to_vec() }
}

fn encoder(branches: &[usize]) -> Shape {
    Shape::Encoder { longest: 6, branches: branches.to_vec() }
}

/// Inputs of either kind for `n` rows.
fn inputs(shape: &Shape, n: usize) -> Inputs {
    let mut chance = Chance::new(4, 9);
    match shape {
        Shape::Heads { width, .. } => {
            let mut row = |_| (0..*width).map(|_| 2.0 * chance.uniform() as f32 - 1.0).collect();
            Inputs::Numbers((0..n).map(&mut row).collect())
        }
        // Rows of different lengths, an empty one among them.
        Shape::Encoder { .. } => {
            let mut row = |i: usize| (0..i % 6).map(|_| 1 + chance.below(40) as u32).collect();
            Inputs::Words((0..n).map(&mut row).collect())
        }
    }
}

fn targets(loss: Loss, n: usize) -> Vec<Vec<f32>> {
    let target = |i: usize| match loss {
        Loss::CrossEntropy => vec![(i % 3) as f32],
        Loss::ListMle => vec![(i * 5 % 7) as f32],
        Loss::Squares => vec![(i as f32).sin(), (i as f32).cos()],
    };
    (0..n).map(target).collect()
}

fn branches(loss: Loss) -> Vec<usize> {
    match loss {
        Loss::CrossEntropy => vec![3],
        Loss::ListMle => vec![1],
        Loss::Squares => vec![1, 1],
    }
}

const LOSSES: [Loss; 3] = [Loss::Squares, Loss::ListMle, Loss::CrossEntropy];

/// The largest entry of each variable's gradient is the slope of the loss there.
#[test]
fn gradients_are_slopes() {
    for loss in LOSSES {
        for shape in [heads(&branches(loss)), encoder(&branches(loss))] {
            let net = Net::fresh(&shape, 3).unwrap();
            let inputs = inputs(&shape, 7);
            let rows = targets(loss, 7);
            let rows: Vec<&[f32]> = rows.iter().map(|r| &r[..]).collect();
            let value = || {
                let outputs = net.forward(&inputs, &[0, 1, 2, 3, 4, 5, 6], None).unwrap();
                loss.of(&outputs, &rows, Some(0)).unwrap()
            };
            let gradients = value().backward().unwrap();
            check_gradients(&net.vars, &gradients).unwrap();
            for (name, var) in net.vars.iter() {
                let gradient = flat(gradients.get(var).unwrap());
                let largest = |i: &usize, j: &usize| gradient[*i].abs().total_cmp(&gradient[*j].abs());
                let at = (0..gradient.len()).max_by(largest).unwrap();
                let slope = slope(var, at, || f64::from(value().to_scalar::<f32>().unwrap()));
                let gap = (slope - f64::from(gradient[at])).abs();
                assert!(gap < 2e-3 + 0.05 * slope.abs(), "{loss:?} {name}: {slope} against {}", gradient[at]);
            }
        }
    }
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Central difference of `value` in entry `at` of `var`.
fn slope(var: &Var, at: usize, value: impl Fn() -> f64) -> f64 {
    let here = flat(var);
    let step = 4e-3;
    let moved = |by: f32| {
        let mut there = here.clone();
        there[at] += by;
        var.set(&Tensor::from_vec(there, var.dims(), &Device::Cpu).unwrap()).unwrap();
        value()
    };
    let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
    moved(0.0);
    slope
}

/// candle's own layer norm cuts the graph: the variable before it would stay as it is for ever.
#[test]
fn a_fused_layer_is_caught() {
    let mut vars = Variables::fresh(1);
    let before = Linear::new(&mut vars, "before", 4, 4, 1.0).unwrap();
    let weight = vars.get("norm.weight", &[4], Start::Ones).unwrap();
    let bias = vars.get("norm.bias", &[4], Start::Zeros).unwrap();
    let after = Linear::new(&mut vars, "after", 4, 1, 1.0).unwrap();
    let x = Tensor::ones((3, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
    let fused = ok(candle_nn::ops::layer_norm(&before.forward(&x).unwrap(), &weight, &bias, 1e-5)).unwrap();
    let loss = after.forward(&fused).unwrap().sum_all().unwrap();
    let refused = check_gradients(&vars, &loss.backward().unwrap()).unwrap_err();
    assert!(matches!(&refused, Error::Gradient { variable } if variable == "before.bias"), "{refused}");
    assert!(refused.to_string().contains("no backward pass"), "{refused}");
}

#[test]
fn toy_sets_are_learnt_by_heart() {
    for (loss, shape, most) in [
        (Loss::Squares, heads(&[1, 1]), 0.1),
        (Loss::CrossEntropy, heads(&[3]), 0.1),
        (Loss::ListMle, heads(&[1]), 1.1),
        (Loss::Squares, encoder(&[1, 1]), 0.4),
    ] {
        let n = 16;
        let mut inputs = inputs(&shape, n);
        if let Inputs::Words(rows) = &mut inputs {
            // Each row tells itself apart.
            rows.iter_mut().enumerate().for_each(|(i, row)| *row = vec![60 + i as u32, 1 + i as u32 % 5]);
        }
        let mut rows = targets(loss, n);
        if loss == Loss::ListMle {
            rows.iter_mut().enumerate().for_each(|(i, row)| row[0] = i as f32);
        }
        let toy = Examples { inputs, targets: rows, weights: None };
        let plan = Plan { epochs: 40, patience: 40, learning_rate: 3e-3, batch: 16, ..Plan::default() };
        let mut epochs = 0;
        let trained = train(&shape, loss, &toy, &toy, &plan, &mut |p| {
            epochs += usize::from(matches!(p, super::Progress::Epoch(..)));
        })
        .unwrap();
        let best = trained.losses[trained.best_epoch - 1][1];
        assert_eq!(epochs, trained.losses.len());
        assert!(best < most && best < 0.7 * trained.losses[0][1], "{loss:?} {shape:?}: {:?}", trained.losses);
    }
}

#[test]
fn a_seed_and_a_file_give_the_same_numbers() {
    for shape in [heads(&[1, 1]), encoder(&[1, 1])] {
        let toy = Examples {
            inputs: inputs(&shape, 20),
            targets: targets(Loss::Squares, 20),
            weights: Some((0..20).map(|i| 1.0 + f64::from(i % 2)).collect()),
        };
        let plan = |seed| Plan { epochs: 2, batch: 8, seed, ..Plan::default() };
        let net = |seed| train(&shape, Loss::Squares, &toy, &toy, &plan(seed), &mut |_| ()).unwrap().net;
        let (first, said) = (net(1), net(1).predict(&toy.inputs).unwrap());
        assert_eq!(first.predict(&toy.inputs).unwrap(), said);
        assert_ne!(net(2).predict(&toy.inputs).unwrap(), said);

        let dir = std::env::temp_dir().join(format!("foretoken-nn-{}-{}", std::process::id(), said[0].len()));
        let path = dir.with_extension(if matches!(shape, Shape::Heads { .. }) { "a" } else { "b" });
        first.save(&path).unwrap();
        let again = Net::load(&shape, &path).unwrap();
        assert_eq!(again.predict(&toy.inputs).unwrap(), said);
        let wider = Shape::Heads { width: 9, branches: vec![1, 1] };
        let refused = Net::load(&wider, &path).map(|_| ()).unwrap_err().to_string();
        let more = Shape::Heads { width: 5, branches: vec![1, 1, 1] };
        std::fs::write(dir.with_extension("c"), "no tensors").unwrap();
        let torn = Net::load(&more, &dir.with_extension("c")).map(|_| ()).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        let _ = std::fs::remove_file(dir.with_extension("c"));
        assert!(refused.contains("branch0.0.weight has dims"), "{refused}");
        assert!(torn.contains("no safetensors file"), "{torn}");
    }
}
