//! A login next to the hash that it waits for.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use doorward::store::MemoryStore;
use doorward::{Engine, Login, MasterKey, Register};
use doorward_core::password::Argon2Params;

use crate::Failure;
use crate::duel::{Contender, Duel};

/// A login that succeeds, in memory, and its hash alone. Each login leaves a session.
pub(super) fn login() -> Result<Duel, Failure> {
    Ok(Duel { ours: logging_in()?, theirs: hashing()? })
}

/// One Argon2id after the other, over memory that is used again.
pub(crate) fn hashing() -> Result<Contender, Failure> {
    let cost = Argon2Params::default();
    let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(32))?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(Contender::new("argon2, memory used again", move |_| {
        let mut tag = [0; 32];
        argon2.hash_password_into_with_memory(b"plum kettle orbit", &[7; 16], &mut tag, &mut memory)?;
        Ok(tag)
    }))
}

/// A login that succeeds, in memory. Each leaves a session.
pub(crate) fn logging_in() -> Result<Contender, Failure> {
    let engine = Engine::builder(Arc::new(MemoryStore::new()))
        .ephemeral()
        .master_key(MasterKey::new(1, [1; 32]))
        .open()?;
    engine.register(Register::new("ada", "plum kettle orbit"))?;
    Ok(Contender::new("Doorward", move |_| Ok(engine.login(Login::new("ada", "plum kettle orbit"))?)))
}
