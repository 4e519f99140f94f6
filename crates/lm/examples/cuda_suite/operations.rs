//! Each operation on both devices, with the same numbers.

use super::{Row, distance, numbers};
use lm::device::{
    Adam, Attention, Cpu, Cuda, Device, Direction, Mat, MatMut, Packing, Precision, Product, Put,
    Store, Targets,
};
use lm::loss::{Kind, Loss, Outcome};
use lm::{HeadCounts, Result};
use std::sync::Arc;

/// One comparison.
#[derive(Debug, Clone)]
enum Case {
    /// Rows, columns, depth.
    Product(Product, [usize; 3], Put, Store),
    Values(usize),
    Bias(usize, usize),
    Tables(usize, usize),
    Norm(usize, usize),
    Gate(usize, usize),
    Rope(Attention, Vec<usize>, Direction),
    Attend(Attention, Vec<usize>),
    Loss(Loss, usize, bool),
    Score(usize, usize),
    Optimiser(usize),
}

fn shape(query: usize, key_value: usize, width: usize, interleaved: bool) -> Attention {
    Attention {
        heads: HeadCounts {
            query,
            key_value,
            width,
        },
        interleaved,
        rope_base: 1e6,
    }
}

/// All cases: odd sizes first, then layers of SmolLM2-135M, Qwen2.5-0.5B and Qwen2.5-1.5B.
fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for sizes in [
        [1, 1, 1],
        [5, 7, 0],
        [37, 21, 13],
        [130, 257, 70],
        [64, 1152, 896],
        [64, 8960, 1536],
    ] {
        for product in [Product::Nn, Product::Nt, Product::Tn] {
            for (put, store) in [
                (Put::Set(0.5), Store::Activation),
                (Put::Add(-2.0), Store::Activation),
                (Put::Set(1.0), Store::Exact),
                (Put::Add(1.0), Store::Exact),
            ] {
                all.push(Case::Product(product, sizes, put, store));
            }
        }
    }
    all.extend([1, 1000, 300_001].map(Case::Values));
    all.extend([(100, 5), (4097, 1152)].map(|(r, c)| Case::Bias(r, c)));
    all.extend([(50, 6), (700, 896)].map(|(r, w)| Case::Tables(r, w)));
    all.extend([(70, 37), (3, 896), (300, 1536)].map(|(r, w)| Case::Norm(r, w)));
    all.extend([(50, 21), (9, 4864), (3, 8960)].map(|(r, w)| Case::Gate(r, w)));
    for interleaved in [true, false] {
        for direction in [Direction::Forward, Direction::Backward] {
            all.push(Case::Rope(
                shape(3, 1, 64, interleaved),
                vec![70, 3, 900],
                direction,
            ));
        }
    }
    for (shape, lengths) in [
        (shape(4, 2, 8, true), vec![5, 1, 70]),
        (shape(3, 1, 6, true), vec![50, 49]),
        (shape(2, 2, 40, true), vec![33, 12]),
        (shape(9, 3, 64, true), vec![150, 61]),
        (shape(14, 2, 64, false), vec![512, 31]),
        (shape(12, 2, 128, false), vec![700, 1, 320]),
    ] {
        all.push(Case::Attend(shape, lengths));
    }
    for kind in [
        Kind::CrossEntropy,
        Kind::ForwardKl,
        Kind::ReverseKl,
        Kind::Gjsd { beta: 0.5 },
    ] {
        for vocabulary in [1037, 151_936] {
            let hot = Loss {
                scaled: true,
                ..Loss::new(kind).at(2.0)
            };
            let on_tokens = kind == Kind::CrossEntropy;
            all.extend([Loss::new(kind), hot].map(|loss| Case::Loss(loss, vocabulary, on_tokens)));
        }
    }
    all.extend([(5, 1037), (64, 151_936)].map(|(r, v)| Case::Score(r, v)));
    all.push(Case::Optimiser(100_003));
    all
}

/// Runs all cases on both.
pub(crate) fn compare(cpu: &Arc<Cpu>, cuda: &Arc<Cuda>) -> Vec<Row> {
    let limit = match cuda.precision() {
        Precision::Exact => 5e-5,
        Precision::Mixed => 2e-2,
    };
    cases()
        .iter()
        .map(|case| row(cpu, cuda, case, limit))
        .collect()
}

fn row(cpu: &Cpu, cuda: &Cuda, case: &Case, limit: f64) -> Row {
    let what = format!("{case:?}");
    match (run(case, cpu), run(case, cuda), run(case, cuda)) {
        (Ok(want), Ok(got), Ok(again)) => Row {
            what,
            error: got
                .iter()
                .zip(&want)
                .map(|(g, w)| distance(g, w))
                .fold(0.0, f64::max),
            limit,
            same: got
                .iter()
                .flatten()
                .map(|v| v.to_bits())
                .eq(again.iter().flatten().map(|v| v.to_bits())),
        },
        (want, got, again) => Row {
            what: format!("{what}: {:?}", want.err().or(got.err()).or(again.err())),
            error: f64::INFINITY,
            limit,
            same: false,
        },
    }
}

/// Buffers in and out of a device.
struct On<'a, D: Device>(&'a D);

impl<D: Device> On<'_, D> {
    fn put(&self, store: Store, values: &[f32]) -> Result<D::Buffer> {
        let mut buffer = self.0.zeros(store, values.len())?;
        self.0.write(&mut buffer, 0, values)?;
        Ok(buffer)
    }

    fn active(&self, seed: u64, count: usize) -> Result<D::Buffer> {
        self.put(Store::Activation, &numbers(seed, count))
    }

    fn get(&self, buffer: &D::Buffer) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.0.length(buffer)];
        self.0.read(buffer, 0, &mut values)?;
        Ok(values)
    }
}

/// What an operation and its backward give.
fn run<D: Device>(case: &Case, d: &D) -> Result<Vec<Vec<f32>>> {
    let on = On(d);
    match case {
        Case::Product(product, sizes, put, store) => multiply(&on, *product, *sizes, *put, *store),
        Case::Values(count) => {
            let (x, mut y) = (on.active(1, *count)?, on.active(2, *count)?);
            d.add(&x, &mut y, *count)?;
            let sum = on.get(&y)?;
            d.dropout(&x, &mut y, *count, (0.25, 7 << 33), true)?;
            let added = on.get(&y)?;
            d.dropout(&x, &mut y, *count, (0.5, 9), false)?;
            Ok(vec![sum, added, on.get(&y)?])
        }
        Case::Bias(rows, columns) => {
            let bias = on.put(Store::Parameter, &numbers(1, *columns))?;
            let mut x = on.active(2, rows * columns)?;
            d.add_bias(&bias, &mut x, *rows)?;
            let dy = on.active(3, rows * columns)?;
            let mut sums = on.put(Store::Exact, &vec![2.0; *columns])?;
            d.add_bias_backward(&dy, &mut sums, *rows)?;
            Ok(vec![on.get(&x)?, on.get(&sums)?])
        }
        Case::Tables(rows, width) => tables(&on, *rows, *width),
        Case::Norm(rows, width) => norm(&on, *rows, *width),
        Case::Gate(rows, width) => {
            let wide: Vec<f32> = numbers(1, rows * 2 * width)
                .iter()
                .map(|v| v * 6.0)
                .collect();
            let mut x = on.put(Store::Activation, &wide)?;
            let mut y = on.active(0, rows * width)?;
            d.silu_mul(&x, *width, &mut y, *rows)?;
            let mut dy = on.active(2, rows * width)?;
            d.silu_mul_backward(&mut x, *width, &mut dy, *rows)?;
            Ok(vec![on.get(&y)?, on.get(&x)?, on.get(&dy)?])
        }
        Case::Rope(shape, lengths, direction) => {
            let packing = Packing::new(lengths.iter().copied())?;
            let mut x = on.active(1, packing.rows() * shape.columns())?;
            d.rope(shape, &packing, *direction, &mut x)?;
            Ok(vec![on.get(&x)?])
        }
        Case::Attend(shape, lengths) => attend(&on, shape, lengths),
        Case::Loss(loss, vocabulary, tokens) => losses(&on, loss, *vocabulary, *tokens),
        Case::Score(rows, vocabulary) => {
            let logits = on.active(1, rows * vocabulary)?;
            let ids: Vec<u32> = (0..*rows).map(|r| (r * 911 % vocabulary) as u32).collect();
            let mut values = vec![0.0; *rows];
            d.score(&logits, *vocabulary, &ids, &mut values)?;
            Ok(vec![values])
        }
        Case::Optimiser(count) => optimiser(&on, *count),
    }
}

fn multiply<D: Device>(
    on: &On<'_, D>,
    product: Product,
    [m, n, k]: [usize; 3],
    put: Put,
    store: Store,
) -> Result<Vec<Vec<f32>>> {
    let (pad, offset) = (8, 16);
    let (a_sizes, b_sizes) = match product {
        Product::Nn => ((m, k), (k, n)),
        Product::Nt => ((m, k), (n, k)),
        Product::Tn => ((k, m), (k, n)),
    };
    let room = |(rows, columns): (usize, usize)| offset + rows * (columns + pad);
    let (a, b) = (on.active(1, room(a_sizes))?, on.active(2, room(b_sizes))?);
    let mut c = on.put(store, &numbers(3, room((m, n))))?;
    let mat = |buffer, (rows, columns): (usize, usize)| Mat {
        offset,
        stride: columns + pad,
        ..Mat::new(buffer, rows, columns)
    };
    let out = MatMut {
        offset,
        stride: n + pad,
        ..MatMut::new(&mut c, m, n)
    };
    on.0.multiply(product, mat(&a, a_sizes), mat(&b, b_sizes), out, put)?;
    Ok(vec![on.get(&c)?])
}

fn tables<D: Device>(on: &On<'_, D>, rows: usize, width: usize) -> Result<Vec<Vec<f32>>> {
    let ids: Vec<u32> = (0..rows).map(|r| (r * r % 41) as u32).collect();
    let table = on.put(Store::Parameter, &numbers(1, 41 * width))?;
    let mut out = on.active(0, rows * width)?;
    on.0.embed(&table, width, &ids, &mut out)?;
    let mut all = vec![on.get(&out)?];
    for store in [Store::Exact, Store::Activation] {
        let mut slopes = on.put(store, &numbers(2, 41 * width))?;
        on.0.embed_backward(&out, width, &ids, &mut slopes)?;
        all.push(on.get(&slopes)?);
    }
    Ok(all)
}

fn norm<D: Device>(on: &On<'_, D>, rows: usize, width: usize) -> Result<Vec<Vec<f32>>> {
    let (x, dy) = (on.active(1, rows * width)?, on.active(3, rows * width)?);
    let weight = on.put(Store::Parameter, &numbers(2, width))?;
    let (mut y, mut dx) = (on.active(0, rows * width)?, on.active(4, rows * width)?);
    on.0.rms_norm(&x, &weight, 1e-5, &mut y, rows)?;
    let mut dweight = on.put(Store::Exact, &vec![1.0; width])?;
    on.0.rms_norm_backward((&x, &weight, 1e-5), &dy, &mut dx, Some(&mut dweight), rows)?;
    Ok(vec![on.get(&y)?, on.get(&dx)?, on.get(&dweight)?])
}

fn attend<D: Device>(
    on: &On<'_, D>,
    shape: &Attention,
    lengths: &[usize],
) -> Result<Vec<Vec<f32>>> {
    let packing = Packing::new(lengths.iter().copied())?;
    let rows = packing.rows();
    let (columns, queries) = (rows * shape.columns(), rows * shape.query_columns());
    let (qkv, dout) = (on.active(1, columns)?, on.active(2, queries)?);
    let mut out = on.active(0, queries)?;
    let mut norms = on.0.zeros(Store::Exact, rows * shape.heads.query)?;
    on.0.attention(shape, &packing, &qkv, &mut out, &mut norms)?;
    let mut dqkv = on.active(0, columns)?;
    on.0.attention_backward(shape, &packing, (&qkv, &out, &norms), &dout, &mut dqkv)?;
    Ok(vec![on.get(&out)?, on.get(&norms)?, on.get(&dqkv)?])
}

fn losses<D: Device>(
    on: &On<'_, D>,
    loss: &Loss,
    vocabulary: usize,
    tokens: bool,
) -> Result<Vec<Vec<f32>>> {
    let rows = 3;
    let wide = |seed| -> Vec<f32> {
        numbers(seed, rows * vocabulary)
            .iter()
            .map(|v| v * 8.0)
            .collect()
    };
    let mut logits = on.put(Store::Activation, &wide(1))?;
    let teacher = on.put(Store::Activation, &wide(2))?;
    let ids = [3, 0, (vocabulary - 1) as u32];
    let targets = match tokens {
        true => Targets::Tokens(&ids),
        false => Targets::Logits(&teacher, rows),
    };
    let mut values = vec![Outcome::default(); rows];
    on.0.loss(
        loss,
        &mut logits,
        vocabulary,
        targets,
        (&[0.5, 2.0, 0.0], &mut values),
    )?;
    let values = values.iter().map(|v| v.value as f32).collect();
    Ok(vec![on.get(&logits)?, values])
}

fn optimiser<D: Device>(on: &On<'_, D>, count: usize) -> Result<Vec<Vec<f32>>> {
    let mut weight = on.put(Store::Parameter, &numbers(1, count))?;
    let (mut first, mut second) = (
        on.0.zeros(Store::Exact, count)?,
        on.0.zeros(Store::Exact, count)?,
    );
    let mut squares = Vec::new();
    for step in 1..=3 {
        let gradient = on.put(Store::Exact, &numbers(1 + step, count))?;
        squares.push(on.0.square_sum(&gradient)? as f32);
        let adam = Adam {
            rate: 1e-2,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            decay: 0.1,
            step,
            scale: 0.5,
        };
        on.0.adam(&adam, &mut weight, &gradient, (&mut first, &mut second))?;
    }
    // The copy for products shows in what is embedded.
    let mut shown = on.active(0, 64)?;
    on.0.embed(&weight, 64, &[0], &mut shown)?;
    Ok(vec![
        on.get(&weight)?,
        on.get(&first)?,
        on.get(&second)?,
        squares,
        on.get(&shown)?,
    ])
}
