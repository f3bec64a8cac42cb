//! Every function of the C header: the bytes choose which is called, with what.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorward_ffi_host::random;

use super::operations::noise;

/// The bytes are calls.
///
/// # Panics
/// A call breaks the conventions.
pub fn entries(data: &[u8]) {
    // It counts the open handles of its process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let found = random::chosen(data, MOST_CALLS, SLOWEST).err();
    assert!(found.is_none(), "{}", found.as_ref().map(ToString::to_string).unwrap_or_default());
}

const MOST_CALLS: usize = 200;
const SLOWEST: Duration = Duration::from_secs(30);

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [(1, 80), (2, 400), (3, 700), (4, 1000)].map(|(seed, length)| noise(seed, length)).into()
}
