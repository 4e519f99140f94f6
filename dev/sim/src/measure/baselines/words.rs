//! A text classifier: logistic regression on hashed words and pairs of words of the newest text
//! of each request, learned in one pass with steps of AdaGrad (Duchi, Hazan, Singer, 2011).

use crate::draw::hash;

const BITS: u32 = 18;
const STEP: f32 = 0.3;
/// At most so many words of a text are read.
const MOST: usize = 400;

/// The classifier.
#[derive(Debug)]
pub struct Words {
    weights: Vec<f32>,
    squares: Vec<f32>,
    places: Vec<u32>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            weights: vec![0.0; 1 << BITS],
            squares: vec![0.0; 1 << BITS],
            places: Vec::new(),
        }
    }
}

impl Words {
    /// The log-odds of distilling that a text alone gives.
    pub fn log_odds(&mut self, text: &str) -> f64 {
        self.read(text);
        f64::from(self.sum())
    }

    /// Learns from a text.
    pub fn learn(&mut self, text: &str, distilling: bool) {
        self.read(text);
        let odds = self.sum();
        let error = f32::from(u8::from(distilling)) - 1.0 / (1.0 + (-odds).exp());
        let gradient = error / (self.places.len() as f32).sqrt();
        for place in &self.places {
            let place = *place as usize;
            self.squares[place] += gradient * gradient;
            self.weights[place] += STEP * gradient / (1e-6 + self.squares[place]).sqrt();
        }
    }

    fn sum(&self) -> f32 {
        let weights = self
            .places
            .iter()
            .map(|place| self.weights[*place as usize]);
        weights.sum::<f32>() / (self.places.len() as f32).sqrt()
    }

    /// The places of a text's words and pairs, and of the constant.
    fn read(&mut self, text: &str) {
        self.places.clear();
        self.places.push(0);
        let mut last = String::new();
        let words = text.split(|c: char| !c.is_alphanumeric());
        for word in words.filter(|word| !word.is_empty()).take(MOST) {
            let word = word.to_lowercase();
            self.places.push(place(&[word.as_bytes()]));
            if !last.is_empty() {
                self.places
                    .push(place(&[last.as_bytes(), b" ", word.as_bytes()]));
            }
            last = word;
        }
        self.places.sort_unstable();
        self.places.dedup();
    }
}

fn place(parts: &[&[u8]]) -> u32 {
    (hash(parts) >> (64 - BITS)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_what_tells_two_kinds_apart() {
        let mut words = Words::default();
        for round in 0..200 {
            words.learn(&format!("generate {round} diverse instructions"), true);
            words.learn(&format!("what time is train {round} today"), false);
        }
        assert!(words.log_odds("generate 7000 diverse instructions") > 1.0);
        assert!(words.log_odds("what time is train 7000 today") < -1.0);
    }
}
