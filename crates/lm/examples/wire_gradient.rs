//! How true is the gradient of the reverse divergence when the teacher is asked over a wire that tells
//! a few log-probabilities a position, and not the whole distribution? Figures: `bench/lm/README.md`.
//!
//! ```text
//! wire_gradient MODEL FOLDER [ITEMS] [TOKENS] [THREADS]
//! ```
//!
//! MODEL is a GGUF file, FOLDER has `train.jsonl`, `student.txt` and `teacher.txt` (`bench/distill`). Two
//! pairs: the teacher is the model with the four examples of `teacher.txt` before the question, and the
//! model with a random change of rank 4 in every linear layer; the student is the plain model. The student
//! samples an answer to each item, and each estimator's gradient is held against the exact one: at the
//! logits position by position (mean relative error), over all positions at once (cosine), and at all
//! of the student's weights (cosine). What the teacher tells goes through the `f32` of `/v1/score`.
#![expect(clippy::print_stdout, reason = "figures are printed")]

use lm::device::Cpu;
use lm::loss::{Kind, Loss, Tail, Target};
use lm::train::{Batch, Document, Goal, Network, Optimiser, Schedule, Settings, Trainer, Tuning};
use lm::{
    Limits, Model, ModelFiles, Options, Path, Question, Sampling, Scored, Scoring, Specials,
    Weights,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Tokens that the teacher is asked for at a position.
const TOP: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, folder, rest @ ..] = &arguments[..] else {
        return Err("usage: wire_gradient MODEL FOLDER [ITEMS] [TOKENS] [THREADS]".into());
    };
    let number = |at: usize, usual: usize| rest.get(at).map_or(Ok(usual), |text| text.parse());
    let (items, tokens, threads) = (number(0, 16)?, number(1, 24)?, number(2, 2)?);
    let files = ModelFiles::open(model.as_ref())?;
    let options = Options {
        threads,
        ..Options::default()
    };
    let student = Model::from_files(&files, &options)?;
    let sentences = sentences(folder, items)?;
    let own = prompts(
        &student,
        &std::fs::read_to_string(format!("{folder}/student.txt"))?,
        &sentences,
    );
    let shown = prompts(
        &student,
        &std::fs::read_to_string(format!("{folder}/teacher.txt"))?,
        &sentences,
    );
    let answers = sample(&student, &own, tokens)?;
    let weights = Weights::from_files(&files, None)?;
    let mut changed = weights.clone();
    change(&mut changed);
    let other = Model::from_weights(&changed, Arc::clone(student.tokenizer()), None, &options)?;
    for (name, teacher, teacher_weights, prompts) in [
        ("the model with four examples", &student, &weights, &shown),
        (
            "the model with a random change of rank 4",
            &other,
            &changed,
            &own,
        ),
    ] {
        let pair = Pair {
            student: Side::new(&student, &own, &answers)?,
            teacher: Side::new(teacher, prompts, &answers)?,
        };
        println!("teacher: {name}; {} positions", pair.student.scores.len());
        pair.print(&files, teacher_weights, threads)?;
    }
    Ok(())
}

fn sentences(folder: &str, items: usize) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(format!("{folder}/train.jsonl"))?;
    let mut out = Vec::new();
    for line in text.lines().take(items) {
        let row: serde_json::Value = serde_json::from_str(line)?;
        out.push(
            row["sentence"]
                .as_str()
                .ok_or("a row without a sentence")?
                .to_owned(),
        );
    }
    Ok(out)
}

fn prompts(model: &Model, template: &str, sentences: &[String]) -> Vec<Vec<u32>> {
    let prompt = |sentence: &String| {
        let text = template
            .trim_end_matches('\n')
            .replace("{sentence}", sentence);
        model.tokenizer().encode(&text, Specials::Text)
    };
    sentences.iter().map(prompt).collect()
}

/// The student's answers, at temperature 1.
fn sample(model: &Model, prompts: &[Vec<u32>], tokens: usize) -> Result<Vec<Vec<u32>>> {
    let limits = Limits {
        max_tokens: tokens,
        stop: Vec::new(),
        ignore_end: true,
    };
    let questions = (0..).zip(prompts).map(|(seed, prompt)| Question {
        prompt,
        sampling: Sampling {
            seed,
            ..Sampling::default()
        },
        limits: limits.clone(),
    });
    let questions: Vec<Question<'_>> = questions.collect();
    let batch = lm::Batch {
        path: Path::Exact,
        slots: questions.len(),
    };
    let answers = model.sample_many(&questions, batch)?.into_iter();
    let ids = answers.map(|answer| answer.tokens.iter().map(|token| token.token).collect());
    Ok(ids.collect())
}

/// Adds a product of two random matrices of rank 4 to every linear layer's weights.
fn change(weights: &mut Weights) {
    const RANK: usize = 4;
    let mut state = 7u64;
    let mut noise = move || {
        // SplitMix64 (Steele et al. 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    };
    let names: Vec<String> = weights.names().map(ToString::to_string).collect();
    for name in names.iter().filter(|name| name.starts_with("blk.")) {
        let Some(tensor) = weights.get_mut(name) else {
            continue;
        };
        let &[rows, columns] = tensor.shape() else {
            continue;
        };
        let a: Vec<f32> = (0..rows * RANK).map(|_| noise()).collect();
        let b: Vec<f32> = (0..columns * RANK).map(|_| noise() * 0.01).collect();
        for (row, a) in tensor
            .data_mut()
            .chunks_exact_mut(columns)
            .zip(a.chunks_exact(RANK))
        {
            for (value, b) in row.iter_mut().zip(b.chunks_exact(RANK)) {
                *value += a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            }
        }
    }
}

/// One model's view of the answers after its prompts.
struct Side {
    texts: Vec<Vec<u32>>,
    firsts: Vec<usize>,
    /// One a token of all answers: its likeliest tokens, and the whole vocabulary's log-probabilities.
    scores: Vec<Scored>,
}

impl Side {
    fn new(model: &Model, prompts: &[Vec<u32>], answers: &[Vec<u32>]) -> Result<Self> {
        let texts = prompts
            .iter()
            .zip(answers)
            .map(|(p, a)| [p.as_slice(), a].concat());
        let texts: Vec<Vec<u32>> = texts.collect();
        let firsts: Vec<usize> = prompts.iter().map(Vec::len).collect();
        let all: Vec<u32> = (0..model.tokenizer().vocabulary() as u32).collect();
        let mut scores = Vec::new();
        for (text, &from) in texts.iter().zip(&firsts) {
            let scoring = Scoring {
                tokens: text,
                from,
                top: TOP,
                at: &vec![all.clone(); text.len() - from],
            };
            scores.extend(model.score_many(&[scoring])?.remove(0));
        }
        Ok(Self {
            texts,
            firsts,
            scores,
        })
    }

    fn batch(&self) -> Result<Batch> {
        let documents = self.texts.iter().zip(&self.firsts);
        let documents = documents.map(|(text, &first)| Document::answer(text, first));
        Ok(Batch::new(&documents.collect::<Vec<_>>())?)
    }
}

/// What the teacher is asked for.
#[derive(Clone, Copy)]
enum Estimator {
    Student,
    Both,
    Teacher,
    SampledAndTail,
    Sampled,
}

const ESTIMATORS: [(Estimator, &str); 5] = [
    (Estimator::Student, "student top-20 + tail (/v1/score)"),
    (Estimator::Both, "both top-20 + tail (/v1/score)"),
    (Estimator::Teacher, "teacher top-20 + tail (vLLM)"),
    (Estimator::SampledAndTail, "sampled + tail (TRL, beta 1)"),
    (Estimator::Sampled, "sampled token, policy gradient"),
];

/// What the teacher told of one position.
struct Told {
    ids: Vec<u32>,
    logprobs: Vec<f32>,
}

struct Pair {
    student: Side,
    teacher: Side,
}

impl Pair {
    fn told(&self, estimator: Estimator) -> Vec<Told> {
        let positions = self.student.scores.iter().zip(&self.teacher.scores);
        let told = |(student, teacher): (&Scored, &Scored)| {
            let top = |scored: &Scored| scored.top.iter().map(|t| t.token).collect::<Vec<u32>>();
            let mut ids = match estimator {
                Estimator::Student => top(student),
                Estimator::Both => [top(student), top(teacher)].concat(),
                Estimator::Teacher => top(teacher),
                Estimator::SampledAndTail | Estimator::Sampled => vec![student.token],
            };
            ids.sort_unstable();
            ids.dedup();
            let logprobs = ids.iter().map(|&id| teacher.at[id as usize]);
            Told {
                logprobs: logprobs.collect(),
                ids,
            }
        };
        positions.map(told).collect()
    }

    fn print(&self, files: &ModelFiles<'_>, teacher: &Weights, threads: usize) -> Result<()> {
        let entropy = |scored: &Scored| -> f64 {
            let terms = scored.at.iter().map(|&l| f64::from(l));
            -terms.map(|l| l.exp() * l).sum::<f64>()
        };
        let count = self.student.scores.len() as f64;
        let mean = self.student.scores.iter().map(entropy).sum::<f64>() / count;
        println!("the student's mean entropy: {mean:.3} nats");
        println!(
            "{:<42} {:>10} {:>10} {:>10}",
            "", "error", "logits", "weights"
        );
        let mut weights = WeightGradients::new(self, files, teacher, threads)?;
        for (estimator, name) in ESTIMATORS {
            let told = self.told(estimator);
            let (error, logits) = self.at_logits(estimator, &told);
            let cosine = weights.cosine(estimator, &told)?;
            println!("{name:<42} {error:>10.3} {logits:>10.4} {cosine:>10.4}");
        }
        Ok(())
    }

    /// The mean relative error of a position's gradient, and the cosine over all positions.
    fn at_logits(&self, estimator: Estimator, told: &[Told]) -> (f64, f64) {
        let vocabulary = self
            .student
            .scores
            .first()
            .map_or(0, |scored| scored.at.len());
        let (mut exact, mut estimated) = (vec![0.0f32; vocabulary], vec![0.0f32; vocabulary]);
        let (mut errors, mut dots) = (0.0, Dots::default());
        let positions = self
            .student
            .scores
            .iter()
            .zip(&self.teacher.scores)
            .zip(told);
        for ((student, teacher), told) in positions {
            let whole = Target::LogProbs(&teacher.at);
            Loss::new(Kind::ReverseKl).row(&student.at, &whole, &mut exact);
            loss(estimator).row(&student.at, &target(estimator, told), &mut estimated);
            let mut own = Dots::default();
            own.add(&exact, &estimated);
            errors +=
                (own.exact + own.estimated - 2.0 * own.both).max(0.0).sqrt() / own.exact.sqrt();
            dots.add(&exact, &estimated);
        }
        (errors / told.len() as f64, dots.cosine())
    }
}

fn loss(estimator: Estimator) -> Loss {
    let sampled = matches!(estimator, Estimator::Sampled);
    Loss::new(if sampled { Kind::K1 } else { Kind::ReverseKl })
}

fn target(estimator: Estimator, told: &Told) -> Target<'_, f32> {
    match (estimator, &told.ids[..], &told.logprobs[..]) {
        (Estimator::Sampled, &[token], &[logprob]) => Target::Scored {
            token,
            logprob: f64::from(logprob),
        },
        _ => Target::Sparse {
            ids: &told.ids,
            logprobs: &told.logprobs,
            tail: Tail::Bucket,
        },
    }
}

/// Scalar products of the exact gradient and an estimate.
#[derive(Default)]
struct Dots {
    exact: f64,
    estimated: f64,
    both: f64,
}

impl Dots {
    fn add(&mut self, exact: &[f32], estimated: &[f32]) {
        for (&a, &b) in exact.iter().zip(estimated) {
            let (a, b) = (f64::from(a), f64::from(b));
            self.exact += a * a;
            self.estimated += b * b;
            self.both += a * b;
        }
    }

    fn cosine(&self) -> f64 {
        self.both / (self.exact * self.estimated).sqrt()
    }
}

/// Gradients at all of the student's weights.
struct WeightGradients {
    trainer: Trainer<Cpu>,
    batch: Batch,
    exact: BTreeMap<String, Vec<f32>>,
}

impl WeightGradients {
    fn new(pair: &Pair, files: &ModelFiles<'_>, teacher: &Weights, threads: usize) -> Result<Self> {
        let device = Arc::new(Cpu::new(threads)?);
        let optimiser = Optimiser::new(Schedule::constant(1e-5));
        let rows = |side: &Side| side.texts.iter().map(Vec::len).sum();
        let frozen = Settings::new(Tuning::Frozen, optimiser, rows(&pair.teacher));
        let mut teacher = Network::new(Arc::clone(&device), teacher.clone(), &frozen)?;
        let settings = Settings::new(Tuning::Full, optimiser, rows(&pair.student));
        let mut trainer = Trainer::open(device, files, settings)?;
        let batch = pair.student.batch()?;
        let hidden = teacher.hidden(&pair.teacher.batch()?)?;
        let goal = Goal::Teacher(&hidden, &teacher);
        let mut exact = BTreeMap::new();
        trainer.gradients_at(
            &[(&batch, goal)],
            &Loss::new(Kind::ReverseKl),
            &mut |name, values| {
                exact.insert(name.to_owned(), values.to_vec());
            },
        )?;
        Ok(Self {
            trainer,
            batch,
            exact,
        })
    }

    fn cosine(&mut self, estimator: Estimator, told: &[Told]) -> Result<f64> {
        let targets: Vec<Target<'_, f32>> = told.iter().map(|t| target(estimator, t)).collect();
        let (exact, mut dots) = (&self.exact, Dots::default());
        let goal = Goal::Rows(&targets);
        self.trainer.gradients_at(
            &[(&self.batch, goal)],
            &loss(estimator),
            &mut |name, values| {
                if let Some(exact) = exact.get(name) {
                    dots.add(exact, values);
                }
            },
        )?;
        Ok(dots.cosine())
    }
}
