//! Results as a host holds them: read as often as it likes, freed once.

use core::ffi::c_void;
use std::fmt;
use std::ptr;

use doorward_ffi as ffi;
use doorward_ffi::{dw_event, dw_need, dw_remembered, dw_strings};

use crate::event::{Event, event_of};
use crate::given::{Given, Owned, text};
use crate::op::{Need, copy};

use super::secret::assert_none;

/// A result of the library, of this type. It is freed by its own function when it goes.
pub struct Outcome {
    pub(crate) kind: &'static str,
    pub(crate) raw: *mut c_void,
}

// SAFETY: a result may be handed from thread to thread, as the conventions say.
unsafe impl Send for Outcome {}

/// What a result says.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each is the type of its name")]
pub enum Told {
    Given(Given),
    Need(u64, Need),
    Event(Event),
    Strings(Vec<String>),
    Remembered { hits: u64, misses: u64, tokens: usize },
}

/// `$type => what it says`, and its function.
macro_rules! kinds {
    ($($type:ident $free:ident),*) => {
        impl Outcome {
            /// What it says, every field of it.
            pub fn read(&self) -> Told {
                // SAFETY: it is a result of this type that is not freed.
                unsafe {
                    match self.kind {
                        $(stringify!($type) => Told::Given((*self.raw.cast::<ffi::$type>()).read()),)*
                        "dw_need" => {
                            let need = &*self.raw.cast::<dw_need>();
                            Told::Need(need.ticket, copy(need))
                        }
                        "dw_event" => {
                            let event = event_of(&*self.raw.cast::<dw_event>());
                            assert_none("an event", &format!("{event:?}"));
                            Told::Event(event)
                        }
                        "dw_strings" => {
                            let strings = &*self.raw.cast::<dw_strings>();
                            let one = |at| text(*strings.items.add(at)).expect("no string is NULL");
                            Told::Strings((0..strings.count).map(one).collect())
                        }
                        "dw_remembered" => {
                            let count = &*self.raw.cast::<dw_remembered>();
                            Told::Remembered { hits: count.hits, misses: count.misses, tokens: count.tokens }
                        }
                        other => unreachable!("there is no result {other}"),
                    }
                }
            }

            /// What its struct prints.
            pub fn printed(&self) -> String {
                // SAFETY: it is a result of this type that is not freed.
                unsafe {
                    match self.kind {
                        $(stringify!($type) => format!("{:?}", &*self.raw.cast::<ffi::$type>()),)*
                        "dw_need" => format!("{:?}", &*self.raw.cast::<dw_need>()),
                        "dw_event" => format!("{:?}", &*self.raw.cast::<dw_event>()),
                        "dw_strings" => format!("{:?}", &*self.raw.cast::<dw_strings>()),
                        "dw_remembered" => format!("{:?}", &*self.raw.cast::<dw_remembered>()),
                        "dw_error" => format!("{:?}", &*self.raw.cast::<ffi::dw_error>()),
                        other => unreachable!("there is no result {other}"),
                    }
                }
            }

            fn free(&mut self) {
                let raw = std::mem::replace(&mut self.raw, ptr::null_mut());
                // SAFETY: it is a result of this type that is not freed, and not read again.
                unsafe {
                    match self.kind {
                        $(stringify!($type) => ffi::$free(raw.cast()),)*
                        "dw_need" => ffi::dw_need_free(raw.cast()),
                        "dw_event" => ffi::dw_event_free(raw.cast()),
                        "dw_strings" => ffi::dw_strings_free(raw.cast()),
                        "dw_remembered" => ffi::dw_remembered_free(raw.cast()),
                        "dw_error" => ffi::dw_error_free(raw.cast()),
                        other => unreachable!("there is no result {other}"),
                    }
                }
            }
        }
    };
}

kinds! {
    dw_session dw_session_free,
    dw_session_list dw_session_list_free,
    dw_login_result dw_login_result_free,
    dw_renewed dw_renewed_free,
    dw_ended_everywhere dw_ended_everywhere_free,
    dw_receipt dw_receipt_free,
    dw_data dw_data_free,
    dw_tokens dw_tokens_free,
    dw_access dw_access_free,
    dw_string dw_string_free,
    dw_jwks_result dw_jwks_result_free,
    dw_rotated dw_rotated_free,
    dw_maintained dw_maintained_free
}

impl Outcome {
    /// Which result it is: `dw_session` and so on.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// For the function that frees it.
    pub(crate) fn into_raw(mut self) -> *mut c_void {
        std::mem::replace(&mut self.raw, ptr::null_mut())
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.free();
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").field("kind", &self.kind).finish_non_exhaustive()
    }
}
