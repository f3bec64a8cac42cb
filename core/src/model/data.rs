//! What a host keeps with a session: bytes that mean nothing to the engine, in a row of their own, so that no request
//! pays for them that does not ask.

use alloc::vec::Vec;
use core::fmt;

/// The host's bytes. They rest in the store as they are: whoever reads the database reads them.
///
/// # Example: they do not print
/// ```
/// use doorward_core::model::data::DataRecord;
///
/// let cart = DataRecord { bytes: b"two plums".to_vec() };
/// assert_eq!(format!("{cart:?}"), "DataRecord(9 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct DataRecord {
    /// What the host said.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

impl fmt::Debug for DataRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataRecord({} bytes)", self.bytes.len())
    }
}
