//! A teacher with another tokenizer: it reads its own prompt and its own tokens of the student's text, and
//! what it says is cut into spans that spell the same on both sides.

use crate::error::{Error, Result};
use crate::load::Reader;
use crate::protocol::{Item, Kind};
use crate::sampled::Answer;
use crate::targets::{self, Learnt};
use crate::teacher::{Local, Needs, Position, Taught};
use lm::Specials;
use lm::loss::{self, Uld};
use lm::train::SpanRow;
use std::collections::HashMap;
use std::ops::Range;

/// A span: tokens of the student's answer, and what the teacher makes of the same text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    /// The student's tokens, as places of the answer.
    student: Range<usize>,
    /// Summed log-probability of the teacher's tokens after the first.
    rest: f64,
}

/// An answer in the teacher's tokens.
#[derive(Debug, PartialEq)]
struct Retold {
    tokens: Vec<u32>,
    /// The student's tokens and the teacher's of the same texts.
    spans: Vec<(Range<usize>, Range<usize>)>,
}

/// The formula of a kind that is between vocabularies; none of another.
pub(crate) fn formula(kind: Kind, student: &Reader, teacher: &Reader) -> Result<Option<Uld>> {
    let Kind::Uld { shared } = kind else {
        return Ok(None);
    };
    let plain = Uld::new(1.0)?;
    let Some(shared) = shared else {
        return Ok(Some(plain));
    };
    Ok(Some(plain.sharing(loss::Shared {
        pairs: pairs(student, teacher),
        kind: targets::divergence(shared.kind),
        weight: shared.weight,
        rest: shared.rest,
    })?))
}

/// Tokens that spell the same on both sides, and the two that end an answer.
fn pairs(student: &Reader, teacher: &Reader) -> Vec<(u32, u32)> {
    let (own, other) = (&student.tokenizer, &teacher.tokenizer);
    let ordinary = |tokenizer: &lm::Tokenizer, id: u32| {
        !tokenizer.is_control(id) && !tokenizer.bytes(id).is_empty()
    };
    let mut known: HashMap<&[u8], u32> = HashMap::new();
    for id in (0..other.vocabulary() as u32).filter(|&id| ordinary(other, id)) {
        known.entry(other.bytes(id)).or_insert(id);
    }
    let mut out: Vec<(u32, u32)> = own.end().zip(other.end()).into_iter().collect();
    for id in (0..own.vocabulary() as u32).filter(|&id| ordinary(own, id)) {
        // Of tokens that spell the same the first one alone.
        out.extend(known.remove(own.bytes(id)).map(|other| (id, other)));
    }
    out
}

/// The answer in the teacher's tokens, as far as it is text: up to a control token or broken letters.
fn retold(answer: &Answer, student: &Reader, teacher: &Reader) -> Retold {
    let (own, other) = (&student.tokenizer, &teacher.tokenizer);
    let control = |&token: &u32| own.is_control(token) || own.is_end(token);
    let end = answer.tokens.iter().position(control);
    let words = &answer.tokens[..end.unwrap_or(answer.tokens.len())];
    let mut lengths: Vec<usize> = words.iter().map(|&t| own.bytes(t).len()).collect();
    let bytes: Vec<u8> = words.iter().flat_map(|&t| own.bytes(t)).copied().collect();
    let whole = match std::str::from_utf8(&bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let text = String::from_utf8_lossy(&bytes[..whole]);
    let mut tokens = other.encode(&text, Specials::Text);
    let mut theirs: Vec<usize> = tokens.iter().map(|&t| other.bytes(t).len()).collect();
    // A tokenizer may put a space before a text.
    if theirs.iter().sum::<usize>() == whole + 1
        && let Some(first) = theirs.first_mut()
    {
        *first -= 1;
    }
    if theirs.iter().sum::<usize>() != whole {
        // It spells another text: nothing can be compared.
        (tokens, theirs) = (Vec::new(), Vec::new());
    }
    let ended = end.is_some_and(|at| own.is_end(answer.tokens[at])) && whole == bytes.len();
    if let (true, Some(end)) = (ended && theirs.iter().sum::<usize>() == whole, other.end()) {
        // Both ends are of one length, so that they stand against each other.
        tokens.push(end);
        theirs.push(1);
        lengths.push(1);
    }
    Retold {
        spans: loss::spans(&lengths, &theirs),
        tokens,
    }
}

/// What a teacher of another vocabulary tells of answers, in their order; none where it has no span of one.
pub(crate) fn score(
    local: &Local,
    student: &Reader,
    (items, answers): (&[Item], &[&Answer]),
    needs: Needs,
) -> Result<Vec<Option<Taught>>> {
    let all = answers.iter().map(|a| retold(a, student, &local.reader));
    let all: Vec<Retold> = all.collect();
    let its = |(answer, retold): (&&Answer, &Retold)| Answer {
        item: answer.item,
        sample: answer.sample,
        tokens: retold.tokens.clone(),
        logprobs: Vec::new(),
        top: Vec::new(),
        text: answer.text.clone(),
        cut: answer.cut,
    };
    let told: Vec<usize> = (0..all.len())
        .filter(|&i| !all[i].spans.is_empty())
        .collect();
    let asked: Vec<Answer> = told.iter().map(|&i| its((&answers[i], &all[i]))).collect();
    let asked: Vec<&Answer> = asked.iter().collect();
    let taught = local.score(items, &asked, needs)?;
    let mut out: Vec<Option<Taught>> = all.iter().map(|_| None).collect();
    for (place, taught) in told.into_iter().zip(taught) {
        let length = answers[place].tokens.len();
        out[place] = Some(spanned(&all[place], &taught, (length, local.width))?);
    }
    Ok(out)
}

/// From the teacher's tokens to spans: its row before the first token of each, and of each of the
/// student's tokens the mean of its span.
fn spanned(retold: &Retold, taught: &Taught, (length, width): (usize, usize)) -> Result<Taught> {
    let missing = || Error::Teacher("it did not tell of all of its tokens".into());
    let mut out = Taught {
        positions: vec![Position::default(); length],
        read: Some(retold.tokens.len()),
        ..Taught::default()
    };
    for (student, teacher) in &retold.spans {
        let told = taught.positions.get(teacher.clone()).ok_or_else(missing)?;
        let logprobs = told.iter().map(|p| p.token.map(f64::from));
        let logprobs: Vec<f64> = logprobs.collect::<Option<_>>().ok_or_else(missing)?;
        let row = taught
            .hidden
            .get(teacher.start * width..(teacher.start + 1) * width);
        out.hidden.extend(row.ok_or_else(missing)?);
        let sum: f64 = logprobs.iter().sum();
        for place in student.clone() {
            out.positions[place].token = Some((sum / student.len() as f64) as f32);
        }
        out.spans.push(Span {
            student: student.clone(),
            rest: logprobs[1..].iter().sum(),
        });
    }
    Ok(out)
}

/// What each token of an answer is to its spans.
pub(crate) fn rows(learnt: &Learnt<'_>) -> Vec<SpanRow> {
    let mut out = vec![SpanRow::Outside; learnt.answer.tokens.len()];
    for span in learnt.taught.iter().flat_map(|taught| &taught.spans) {
        let further = span.student.start + 1..span.student.end;
        let own = learnt.own.get(further.clone()).unwrap_or_default();
        out[further].fill(SpanRow::Further);
        out[span.student.start] = SpanRow::First {
            own: own.iter().map(|&lp| f64::from(lp)).sum(),
            teacher: span.rest,
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use lm::Family;
    use lm::testing::{tiny_gguf, tiny_gguf_merging};

    fn reader(bytes: &[u8]) -> Reader {
        Reader::of(&lm::ModelFiles::from_bytes(bytes).unwrap())
    }

    #[test]
    fn texts_are_cut_where_both_sides_begin_a_token() {
        let student = reader(&tiny_gguf(Family::Llama, 1));
        let teacher = reader(&tiny_gguf_merging(Family::Llama, 2, 2));
        let mut tokens = student.tokenizer.encode("the tin", Specials::Text);
        tokens.push(student.tokenizer.end().unwrap());
        let answer = |tokens: &[u32]| Answer {
            item: 0,
            sample: 0,
            tokens: tokens.to_vec(),
            logprobs: Vec::new(),
            top: Vec::new(),
            text: String::new(),
            cut: false,
        };
        let told = retold(&answer(&tokens), &student, &teacher);
        let spell = |reader: &Reader, tokens: &[u32]| reader.tokenizer.decode(tokens);
        for (own, other) in &told.spans[..told.spans.len() - 1] {
            let texts = (
                spell(&student, &tokens[own.clone()]),
                spell(&teacher, &told.tokens[other.clone()]),
            );
            assert_eq!(texts.0, texts.1);
        }
        // "in" is one token of the student's and two of the teacher's; the ends stand together.
        assert!(
            told.spans
                .iter()
                .any(|(own, other)| own.len() < other.len()),
            "{told:?}"
        );
        let last = told.spans.last().unwrap();
        assert_eq!((last.0.end, last.1.end), (tokens.len(), told.tokens.len()));
        // Broken letters end what can be told; without any text there is nothing.
        let half = student.tokenizer.encode("a\u{e4}", Specials::Text);
        let broken: Vec<u32> = half[..1]
            .iter()
            .copied()
            .chain([tokens[0], 3 + 0xc3])
            .collect();
        assert!(
            !retold(&answer(&broken), &student, &teacher)
                .spans
                .is_empty()
        );
        let only = [student.tokenizer.special("<|im_start|>").unwrap()];
        assert_eq!(retold(&answer(&only), &student, &teacher).spans, []);
    }

    #[test]
    fn tokens_that_spell_the_same_are_pairs() {
        let student = reader(&tiny_gguf(Family::Llama, 1));
        let teacher = reader(&tiny_gguf_merging(Family::Llama, 2, 2));
        let pairs = pairs(&student, &teacher);
        assert_eq!(pairs.len(), 1 + 256 + 2);
        assert_eq!(pairs[0], (2, 2));
        assert!(
            pairs[1..]
                .iter()
                .all(|&(a, b)| { student.tokenizer.bytes(a) == teacher.tokenizer.bytes(b) })
        );
        let uld = formula(Kind::Uld { shared: None }, &student, &teacher).unwrap();
        assert!(uld.is_some() && formula(Kind::K1, &student, &teacher).unwrap().is_none());
    }
}
