//! What a host is told of access tokens after a logout, held against what happens, in each mode; what ends everything of
//! everybody, which every mode hears of; and tokens that are remembered.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::operation::after_restore::AfterRestore;
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::logout::Logout;
use doorward::core::token::jwt::JwtError;
use doorward::store::MemoryStore;
use doorward::{
    Engine, Issue, Login, ManualClock, MasterKey, Register, RevocationMode, RevokeAllTokens, RotateKeys,
    SigningKey, TokenPolicy, VerifyError,
};

use crate::support::endings::EVERY_ENDING;
use crate::support::engine::{NAME, PASSWORD};
use crate::support::modes::{
    ASKING, AUDIENCE, BOTH, BOUND, Deployment, EVERY_MODE, Instance, Kind, MILLISECOND, REFUSING, START,
    UNTIL_EXPIRY, in_mode, issue, policy,
};
use crate::support::tapped::{EVERY_TAP, Moment, Tap};

const LEEWAY: Duration = Duration::from_secs(5);
const SKEW: Duration = Duration::from_secs(2);

/// Sets a clock to a time, by letting time pass.
fn advance_to(clock: &ManualClock, to: doorward::Timestamp) {
    use doorward::Clock as _;
    clock.advance(to.since(clock.now()));
    assert_eq!(clock.now(), to);
}

#[test]
fn inv_18_until_expiry_accepts_to_the_end_and_the_leeway_and_not_a_millisecond_more() {
    for ending in EVERY_ENDING.iter().filter(|ending| !ending.is_last_resort) {
        for kind in BOTH {
            let all = Deployment::new(kind, UNTIL_EXPIRY);
            (ending.at)(&all, &all.here);
            let dies = all.issued.expires.saturating_add(LEEWAY);
            for instance in [&all.here, &all.there] {
                assert!(instance.accepts(all.token()), "{}", ending.name);
                advance_to(&instance.clock, dies.saturating_sub(MILLISECOND));
                assert!(instance.accepts(all.token()), "{}", ending.name);
                instance.clock.advance(MILLISECOND);
                let outcome = instance.verify(all.token());
                assert!(matches!(outcome, Err(VerifyError::Token(JwtError::Expired))), "{outcome:?}");
            }
        }
    }
}

#[test]
fn inv_11_the_receipt_of_bound_says_that_nobody_lags() {
    let all = Deployment::new(Kind::Blocking, RevocationMode::Bound);
    let receipt = all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
    assert_eq!((receipt.access_dies_at, receipt.others_lag), (None, Duration::ZERO));
    assert!(!all.here.accepts(all.token()) && !all.there.accepts(all.token()));
}

/// At worst the other has read just before the commit, and then cannot read any more.
#[test]
fn inv_11_the_receipt_of_watched_is_true_to_the_millisecond_however_long_the_commit_took() {
    for (mode, kind) in [ASKING, REFUSING].into_iter().zip(BOTH) {
        for took in [0, 1, 3_000] {
            for by_id in [false, true] {
                let all = Arc::new(Deployment::new(kind, mode));
                all.wait(BOUND);
                let inner = Arc::clone(&all);
                all.here.store.step_in(Tap::Commit, Moment::Before, move || {
                    inner.wait(Duration::from_millis(took));
                    assert!(inner.there.accepts(inner.token()));
                });
                let receipt = if by_id {
                    all.here.engine.run(EndSession::new(all.ada, all.id)).unwrap().unwrap()
                } else {
                    all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap()
                };
                assert!(all.here.store.is_idle() && !all.here.accepts(all.token()));
                assert_eq!(receipt.others_lag, BOUND);
                let dies = receipt.access_dies_at.unwrap();
                all.there.store.shut(&EVERY_TAP);
                advance_to(&all.there.clock, dies.saturating_sub(MILLISECOND));
                assert!(all.there.accepts(all.token()), "the receipt is no later than it must be");
                all.there.clock.advance(MILLISECOND);
                assert!(!all.there.accepts(all.token()), "the receipt is true");
            }
        }
    }
}

/// At worst a token was issued just before the commit, by an instance whose clock is ahead, and is shown to one whose clock is
/// behind.
#[test]
fn inv_11_the_receipt_of_until_expiry_is_true_to_the_millisecond_however_clocks_differ() {
    for took in [0, 3_000] {
        let all = Arc::new(Deployment::new(Kind::Blocking, UNTIL_EXPIRY));
        let behind = Instance::open(Kind::Blocking, &all.store, in_mode(UNTIL_EXPIRY), START);
        all.here.clock.advance(SKEW);
        all.there.clock.advance(SKEW * 2);
        let (late, sender) = (Arc::new(std::sync::Mutex::new(None)), Arc::clone(&all));
        let (sent, behind_too) = (Arc::clone(&late), behind.clock.clone());
        all.here.store.step_in(Tap::Commit, Moment::Before, move || {
            sender.wait(Duration::from_millis(took));
            behind_too.advance(Duration::from_millis(took));
            let issue = Issue::new(sender.session.expose(), "web", AUDIENCE);
            *sent.lock().unwrap() = Some(sender.there.engine.run(issue).unwrap().unwrap());
        });
        let receipt = all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
        let late = late.lock().unwrap().take().unwrap();
        let dies = receipt.access_dies_at.unwrap();
        assert_eq!(receipt.others_lag, dies.since(all.now()));
        // In the time of who logged out, which is ahead of this one by the skew.
        advance_to(&behind.clock, dies.saturating_sub(SKEW).saturating_sub(MILLISECOND));
        assert!(behind.accepts(late.access.expose()), "the receipt is no later than it must be");
        behind.clock.advance(MILLISECOND);
        assert!(!behind.accepts(late.access.expose()), "the receipt is true");
    }
}

/// Near the end of its session a token's life is shorter; the receipt may say later (a reauthentication elsewhere may have
/// moved that end), never earlier.
#[test]
fn inv_7_inv_11_no_token_outlives_its_session_and_no_receipt_says_less() {
    let all = Deployment::new(Kind::Blocking, UNTIL_EXPIRY);
    for _ in 0..47 {
        all.wait(Duration::from_mins(30));
        all.here.engine.run(Authenticate::new(all.session.expose())).unwrap().unwrap();
    }
    all.wait(Duration::from_mins(28));
    let issued = issue(&all.here, &all.session);
    let end = START.saturating_add(Duration::from_hours(24));
    assert_eq!(issued.expires, end);
    let receipt = all.here.engine.run(Logout::new(all.session.expose())).unwrap().unwrap();
    assert!(receipt.access_dies_at >= Some(end.saturating_add(LEEWAY + SKEW * 2)));
    advance_to(&all.there.clock, end.saturating_add(LEEWAY.saturating_sub(MILLISECOND)));
    assert!(all.there.accepts(issued.access.expose()));
    all.there.clock.advance(MILLISECOND);
    assert!(!all.there.accepts(issued.access.expose()));
}

#[test]
fn inv_44_what_ends_everything_is_seen_here_at_once_and_elsewhere_within_each_modes_bound() {
    for ending in EVERY_ENDING.iter().filter(|ending| ending.is_last_resort) {
        for kind in BOTH {
            for mode in EVERY_MODE {
                let all = Deployment::new(kind, mode);
                (ending.at)(&all, &all.here);
                assert!(!all.here.accepts(all.token()), "{} {mode:?}", ending.name);
                let lag = if mode == RevocationMode::Bound { Duration::ZERO } else { BOUND / 2 };
                all.there.clock.advance(lag);
                assert!(!all.there.accepts(all.token()), "{} {mode:?}", ending.name);
            }
        }
    }
}

/// The host's own keys stay when all others go: it is the epochs that end what they signed.
#[test]
fn inv_44_tokens_of_the_hosts_own_keys_end_with_all_others_in_each_mode() {
    for ending in EVERY_ENDING.iter().filter(|ending| ending.is_last_resort) {
        for mode in EVERY_MODE {
            let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::at(START));
            let open = || {
                let builder = Engine::builder(Arc::clone(&store)).ephemeral();
                let own = SigningKey::from_secret("own", &[7; 32]).unwrap();
                let builder = builder.master_key(MasterKey::new(1, [0x42; 32])).signing_key(own);
                builder.clock(clock.clone()).policy(policy(in_mode(mode))).open().unwrap()
            };
            let (here, there) = (open(), open());
            here.register(Register::new(NAME, PASSWORD)).unwrap();
            let session = here.login(Login::new(NAME, PASSWORD)).unwrap().token;
            let token = here.issue(Issue::new(session.expose(), "web", AUDIENCE)).unwrap().access;
            assert!(there.verify(token.expose(), AUDIENCE).is_ok());
            match ending.name {
                "revoke_all_tokens" => here.revoke_all_tokens(RevokeAllTokens::new()).unwrap(),
                "after_restore" => here.after_restore().unwrap(),
                _ => here.revoke_all_tokens(RevokeAllTokens::new().and_sessions()).unwrap(),
            }
            clock.advance(BOUND / 2);
            for engine in [&here, &there] {
                let outcome = engine.verify(token.expose(), AUDIENCE);
                assert!(
                    matches!(outcome, Err(VerifyError::Gone(_))),
                    "{} {mode:?}: {outcome:?}",
                    ending.name
                );
            }
        }
    }
}

/// INV 43: somebody keeps the keyring busy, so that no new keys can be written; everything ends all the same.
#[test]
fn inv_43_inv_44_after_restore_ends_everything_in_each_mode_also_without_new_keys() {
    for mode in EVERY_MODE {
        let all = Arc::new(Deployment::new(Kind::Blocking, mode));
        for _ in 0..7 {
            let inner = Arc::clone(&all);
            all.here.store.step_in(Tap::Commit, Moment::Before, move || {
                assert!(inner.there.engine.run(RotateKeys::at_once()).unwrap().unwrap().is_new);
            });
        }
        all.here.engine.run(AfterRestore::new()).unwrap();
        assert!(all.here.store.is_idle());
        all.wait(BOUND / 2);
        assert!(!all.here.accepts(all.token()) && !all.there.accepts(all.token()), "{mode:?}");
    }
}

/// INV 36, INV 44: a rotation kills nothing, and its key is known elsewhere within the bound even when it signs at once.
#[test]
fn inv_36_inv_44_a_key_that_signs_at_once_is_known_elsewhere_within_the_bound() {
    for kind in BOTH {
        for mode in EVERY_MODE {
            let all = Deployment::new(kind, mode);
            all.here.engine.run(RotateKeys::at_once()).unwrap().unwrap();
            let new = issue(&all.here, &all.session);
            assert!(all.here.accepts(new.access.expose()), "its own key is known at once");
            all.wait(if mode == RevocationMode::Bound { Duration::ZERO } else { BOUND / 2 });
            assert!(all.there.accepts(new.access.expose()), "{mode:?}");
            assert!(all.there.accepts(all.token()) && all.here.accepts(all.token()), "{mode:?}");
        }
    }
}

fn remembering(store: &Arc<MemoryStore>, clock: &ManualClock, tokens: TokenPolicy, most: usize) -> Engine {
    let builder = Engine::builder(Arc::clone(store)).ephemeral().master_key(MasterKey::new(1, [0x42; 32]));
    builder.clock(clock.clone()).policy(policy(tokens)).remember_tokens(most).open().unwrap()
}

#[test]
fn inv_18_inv_36_a_remembered_token_is_held_to_time_audience_revocation_and_key() {
    for mode in EVERY_MODE {
        let all = Deployment::new(Kind::Blocking, mode);
        let here = all.here.engine.blocking();
        let hits = || here.remembered_tokens().hits;
        let before = hits();
        assert!(all.here.accepts(all.token()) && all.here.accepts(all.token()));
        assert_eq!(hits(), before + 2);

        let other = here.verify(all.token(), "https://other.example");
        assert!(matches!(other, Err(VerifyError::Token(JwtError::Audience))), "{other:?}");
        // A key that no longer counts, without a step of the clock.
        let second = Deployment::new(Kind::Blocking, mode);
        second.here.engine.run(RevokeAllTokens::new()).unwrap();
        let outcome = second.here.verify(second.token());
        let is_unknown = matches!(outcome, Err(VerifyError::Token(JwtError::UnknownKey)));
        assert!(is_unknown, "{mode:?}: {outcome:?}");
        // Its time.
        advance_to(&all.here.clock, all.issued.expires.saturating_add(LEEWAY.saturating_sub(MILLISECOND)));
        assert!(all.here.accepts(all.token()));
        all.here.clock.advance(MILLISECOND);
        let before = hits();
        let outcome = all.here.verify(all.token());
        assert!(matches!(outcome, Err(VerifyError::Token(JwtError::Expired))), "{outcome:?}");
        assert_eq!(hits(), before + 1, "it was remembered, and refused");
    }
}

/// A key goes by the clock alone, without a write: here by the clock of an engine whose tokens live shorter.
#[test]
fn inv_36_a_remembered_token_ends_with_its_key() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::at(START));
    let tokens = |minutes| TokenPolicy { lifetime: Duration::from_mins(minutes), ..TokenPolicy::default() };
    let (long, short) =
        (remembering(&store, &clock, tokens(50), 64), remembering(&store, &clock, tokens(10), 64));
    long.register(Register::new(NAME, PASSWORD)).unwrap();
    let session = long.login(Login::new(NAME, PASSWORD)).unwrap().token;
    let token = long.issue(Issue::new(session.expose(), "web", AUDIENCE)).unwrap().access;
    let rotated = short.rotate_keys(RotateKeys::at_once()).unwrap();
    let gone = rotated.active_from.saturating_add(Duration::from_mins(10) + LEEWAY + SKEW * 2);
    advance_to(&clock, gone.saturating_sub(MILLISECOND));
    assert!((0..2).all(|_| short.verify(token.expose(), AUDIENCE).is_ok()));
    clock.advance(MILLISECOND);
    let outcome = short.verify(token.expose(), AUDIENCE);
    assert!(matches!(outcome, Err(VerifyError::Token(JwtError::UnknownKey))), "{outcome:?}");
    assert_eq!(short.remembered_tokens().hits, 2);
    assert!(long.verify(token.expose(), AUDIENCE).is_ok());
}

#[test]
fn inv_18_none_is_remembered_where_none_is_to_be() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::at(START));
    let engine = remembering(&store, &clock, TokenPolicy::default(), 0);
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let session = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    let token = engine.issue(Issue::new(session.expose(), "web", AUDIENCE)).unwrap().access;
    assert!((0..10).all(|_| engine.verify(token.expose(), AUDIENCE).is_ok()));
    assert_eq!(engine.remembered_tokens(), doorward::Remembered::default());
}

/// Four threads, more tokens than are remembered, half of them of a session that is ended.
#[test]
fn inv_11_threads_that_remember_more_than_there_is_room_for_confuse_no_two_tokens() {
    const TOKENS: usize = 200;
    const MOST: usize = 64;
    for mode in EVERY_MODE {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::at(START));
        let engine = remembering(&store, &clock, in_mode(mode), MOST);
        engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let sessions = [(); 2].map(|()| engine.login(Login::new(NAME, PASSWORD)).unwrap().token);
        let issue = |n: usize| Issue::new(sessions[n % 2].expose(), "web", AUDIENCE);
        let tokens: Vec<_> = (0..TOKENS).map(|n| engine.issue(issue(n)).unwrap()).collect();
        let verify_all = |lives: &(dyn Fn(usize) -> bool + Sync)| {
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let (engine, tokens) = (&engine, &tokens);
                    scope.spawn(move || {
                        for step in 0..TOKENS * 3 {
                            let n = (step * 7 + thread * 13) % TOKENS;
                            let outcome = engine.verify(tokens[n].access.expose(), AUDIENCE);
                            let verified = outcome.as_ref().map(|access| access.token);
                            let is_right = if lives(n) {
                                verified.is_ok_and(|token| token == tokens[n].token)
                            } else {
                                matches!(outcome, Err(VerifyError::Gone(_)))
                            };
                            assert!(is_right, "{mode:?} {n}: {outcome:?}");
                        }
                    });
                }
            });
        };
        verify_all(&|_| true);
        engine.logout(sessions[1].expose()).unwrap();
        verify_all(&|n| n % 2 == 0 || mode == UNTIL_EXPIRY);
        let remembered = engine.remembered_tokens();
        assert!(remembered.tokens <= MOST && remembered.tokens > MOST / 4, "{remembered:?}");
        assert_eq!(remembered.hits + remembered.misses, 2 * 4 * 3 * TOKENS as u64);
        assert!(remembered.hits > 0);
    }
}
