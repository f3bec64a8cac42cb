//! The keyring's signing keys, ready to use: derived and parsed once for each stamp of the keyring's row.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use arc_swap::ArcSwapOption;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::id::Stamp;
use crate::machine::Context;
use crate::model::keyring::KeyringRecord;
use crate::model::signing::{KeyState, MOST_KEYS, SigningEntry};
use crate::planted::Planted;
use crate::policy::Policy;
use crate::record::Row;
use crate::secret::{DerivedKeys, KeyError, MasterKeys};
use crate::time::Timestamp;
use crate::token::jwt::{Algorithm, SigningKey, VerifyingKey};

/// The keys of one keyring row.
pub(crate) struct Ring {
    stamp: Stamp,
    keys: Vec<RingKey>,
}

struct RingKey {
    verifying: VerifyingKey,
    /// None when it had retired long before the row was parsed.
    signing: Option<SigningKey>,
}

/// The last keyring that was parsed.
#[derive(Default)]
pub(crate) struct Parsed(ArcSwapOption<Ring>);

impl Parsed {
    /// The ring of this row.
    pub(crate) fn of(&self, row: &Row, keys: &MasterKeys, now: Timestamp) -> Result<Arc<Ring>, Fault> {
        if let Some(ring) = self.0.load().as_ref().filter(|ring| ring.stamp == row.stamp) {
            return Ok(Arc::clone(ring));
        }
        let ring = Arc::new(Ring::parse(row, keys, now)?);
        self.0.store(Some(Arc::clone(&ring)));
        Ok(ring)
    }
}

impl Ring {
    fn parse(row: &Row, keys: &MasterKeys, now: Timestamp) -> Result<Self, Fault> {
        let record = row.keyring()?;
        let active = record.active_and_newest(now).map(|(active, _)| active);
        let active = record.signing.iter().position(|entry| Some(entry) == active).unwrap_or(0);
        let parsed = record.signing.iter().enumerate().filter_map(|(at, entry)| {
            // Without its master key nobody may use it: so tokens of a key that was taken out are cut off at once.
            let master = keys.numbered(entry.master)?;
            // The one before it, too: another thread may have looked at the clock a moment earlier.
            let may_sign = at + 1 >= active;
            Some(RingKey::of(entry, master, may_sign))
        });
        Ok(Self { stamp: row.stamp, keys: parsed.collect::<Result<_, KeyError>>()? })
    }

    fn key(&self, kid: &str) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.verifying.kid() == kid)
    }
}

impl RingKey {
    fn of(entry: &SigningEntry, master: &DerivedKeys, may_sign: bool) -> Result<Self, KeyError> {
        if !may_sign && entry.algorithm != Algorithm::Hs256 {
            let verifying = VerifyingKey::from_public(entry.algorithm, &entry.kid, &entry.public);
            return Ok(Self { verifying: verifying.map_err(|_| KeyError::Signing)?, signing: None });
        }
        let signing = derive(entry.algorithm, &entry.kid, &entry.salt, master)?;
        // What was published and what is derived are one key, or a token would be made that nobody accepts.
        if signing.kid() != entry.kid {
            return Err(KeyError::Signing);
        }
        Ok(Self { verifying: signing.verifying_key().clone(), signing: Some(signing) })
    }
}

fn derive(
    algorithm: Algorithm,
    kid: &str,
    salt: &[u8; 16],
    master: &DerivedKeys,
) -> Result<SigningKey, KeyError> {
    let bytes = |candidate: u32| {
        Zeroizing::new(master.signing(&[algorithm.name().as_bytes(), salt, &candidate.to_be_bytes()]))
    };
    let kid = (algorithm == Algorithm::Hs256).then_some(kid);
    SigningKey::derived(algorithm, kid, bytes).map_err(|_| KeyError::Signing)
}

/// What new tokens are signed with: the host's own key, if it brought one.
pub(crate) fn signer(keyring: &Row, cx: &Context<'_>) -> Result<Option<SigningKey>, Fault> {
    if let Some(own) = cx.keys.own_signing_keys().first() {
        return Ok(Some(own.clone()));
    }
    let Some((active, _)) = keyring.keyring()?.active_and_newest(cx.now) else {
        return Ok(None);
    };
    let ring = cx.keys.ring(keyring, cx.now)?;
    let (Some(key), Some(master)) = (ring.key(&active.kid), cx.keys.numbered(active.master)) else {
        return Ok(None);
    };
    Ok(match &key.signing {
        Some(signing) => Some(signing.clone()),
        // Whoever parsed the row read the clock after a rotation, and this operation before it.
        None => RingKey::of(active, master, true)?.signing,
    })
}

/// The key that writes this header, as it stands in a token ([`VerifyingKey::head`]): to see what that says. Whether anything is
/// accepted that the key signed is another question.
pub(crate) fn writer(head: &str, keyring: &Row, keys: &MasterKeys, now: Timestamp) -> Option<VerifyingKey> {
    let is_its = |key: &&VerifyingKey| key.head() == head;
    let own = keys.own_signing_keys().iter().map(SigningKey::verifying_key).find(is_its).cloned();
    own.or_else(|| {
        // A ring that does not parse is for whoever looks a key up to say.
        let ring = keys.ring(keyring, now).ok()?;
        ring.keys.iter().map(|key| &key.verifying).find(is_its).cloned()
    })
}

/// The key with this id, while what it signed is accepted.
pub(crate) fn verifying_key(
    kid: &str,
    keyring: &Row,
    policy: &Policy,
    keys: &MasterKeys,
    now: Timestamp,
) -> Result<Option<VerifyingKey>, Fault> {
    if let Some(own) = keys.own_signing_keys().iter().find(|key| key.kid() == kid) {
        return Ok(Some(own.verifying_key().clone()));
    }
    if keyring.keyring()?.state_of(kid, policy, now).is_none() {
        return Ok(None);
    }
    Ok(keys.ring(keyring, now)?.key(kid).map(|key| key.verifying.clone()))
}

/// All keys that anybody may need to verify, none of them secret.
pub(crate) fn public_keys(keyring: &Row, cx: &Context<'_>) -> Result<Vec<VerifyingKey>, Fault> {
    let ring = cx.keys.ring(keyring, cx.now)?;
    let own = cx.keys.own_signing_keys().iter().map(|key| key.verifying_key().clone());
    let present = keyring.keyring()?.present_keys(cx.policy, cx.now);
    let derived = present.filter_map(|(entry, _)| ring.key(&entry.kid)).map(|key| key.verifying.clone());
    Ok(own.chain(derived).filter(|key| key.public_bytes().is_some()).collect())
}

/// How the keyring is to get a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// When it is time for one.
    WhenDue,
    /// One that is published now and signs after the overlap.
    Orderly,
    /// One that signs from now on, whoever has not heard of it yet.
    AtOnce,
    /// The same, and all others are gone: what they signed is dead.
    Only,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Rotated {
    /// The keyring that is to be.
    To(KeyringRecord),
    /// There is nothing to do, or it is under way.
    AsItIs,
    /// There are too many keys that are not gone yet.
    Full,
}

impl KeyringRecord {
    /// The keyring with another key.
    pub(crate) fn rotated(&self, how: Rotation, cx: &Context<'_>) -> Result<Rotated, KeyError> {
        let tokens = cx.policy.tokens();
        let is_ours = |entry: &SigningEntry| cx.keys.numbered(entry.master).is_some();
        let present = self.active_and_newest(cx.now).filter(|(active, _)| is_ours(active));
        let mut next = self.clone();
        let active_from = match (how, present) {
            (Rotation::WhenDue, _) if !cx.keys.own_signing_keys().is_empty() => return Ok(Rotated::AsItIs),
            (Rotation::WhenDue | Rotation::Orderly, Some((_, newest))) if is_to_come(newest, cx) => {
                return Ok(Rotated::AsItIs);
            }
            (Rotation::WhenDue, Some((active, _))) if !self.is_due(active, cx) => return Ok(Rotated::AsItIs),
            (Rotation::WhenDue | Rotation::Orderly, Some(_)) => cx.now.saturating_add(tokens.overlap),
            (Rotation::AtOnce, Some((_, newest))) if newest.active_from > cx.now => {
                if let Some(last) = next.signing.last_mut() {
                    last.active_from = cx.now;
                }
                return Ok(Rotated::To(next));
            }
            (Rotation::AtOnce | Rotation::Only, _) | (Rotation::WhenDue | Rotation::Orderly, None) => cx.now,
        };
        next.signing = match how {
            Rotation::Only => Vec::new(),
            Rotation::WhenDue | Rotation::Orderly | Rotation::AtOnce
                if cx.policy.has(Planted::RotationForgets) =>
            {
                Vec::new()
            }
            Rotation::WhenDue | Rotation::Orderly | Rotation::AtOnce => {
                // A key that is to come and never signed makes room for one that signs now.
                let present = self.present_keys(cx.policy, cx.now);
                present
                    .filter(|(_, state)| *state != KeyState::Next)
                    .map(|(entry, _)| entry.clone())
                    .collect()
            }
        };
        if next.signing.len() >= MOST_KEYS {
            return Ok(Rotated::Full);
        }
        next.signing.push(fresh(active_from, cx)?);
        Ok(Rotated::To(next))
    }

    /// Whether another key must follow this one, which signs. One of a time that was never to come, by a clock that
    /// was wrong, is due at once. A master key moves on in the order in which the store met them, and never back: of two
    /// instances, one may not have heard of the new one yet.
    fn is_due(&self, newest: &SigningEntry, cx: &Context<'_>) -> bool {
        let tokens = cx.policy.tokens();
        let met = |number| self.checks.iter().position(|check| check.number == number);
        newest.algorithm != tokens.algorithm
            || cx.now < newest.active_from
            || met(newest.master) < met(cx.keys.active().number)
            || cx.now.since(newest.active_from) >= tokens.rotate_every.saturating_sub(tokens.overlap)
    }
}

/// Whether a key that is published will sign soon. One of a time that was never to come, by a clock that was wrong, makes
/// room.
fn is_to_come(newest: &SigningEntry, cx: &Context<'_>) -> bool {
    let soon = cx.now.saturating_add(cx.policy.tokens().overlap).saturating_add(cx.policy.max_skew());
    cx.now < newest.active_from && newest.active_from <= soon
}

/// A new key, under the active master key.
fn fresh(active_from: Timestamp, cx: &Context<'_>) -> Result<SigningEntry, KeyError> {
    let (master, algorithm) = (cx.keys.active(), cx.policy.tokens().algorithm);
    let salt = cx.bytes("signing key salt");
    let random = format!("{:032x}", u128::from_be_bytes(cx.bytes("signing key id")));
    let key = derive(algorithm, &random, &salt, master)?;
    Ok(SigningEntry {
        kid: key.kid().into(),
        algorithm,
        master: master.number,
        salt,
        public: key.verifying_key().public_bytes().unwrap_or_default().to_vec(),
        active_from,
    })
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.verifying.kid())).finish()
    }
}
