//! One pass over a JSON text: its grammar, its depth, its keys, and where each value lies.
//! It accepts what every JSON reader reads alike and nothing else, and builds no tree.

use std::borrow::Cow;

use smallvec::SmallVec;

mod scalar;
mod write;

pub(crate) use self::write::{bytes, compact, event, write_event};

/// Objects and arrays inside each other, the outermost counted as 1.
pub(crate) const MAX_DEPTH: u32 = 64;
/// Up to here a new key is compared with those before it; larger objects are sorted at their end.
const FEW_KEYS: usize = 16;

/// Bytes from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What kind of value lies somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Null,
    Bool(bool),
    /// `integer`: neither sign, fraction nor exponent.
    Number {
        integer: bool,
    },
    String {
        escaped: bool,
    },
    /// `items`: the kind of all its items, `None` if they differ or there are none.
    Array {
        len: u64,
        items: Option<Kind>,
    },
    Object,
}

/// A shape without its particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Shape {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number { .. } => Kind::Number,
            Self::String { .. } => Kind::String,
            Self::Array { .. } => Kind::Array,
            Self::Object => Kind::Object,
        }
    }
}

/// A value's place and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) span: Span,
    pub(crate) shape: Shape,
}

/// One member of an object: from its key's first quote to its value's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key_start: usize,
    pub(crate) value: Value,
}

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON at this byte.
    Syntax { at: usize, what: &'static str },
    /// More than `MAX_DEPTH` levels.
    TooDeep { at: usize },
    /// An object has this key twice.
    DuplicateKey(Box<str>),
}

type Scan<T> = Result<T, Fault>;

/// Reads the text as one object and hands over each of its own members.
pub(crate) fn object(text: &str, each: impl FnMut(&str, Member)) -> Scan<()> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        pos: 0,
        keys: SmallVec::new(),
    };
    scanner.space();
    scanner.expect(b'{', "the body must be a JSON object")?;
    scanner.members(1, each)?;
    scanner.space();
    if scanner.pos < scanner.bytes.len() {
        return Err(scanner.fault("something follows the end of the object"));
    }
    Ok(())
}

/// The text of a string value (its span has the quotes).
pub(crate) fn string(text: &str, value: Value) -> Option<Cow<'_, str>> {
    let Shape::String { escaped } = value.shape else {
        return None;
    };
    let quoted = text.get(value.span.start..value.span.end)?;
    if escaped {
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    } else {
        quoted.get(1..quoted.len() - 1).map(Cow::Borrowed)
    }
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    /// The keys of every open object, the innermost last.
    keys: SmallVec<[Cow<'a, str>; 24]>,
}

impl Scanner<'_> {
    fn fault(&self, what: &'static str) -> Fault {
        Fault::Syntax { at: self.pos, what }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.pos += 1;
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8, what: &'static str) -> Scan<()> {
        if self.peek() == Some(byte) {
            self.pos += 1;
            Ok(())
        } else {
            Err(self.fault(what))
        }
    }

    /// Members and the closing brace; the opening one is read.
    fn members(&mut self, depth: u32, mut each: impl FnMut(&str, Member)) -> Scan<()> {
        let base = self.keys.len();
        self.space();
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(());
        }
        loop {
            let key_start = self.pos;
            self.expect(b'"', "a key in quotes is missing")?;
            let escaped = self.string()?;
            self.remember(base, key_start, escaped)?;
            self.space();
            self.expect(b':', "a colon is missing after a key")?;
            self.space();
            let value = self.value(depth)?;
            let key = self.keys.last().map_or("", |key| key.as_ref());
            each(key, Member { key_start, value });
            self.space();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => break,
                _ => return Err(self.fault("a comma or a closing brace is missing")),
            }
            self.space();
        }
        self.pos += 1;
        self.forget(base)
    }

    /// Notes the key whose closing quote was just read.
    #[inline]
    fn remember(&mut self, base: usize, key_start: usize, escaped: bool) -> Scan<()> {
        let value = Value {
            span: Span {
                start: key_start,
                end: self.pos,
            },
            shape: Shape::String { escaped },
        };
        let key = string(self.text, value).ok_or_else(|| self.fault("a key can't be read"))?;
        let before = &self.keys[base..];
        if before.len() < FEW_KEYS && before.contains(&key) {
            return Err(Fault::DuplicateKey(key.into()));
        }
        self.keys.push(key);
        Ok(())
    }

    /// Drops the keys of the object that ends; those of a large one are compared here. Sorting
    /// needs no hash, so that no choice of keys makes it slow.
    #[inline]
    fn forget(&mut self, base: usize) -> Scan<()> {
        let keys = &mut self.keys[base..];
        if keys.len() > FEW_KEYS {
            keys.sort_unstable();
            if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Fault::DuplicateKey(pair[0].as_ref().into()));
            }
        }
        self.keys.truncate(base);
        Ok(())
    }

    fn value(&mut self, depth: u32) -> Scan<Value> {
        let start = self.pos;
        let shape = match self.peek() {
            Some(b'"') => {
                self.pos += 1;
                let escaped = self.string()?;
                Shape::String { escaped }
            }
            Some(b'{') => {
                let depth = self.deeper(depth)?;
                self.members(depth, |_, _| ())?;
                Shape::Object
            }
            Some(b'[') => {
                let depth = self.deeper(depth)?;
                self.array(depth)?
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Shape::Bool(true))?,
            Some(b'f') => self.word(b"false", Shape::Bool(false))?,
            Some(b'n') => self.word(b"null", Shape::Null)?,
            _ => return Err(self.fault("a value is missing")),
        };
        let end = self.pos;
        Ok(Value {
            span: Span { start, end },
            shape,
        })
    }

    fn deeper(&mut self, depth: u32) -> Scan<u32> {
        if depth >= MAX_DEPTH {
            return Err(Fault::TooDeep { at: self.pos });
        }
        self.pos += 1;
        Ok(depth + 1)
    }

    fn word(&mut self, word: &'static [u8], shape: Shape) -> Scan<Shape> {
        if self.bytes[self.pos..].starts_with(word) {
            self.pos += word.len();
            Ok(shape)
        } else {
            Err(self.fault("a value is missing"))
        }
    }

    /// Items and the closing bracket; the opening one is read.
    fn array(&mut self, depth: u32) -> Scan<Shape> {
        self.space();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(Shape::Array {
                len: 0,
                items: None,
            });
        }
        let first = self.value(depth)?.shape.kind();
        let (mut len, mut alike) = (1, true);
        loop {
            self.space();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b']') => break,
                _ => return Err(self.fault("a comma or a closing bracket is missing")),
            }
            self.space();
            alike &= self.value(depth)?.shape.kind() == first;
            len += 1;
        }
        self.pos += 1;
        let items = alike.then_some(first);
        Ok(Shape::Array { len, items })
    }
}
