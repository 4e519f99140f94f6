//! When things happen: hours of the week, gaps between requests and lengths of answers, resampled
//! from real traces (or from plain stand-ins where no data folder is at hand). No clock is read.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::draw::Draw;
use crate::error::SimError;

/// Milliseconds of an hour.
pub const HOUR: i64 = 3_600_000;
/// Hours of a week.
const WEEK: usize = 168;

/// Cumulative weight over the hours of a week, Monday 00:00 UTC first; 169 values from 0 up.
pub type Rhythm = Arc<[f64]>;

/// What the traces say.
#[derive(Debug)]
pub struct Traces {
    /// Gaps of a coding service, mean 1: very bursty.
    code: Vec<f32>,
    /// Gaps of a chat service, mean 1.
    chat: Vec<f32>,
    /// Lengths of answers, in tokens.
    lengths: Vec<u32>,
    /// Weights by hour of week of real clients.
    clients: Vec<[f64; WEEK]>,
}

/// Whose gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burst {
    /// Programs: coefficient of variation above 10 in the Azure trace.
    Code,
    /// People in a conversation service.
    Chat,
}

impl Traces {
    /// Reads the traces of the data folder.
    pub fn load(folder: &Path) -> Result<Self, SimError> {
        let mut traces = Self::builtin();
        traces.code = gaps(column(&folder.join("trace-azure-code.csv.zst"), 0)?);
        let mut chat = Vec::new();
        let mut lengths = Vec::new();
        let file = folder.join("trace-mooncake-conversation.jsonl.zst");
        for (number, line) in lines(&file)?.enumerate() {
            let line = line.map_err(SimError::io(format!("reading {}", file.display())))?;
            let row: Mooncake = serde_json::from_str(&line)
                .map_err(|err| broken(&file, number + 1, &err.to_string()))?;
            chat.push(row.timestamp);
            lengths.push(row.output_length.clamp(1, 4_000));
        }
        chat.sort_by(f64::total_cmp);
        (traces.chat, traces.lengths) = (gaps(chat), lengths);
        traces.clients = clients(&folder.join("trace-servegen-dev-rates.csv.zst"))?;
        Ok(traces)
    }

    /// Stand-ins of the same coarse shape, for where no data folder is at hand.
    pub fn builtin() -> Self {
        let mut draw = Draw::of(0x5eed);
        let mut heavy = |sigma: f64| -> Vec<f64> {
            let mut at = 0.0;
            (0..4_000)
                .map(|_| {
                    at += draw.spread(1.0, sigma, 0.0, 400.0);
                    at
                })
                .collect()
        };
        let (code, chat) = (gaps(heavy(2.2)), gaps(heavy(0.9)));
        let lengths = (0..4_000)
            .map(|_| draw.spread(180.0, 0.9, 2.0, 2_000.0) as u32)
            .collect();
        let clients = (0..24)
            .map(|place| {
                let (peak, depth) = (draw.unit() * 24.0, if place % 3 == 0 { 0.1 } else { 0.8 });
                std::array::from_fn(|hour| {
                    let angle = (hour as f64 - peak) / 24.0 * std::f64::consts::TAU;
                    (1.0 + depth * angle.cos()) * (0.5 + draw.unit())
                })
            })
            .collect();
        Self {
            code,
            chat,
            lengths,
            clients,
        }
    }

    /// A gap in milliseconds, from the real ones scaled to this mean.
    pub fn gap(&self, burst: Burst, mean_ms: f64, draw: &mut Draw) -> i64 {
        let list = match burst {
            Burst::Code => &self.code,
            Burst::Chat => &self.chat,
        };
        ((f64::from(*draw.pick(list)) * mean_ms) as i64).clamp(20, 30 * 60_000)
    }

    /// The length of an answer in bytes: a real one, held to what a world can store.
    pub fn length(&self, most: usize, draw: &mut Draw) -> usize {
        (*draw.pick(&self.lengths) as usize * 4).clamp(40, most)
    }

    /// The rhythm of one real client.
    pub fn client(&self, draw: &mut Draw) -> Rhythm {
        let shift = draw.below(24);
        let client = draw.pick(&self.clients);
        rhythm(|hour| client[(hour + shift) % WEEK])
    }
}

#[derive(Deserialize)]
struct Mooncake {
    timestamp: f64,
    output_length: u32,
}

fn broken(file: &Path, line: usize, why: &str) -> SimError {
    SimError::DataBroken {
        file: file.to_path_buf(),
        line,
        why: why.to_owned(),
    }
}

fn lines(file: &Path) -> Result<std::io::Lines<impl BufRead>, SimError> {
    let open = std::fs::File::open(file).map_err(|_| SimError::DataMissing(file.to_path_buf()))?;
    let mut decoder = zstd::Decoder::new(open).map_err(SimError::io("opening a trace"))?;
    decoder
        .window_log_max(27)
        .map_err(SimError::io("opening a trace"))?;
    Ok(BufReader::new(decoder).lines())
}

fn column(file: &Path, place: usize) -> Result<Vec<f64>, SimError> {
    let mut out = Vec::new();
    for (number, line) in lines(file)?.enumerate().skip(1) {
        let line = line.map_err(SimError::io(format!("reading {}", file.display())))?;
        let value = line
            .split(',')
            .nth(place)
            .and_then(|text| text.parse().ok());
        out.push(value.ok_or_else(|| broken(file, number + 1, "no number in its column"))?);
    }
    Ok(out)
}

/// Hour-of-week weights of the clients that were seen for at least a day's worth of windows.
fn clients(file: &Path) -> Result<Vec<[f64; WEEK]>, SimError> {
    let mut found: std::collections::BTreeMap<String, ([f64; WEEK], u32)> = Default::default();
    for (number, line) in lines(file)?.enumerate().skip(1) {
        let line = line.map_err(SimError::io(format!("reading {}", file.display())))?;
        let cells: Vec<&str> = line.split(',').collect();
        let row = (|| {
            Some((
                cells.get(2)?.parse::<f64>().ok()?,
                cells.get(3)?.parse::<f64>().ok()?,
            ))
        })();
        let (start, rate) = row.ok_or_else(|| broken(file, number + 1, "no window and rate"))?;
        let entry = found
            .entry(format!("{},{}", cells[0], cells[1]))
            .or_insert(([0.0; WEEK], 0));
        entry.0[(start / 3_600.0) as usize % WEEK] += rate;
        entry.1 += 1;
    }
    Ok(found
        .into_values()
        .filter(|(_, count)| *count >= 144)
        .map(|(hours, _)| hours)
        .collect())
}

fn gaps(times: Vec<f64>) -> Vec<f32> {
    let gaps: Vec<f64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).max(0.0))
        .collect();
    let mean = (gaps.iter().sum::<f64>() / gaps.len().max(1) as f64).max(f64::MIN_POSITIVE);
    gaps.iter().map(|gap| (gap / mean) as f32).collect()
}

/// Makes a rhythm of weights by hour of week. Some weight everywhere, so that it can be inverted.
pub fn rhythm(weight: impl Fn(usize) -> f64) -> Rhythm {
    let weights: Vec<f64> = (0..WEEK).map(|hour| weight(hour).max(0.0)).collect();
    let floor = weights.iter().sum::<f64>().max(1e-9) / WEEK as f64 * 1e-3;
    let mut cumulative = Vec::with_capacity(WEEK + 1);
    let mut total = 0.0;
    cumulative.push(0.0);
    for weight in weights {
        total += weight + floor;
        cumulative.push(total);
    }
    cumulative.into()
}

/// Waking hours of a person who lives this many hours east of Greenwich; `office` shifts weight
/// from evenings and weekends to working hours.
pub fn human(east: i32, office: f64) -> Rhythm {
    rhythm(|hour| {
        let local = (hour as i32 + east).rem_euclid(WEEK as i32);
        let (day, hour) = (local / 24, local % 24);
        let work = match (day, hour) {
            (0..=4, 9..=11 | 13..=17) => 1.0,
            (0..=4, 8 | 12 | 18) => 0.6,
            _ => 0.04,
        };
        let free = match hour {
            0..=6 => 0.03,
            7..=17 => 0.4,
            18..=22 => 1.0,
            _ => 0.3,
        } * if day > 4 { 1.3 } else { 1.0 };
        office * work + (1.0 - office) * free
    })
}

/// All hours alike.
pub fn flat() -> Rhythm {
    rhythm(|_| 1.0)
}

/// One hour of each night, local time.
pub fn nightly(east: i32, at: usize) -> Rhythm {
    rhythm(|hour| f64::from(u8::from((hour as i32 + east).rem_euclid(24) as usize == at)))
}

/// Whole nights, local time.
pub fn overnight(east: i32) -> Rhythm {
    rhythm(|hour| match (hour as i32 + east).rem_euclid(24) {
        20..=23 | 0..=6 => 1.0,
        _ => 0.08,
    })
}

/// The starts of a known number of units (sessions, batches) over a span, in order, one at a time.
#[derive(Debug, Clone)]
pub struct Units {
    rhythm: Rhythm,
    from: i64,
    span: (f64, f64),
    left: u32,
    position: f64,
    ramp: f64,
}

impl Units {
    /// `count` starts between two times; `ramp` below 1 moves weight to the end (a warm-up).
    pub fn new(rhythm: Rhythm, (from, to): (i64, i64), count: u32, ramp: f64) -> Self {
        let monday = monday_of(from);
        let span = (
            weight_at(&rhythm, from - monday),
            weight_at(&rhythm, to.max(from + 1) - monday),
        );
        Self {
            rhythm,
            from: monday,
            span,
            left: count,
            position: 0.0,
            ramp,
        }
    }

    /// Changes how many are still to come, where units turn out longer or shorter than thought.
    pub fn retune(&mut self, left: u32) {
        self.left = left;
    }

    /// The next start: the smallest of what is left of `count` independent ones.
    pub fn next(&mut self, draw: &mut Draw) -> Option<i64> {
        if self.left == 0 {
            return None;
        }
        let step = (1.0 - draw.unit()).powf(1.0 / f64::from(self.left));
        self.position = 1.0 - (1.0 - self.position) * step;
        self.left -= 1;
        let share = self.position.powf(self.ramp);
        let target = self.span.0 + share * (self.span.1 - self.span.0);
        Some(self.from + time_of(&self.rhythm, target))
    }
}

/// The Monday 00:00 UTC at or before a time. 1970-01-05 was a Monday.
fn monday_of(at: i64) -> i64 {
    let week = WEEK as i64 * HOUR;
    let first = 4 * 24 * HOUR;
    (at - first).div_euclid(week) * week + first
}

fn weight_at(rhythm: &[f64], since_monday: i64) -> f64 {
    let hours = since_monday as f64 / HOUR as f64;
    let weeks = (hours / WEEK as f64).floor();
    let within = hours - weeks * WEEK as f64;
    let hour = (within as usize).min(WEEK - 1);
    let inside = rhythm[hour] + (within - hour as f64) * (rhythm[hour + 1] - rhythm[hour]);
    weeks * rhythm[WEEK] + inside
}

fn time_of(rhythm: &[f64], weight: f64) -> i64 {
    let weeks = (weight / rhythm[WEEK]).floor();
    let within = weight - weeks * rhythm[WEEK];
    let hour = rhythm
        .partition_point(|edge| *edge <= within)
        .clamp(1, WEEK)
        - 1;
    let part = (within - rhythm[hour]) / (rhythm[hour + 1] - rhythm[hour]);
    ((weeks * WEEK as f64 + hour as f64 + part.clamp(0.0, 1.0)) * HOUR as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_in_order_and_keep_their_hours() {
        let from = 1_788_739_200_000; // 2026-09-07, a Monday
        let mut units = Units::new(nightly(2, 3), (from, from + 14 * 24 * HOUR), 500, 1.0);
        let mut draw = Draw::of(9);
        let mut before = from;
        let mut at_night = 0;
        while let Some(at) = units.next(&mut draw) {
            assert!(at >= before && at < from + 14 * 24 * HOUR);
            at_night += u32::from((at / HOUR + 2) % 24 == 3);
            before = at;
        }
        assert!(at_night > 480, "{at_night} of 500 at three in the morning");
    }

    #[test]
    fn a_ramp_moves_work_to_the_end() {
        let mut draw = Draw::of(2);
        let mut units = Units::new(flat(), (0, 1_000 * HOUR), 1_000, 0.5);
        let mut late = 0;
        while let Some(at) = units.next(&mut draw) {
            late += u32::from(at > 500 * HOUR);
        }
        assert!((700..800).contains(&late), "{late}");
    }

    #[test]
    fn stand_ins_have_mean_one() {
        let traces = Traces::builtin();
        let mean = traces.code.iter().sum::<f32>() / traces.code.len() as f32;
        assert!((mean - 1.0).abs() < 0.01);
    }
}
