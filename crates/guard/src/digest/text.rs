//! From text to words: lower case, one kind of space, composed letters, without invisible signs.
//! The words are hashed as they end; the normalised text is kept for the phrases only, and
//! overwritten by the next piece.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::key::{Keys, Spelling};

/// A longer run of letters is cut into words of so many bytes.
const LONGEST: usize = 48;
/// A word's first bytes, which stand for its stem.
const STEM: usize = 6;

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Its hash.
    pub(super) exact: u64,
    /// Its hash, or one and the same for all words with digits: what fills a template's slots.
    pub(super) slot: u64,
    /// The hash of its first letters.
    pub(super) stem: u64,
    /// Its length in bytes.
    pub(super) len: u8,
}

/// What became of one piece of text.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// Lower-case words between single spaces, with the signs that phrases may have.
    pub(super) plain: Vec<u8>,
    /// Its words, in order.
    pub(super) words: Vec<Word>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    /// Letters and digits of ASCII.
    Letter,
    Sign,
    Skip,
    Wide,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Space; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Class::Letter,
            b':' | b'#' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'|' => Class::Sign,
            b'\'' | b'`' => Class::Skip,
            0x80..=0xff => Class::Wide,
            _ => Class::Space,
        };
        byte += 1;
    }
    table
}

impl Text {
    /// Adds a piece to what is there; no word spans two pieces.
    pub(super) fn read(&mut self, keys: &Keys, piece: &str) {
        let piece = composed(piece);
        let mut reader = Reader {
            keys,
            number: keys.word("#"),
            word: Spelling::new(),
            digits: false,
            text: self,
        };
        reader.space();
        reader.run(&piece);
        reader.space();
    }

    pub(super) fn clear(&mut self) {
        self.plain.clear();
        self.words.clear();
    }
}

/// The text with composed letters, so that both spellings of an accent are the same.
fn composed(piece: &str) -> Cow<'_, str> {
    if piece.is_ascii() || is_nfc_quick(piece.chars()) == IsNormalized::Yes {
        Cow::Borrowed(piece)
    } else {
        Cow::Owned(piece.nfc().collect())
    }
}

struct Reader<'r> {
    keys: &'r Keys,
    /// What stands for every word with digits.
    number: u64,
    /// The current word.
    word: Spelling,
    digits: bool,
    text: &'r mut Text,
}

impl Reader<'_> {
    fn run(&mut self, piece: &str) {
        let bytes = piece.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            at += 1;
            match CLASSES[usize::from(byte)] {
                Class::Letter => at = self.letters(bytes, at - 1),
                Class::Space => self.space(),
                Class::Sign => {
                    self.end();
                    self.text.plain.push(byte);
                }
                Class::Skip => {}
                Class::Wide => {
                    let letter = piece[at - 1..].chars().next().unwrap_or(' ');
                    at += letter.len_utf8() - 1;
                    self.wide(letter);
                }
            }
        }
    }

    /// Reads a row of ASCII letters and digits from `start`; says where it ends.
    #[inline]
    fn letters(&mut self, bytes: &[u8], start: usize) -> usize {
        self.begin();
        let (mut word, mut digits, mut at) = (self.word, self.digits, start);
        while let Some(byte) = bytes.get(at).copied() {
            if CLASSES[usize::from(byte)] != Class::Letter || word.len() >= LONGEST {
                break;
            }
            // Digits have this bit already.
            word.push(self.keys, byte | 0x20);
            digits |= byte < b'A';
            at += 1;
        }
        let before = self.text.plain.len();
        self.text.plain.extend_from_slice(&bytes[start..at]);
        self.text.plain[before..].make_ascii_lowercase();
        (self.word, self.digits) = (word, digits);
        if word.len() >= LONGEST {
            self.end();
        }
        at
    }

    #[inline]
    fn letter(&mut self, byte: u8) {
        if self.word.len() >= LONGEST {
            self.end();
        }
        self.begin();
        self.word.push(self.keys, byte);
        self.text.plain.push(byte);
    }

    /// Every word has a space before it, also behind a sign.
    #[inline]
    fn begin(&mut self) {
        let last = self.text.plain.last().copied().unwrap_or(b' ');
        if self.word.len() == 0 && CLASSES[usize::from(last)] == Class::Sign {
            self.text.plain.push(b' ');
        }
    }

    #[inline]
    fn space(&mut self) {
        self.end();
        if self.text.plain.last() != Some(&b' ') {
            self.text.plain.push(b' ');
        }
    }

    fn wide(&mut self, letter: char) {
        match letter {
            // Full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let byte = (u32::from(letter) - 0xff01 + 0x21) as u8;
                self.run(char::from(byte).encode_utf8(&mut [0; 4]));
            }
            // What is not seen: joiners, marks of direction, variants, soft hyphens; apostrophes.
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2018}'
            | '\u{2019}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' => {}
            _ if stands_alone(letter) => {
                self.end();
                self.push(letter);
                self.end();
            }
            _ if letter.is_alphanumeric()
                || unicode_normalization::char::is_combining_mark(letter) =>
            {
                self.digits |= letter.is_numeric();
                for letter in letter.to_lowercase() {
                    self.push(letter);
                }
            }
            _ => self.space(),
        }
    }

    fn push(&mut self, letter: char) {
        for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
            self.letter(byte);
        }
    }

    #[inline]
    fn end(&mut self) {
        let len = self.word.len();
        if len == 0 {
            return;
        }
        let exact = self.word.whole(self.keys);
        self.text.words.push(Word {
            exact,
            slot: if self.digits { self.number } else { exact },
            stem: if len > STEM {
                self.word.stem(self.keys)
            } else {
                exact
            },
            len: len as u8,
        });
        self.word = Spelling::new();
        self.digits = false;
    }
}

/// Letters of scripts that put no space between words, and pictures: each is a word.
fn stands_alone(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::super::key::HashKey;
    use super::*;

    fn read(piece: &str) -> Text {
        let mut text = Text::default();
        text.read(&Keys::new(&HashKey::new([1; 32])), piece);
        text
    }

    fn plain(piece: &str) -> String {
        String::from_utf8(read(piece).plain).unwrap()
    }

    #[test]
    fn spellings_of_one_text_are_one() {
        assert_eq!(plain("  Don't\n\tSTOP,  now!"), " dont stop now ");
        assert_eq!(plain("### Human: [[A]]"), " ### human: [[ a]] ");
        assert_eq!(
            read("caf\u{e9} na\u{ef}ve").words,
            read("Cafe\u{301} nai\u{308}ve").words
        );
        assert_eq!(read("ＡＢＣ１２").words, read("abc12").words);
        assert_eq!(
            read("in\u{200b}vis\u{ad}ible").words,
            read("invisible").words
        );
        assert_eq!(
            read("\u{202b}שלום עולם\u{202c}").words,
            read("שלום עולם").words
        );
        assert_eq!(read("か\u{3099}").words, read("が").words);
    }

    #[test]
    fn words_are_what_readers_call_words() {
        assert_eq!(read("").words, []);
        assert_eq!(read(" .,;- ").words, []);
        assert_eq!(read("你好吗").words.len(), 3);
        assert_eq!(read("한국어 문장").words.len(), 2);
        assert_eq!(read("🙂👍🏽").words.len(), 3);
        let numbers = read("17 3.5 gpt4 gpt");
        let slots: Vec<u64> = numbers.words.iter().map(|word| word.slot).collect();
        assert!(slots[..4].iter().all(|slot| *slot == slots[0]));
        assert_ne!(slots[4], slots[0]);
        assert_ne!(numbers.words[0].exact, numbers.words[1].exact);
        let stems = read("translate translation translated");
        assert!(
            stems
                .words
                .iter()
                .all(|word| word.stem == stems.words[0].stem)
        );
        let long = read(&"a".repeat(1000));
        assert_eq!(long.words.len(), 1000_usize.div_ceil(LONGEST));
    }
}
