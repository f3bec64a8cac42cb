//! Arguments as the words that a call is made of, and the memory that they point to.

use core::ffi::{c_char, c_int, c_void};
use std::any::Any;
use std::ptr;

use doorward_ffi::{dw_change, dw_id, dw_key, dw_row, dw_stamp, dw_text};

use super::arg::{Arg, Bytes, ChangeArg, Does, Field, MOST, Many, Options, RowArg};
use super::header::{FieldKind, SlotKind, layout};

/// One word of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Word {
    Number(u64),
    Pointer(*mut c_void),
    Id(dw_id),
    Entropy(doorward_ffi::dw_entropy),
    Progress(doorward_ffi::dw_progress),
}

/// The memory that words point to, each piece by itself, so that a tool sees when one byte too many is read.
#[derive(Default)]
pub(crate) struct Lent {
    pieces: Vec<Box<dyn Any>>,
}

impl Lent {
    fn keep<T: 'static>(&mut self, things: Vec<T>) -> *const T {
        let things = things.into_boxed_slice();
        let first = things.as_ptr();
        self.pieces.push(Box::new(things));
        first
    }

    fn bytes(&mut self, bytes: Bytes) -> dw_text {
        match bytes {
            Bytes::Given(bytes) => {
                let len = bytes.len();
                dw_text { ptr: self.keep(bytes).cast(), len }
            }
            Bytes::Null(len) => dw_text { ptr: ptr::null(), len },
            Bytes::Long(len) => {
                assert!(len > MOST, "a length that is not more than {MOST} must be true");
                dw_text { ptr: self.keep(b"long".to_vec()).cast(), len }
            }
        }
    }

    fn many<T, C: 'static>(
        &mut self,
        many: Many<T>,
        each: impl Fn(&mut Self, T) -> C,
    ) -> (*const c_void, usize) {
        match many {
            Many::Given(things) => {
                let things: Vec<C> = things.into_iter().map(|thing| each(self, thing)).collect();
                let count = things.len();
                (self.keep(things).cast(), count)
            }
            Many::Null(count) => (ptr::null(), count),
            Many::Long(count) => {
                assert!(count > MOST / size_of::<C>(), "a count that is not too much must be true");
                (self.keep(vec![0_u64]).cast(), count)
            }
            Many::Unaligned(count) => {
                let room = self.keep(vec![0_u8; (count + 1) * size_of::<C>() + 8]);
                // The first byte that is not where a `C` may begin.
                let at = usize::from(room.addr().is_multiple_of(align_of::<C>()));
                (room.wrapping_add(at).cast(), count)
            }
        }
    }

    /// Options of this type, in room for all that their `size` may say.
    fn options(&mut self, kind: &str, options: Options) -> *const c_void {
        let layout = layout(kind);
        let size = options.size.unwrap_or(layout.size + options.tail.len());
        let room = LARGEST.max(layout.size + options.tail.len()).next_multiple_of(8);
        assert!(size <= room || size > LARGEST, "a size that may be taken must be true");
        let mut memory = vec![0_u8; room];
        put(&mut memory, 0, &size.to_ne_bytes());
        put(&mut memory, layout.size, &options.tail);
        for (name, field) in options.fields {
            let found = layout.fields.iter().find(|(known, ..)| *known == name);
            let (_, field_kind, at) = *found.expect("options have a field of this name");
            let (pointer, count) = match (field_kind, field) {
                (FieldKind::Int, Field::Int(int)) => {
                    put(&mut memory, at, &int.to_ne_bytes());
                    continue;
                }
                (FieldKind::Text, Field::Text(bytes)) => {
                    let text = self.bytes(bytes);
                    (text.ptr.cast(), text.len)
                }
                (FieldKind::Texts, Field::Texts(texts)) => self.many(texts, Self::bytes),
                (FieldKind::Cookies, Field::Cookies(cookies)) => self.many(cookies, |lent, cookie| {
                    cookie.map_or(ptr::null(), |cookie| lent.options("dw_cookie", cookie))
                }),
                (kind, field) => unreachable!("`{name}` is {kind:?}, not {field:?}"),
            };
            put(&mut memory, at, &pointer.expose_provenance().to_ne_bytes());
            put(&mut memory, at + 8, &count.to_ne_bytes());
        }
        // In words, so that it is aligned as a struct is.
        let words: Vec<u64> = memory
            .chunks_exact(8)
            .map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default()))
            .collect();
        self.keep(words).cast()
    }

    fn row(&mut self, row: RowArg) -> dw_row {
        dw_row {
            key: dw_key { kind: row.kind, id: self.bytes(row.id) },
            exists: row.exists,
            stamp: dw_stamp { bytes: row.stamp },
            epoch: row.epoch,
            has_owner: row.has_owner,
            owner: dw_id { bytes: row.owner },
            has_expires: row.has_expires,
            expires: row.expires,
            record: self.bytes(row.record),
        }
    }

    /// The words of a slot that is no place, of a function that frees its result or does not.
    pub(crate) fn words(&mut self, kind: SlotKind, arg: Arg, frees: bool, words: &mut Vec<Word>) {
        let two = |(pointer, count): (*const c_void, usize)| {
            [Word::Pointer(pointer.cast_mut()), Word::Number(count as u64)]
        };
        match (kind, arg) {
            (SlotKind::Handle(_), Arg::Handle(handle)) => {
                words.push(Word::Pointer(ptr::without_provenance_mut(handle)));
            }
            (SlotKind::Text | SlotKind::Data, Arg::Bytes(bytes)) => {
                let text = self.bytes(bytes);
                words.extend(two((text.ptr.cast(), text.len)));
            }
            (_, Arg::Int(number)) if !kind.is_pointer() => words.push(Word::Number(number)),
            (SlotKind::Id, Arg::Id(bytes)) => words.push(Word::Id(dw_id { bytes })),
            (SlotKind::Callback("dw_entropy"), Arg::Callback(does)) => {
                let function: doorward_ffi::dw_entropy = match does {
                    None => None,
                    Some(Does::Works) => Some(entropy),
                    Some(Does::Fails) => Some(no_entropy),
                };
                words.extend([Word::Entropy(function), Word::Pointer(ptr::null_mut())]);
            }
            (SlotKind::Callback(_), Arg::Callback(does)) => {
                let function: doorward_ffi::dw_progress = match does {
                    None => None,
                    Some(Does::Works) => Some(goes_on),
                    Some(Does::Fails) => Some(stops),
                };
                words.extend([Word::Progress(function), Word::Pointer(ptr::null_mut())]);
            }
            (SlotKind::Options(_), Arg::Options(None)) | (SlotKind::Result(_), Arg::Result(None)) => {
                words.push(Word::Pointer(ptr::null_mut()));
            }
            (SlotKind::Options(kind), Arg::Options(Some(options))) => {
                words.push(Word::Pointer(self.options(kind, options).cast_mut()));
            }
            (SlotKind::Texts, Arg::Texts(texts)) => words.extend(two(self.many(texts, Self::bytes))),
            (SlotKind::Rows, Arg::Rows(rows)) => words.extend(two(self.many(rows, Self::row))),
            (SlotKind::Changes, Arg::Changes(entries)) => {
                words.extend(two(self.many(entries, |_, entry| change(&entry))));
            }
            (SlotKind::Result(kind), Arg::Result(Some(outcome))) => {
                assert_eq!(kind, outcome.kind(), "a result goes to its own function");
                words.push(Word::Pointer(outcome.raw));
                if frees {
                    outcome.into_raw();
                } else {
                    self.pieces.push(Box::new(outcome));
                }
            }
            (kind, arg) => unreachable!("{arg:?} is nothing for {kind:?}"),
        }
    }
}

/// The largest options that are taken.
const LARGEST: usize = 4096;

fn put(memory: &mut [u8], at: usize, bytes: &[u8]) {
    let room = memory.get_mut(at..at + bytes.len()).expect("there is room for each field");
    room.copy_from_slice(bytes);
}

fn change(entry: &ChangeArg) -> dw_change {
    dw_change {
        number: entry.number,
        kind: entry.kind,
        subject: dw_id { bytes: entry.subject },
        floor: entry.floor,
        until: entry.until,
    }
}

unsafe extern "C" fn entropy(_: *mut c_void, bytes: *mut u8, len: usize) -> c_int {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(1);
    for at in 0..len {
        let number = LAST.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [byte, ..] = (number ^ (number >> 29)).to_be_bytes();
        // SAFETY: the library gives `len` bytes to write to.
        unsafe { bytes.add(at).write(byte) };
    }
    0
}

unsafe extern "C" fn no_entropy(_: *mut c_void, _: *mut u8, _: usize) -> c_int {
    1
}

unsafe extern "C" fn goes_on(_: *mut c_void, _: u64, _: u64) -> c_int {
    0
}

unsafe extern "C" fn stops(_: *mut c_void, _: u64, _: u64) -> c_int {
    1
}

/// A parameter, out of its word.
pub(crate) trait Taken {
    fn taken(word: Option<&Word>) -> Self;
}

macro_rules! taken {
    ($($type:ty: $pattern:pat => $value:expr;)*) => {
        $(impl Taken for $type {
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "cut to its width")]
            fn taken(word: Option<&Word>) -> Self {
                match word {
                    Some($pattern) => $value,
                    other => unreachable!("{other:?} is no {}", stringify!($type)),
                }
            }
        })*
    };
}

taken! {
    u64: Word::Number(number) => *number;
    i64: Word::Number(number) => *number as i64;
    u32: Word::Number(number) => *number as u32;
    i32: Word::Number(number) => *number as i32;
    usize: Word::Number(number) => *number as usize;
    dw_id: Word::Id(id) => *id;
    doorward_ffi::dw_entropy: Word::Entropy(function) => *function;
    doorward_ffi::dw_progress: Word::Progress(function) => *function;
}

impl<T> Taken for *const T {
    fn taken(word: Option<&Word>) -> Self {
        <*mut T>::taken(word).cast_const()
    }
}

impl<T> Taken for *mut T {
    fn taken(word: Option<&Word>) -> Self {
        match word {
            Some(Word::Pointer(pointer)) => pointer.cast(),
            other => unreachable!("{other:?} is no pointer"),
        }
    }
}

/// What a function returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the type of its name")]
pub enum Value {
    Status(doorward_ffi::dw_status),
    Nothing,
    Bool(bool),
    Number(u64),
    Time(i64),
    /// A text that lives as long as the library, or NULL.
    Text(Option<String>),
}

pub(crate) trait Returned {
    fn returned(self) -> Value;
}

macro_rules! returned {
    ($($type:ty: $this:ident => $value:expr;)*) => {
        $(impl Returned for $type {
            fn returned(self) -> Value {
                let $this = self;
                $value
            }
        })*
    };
}

returned! {
    doorward_ffi::dw_status: this => Value::Status(this);
    (): _this => Value::Nothing;
    bool: this => Value::Bool(this);
    u16: this => Value::Number(this.into());
    u64: this => Value::Number(this);
    usize: this => Value::Number(this as u64);
    i64: this => Value::Time(this);
    *const c_char: this => {
        // SAFETY: NULL, or a text that lives as long as the library and ends in a zero.
        let text = (!this.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(this) });
        Value::Text(text.map(|text| text.to_string_lossy().into_owned()))
    };
}
