//! A strict reader of JSON (RFC 8259) that borrows where it can. Everything it refuses, it refuses for what it is.
//!
//! | | |
//! |---|---|
//! | names | unique in every object, compared after their escapes are read |
//! | strings | no lone surrogate, no control character |
//! | numbers | the standard's grammar; what no finite `f64` can hold is refused |
//! | nesting | 16 levels at most |
//! | around it | white space only: no byte order mark, nothing after the value |
//!
//! Not `serde_json`'s: what that makes of numbers depends on features that a host may turn on for all crates, and it
//! takes the last of two members of one name.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use zeroize::{Zeroize, Zeroizing};

/// How deep objects and arrays may stand in each other, the outermost counted.
pub(super) const MAX_DEPTH: u32 = 16;

/// The greatest number of seconds that is read: every reader of JSON holds it exactly (RFC 8259, section 6, promises that of
/// one less).
pub(super) const MAX_SECONDS: i64 = 1 << 53;

/// Whether these members nest no deeper than is read.
pub(crate) fn is_shallow(members: &Map<String, Value>) -> bool {
    fn fits(value: &Value, depth: u32) -> bool {
        match value {
            Value::Array(all) => depth < MAX_DEPTH && all.iter().all(|value| fits(value, depth + 1)),
            Value::Object(all) => depth < MAX_DEPTH && all.values().all(|value| fits(value, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    members.values().all(|value| fits(value, 1))
}

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is no JSON, or more than is read.
    Syntax,
    /// Two members of one object have one name.
    Duplicate,
    /// It is JSON so far, but of another type than what is asked for.
    Type,
}

/// Where the reading stands.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

/// Reads a text that is one object: `each` is handed the name of each member, and must read its value.
pub(super) fn object<'a, E: From<JsonError>>(
    text: &'a str,
    each: impl FnMut(Cow<'a, str>, &mut Reader<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = Reader::new(text);
    reader.members(each)?;
    Ok(reader.end()?)
}

impl<'a> Reader<'a> {
    /// At the first value of this text.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut reader = Reader { text, at: 0, depth: 0 };
        reader.white();
        reader
    }

    /// That nothing comes any more.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        self.white();
        if self.at == self.text.len() { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// What `read` reads here; if it cannot, nothing was read.
    pub(crate) fn attempt<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        let (at, depth) = (self.at, self.depth);
        let read = read(self);
        if read.is_err() {
            (self.at, self.depth) = (at, depth);
        }
        read
    }

    /// In which line and at which of its bytes the reading stands, both counted from 1.
    pub(crate) fn line_and_column(&self) -> (usize, usize) {
        let read = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let mut lines = read.split(|byte| *byte == b'\n');
        (lines.clone().count(), lines.next_back().map_or(1, |line| line.len() + 1))
    }

    /// A string.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect_kind(b'"')?;
        self.quoted()
    }

    /// A string, or an array of strings.
    pub(super) fn string_or_strings(&mut self) -> Result<Vec<String>, JsonError> {
        if self.peek() == Some(b'"') {
            return Ok(Vec::from([self.quoted()?.into_owned()]));
        }
        self.strings()
    }

    /// An array of strings.
    pub(crate) fn strings(&mut self) -> Result<Vec<String>, JsonError> {
        self.expect_kind(b'[')?;
        let mut strings = Vec::new();
        self.elements(|reader| {
            strings.push(reader.string()?.into_owned());
            Ok(())
        })?;
        Ok(strings)
    }

    /// A moment in whole seconds since 1970, not before it and 2^53 at most.
    pub(super) fn seconds(&mut self) -> Result<i64, JsonError> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.other_kind());
        }
        let number = self.number()?;
        let seconds = number.as_i64().ok_or(JsonError::Type)?;
        if (0..=MAX_SECONDS).contains(&seconds) { Ok(seconds) } else { Err(JsonError::Type) }
    }

    /// Any value.
    pub(crate) fn value(&mut self) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.quoted()?.into_owned())),
            Some(b'{') => {
                let mut map = Map::new();
                let read = self.members(|name, reader| reader.member_of(&mut map, name));
                whole(Value::Object(map), read)
            }
            Some(b'[') => {
                let mut values = Vec::new();
                let read = self.elements(|reader| {
                    values.push(reader.value()?);
                    Ok(())
                });
                whole(Value::Array(values), read)
            }
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            Some(_) => self.number().map(Value::Number),
            None => Err(JsonError::Syntax),
        }
    }

    /// Reads a member's value into a map that has none of this name yet.
    pub(crate) fn member_of(
        &mut self,
        map: &mut Map<String, Value>,
        name: Cow<'a, str>,
    ) -> Result<(), JsonError> {
        match map.entry(name.into_owned()) {
            Entry::Occupied(_) => Err(JsonError::Duplicate),
            Entry::Vacant(free) => {
                free.insert(self.value()?);
                Ok(())
            }
        }
    }

    /// An object: `each` is handed the name of each member, and must read its value.
    pub(crate) fn members<E: From<JsonError>>(
        &mut self,
        mut each: impl FnMut(Cow<'a, str>, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{')?;
        if !self.take(b'}') {
            loop {
                let name = if self.peek() == Some(b'"') {
                    self.quoted()?
                } else {
                    return Err(JsonError::Syntax.into());
                };
                self.white();
                self.need(b':')?;
                self.white();
                each(name, self)?;
                self.white();
                if self.take(b'}') {
                    break;
                }
                self.need(b',')?;
                self.white();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// An array: `each` must read one element.
    pub(crate) fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.open(b'[')?;
        if !self.take(b']') {
            loop {
                each(self)?;
                self.white();
                if self.take(b']') {
                    break;
                }
                self.need(b',')?;
                self.white();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), JsonError> {
        self.need(bracket)?;
        self.depth += 1;
        self.white();
        if self.depth <= MAX_DEPTH { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// The string that begins here.
    fn quoted(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.need(b'"')?;
        let plain = self.plain()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        // Room for all of it at once: a text that grew would leave copies of a secret behind. An escape is longer
        // than what it stands for.
        let mut escaped = false;
        let ends = |byte: u8| {
            let quote = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            quote
        };
        let length = self.rest().bytes().position(ends).ok_or(JsonError::Syntax)?;
        let mut text = Zeroizing::new(String::with_capacity(plain.len() + length));
        text.push_str(plain);
        while !self.take(b'"') {
            self.need(b'\\')?;
            text.push(self.escape()?);
            text.push_str(self.plain()?);
        }
        Ok(Cow::Owned(mem::take(&mut *text)))
    }

    /// The characters up to the next quote or backslash.
    fn plain(&mut self) -> Result<&'a str, JsonError> {
        let rest = self.rest();
        let end = rest
            .bytes()
            .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20)
            .ok_or(JsonError::Syntax)?;
        self.at += end;
        rest.get(..end).ok_or(JsonError::Syntax)
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => match self.unit()? {
                high @ 0xD800..=0xDBFF => {
                    self.need(b'\\')?;
                    self.need(b'u')?;
                    char::decode_utf16([high, self.unit()?])
                        .next()
                        .and_then(Result::ok)
                        .ok_or(JsonError::Syntax)?
                }
                unit => char::from_u32(unit.into()).ok_or(JsonError::Syntax)?,
            },
            _ => return Err(JsonError::Syntax),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(JsonError::Syntax)?;
            unit = unit << 4 | digit;
        }
        u16::try_from(unit).map_err(|_| JsonError::Syntax)
    }

    /// A number.
    pub(crate) fn number(&mut self) -> Result<Number, JsonError> {
        let begin = self.at;
        let negative = self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut whole = true;
        if self.take(b'.') {
            whole = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            whole = false;
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let text = self.text.get(begin..self.at).ok_or(JsonError::Syntax)?;
        if whole && text != "-0" {
            if negative {
                if let Ok(number) = text.parse::<i64>() {
                    return Ok(number.into());
                }
            } else if let Ok(number) = text.parse::<u64>() {
                return Ok(number.into());
            }
        }
        text.parse().ok().and_then(Number::from_f64).ok_or(JsonError::Syntax)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count > 0 { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// That a value of this kind begins here; told apart from what begins no value at all.
    pub(crate) fn expect_kind(&mut self, first: u8) -> Result<(), JsonError> {
        if self.peek() == Some(first) { Ok(()) } else { Err(self.other_kind()) }
    }

    fn other_kind(&mut self) -> JsonError {
        self.value().err().unwrap_or(JsonError::Type)
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The byte that comes next.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, JsonError> {
        let byte = self.peek().ok_or(JsonError::Syntax)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(JsonError::Syntax) }
    }
}

/// The value, if it was read to its end. Else what there is of it is wiped: it may be part of a secret.
fn whole(mut value: Value, read: Result<(), JsonError>) -> Result<Value, JsonError> {
    match read {
        Ok(()) => Ok(value),
        Err(error) => {
            wipe(&mut value);
            Err(error)
        }
    }
}

/// Wipes every text in a value: one may be a secret.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
