//! What the library gives: structs that C reads, in memory that the library owns and wipes.

use std::any::Any;
use std::ptr::NonNull;

use zeroize::Zeroizing;

use crate::failure::Called;
use crate::text::{dw_text, null};

/// A result: what C sees, and behind it the memory that its pointers go to. Results are only ever added to at their end.
#[repr(C)]
pub(crate) struct Owned<P> {
    public: P,
    texts: Texts,
}

// SAFETY: the pointers in it go to its own memory, which goes with it.
unsafe impl<P> Send for Owned<P> {}

impl<P> Owned<P> {
    #[allow(clippy::unnecessary_box_returns, reason = "C gets the box")]
    pub(crate) fn new(build: impl FnOnce(&mut Texts) -> P) -> Box<Self> {
        let mut texts = Texts::default();
        Box::new(Self { public: build(&mut texts), texts })
    }

    pub(crate) fn public(&self) -> &P {
        &self.public
    }

    /// Hands it to C, which brings it back to [`free`].
    pub(crate) fn into_raw(self: Box<Self>) -> *mut P {
        Box::into_raw(self).cast()
    }
}

/// Frees a result and wipes its texts.
///
/// # Safety
/// It is NULL, or one that [`Owned::into_raw`] gave as a `P`, and was not freed.
pub(crate) unsafe fn free<P>(given: *mut P) {
    if !given.is_null() {
        // SAFETY: `public` is the first field, so that this is where the box began.
        drop(unsafe { Box::from_raw(given.cast::<Owned<P>>()) });
    }
}

/// The memory behind a result.
#[derive(Default)]
pub(crate) struct Texts {
    texts: Vec<Zeroizing<Vec<u8>>>,
    lists: Vec<Box<dyn Any>>,
}

impl Texts {
    /// A text, with a zero after it for those who want one.
    pub(crate) fn keep(&mut self, text: &str) -> dw_text {
        self.keep_bytes(text.as_bytes())
    }

    pub(crate) fn keep_if(&mut self, text: Option<&str>) -> dw_text {
        text.map_or(dw_text::NONE, |text| self.keep(text))
    }

    pub(crate) fn keep_bytes(&mut self, bytes: &[u8]) -> dw_text {
        if bytes.is_empty() {
            return dw_text::fixed(c"");
        }
        let mut kept = Vec::with_capacity(bytes.len() + 1);
        kept.extend_from_slice(bytes);
        kept.push(0);
        let kept = Zeroizing::new(kept);
        let text = dw_text { ptr: kept.as_ptr().cast(), len: bytes.len() };
        self.texts.push(kept);
        text
    }

    /// Where the first of these is; NULL when there are none.
    pub(crate) fn list<T: 'static>(&mut self, things: Vec<T>) -> *const T {
        if things.is_empty() {
            return std::ptr::null();
        }
        let first = things.as_ptr();
        self.lists.push(Box::new(things));
        first
    }
}

impl Drop for Texts {
    /// Lists may point to texts, never the other way round.
    fn drop(&mut self) {
        self.lists.clear();
    }
}

/// Where a result goes. It is made before anything is done, so that nothing is done for nobody.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Where C wants it, which must be somewhere.
    pub(crate) fn new(out: *mut T, what: &str) -> Called<Self> {
        NonNull::new(out).map(Self).ok_or_else(|| null(what))
    }

    /// Writes it there.
    ///
    /// # Safety
    /// C may write there, as the conventions say of every `out`.
    pub(crate) unsafe fn put(self, value: T) {
        // SAFETY: as the caller has it. A place in C may be unaligned for nobody but a caller who lies.
        unsafe { self.0.as_ptr().write_unaligned(value) }
    }
}
