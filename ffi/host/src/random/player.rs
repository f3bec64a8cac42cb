//! One thread that calls, and what each call is held to.

use std::ffi::CStr;
use std::ptr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorward_ffi::dw_status::{self, DW_OK, DW_PANIC, DW_THROTTLED};
use doorward_ffi::{dw_error, dw_status_http, dw_status_name};

use super::freed::Freed;
use super::pool::{Kind, Opens, Pool};
use super::rng::Rng;
use super::tally::Tally;
use crate::given::{Given, Owned, Plain, Renewed, Session, text};

/// One thread of a case.
pub(super) struct Player<'a> {
    pub(super) rng: Rng,
    pub(super) pool: &'a Pool,
    pub(super) tally: Tally,
    /// How many arguments in a thousand are as they should not be, in this call.
    pub(super) wild: usize,
    /// At whom an operation is called, and where its rows are.
    pub(super) at: At,
    pub(super) home: usize,
    slowest: Duration,
    under_way: &'a UnderWay,
}

/// Whom an operation is asked of: a handle, or what is none.
#[derive(Clone, Copy)]
pub(super) enum At {
    Engine(usize),
    Context(usize),
}

/// The call that a thread is in.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<(Option<Instant>, Vec<String>)>);

impl UnderWay {
    fn change<T>(&self, change: impl FnOnce(&mut (Option<Instant>, Vec<String>)) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For how long.
    pub(super) fn since(&self) -> Option<Duration> {
        self.change(|(since, _)| since.map(|since| since.elapsed()))
    }

    /// The last calls, and what they answered.
    pub(super) fn trail(&self) -> String {
        self.change(|(_, trail)| trail.join(", "))
    }
}

/// Where an output is untouched.
fn nowhere<T>() -> *mut T {
    ptr::without_provenance_mut(0x5a5a_5a50)
}

impl<'a> Player<'a> {
    pub(super) fn new(rng: Rng, pool: &'a Pool, slowest: Duration, under_way: &'a UnderWay) -> Self {
        Self { rng, pool, tally: Tally::default(), wild: 0, at: At::Engine(0), home: 0, slowest, under_way }
    }

    /// A call without a status; `is_done` is whether it had something to do.
    pub(super) fn quiet<T>(&mut self, name: &'static str, is_done: bool, call: impl FnOnce() -> T) -> T {
        let value = self.timed(name, call);
        self.tally.called(name, (!is_done).then_some("nothing"));
        value
    }

    fn timed<T>(&mut self, name: &'static str, call: impl FnOnce() -> T) -> T {
        self.under_way.change(|(since, trail)| {
            *since = Some(Instant::now());
            if trail.len() > 12 {
                trail.remove(0);
            }
            trail.push(name.to_owned());
        });
        let begun = Instant::now();
        let value = call();
        let took = begun.elapsed();
        self.under_way.change(|(since, _)| *since = None);
        assert!(took < self.slowest, "{name} took {took:?}");
        value
    }

    /// A call without an output; whether it was done.
    pub(super) fn done(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut *mut dw_error) -> dw_status,
    ) -> bool {
        let mut error = nowhere::<dw_error>();
        let place = if self.wild() { ptr::null_mut() } else { &raw mut error };
        let status = self.timed(name, || call(place));
        let word = word(status);
        self.under_way.change(|(_, trail)| {
            if let Some(last) = trail.last_mut() {
                *last = format!("{last} {word}");
            }
        });
        self.tally.called(name, (status != DW_OK).then_some(&word));
        assert_ne!(status, DW_PANIC, "{name} panicked");
        if status == DW_OK || place.is_null() {
            assert_eq!(error, nowhere(), "{name} wrote an error beside {word}");
        } else {
            assert_ne!(error, nowhere(), "{name} wrote no error beside {word}");
            self.said(name, status, error);
        }
        status == DW_OK
    }

    /// Looks at an error, and frees it now or later.
    fn said(&mut self, name: &'static str, status: dw_status, error: *mut dw_error) {
        // SAFETY: the call has given it, and nobody else has it.
        let (given, message, reason) = unsafe {
            let given = error.as_ref().expect("an error is somewhere");
            (given, text(given.message).expect("every error has a message"), text(given.reason))
        };
        assert_eq!(given.status, status, "{name}: the error has another status than its call");
        assert!(message.len() >= 10, "{name}: {message:?} says too little");
        assert!(
            !message.ends_with('.') && !message.ends_with('\n'),
            "{name}: {message:?} ends in a full stop"
        );
        assert!(given.until == 0 || status == DW_THROTTLED, "{name}: {status:?} has a time");
        assert!(given.has_account || given.account.bytes == [0; 16], "{name}: an account that is not there");
        assert!(given.has_session || given.session.bytes == [0; 16], "{name}: a session that is not there");
        self.tells_no_secret(name, &message);
        self.tells_no_secret(name, reason.as_deref().unwrap_or_default());
        self.hold(error);
    }

    pub(super) fn tells_no_secret(&self, name: &str, told: &str) {
        let known = self.pool.known();
        let secret = known.secrets.iter().find(|secret| told.contains(secret.as_str()));
        assert_eq!(secret, None, "{name} tells a secret: {told}");
    }

    /// A call that writes a pointer.
    pub(super) fn out<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut *mut T, *mut *mut dw_error) -> dw_status,
    ) -> Option<*mut T> {
        let mut out = nowhere::<T>();
        let place = if self.wild() { ptr::null_mut() } else { &raw mut out };
        let is_done = self.done(name, |error| call(place, error));
        assert!(!(is_done && place.is_null()), "{name} did it for nobody");
        assert_eq!(is_done, out != nowhere(), "{name} writes its output when it is done, and only then");
        is_done.then_some(out)
    }

    /// A call that gives a result.
    pub(super) fn owned<T: Owned + Freed>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut *mut T, *mut *mut dw_error) -> dw_status,
    ) -> Option<Given> {
        let out = self.out(name, call)?;
        // SAFETY: the call has given it, and nobody else has it.
        let given = unsafe { out.as_ref().expect("a result is written on DW_OK").read() };
        self.learn(&given);
        self.hold(out);
        Some(given)
    }

    /// A call that writes a plain value.
    pub(super) fn plain<T: Plain>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut T, *mut *mut dw_error) -> dw_status,
    ) -> Option<Given> {
        let mut out = T::UNTOUCHED;
        let place = if self.wild() { ptr::null_mut() } else { &raw mut out };
        let is_done = self.done(name, |error| call(place, error));
        assert!(!(is_done && place.is_null()), "{name} did it for nobody");
        assert!(is_done || out == T::UNTOUCHED, "{name} wrote an output beside an error");
        let given = is_done.then(|| out.given());
        given.iter().for_each(|given| self.learn(given));
        given
    }

    /// A call that gives nothing.
    pub(super) fn nothing(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut *mut dw_error) -> dw_status,
    ) -> Option<Given> {
        self.done(name, call).then_some(Given::Nothing)
    }

    /// A call that opens something.
    pub(super) fn opened<T>(
        &mut self,
        name: &'static str,
        kind: Kind,
        call: impl FnOnce(*mut *mut T, *mut *mut dw_error) -> dw_status,
    ) -> Option<usize> {
        let address = self.out(name, call)?.addr();
        assert_ne!(address, 0, "{name} gave no handle");
        self.pool.known().opened(kind, address);
        Some(address)
    }

    fn learn(&mut self, given: &Given) {
        let (home, mut known) = (self.home, self.pool.known());
        let mut tokens = vec![];
        let mut seen: Vec<&Session> = vec![];
        let renewed = |renewed: &Renewed| (Opens::Session, renewed.token.clone());
        match given {
            Given::Account(account) => known.accounts.push((home, *account)),
            Given::Session(session) | Given::Data { session, .. } => seen.push(session),
            Given::Sessions(sessions) => seen.extend(sessions),
            Given::Login { token, session, device_token } => {
                tokens.push((Opens::Session, token.clone()));
                tokens.extend(device_token.clone().map(|token| (Opens::Device, token)));
                seen.push(session);
            }
            Given::Renewed(given) | Given::Everywhere { kept: Some(given) } => {
                tokens.push(renewed(given));
                seen.push(&given.session);
            }
            Given::Tokens { access, refresh, .. } => {
                tokens.push((Opens::Access, access.clone()));
                tokens.extend(refresh.clone().map(|token| (Opens::Refresh, token)));
            }
            Given::Nothing
            | Given::Purged(_)
            | Given::Revoked(_)
            | Given::Everywhere { kept: None }
            | Given::Receipt { .. }
            | Given::Access { .. }
            | Given::Text(_)
            | Given::Keys { .. }
            | Given::Rotated { .. }
            | Given::Maintained { .. } => {}
        }
        known.sessions.extend(seen.into_iter().map(|session| (home, session.account, session.id)));
        tokens.into_iter().for_each(|(opens, token)| known.learn(home, opens, token));
    }
}

/// A status as the header calls it.
fn word(status: dw_status) -> String {
    let (name, http) = (dw_status_name(status as i32), dw_status_http(status as i32));
    assert!(!name.is_null(), "{status:?} has no name");
    assert!((100..600).contains(&http), "{status:?} is {http} to the web");
    // SAFETY: it ends in a zero, and lives as long as the library.
    let name = unsafe { CStr::from_ptr(name) }.to_str().expect("a name is UTF-8");
    assert_eq!(name, format!("{status:?}"));
    name.to_owned()
}
