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
use doorward_ffi_host::Call;

use super::Through;
use crate::abi::{Abi, Keys};
use crate::action::{DATA_OF_A_PERSON, DATA_OF_NOBODY};
use crate::answer::{Machinery, Simulated};
use crate::host::Seat;
use crate::plan::House;
use crate::task::machine;

#[derive(Clone)]
pub(super) struct Engine {
    pub(super) environment: Arc<Environment>,
    pub(super) keys: Keys,
    /// Its context, when operations go through the C ABI.
    pub(super) abi: Option<Abi>,
    /// Its twin of a host in another language.
    pub(super) host: Option<Seat>,
    /// Milliseconds ahead of the time source.
    pub(super) skew: i16,
    /// The highest time that this process saw.
    pub(super) highest: Timestamp,
}

/// Where an operation begins.
pub(super) struct At {
    pub(super) environment: Arc<Environment>,
    abi: Option<Abi>,
    host: Option<Seat>,
    seed: u64,
}

impl At {
    /// By its machine alone.
    pub(super) fn machine(&self, operation: impl Simulated + 'static) -> Box<dyn Machinery> {
        machine(operation, &self.environment, self.seed)
    }

    /// Whether services remember what was proven of access tokens: a context does so by itself, and so does a host's engine.
    pub(super) fn remembers(&self) -> bool {
        self.abi.is_none() && self.host.is_none()
    }

    /// And, where there is a context, by this call.
    pub(super) fn run(&self, operation: impl Simulated + 'static, call: &Call<'_>) -> Box<dyn Machinery> {
        let machine = self.machine(operation);
        match (&self.abi, &self.host) {
            (Some(abi), _) => abi.beside(machine, call, self.seed),
            (None, Some(host)) => host.beside(machine, call, self.seed),
            (None, None) => machine,
        }
    }

    /// The same of an operation that is only the first of those which its call runs: a context takes other steps.
    pub(super) fn run_first(
        &self,
        operation: impl Simulated + 'static,
        call: &Call<'_>,
    ) -> Box<dyn Machinery> {
        match &self.host {
            Some(host) => host.beside(self.machine(operation), call, self.seed),
            None => self.machine(operation),
        }
    }
}

impl Engine {
    /// Here, with this seed.
    pub(super) fn at(&self, seed: u64) -> At {
        At {
            environment: Arc::clone(&self.environment),
            abi: self.abi.clone(),
            host: self.host.clone(),
            seed,
        }
    }
}

/// Two, of different costs and with different peppers in use, as while a change is rolled out: each calls for a rehash
/// of the other's hashes. Through the C ABI, and at a host, they are of one cost and one pepper: there the rehash is the login's own.
pub(super) fn engines(
    house: House,
    through: Through,
    change: &dyn Fn(PolicyBuilder) -> PolicyBuilder,
) -> Vec<Engine> {
    let engine = |argon2: Argon2Params, active: u8, other: u8| {
        let pepper = |number: u8| Pepper::new(number.into(), [number; 32]);
        let numbers = if house.peppers { vec![active, other] } else { vec![] };
        let peppers = numbers.iter().map(|number| (u32::from(*number), *number)).collect();
        let given = Keys { master: (1, 1), peppers };
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
        let policy = policy(argon2, house, |policy| change(capped(policy)));
        Engine {
            environment: Arc::new(Environment { policy, keys }),
            keys: given,
            abi: None,
            host: None,
            skew: 0,
            highest: Timestamp::from_millis(0),
        }
    };
    let argon2 = |memory, passes| {
        let argon2 = Argon2Params::default().with_memory_kib(memory);
        let argon2 = argon2.and_then(|argon2| argon2.with_passes(passes));
        argon2.expect("it is within Argon2's bounds")
    };
    match through {
        Through::Machines => vec![engine(argon2(19 * 1024, 2), 1, 2), engine(argon2(24 * 1024, 2), 2, 1)],
        Through::Abi | Through::Host => {
            vec![engine(argon2(12 * 1024, 1), 1, 2), engine(argon2(12 * 1024, 1), 1, 2)]
        }
    }
}

/// Short lives and few guesses, so that every end comes within a case.
pub(super) fn policy(
    argon2: Argon2Params,
    house: House,
    change: impl Fn(PolicyBuilder) -> PolicyBuilder,
) -> Policy {
    let span =
        |idle, absolute| Span { idle: Duration::from_secs(idle), absolute: Duration::from_secs(absolute) };
    let throttle = ThrottlePolicy {
        free: 1,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(5),
        off_at: 8,
        forget_after: Duration::from_secs(20),
    };
    let builder = Policy::builder()
        .argon2(argon2)
        .throttle(throttle)
        .tokens(tokens(house))
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

/// What a token is here, in the mode that asks the store.
pub(super) fn tokens(house: House) -> TokenPolicy {
    TokenPolicy {
        algorithm: if house.shared_secret { Algorithm::Hs256 } else { Algorithm::EdDsa },
        lifetime: Duration::from_secs(3),
        leeway: Duration::from_millis(500),
        grace: Duration::from_secs(1),
        families: 2,
        rotate_every: Duration::from_secs(40),
        overlap: Duration::from_secs(2),
        ..TokenPolicy::default()
    }
}
