//! What is freed: results by the function of their own name, handles by that of their kind.

use std::ptr;

use doorward_ffi as ffi;
use doorward_ffi::{
    dw_access, dw_config, dw_context, dw_data, dw_ended_everywhere, dw_engine, dw_error, dw_event,
    dw_jwks_result, dw_login_result, dw_maintained, dw_need, dw_op, dw_receipt, dw_remembered, dw_renewed,
    dw_rotated, dw_session, dw_session_list, dw_string, dw_strings, dw_tokens,
};

use super::player::Player;
use super::pool::{Held, Kind};

/// A result, which one function frees.
pub(super) trait Freed {
    const FREE: &'static str;

    /// # Safety
    /// It is a result of this type that is not freed, or 0.
    unsafe fn free(address: usize);
}

macro_rules! freed {
    ($($type:ident $free:ident;)*) => {
        $(impl Freed for $type {
            const FREE: &'static str = stringify!($free);

            unsafe fn free(address: usize) {
                // SAFETY: as the caller has it.
                unsafe { ffi::$free(ptr::with_exposed_provenance_mut(address)) }
            }
        })*

        /// Each with what it is when there is nothing to free.
        const FREES: &[(&str, unsafe fn(usize))] = &[$((stringify!($free), $type::free),)*];
    };
}

freed! {
    dw_access dw_access_free;
    dw_data dw_data_free;
    dw_ended_everywhere dw_ended_everywhere_free;
    dw_error dw_error_free;
    dw_event dw_event_free;
    dw_jwks_result dw_jwks_result_free;
    dw_login_result dw_login_result_free;
    dw_maintained dw_maintained_free;
    dw_need dw_need_free;
    dw_receipt dw_receipt_free;
    dw_remembered dw_remembered_free;
    dw_renewed dw_renewed_free;
    dw_rotated dw_rotated_free;
    dw_session dw_session_free;
    dw_session_list dw_session_list_free;
    dw_string dw_string_free;
    dw_strings dw_strings_free;
    dw_tokens dw_tokens_free;
}

/// How many results wait to be freed.
const MOST_HELD: usize = 40;

impl Player<'_> {
    /// Keeps a result for a while.
    pub(super) fn hold<T: Freed>(&mut self, result: *mut T) {
        let held = Held { free: T::FREE, address: result.expose_provenance(), by: T::free };
        let too_many = {
            let mut known = self.pool.known();
            known.held.push(held);
            known.held.len() > MOST_HELD
        };
        if too_many || T::FREE == "dw_error_free" && self.rng.chance(900) {
            self.free_one();
        }
    }

    /// One of those that wait, by its own function.
    pub(super) fn free_one(&mut self) -> bool {
        let held = {
            let mut known = self.pool.known();
            let at = self.rng.below(known.held.len());
            if known.held.is_empty() { None } else { Some(known.held.swap_remove(at)) }
        };
        let Some(held) = held else { return false };
        // SAFETY: nobody else has it any more.
        self.quiet(held.free, true, || unsafe { (held.by)(held.address) });
        true
    }

    /// NULL, to any function that frees a result.
    pub(super) fn free_nothing(&mut self) {
        if let Some((name, by)) = self.rng.pick(FREES) {
            // SAFETY: NULL is nothing to free.
            self.quiet(name, false, || unsafe { by(0) });
        }
    }

    /// A handle of this kind, or what is none.
    pub(super) fn close(&mut self, kind: Kind) {
        let address = self.handle::<()>(kind).addr();
        self.close_this(kind, address);
    }

    /// This handle, whatever it is of.
    pub(super) fn close_this(&mut self, kind: Kind, address: usize) {
        let is_live = {
            let mut known = self.pool.known();
            let is_live = known.live(kind).contains(&address);
            if is_live {
                known.closed(address);
            }
            is_live
        };
        match kind {
            Kind::Config => self.quiet("dw_config_free", is_live, || {
                ffi::dw_config_free(ptr::without_provenance_mut::<dw_config>(address));
            }),
            Kind::Engine => self.quiet("dw_engine_free", is_live, || {
                ffi::dw_engine_free(ptr::without_provenance_mut::<dw_engine>(address));
            }),
            Kind::Context => self.quiet("dw_context_free", is_live, || {
                ffi::dw_context_free(ptr::without_provenance_mut::<dw_context>(address));
            }),
            Kind::Op => self.quiet("dw_op_free", is_live, || {
                ffi::dw_op_free(ptr::without_provenance_mut::<dw_op>(address));
            }),
        }
    }

    /// All that is not freed, in any order.
    pub(super) fn free_all(&mut self) {
        loop {
            let open: Vec<(Kind, usize)> = {
                let known = self.pool.known();
                let each = known.live.iter();
                each.flat_map(|(kind, all)| all.iter().map(|address| (*kind, *address))).collect()
            };
            let Some((kind, address)) = self.rng.pick(&open) else { break };
            self.close_this(kind, address);
        }
        while self.free_one() {}
    }
}
