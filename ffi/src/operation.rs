//! The operations: each in one call at an engine, and step by step at a context.

use std::net::IpAddr;

use doorward::Engine;
use doorward::core::event::Source;

use crate::engine::{ENGINES, dw_engine};
use crate::failure::{Called, Failure};
use crate::given::{Out, Owned, Texts};
use crate::result::Public;
use crate::status::dw_status::DW_VALUE;

pub use account::*;
pub use data::*;
pub use key::*;
pub use login::*;
pub use session::*;
pub use take::*;
pub use token::*;
pub use upkeep::*;

mod account;
mod data;
mod key;
mod login;
mod session;
mod take;
mod token;
mod upkeep;

/// What a call comes to: faults outside, refusals inside, and inside them what was done.
pub(crate) trait Settled {
    /// That.
    type Done: Public;

    fn settled(self) -> Called<Self::Done>;
}

impl<T: Public> Settled for T {
    type Done = T;

    fn settled(self) -> Called<T> {
        Ok(self)
    }
}

impl<T: Settled, E: Into<Failure>> Settled for Result<T, E> {
    type Done = T::Done;

    fn settled(self) -> Called<T::Done> {
        self.map_err(Into::into)?.settled()
    }
}

/// Calls an engine, and gives the result.
///
/// # Safety
/// C may write to `out`.
unsafe fn give<S: Settled>(
    engine: *const dw_engine,
    out: *mut *mut <S::Done as Public>::C,
    ask: impl FnOnce(&Engine) -> S,
) -> Called {
    let out = Out::new(out, "out")?;
    let open = ENGINES.find(engine)?;
    let done = ask(&open.engine).settled()?;
    // SAFETY: as the caller has it.
    unsafe { out.put(Owned::new(|texts| done.public(texts)).into_raw()) };
    Ok(())
}

/// Calls an engine, and gives a result that is a plain value.
///
/// # Safety
/// C may write to `out`.
unsafe fn give_plain<S: Settled>(
    engine: *const dw_engine,
    out: *mut <S::Done as Public>::C,
    ask: impl FnOnce(&Engine) -> S,
) -> Called {
    let out = Out::new(out, "out")?;
    let open = ENGINES.find(engine)?;
    let done = ask(&open.engine).settled()?;
    // SAFETY: as the caller has it.
    unsafe { out.put(done.public(&mut Texts::default())) };
    Ok(())
}

/// Calls an engine where there is nothing to give.
fn done<S: Settled<Done = ()>>(engine: *const dw_engine, ask: impl FnOnce(&Engine) -> S) -> Called {
    ask(&ENGINES.find(engine)?.engine).settled()
}

/// Options that say how large their caller takes them to be, so that later ones may have more.
///
/// # Safety
/// `repr(C)`, its first field is `size: usize`, and all zeros are a value of it; any bytes are, in fact.
pub(crate) unsafe trait Sized: Copy {}

/// The options, if there are any.
///
/// # Safety
/// They are as many readable bytes as their first field says, or NULL.
pub(crate) unsafe fn sized<T: Sized>(options: *const T, what: &str) -> Called<Option<T>> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and the first field is there, as the caller has it.
    let size = unsafe { options.cast::<usize>().read_unaligned() };
    let wrong =
        |sentence: &str| Err(Failure::new(DW_VALUE, format!("the size of `{what}` is {size}: {sentence}")));
    if !(size_of::<usize>()..=MOST_OPTIONS).contains(&size) {
        return wrong("set it to that of its type");
    }
    // SAFETY: as many bytes as the caller has it.
    let given = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    let (known, newer) = given.split_at(size.min(size_of::<T>()));
    if newer.iter().any(|byte| *byte != 0) {
        return wrong("it asks for what this library does not know yet: use a newer one");
    }
    let mut taken = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: `known` is at most as long as `T`.
    unsafe { taken.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(known.as_ptr(), known.len()) };
    // SAFETY: all zeros are a value, and so are any bytes, by the trait.
    Ok(Some(unsafe { taken.assume_init() }))
}

/// Larger than any options will be.
const MOST_OPTIONS: usize = 4096;

/// The operation with its source, if there is one.
fn sourced<O>(operation: O, source: Option<&str>, told: fn(O, Source) -> O) -> Called<O> {
    match source {
        Some(source) => Ok(told(operation, source_of(source)?)),
        None => Ok(operation),
    }
}

fn source_of(text: &str) -> Called<Source> {
    let none = |_| Failure::new(DW_VALUE, "the source is no IP address: give the client's, without a port");
    // A link-local address comes with its zone: of the same machine, that is the same one.
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    address.parse::<IpAddr>().map(Source::from).map_err(none)
}
