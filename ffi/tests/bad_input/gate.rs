//! A random source that holds up whoever asks it: so a thread stays inside of a call for as long as a test wants.

use core::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use doorward_ffi::dw_config_entropy;
use doorward_ffi::dw_status::DW_OK;
use doorward_ffi_host::raw::Arg;

use crate::stage::{Stage, config, done, drive, free, is_done};
use crate::threads::PATIENCE;

#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) is_shut: AtomicBool,
    /// Whether somebody stands in it.
    pub(crate) is_entered: AtomicBool,
}

/// Opens it when it goes, also by a failure.
pub(crate) struct Opens<'a>(&'a Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.is_shut.store(false, Ordering::SeqCst);
    }
}

impl Gate {
    pub(crate) fn opens(&self) -> Opens<'_> {
        Opens(self)
    }

    /// A context on the stage's store, whose random source this is. It must not outlive the gate.
    pub(crate) fn context(&self, stage: &Stage) -> usize {
        let config = config();
        let user = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the gate outlives the context and its operations.
        let status = unsafe {
            dw_config_entropy(ptr::without_provenance_mut(config), Some(fill), user, ptr::null_mut())
        };
        assert_eq!(status, DW_OK);
        let opening = done("dw_op_open", vec![Arg::Handle(config), Arg::Int(2)]).handle.unwrap();
        drive(opening, &stage.store, is_done);
        let context = done("dw_op_take_context", vec![Arg::Handle(opening)]).handle.unwrap();
        free("dw_op_free", opening);
        free("dw_config_free", config);
        context
    }
}

/// # Safety
/// `user` is a [`Gate`], and there are `len` bytes to write to.
unsafe extern "C" fn fill(user: *mut c_void, bytes: *mut u8, len: usize) -> c_int {
    // SAFETY: as the caller has it.
    let (gate, bytes) = unsafe { (&*user.cast::<Gate>(), std::slice::from_raw_parts_mut(bytes, len)) };
    // A thread that waits for the one in here, and should not, is let go in the end.
    let begun = Instant::now();
    while gate.is_shut.load(Ordering::SeqCst) && begun.elapsed() < PATIENCE {
        gate.is_entered.store(true, Ordering::SeqCst);
        thread::yield_now();
    }
    bytes.fill(7);
    0
}
