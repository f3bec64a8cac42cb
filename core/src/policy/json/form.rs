//! What each kind of value is in JSON. One declaration reads and writes it, so that the two cannot disagree; and it names
//! every field of its struct, so that none is added without a key.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;

use serde_json::Value;

use super::PolicyTextError;
use crate::password::Blocklist;
use crate::token::jwt::json::{JsonError, Reader};
use crate::token::terms::Audience;

/// What has a form in JSON.
pub(super) trait Form {
    /// Takes what the text says. What an object leaves out stays as it is.
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop>;

    /// All of it.
    fn write(&self) -> Value;
}

/// What a text says whole, or not at all.
pub(super) trait Leaf: Sized {
    /// What the text says.
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop>;

    /// The same in JSON.
    fn put(&self) -> Value;
}

impl<T: Leaf> Form for T {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        *self = T::take(reader)?;
        Ok(())
    }

    fn write(&self) -> Value {
        self.put()
    }
}

/// Why the reading ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// The text is no JSON where the reader stands.
    Syntax,
    /// It is, but says what cannot be.
    Refused(PolicyTextError),
}

/// An object: `key => field` for every field of the struct. What is `besides` has no key.
macro_rules! object {
    ($type:ty { $($key:literal => $field:ident,)* } $(besides $(#[$only:meta])* $other:ident)?) => {
        impl Form for $type {
            fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
                members(reader, &[$($key),*], |key, reader| match key {
                    $($key => Some(self.$field.read(reader)),)*
                    _ => None,
                })
            }

            fn write(&self) -> Value {
                let Self { $($field,)* $($(#[$only])* $other: _)? } = self;
                Value::from_iter([$(($key, $field.write())),*])
            }
        }
    };
}

/// One of a few words: one for every variant.
macro_rules! word {
    ($type:ty, $expected:literal, { $($word:literal => $variant:path,)* }) => {
        impl Leaf for $type {
            fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
                match value(reader, $expected)?.as_str() {
                    $(Some($word) => Ok($variant),)*
                    _ => Err(refused($expected)),
                }
            }

            fn put(&self) -> Value {
                match self {
                    $($variant => $word.into(),)*
                }
            }
        }
    };
}

pub(super) use {object, word};

/// Reads an object that has these keys, each once. `each` knows them, and reads their values.
pub(super) fn members(
    reader: &mut Reader<'_>,
    keys: &'static [&'static str],
    mut each: impl FnMut(&str, &mut Reader<'_>) -> Option<Result<(), Stop>>,
) -> Result<(), Stop> {
    reader.expect_kind(b'{').map_err(|error| other_kind(error, "an object"))?;
    let mut seen: Vec<Cow<'_, str>> = Vec::new();
    reader.members(|key, reader| {
        if seen.contains(&key) {
            return Err(Stop::Refused(PolicyTextError::Duplicate { key: key.into_owned() }));
        }
        match each(&key, reader) {
            Some(read) => read.map_err(|stop| stop.within(&key))?,
            None => return Err(Stop::Refused(PolicyTextError::Unknown { key: bounded(&key), keys })),
        }
        seen.push(key);
        Ok(())
    })
}

/// Any value: where it is not even JSON, that is said; else the caller looks at it.
pub(super) fn value(reader: &mut Reader<'_>, expected: &'static str) -> Result<Value, Stop> {
    reader.value().map_err(|error| other_kind(error, expected))
}

/// The value here must be this, and is not.
pub(super) fn refused(expected: &'static str) -> Stop {
    Stop::Refused(PolicyTextError::Value { key: String::new(), expected })
}

fn other_kind(error: JsonError, expected: &'static str) -> Stop {
    match error {
        JsonError::Syntax => Stop::Syntax,
        // Only what is of another kind has members of its own here.
        JsonError::Type | JsonError::Duplicate => refused(expected),
    }
}

/// What somebody wrote in the place of a key: one line, and not all of it.
fn bounded(key: &str) -> String {
    let mut text: String = key.chars().take(MOST_SHOWN).flat_map(char::escape_debug).collect();
    if key.chars().nth(MOST_SHOWN).is_some() {
        text.push('…');
    }
    text
}

/// The most characters of an unknown key that an error repeats.
const MOST_SHOWN: usize = 40;

impl Stop {
    /// The same, seen from the object that has it under this key.
    pub(super) fn within(self, outer: &str) -> Self {
        match self {
            Self::Syntax => Self::Syntax,
            Self::Refused(error) => Self::Refused(error.within(outer)),
        }
    }
}

impl From<JsonError> for Stop {
    /// Of an object whose members are read one by one: nothing else goes wrong between them.
    fn from(_: JsonError) -> Self {
        Self::Syntax
    }
}

/// The greatest number up to which every reader of JSON holds each exactly (RFC 8259, section 6).
const MOST: u64 = (1 << 53) - 1;

impl Leaf for Duration {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let expected = "a whole number of milliseconds from 0 to 9007199254740991";
        let millis = value(reader, expected)?.as_u64().filter(|millis| *millis <= MOST);
        millis.map(Self::from_millis).ok_or_else(|| refused(expected))
    }

    /// What is less than a millisecond becomes one: no wait becomes none.
    fn put(&self) -> Value {
        let least = u64::from(!self.is_zero());
        u64::try_from(self.as_millis()).unwrap_or(MOST).clamp(least, MOST).into()
    }
}

impl Leaf for u32 {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let expected = "a whole number from 0 to 4294967295";
        let number = value(reader, expected)?.as_u64();
        number.and_then(|number| number.try_into().ok()).ok_or_else(|| refused(expected))
    }

    fn put(&self) -> Value {
        (*self).into()
    }
}

impl Leaf for NonZeroU32 {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let expected = "a whole number from 1 to 4294967295";
        let number = value(reader, expected)?.as_u64().and_then(|number| u32::try_from(number).ok());
        number.and_then(Self::new).ok_or_else(|| refused(expected))
    }

    fn put(&self) -> Value {
        self.get().into()
    }
}

impl Leaf for usize {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let expected = "a whole number from 0 to 9007199254740991 that this machine can count to";
        let number = value(reader, expected)?.as_u64().filter(|number| *number <= MOST);
        number.and_then(|number| number.try_into().ok()).ok_or_else(|| refused(expected))
    }

    fn put(&self) -> Value {
        u64::try_from(*self).unwrap_or(MOST).min(MOST).into()
    }
}

impl Leaf for bool {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let expected = "true or false";
        value(reader, expected)?.as_bool().ok_or_else(|| refused(expected))
    }

    fn put(&self) -> Value {
        (*self).into()
    }
}

impl Leaf for Vec<String> {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        reader.strings().map_err(|error| other_kind(error, "an array of strings"))
    }

    fn put(&self) -> Value {
        self.clone().into()
    }
}

impl Leaf for Blocklist {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        Vec::<String>::take(reader).map(Self::new)
    }

    fn put(&self) -> Value {
        self.entries().collect()
    }
}

impl Leaf for Audience {
    fn take(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let expected = "a string";
        let text = value(reader, expected)?;
        Self::parse(text.as_str().ok_or_else(|| refused(expected))?)
            .map_err(|source| Stop::Refused(PolicyTextError::Audience { key: String::new(), source }))
    }

    fn put(&self) -> Value {
        self.as_str().into()
    }
}
