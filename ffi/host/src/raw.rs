//! Every entry of the header as one thing: called with whatever fits the types, right or wrong, and held to what is promised of
//! every call. For tests that ask the same of all entries, and for those that ask anything of any.

use core::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

use doorward_ffi::dw_status::{self, DW_OK};
use doorward_ffi::{dw_error, dw_id};

use crate::called::{Refused, refused};
use crate::given::Given;

mod arg;
mod header;
mod lend;
mod outcome;
mod reply;
mod secret;
mod table;

pub use arg::{Arg, Bytes, ChangeArg, Does, Field, MOST, Many, Options, RowArg};
pub use header::{FieldKind, HEADER, Layout, Slot, SlotKind, layout};
pub use lend::Value;
pub use outcome::{Outcome, Told};
pub use reply::{reply, under};
pub use secret::{forget_secrets, keep_secret, secret_in};

use lend::{Lent, Word};
use table::Function;

/// A function of the header.
#[derive(Debug)]
pub struct Entry {
    /// What it is given, in order.
    pub slots: Vec<Slot>,
    function: Function,
}

/// What a call came to.
#[derive(Debug)]
pub struct Answer {
    /// What it returned.
    pub value: Value,
    /// The handle that it gave.
    pub handle: Option<usize>,
    /// The result that it gave; `None` as well where it gave NULL.
    pub outcome: Option<Outcome>,
    /// The plain value that it gave.
    pub plain: Option<Given>,
    /// Why it was not done as asked; and the error itself, which `dw_error_free` takes.
    pub refused: Option<(Refused, Outcome)>,
}

impl Answer {
    /// The status, of a function that has one.
    pub fn status(&self) -> Option<dw_status> {
        if let Value::Status(status) = self.value { Some(status) } else { None }
    }
}

/// All functions of the header. A function that is not in the table of this crate stops the test.
pub fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let mut known = table::functions();
        let declared = header::functions();
        assert!(declared.len() > 100, "the header was not understood: {declared:?}");
        let entries = declared.into_iter().map(|(name, slots)| {
            let at = known.iter().position(|function| function.name == name);
            let at = at.unwrap_or_else(|| panic_about(name, "is in the header, and not in raw/table.rs"));
            Entry { slots, function: known.swap_remove(at) }
        });
        let entries = entries.collect();
        if let Some(function) = known.first() {
            panic_about(function.name, "is in raw/table.rs, and not in the header");
        }
        entries
    })
}

#[allow(clippy::panic, reason = "it fails as a test does")]
fn panic_about(name: &str, what: &str) -> ! {
    panic!("{name} {what}")
}

/// The function of this name.
pub fn entry(name: &str) -> &'static Entry {
    let found = entries().iter().find(|entry| entry.name() == name);
    found.unwrap_or_else(|| panic_about(name, "is not in the header"))
}

/// What stands at an output before the call.
const UNTOUCHED: usize = 0x5555_5555_5555_5555;

impl Entry {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.function.name
    }

    /// Calls it with an argument for each slot. What is promised of every call is looked at: an output is written on `DW_OK` and
    /// only then, an error only else; it has the call's status, and a sentence.
    pub fn call(&self, args: Vec<Arg>) -> Answer {
        assert_eq!(args.len(), self.slots.len(), "{} takes {:?}", self.name(), self.slots);
        let (mut lent, mut words) = (Lent::default(), Vec::new());
        let mut places = Places::default();
        let frees = self.name().ends_with("_free");
        for (slot, arg) in self.slots.iter().zip(args) {
            let place = match (slot.kind, arg) {
                (SlotKind::Error, Arg::Place(true)) => (&raw mut places.error).cast::<c_void>(),
                (SlotKind::Out(kind), Arg::Place(true)) => {
                    places.kind = kind;
                    (&raw mut places.out).cast()
                }
                (SlotKind::PlainOut(kind), Arg::Place(true)) => {
                    places.kind = kind;
                    places.plain.as_mut_ptr().cast()
                }
                (SlotKind::Room, Arg::Place(true)) => places.room.as_mut_ptr().cast(),
                (_, Arg::Place(false)) => ptr::null_mut(),
                (kind, arg) => {
                    lent.words(kind, arg, frees, &mut words);
                    continue;
                }
            };
            words.push(Word::Pointer(place));
        }
        // SAFETY: each pointer is NULL or has as much behind it as its length says, unless that is more than the library takes;
        // results come to be freed once, and places are as large as their types.
        let value = unsafe { (self.function.call)(&words) };
        drop(lent);
        places.answer(self.name(), value)
    }
}

/// Where outputs go.
struct Places {
    kind: &'static str,
    out: *mut c_void,
    /// An id, a `size_t` or a `bool`.
    plain: [u8; 16],
    room: [u8; 34],
    error: *mut dw_error,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            kind: "",
            out: ptr::without_provenance_mut(UNTOUCHED),
            plain: [0x55; 16],
            room: [0x55; 34],
            error: ptr::without_provenance_mut(UNTOUCHED),
        }
    }
}

impl Places {
    fn answer(self, name: &str, value: Value) -> Answer {
        let is_done = !matches!(value, Value::Status(status) if status != DW_OK);
        let is_written = self.out.addr() != UNTOUCHED;
        let is_plain = matches!(self.kind, "dw_id" | "size_t" | "bool");
        if !is_done {
            assert!(!is_written, "{name} has written an output beside {value:?}");
            assert_eq!(self.plain, [0x55; 16], "{name} has written a value beside {value:?}");
        } else if !self.kind.is_empty() && !is_plain {
            assert!(is_written, "{name} has written no output beside {value:?}");
        }
        let [.., after] = self.room;
        assert_eq!(after, 0x55, "{name} has written more than an id's text");
        let mut answer = Answer { value, handle: None, outcome: None, plain: None, refused: None };
        if self.error.addr() != UNTOUCHED {
            answer.refused = Some(told(name, &answer.value, self.error));
        }
        if !is_done || self.kind.is_empty() {
            return answer;
        }
        let [first, ..] = self.plain;
        match self.kind {
            "dw_id" => answer.plain = Some(Given::Account(self.plain)),
            "bool" => answer.plain = Some(Given::Revoked(first != 0)),
            "size_t" => {
                let (number, _) = self.plain.split_at(8);
                let number = number.try_into().map(usize::from_ne_bytes).unwrap_or_default();
                answer.plain = Some(Given::Purged(number));
            }
            "dw_config" | "dw_engine" | "dw_context" | "dw_op" => answer.handle = Some(self.out.addr()),
            kind if !self.out.is_null() => answer.outcome = Some(Outcome { kind, raw: self.out }),
            _ => {}
        }
        answer
    }
}

/// What an error says, which is held to what is promised of errors.
fn told(name: &str, value: &Value, error: *mut dw_error) -> (Refused, Outcome) {
    assert!(!error.is_null(), "{name} has written NULL for an error");
    // SAFETY: the call has given it, and nobody has freed it.
    let refused = unsafe { refused(&*error) };
    assert_eq!(*value, Value::Status(refused.status), "{name}: the error has another status than its call");
    assert_ne!(refused.status, DW_OK, "{name} has written an error beside DW_OK");
    secret::assert_none(name, &format!("{refused:?}"));
    let message = &refused.message;
    let is_sentence = message.len() > 10 && message.contains(' ') && !message.ends_with(['.', '!']);
    assert!(is_sentence, "{name} says {message:?}");
    let begins_low = !message.chars().next().is_some_and(char::is_uppercase);
    assert!(begins_low, "{name} says {message:?}");
    (refused, Outcome { kind: "dw_error", raw: error.cast() })
}

/// The size of a plain value is that of its room at most.
const _: () = assert!(size_of::<dw_id>() <= 16 && size_of::<usize>() <= 16);
