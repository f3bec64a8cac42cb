//! A guest on every store: what is kept before a login survives it, at the limits of its size, and is purged in the end.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::model::data::DataLimits;
use doorward::core::record::Kind;
use doorward::core::time::Timestamp;
use doorward::{AuthenticateError, Login, ManualClock, OpenSession, Register, UpdateSessionData};

use crate::support::engine::{NAME, PASSWORD, each_store, open_with_clock};
use crate::support::rows::dump;

/// INV 32: the guest's data is the person's after the login, byte for byte, and the guest's session is no more.
#[test]
fn inv_32_a_guests_data_is_carried_over_on_every_store() {
    for store in each_store() {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        let ada = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let DataLimits { logged_in, anonymous } = engine.policy().data_limits();
        let cart: Vec<u8> = (0..=u8::MAX).cycle().take(anonymous).collect();
        let guest = engine.open_session(OpenSession::new(cart.clone())).unwrap().token;
        assert!(engine.sessions(ada).unwrap().is_empty(), "{}", store.name);

        // Another engine on the same store, as after a restart.
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        let nobody = engine.authenticate(guest.expose());
        assert!(matches!(nobody, Err(AuthenticateError::Anonymous(_))), "{}: {nobody:?}", store.name);
        let login = Login::new(NAME, PASSWORD).previous(guest.expose()).carry_data();
        let token = engine.login(login).unwrap().token;
        let kept = engine.session_data(token.expose()).unwrap();
        assert_eq!((kept.visitor.account(), &kept.data), (Some(ada), &cart), "{}", store.name);
        assert!(engine.session_data(guest.expose()).is_err());
        let more = UpdateSessionData::new(token.expose(), vec![0xff; logged_in]);
        engine.update_session_data(more).unwrap();
        assert_eq!(engine.session_data(token.expose()).unwrap().data, vec![0xff; logged_in]);
    }
}

#[test]
fn a_purge_takes_a_forgotten_session_and_then_its_data() {
    for store in each_store() {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine = open_with_clock(Arc::clone(&store.store), clock.clone());
        engine.open_session(OpenSession::new("two plums")).unwrap();
        let end = Timestamp::from_millis(1_700_000_000_000).saturating_add(engine.policy().purge_after());
        let left = |hours| {
            clock.set(end.saturating_add(Duration::from_hours(hours)));
            engine.purge(100).unwrap();
            let dump = dump(&*store.store);
            (dump.has(Kind::Session), dump.has(Kind::Data))
        };
        assert_eq!([left(0), left(1), left(24)], [(true, true), (false, true), (false, false)]);
    }
}
