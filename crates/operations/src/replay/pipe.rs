//! The threads of a replay: one reads the files, as many as asked for read and digest the lines, and
//! the caller's folds. Pieces go round in turn and come back in turn, so that the order, and with it
//! every byte that is written, is the same with any number of threads.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use guard::digest::{Digester, HashKey};

use super::input::{self, Input};
use super::read::{Batch, LONGEST_MIB, Piece, Reader};
use super::{Observer, Progress, World};
use crate::error::{Error, Result};

/// Bytes of a piece, where its lines are not longer.
const PIECE: usize = 1 << 18;
/// Pieces that wait before and behind each thread.
const WAITING: usize = 2;

/// Who takes in what is read, in order.
pub(crate) trait Taker {
    /// Takes in what a piece held.
    fn take(&mut self, batch: Batch, input: &Input, observer: &mut dyn Observer) -> Result<()>;
    /// Takes in what still waits: there is no more.
    fn drain(&mut self) -> Result<()>;
    /// Exchanges and findings so far.
    fn counted(&self) -> (u64, u64);
}

/// How the input is read.
pub(crate) struct Reading<'r> {
    /// Threads that read and digest.
    pub(crate) threads: usize,
    /// The field that tells whose a log's request is.
    pub(crate) account: Option<&'r str>,
    /// The key of the digests.
    pub(crate) key: &'r HashKey,
}

/// Reads all of the input and hands it to the taker.
pub(crate) fn run(
    reading: &Reading<'_>,
    input: &Input,
    world: &mut World<'_>,
    fold: &mut impl Taker,
) -> Result<()> {
    let threads = reading.threads.clamp(1, 64);
    let digester = Digester::new(reading.key);
    let read = Arc::new(AtomicU64::new(0));
    let stop = world.stop;
    std::thread::scope(|scope| {
        let (mut pieces, mut batches) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (give, take) = sync_channel::<Piece>(WAITING);
            let (tell, hear) = sync_channel::<Batch>(WAITING);
            let account = reading.account;
            let mut reader = Reader::new(digester.clone(), input.format, account);
            scope.spawn(move || {
                // Whoever folds may be gone: then there is nobody to read for.
                while let Ok(piece) = take.recv() {
                    if tell.send(reader.read(&piece)).is_err() {
                        return;
                    }
                }
            });
            pieces.push(give);
            batches.push(hear);
        }
        let counted = Arc::clone(&read);
        let files = scope.spawn(move || give_out(input, &counted, &pieces, stop));
        let folded = take_in(&batches, input, world, &read, fold);
        drop(batches);
        let given = files.join().unwrap_or_else(|panic| {
            // A bug of ours: it goes on in the caller's thread.
            std::panic::resume_unwind(panic)
        });
        folded.and(given)
    })
}

/// Folds batches in turn, until a thread has no more.
fn take_in(
    batches: &[Receiver<Batch>],
    input: &Input,
    world: &mut World<'_>,
    read: &AtomicU64,
    fold: &mut impl Taker,
) -> Result<()> {
    for batches in batches.iter().cycle() {
        let Ok(batch) = batches.recv() else { break };
        fold.take(batch, input, world.observer)?;
        world.observer.progress(&Progress {
            read: read.load(Ordering::Relaxed),
            of: input.bytes,
            exchanges: fold.counted().0,
            findings: fold.counted().1,
        });
    }
    fold.drain()
}

/// Cuts the files into pieces of whole lines and gives them out in turn.
fn give_out(
    input: &Input,
    read: &Arc<AtomicU64>,
    threads: &[SyncSender<Piece>],
    stop: &AtomicBool,
) -> Result<()> {
    let mut turn = threads.iter().cycle();
    for (file, path) in input.files.iter().enumerate() {
        let mut cutter = Cutter {
            from: input::open(path, read)?,
            held: Vec::new(),
            skipping: false,
        };
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let cut = cutter.next().map_err(|error| Error::file(path, &error))?;
            let Some((bytes, too_long)) = cut else { break };
            let piece = Piece {
                file,
                bytes,
                too_long,
            };
            let sent = turn.next().map(|thread| thread.send(piece));
            // The fold has failed, and says why itself.
            if !matches!(sent, Some(Ok(()))) {
                return Ok(());
            }
        }
    }
    Ok(())
}

struct Cutter<R> {
    from: R,
    held: Vec<u8>,
    skipping: bool,
}

impl<R: Read> Cutter<R> {
    /// The next piece, and whether it stands for a line that is too long.
    fn next(&mut self) -> std::io::Result<Option<(Vec<u8>, bool)>> {
        loop {
            let before = self.held.len();
            let got = (&mut self.from)
                .take(PIECE as u64)
                .read_to_end(&mut self.held)?;
            let ended = got == 0;
            let cut = match memchr_last(&self.held[before..]) {
                Some(at) => Some(before + at + 1),
                None => ended.then_some(self.held.len()),
            };
            if self.skipping {
                let Some(cut) = self.held.iter().position(|byte| *byte == b'\n') else {
                    self.held.clear();
                    if ended {
                        return Ok(None);
                    }
                    continue;
                };
                self.held.drain(..=cut);
                self.skipping = false;
                continue;
            }
            if let Some(cut) = cut {
                // Room for the next piece at once: growing by and by costs more than reading.
                let mut rest = Vec::with_capacity(PIECE + PIECE / 4);
                rest.extend_from_slice(&self.held[cut..]);
                self.held.truncate(cut);
                let piece = std::mem::replace(&mut self.held, rest);
                return Ok((!piece.is_empty()).then_some((piece, false)));
            }
            if self.held.len() > (LONGEST_MIB as usize) << 20 {
                self.held = Vec::new();
                self.skipping = true;
                return Ok(Some((Vec::new(), true)));
            }
        }
    }
}

fn memchr_last(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8]) -> Vec<(usize, bool)> {
        let mut cutter = Cutter {
            from: bytes,
            held: Vec::new(),
            skipping: false,
        };
        let mut out = Vec::new();
        while let Some((piece, too_long)) = cutter.next().unwrap() {
            out.push((piece.len(), too_long));
        }
        out
    }

    #[test]
    fn pieces_end_with_lines() {
        assert_eq!(pieces(b""), []);
        assert_eq!(pieces(b"a\nb"), [(2, false), (1, false)]);
        let long = [vec![b'x'; PIECE + 5], b"\ny\n".to_vec()].concat();
        assert_eq!(pieces(&long), [(PIECE + 8, false)]);
    }

    #[test]
    fn a_line_without_end_is_dropped_and_told() {
        let most = (LONGEST_MIB as usize) << 20;
        let long = [&b"a\n"[..], &vec![b'x'; most + 2 * PIECE], b"\nb\n"].concat();
        let found = pieces(&long);
        assert!(found.contains(&(0, true)), "{found:?}");
        assert_eq!(found.first(), Some(&(2, false)));
        assert_eq!(found.last(), Some(&(2, false)));
    }
}
