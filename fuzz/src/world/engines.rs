//! The engines of a world: what their hosts chose.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::machine::Environment;
use doorward_core::model::data::DataLimits;
use doorward_core::model::device::DevicePolicy;
use doorward_core::model::session::{Lifetime, Span};
use doorward_core::model::throttle::ThrottlePolicy;
use doorward_core::password::Argon2Params;
use doorward_core::policy::{Policy, PolicyBuilder, TokenPolicy};
use doorward_core::secret::{MasterKey, MasterKeys, Pepper};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::Algorithm;

use crate::action::{DATA_OF_A_PERSON, DATA_OF_NOBODY};
use crate::plan::House;

pub(super) struct Engine {
    pub(super) environment: Arc<Environment>,
    /// Milliseconds ahead of the time source.
    pub(super) skew: i16,
    /// The highest time that this process saw.
    pub(super) highest: Timestamp,
}

/// Two, of different costs and with different peppers in use, as while a change is rolled out: each calls for a rehash
/// of the other's hashes.
pub(super) fn engines(house: House, change: &dyn Fn(PolicyBuilder) -> PolicyBuilder) -> Vec<Engine> {
    let engine = |memory, active: u8, other: u8| {
        let pepper = |number: u8| Pepper::new(number.into(), [number; 32]);
        let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
        let keys = if house.peppers {
            let keys = keys.pepper(pepper(active)).and_then(|keys| keys.accept_pepper(pepper(other)));
            keys.expect("they are two")
        } else {
            keys
        };
        let capped = |policy: PolicyBuilder| match house.cap {
            Some(cap) => policy.session_cap(cap),
            None => policy,
        };
        let policy = policy(memory, house, |policy| change(capped(policy)));
        Engine {
            environment: Arc::new(Environment { policy, keys }),
            skew: 0,
            highest: Timestamp::from_millis(0),
        }
    };
    vec![engine(19 * 1024, 1, 2), engine(24 * 1024, 2, 1)]
}

/// Short lives and few guesses, so that every end comes within a case.
fn policy(memory: u32, house: House, change: impl Fn(PolicyBuilder) -> PolicyBuilder) -> Policy {
    let span =
        |idle, absolute| Span { idle: Duration::from_secs(idle), absolute: Duration::from_secs(absolute) };
    let throttle = ThrottlePolicy {
        free: 1,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(5),
        off_at: 8,
        forget_after: Duration::from_secs(20),
    };
    let tokens = TokenPolicy {
        algorithm: if house.shared_secret { Algorithm::Hs256 } else { Algorithm::EdDsa },
        lifetime: Duration::from_secs(3),
        leeway: Duration::from_millis(500),
        grace: Duration::from_secs(1),
        families: 2,
        rotate_every: Duration::from_secs(40),
        overlap: Duration::from_secs(2),
        ..TokenPolicy::default()
    };
    let argon2 = Argon2Params::default().with_memory_kib(memory);
    let builder = Policy::builder()
        .argon2(argon2.expect("it is within Argon2's bounds"))
        .throttle(throttle)
        .tokens(tokens)
        .devices(DevicePolicy { tries: 2, lifetime: Duration::from_mins(1), per_account: 2 })
        .touch_every(Duration::from_secs(1))
        .max_clock_regression(Duration::from_secs(4))
        .session(Lifetime::Web, span(4, 10))
        .session(Lifetime::Remembered, span(10, 40))
        .session(Lifetime::Device, span(40, 200))
        .anonymous(span(4, 12))
        .data_limits(DataLimits { logged_in: DATA_OF_A_PERSON, anonymous: DATA_OF_NOBODY });
    change(builder).build().expect("the simulator's policy makes sense")
}
