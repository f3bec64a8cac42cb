//! Instead of Argon2id: a "hash" that is a function of the password, without the work.

use doorward_core::password::{Argon2Params, PasswordHash, Verdict};
use doorward_core::work::{Work, Worked};

/// Carries the work out.
pub(crate) fn stand_in(work: &Work) -> Worked {
    match work {
        Work::Hash { password, normalization, salt, params } => {
            Worked::Hashed(PasswordHash::decoy(params, *salt, tag(&password.prepare(*normalization))))
        }
        Work::Verify { password, normalization, hash } => {
            let is_it = is_hash_of(hash, &password.prepare(*normalization));
            Worked::Verified(if is_it { Verdict::Match } else { Verdict::Mismatch })
        }
    }
}

/// Whether the hash was made of these bytes.
pub(crate) fn is_hash_of(hash: &PasswordHash, password: &[u8]) -> bool {
    let made = PasswordHash::decoy(&Argon2Params::default(), [0; 16], tag(password));
    tag_text(hash) == tag_text(&made)
}

fn tag_text(hash: &PasswordHash) -> Option<&str> {
    hash.as_str().rsplit('$').next()
}

fn tag(password: &[u8]) -> [u8; 32] {
    let mut word = 0xcbf2_9ce4_8422_2325_u64;
    for byte in password {
        word = (word ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    crate::rng::Rng::new(word).bytes()
}
