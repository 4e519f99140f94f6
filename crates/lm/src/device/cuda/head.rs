//! The loss at the end of the network. Cross-entropy on tokens and both plain divergences from a teacher's
//! logits are kernels; every other loss, and rows that are not finite, go through the host by the
//! processor's own function of rows: their logits are read, and their gradients written back.

use super::launch::{Arg, Grid};
use super::{Cuda, CudaBuffer};
use crate::device::{Device, Store, Targets};
use crate::loss::{Kind, Loss, Outcome, Target};
use crate::{Error, Result};
use std::ops::Range;

/// Marks of head.cu.
const REDO: u32 = 1;
const SATURATED: u32 = 2;

/// Threads of a row: a vocabulary is long.
const THREADS: u32 = 1024;

/// One call.
pub(super) struct Call<'a> {
    pub(super) loss: &'a Loss,
    pub(super) vocabulary: usize,
    pub(super) weights: &'a [f32],
}

/// A block of many threads a row.
pub(super) fn grid(rows: usize) -> Result<Grid> {
    Ok(Grid {
        threads: THREADS,
        ..Grid::blocks(rows)?
    })
}

impl Cuda {
    /// See [`crate::device::Device::loss`]; lengths and targets are checked.
    pub(super) fn losses(
        &self,
        call: &Call<'_>,
        logits: &mut CudaBuffer,
        targets: &Targets<'_, CudaBuffer>,
        values: &mut [Outcome],
    ) -> Result<()> {
        let rows = targets.len();
        let kind = call.loss.kind;
        let plain = call.loss.floor.is_none();
        let flags = match targets {
            Targets::Tokens(ids)
                if plain && matches!(kind, Kind::CrossEntropy | Kind::ForwardKl) =>
            {
                self.token_kernel(call, logits, ids, values)?
            }
            Targets::Logits(teacher, _)
                if plain && matches!(kind, Kind::ForwardKl | Kind::ReverseKl) =>
            {
                self.divergence_kernel(call, logits, teacher, values)?
            }
            _ => return self.on_host(call, logits, targets, (0..rows, values)),
        };
        for (row, flag) in flags.into_iter().enumerate() {
            values[row].saturated = flag == SATURATED;
            if flag == REDO {
                self.on_host(call, logits, targets, (row..row + 1, values))?;
            }
        }
        Ok(())
    }

    fn token_kernel(
        &self,
        call: &Call<'_>,
        logits: &CudaBuffer,
        ids: &[u32],
        values: &mut [Outcome],
    ) -> Result<Vec<u32>> {
        let ids = self.upload(ids)?;
        let first = [Arg::of(&self.stream, &ids)];
        self.kernel("token", call, (logits, &first, &[]), values)
    }

    fn divergence_kernel(
        &self,
        call: &Call<'_>,
        logits: &CudaBuffer,
        teacher: &CudaBuffer,
        values: &mut [Outcome],
    ) -> Result<Vec<u32>> {
        let length = values.len() * call.vocabulary;
        let first = [self.active(teacher, length, "a teacher's logits")?];
        let reverse = u32::from(call.loss.kind == Kind::ReverseKl);
        self.kernel(
            "divergence",
            call,
            (logits, &first, &[Arg::Word(reverse)]),
            values,
        )
    }

    /// Both kernels take logits, what they are held against, weights, room for results, and the options.
    fn kernel(
        &self,
        name: &str,
        call: &Call<'_>,
        (logits, first, last): (&CudaBuffer, &[Arg], &[Arg]),
        values: &mut [Outcome],
    ) -> Result<Vec<u32>> {
        let rows = values.len();
        if rows == 0 {
            return Ok(Vec::new());
        }
        let t = call.loss.temperature;
        // What a loss's value and slope are multiplied by: see `loss::row`.
        let (factor, slope) = match call.loss.scaled {
            true => (t * t, t as f32),
            false => (1.0, (1.0 / t) as f32),
        };
        let weights = self.upload(call.weights)?;
        let (results, flags) = (self.scratch::<f64>(rows)?, self.scratch::<u32>(rows)?);
        let mut args = vec![self.active(logits, rows * call.vocabulary, "logits")?];
        args.extend(first);
        args.extend([
            Arg::of(&self.stream, &weights),
            Arg::of(&self.stream, &results),
            Arg::of(&self.stream, &flags),
            Arg::word(call.vocabulary)?,
            Arg::Real((1.0 / t) as f32),
            Arg::Wide(factor),
            Arg::Real(slope),
        ]);
        args.extend(last);
        self.launch(&self.each(name), grid(rows)?, &args)?;
        let results = self.stream.clone_dtoh(&results).map_err(super::failed)?;
        let flags = self.stream.clone_dtoh(&flags).map_err(super::failed)?;
        self.wait()?;
        for (value, result) in values.iter_mut().zip(results) {
            *value = Outcome {
                value: result,
                ..Outcome::default()
            };
        }
        Ok(flags)
    }

    /// Rows by the processor's function.
    fn on_host(
        &self,
        call: &Call<'_>,
        logits: &mut CudaBuffer,
        targets: &Targets<'_, CudaBuffer>,
        (rows, values): (Range<usize>, &mut [Outcome]),
    ) -> Result<()> {
        let (host, vocabulary) = (&self.host, call.vocabulary);
        let fetch = |buffer: &CudaBuffer| {
            let mut numbers = vec![0.0; rows.len() * vocabulary];
            self.read(buffer, rows.start * vocabulary, &mut numbers)?;
            let mut copy = host.zeros(Store::Activation, numbers.len())?;
            host.write(&mut copy, 0, &numbers)?;
            Ok::<_, Error>(copy)
        };
        let mut copy = fetch(logits)?;
        let teacher;
        let targets = match targets {
            Targets::Tokens(ids) => Targets::Tokens(&ids[rows.clone()]),
            Targets::Rows(all) => Targets::Rows(&all[rows.clone()]),
            Targets::Logits(buffer, _) => {
                teacher = fetch(buffer)?;
                Targets::Logits(&teacher, rows.len())
            }
        };
        let out = (&call.weights[rows.clone()], &mut values[rows.clone()]);
        host.loss(call.loss, &mut copy, vocabulary, targets, out)?;
        let mut numbers = vec![0.0; rows.len() * vocabulary];
        host.read(&copy, 0, &mut numbers)?;
        self.write(logits, rows.start * vocabulary, &numbers)
    }
}

/// Whether a loss takes these targets, before anything is written.
pub(super) fn check(
    loss: &Loss,
    vocabulary: usize,
    targets: &Targets<'_, CudaBuffer>,
) -> Result<()> {
    let each = |target: Target<'_, f32>| loss.check(vocabulary, &target);
    match targets {
        Targets::Tokens(ids) => ids.iter().try_for_each(|&id| each(Target::Token(id))),
        Targets::Rows(rows) => rows.iter().try_for_each(|&row| each(row)),
        // Their number is checked where the buffer is; here it is the kind that counts.
        Targets::Logits(..) => each(Target::Logits(&vec![0.0; vocabulary])),
    }
}
