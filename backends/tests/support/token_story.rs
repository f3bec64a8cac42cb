//! The part of the story that is about access and refresh tokens, and the keys that sign them.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward::core::event::EventResult::{self, Refused, Success};
use doorward::core::password::HashMemory;
use doorward::core::store::Store;
use doorward::core::token::jwt::Compact;
use doorward::core::work::{Work, Worked};
use doorward::{
    Builder, Claims, Engine, Issued, ManualClock, MasterKey, Policy, RevocationMode, Scope, SigningKey,
    TokenPolicy, WhenStale,
};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use super::asked::{Introspect, Issue, Login, OpenSession, Refresh, RevokeAllTokens, RotateKeys};
use super::story::{Listener, PASSWORD, Story, policy, tell};

pub(crate) const API: &str = "https://api.example";
pub(crate) const CLIENT: &str = "web";

impl Story<'_> {
    fn issue(&mut self, operation: Issue, told: EventResult) -> Option<Issued> {
        self.listener.asked(&operation);
        let issued = tell!(self.issue(operation), as &[("issue", told)])?;
        self.keep_both(&issued);
        Some(issued)
    }

    fn refresh(&mut self, operation: Refresh, told: EventResult) -> Option<Issued> {
        self.listener.asked(&operation);
        let issued = tell!(self.refresh(operation), as &[("refresh", told)])?;
        self.keep_both(&issued);
        Some(issued)
    }

    fn keep_both(&mut self, issued: &Issued) {
        self.keep(issued.access.expose());
        if let Some(refresh) = &issued.refresh {
            self.keep(refresh.expose());
        }
    }

    fn introspect(&mut self, operation: Introspect) -> bool {
        self.listener.asked(&operation);
        tell!(self.introspect(operation)).unwrap().is_active()
    }

    /// Every method to its success and to those refusals to which one engine with the default keys comes.
    pub(super) fn access_tokens(&mut self, guest: &str, clock: &ManualClock) {
        let login = Login::new("grace", PASSWORD).scope(Scope::parse("read write").unwrap());
        let (session, _) = self.login(login, Success).unwrap();
        let first = self.issues(&session, guest);
        self.verifications(first.access.expose());
        let second = self.refreshes(&first, &session, clock);
        self.revocations(&session, &second);
        self.keys(&session, clock);

        // Who uses a refresh token long after it was used has a copy.
        let issued = self.issue(issue(&session).with_refresh(), Success).unwrap();
        let parent = issued.refresh.unwrap();
        self.refresh(refresh(parent.expose()), Success).unwrap();
        clock.advance(Duration::from_secs(30));
        self.refresh(refresh(parent.expose()), Refused("reused"));
        tell!(self.authenticate(&session), "gone");
        self.issue(issue(&session), Refused("gone"));
        self.refresh(refresh(parent.expose()), Refused("gone"));
        tell!(self.verify(issued.access.expose(), API), "gone");
        assert!(!self.introspect(Introspect::new(issued.access.expose())));
    }

    /// An access token with its refresh token, and what cannot be had.
    fn issues(&mut self, session: &str, guest: &str) -> Issued {
        self.issue(Issue::new(&session[1..], CLIENT, API), Refused("token"));
        self.issue(Issue::new(guest, CLIENT, API), Refused("gone"));
        let opened = tell!(self.open_session(OpenSession::new(""))).unwrap().token;
        let opened = self.keep(opened.expose());
        self.issue(Issue::new(&opened, CLIENT, API), Refused("anonymous"));
        tell!(self.logout(&opened));
        self.issue(Issue::new(session, "", API), Refused("term"));
        self.issue(Issue::new(session, CLIENT, ""), Refused("term"));
        self.issue(issue(session).claim("iss", "another"), Refused("claims"));
        self.issue(issue(session).scope(Scope::parse("admin").unwrap()), Refused("scope"));
        let alone = self.issue(issue(session).scope(Scope::parse("read").unwrap()), Success).unwrap();
        assert!(alone.refresh.is_none() && alone.scope.as_str() == "read");
        let both = issue(session).audience("https://b.example").claim("tenant", "acme").with_refresh();
        self.issue(both, Success).unwrap()
    }

    fn verifications(&mut self, access: &str) {
        for _ in 0..2 {
            let verified = tell!(self.verify(access, API)).unwrap();
            assert_eq!((verified.scope.as_str(), &verified.claims["tenant"]), ("read write", &"acme".into()));
        }
        tell!(self.verify(access, "https://c.example"), "audience");
        assert!(self.introspect(Introspect::new(access).audience(API)));
        assert!(!self.introspect(Introspect::new(access).audience("https://c.example")));
        for (text, rule) in spoilt(access) {
            tell!(self.verify(&text, API), as &[("verify", Refused(rule))]);
            assert!(!self.introspect(Introspect::new(&text)), "{rule}");
        }
    }

    /// What follows the first pair of tokens.
    fn refreshes(&mut self, first: &Issued, session: &str, clock: &ManualClock) -> Issued {
        let parent = first.refresh.as_ref().unwrap().expose();
        assert!(self.introspect(Introspect::new(parent)));
        self.refresh(refresh(&parent[1..]), Refused("token"));
        self.refresh(refresh(session), Refused("token"));
        self.refresh(Refresh::new(parent, "another"), Refused("client"));
        self.refresh(Refresh::new(parent, ""), Refused("term"));
        self.refresh(refresh(parent).scope(Scope::parse("admin").unwrap()), Refused("scope"));
        self.refresh(refresh(parent).audience("https://c.example"), Refused("scope"));
        self.refresh(refresh(parent).claim("exp", "0"), Refused("claims"));
        let next = self.refresh(refresh(parent).audience(API), Success).unwrap();
        let again = self.refresh(refresh(parent).scope(Scope::parse("read").unwrap()), Success).unwrap();
        let child = next.refresh.as_ref().unwrap().expose();
        assert_eq!(again.refresh.unwrap().expose(), child, "INV 4: the same successor");
        assert!(!self.introspect(Introspect::new(parent)) && self.introspect(Introspect::new(child)));
        clock.advance(Duration::from_secs(11)); // the grace is over, the skew after it is not
        self.refresh(refresh(parent), Refused("conflict"));
        next
    }

    fn revocations(&mut self, session: &str, issued: &Issued) {
        let (access, child) = (issued.access.expose(), issued.refresh.as_ref().unwrap().expose());
        for token in [access, child] {
            tell!(self.revoke_token(token, "another"), "client");
            tell!(self.revoke_token(token, ""), "term");
        }
        let foreign = format!("dwr_{}", foreign(&child[4..]));
        tell!(self.revoke_token(&foreign, CLIENT), "unknown key");
        tell!(self.verify(access, API)).unwrap();
        tell!(self.revoke_token(access, CLIENT)).unwrap();
        tell!(self.verify(access, API), "gone");
        let alive = self.refresh(refresh(child), Success).unwrap();
        for token in [alive.refresh.unwrap().expose(), "no token"] {
            tell!(self.revoke_token(token, CLIENT)).unwrap();
        }
        tell!(self.verify(alive.access.expose(), API), "gone"); // it came of that family
        self.refresh(refresh(child), Refused("gone"));
        tell!(self.authenticate(session)).unwrap();
    }

    fn keys(&mut self, session: &str, clock: &ManualClock) {
        let old = self.issue(issue(session).with_refresh(), Success).unwrap();
        assert!(tell!(self.rotate_keys(RotateKeys::new())).unwrap().is_new);
        assert!(!tell!(self.rotate_keys(RotateKeys::new())).unwrap().is_new);
        assert!(tell!(self.rotate_keys(RotateKeys::at_once())).unwrap().is_new);
        assert_eq!(tell!(self.jwks()).unwrap().keys.keys.len(), 2);
        let new = self.issue(issue(session), Success).unwrap();
        for token in [&old, &new] {
            tell!(self.verify(token.access.expose(), API)).unwrap();
        }
        clock.advance(Duration::from_secs(606)); // no engine's clock takes them for live
        tell!(self.verify(new.access.expose(), API), "expired");

        let dead = self.issue(issue(session), Success).unwrap();
        tell!(self.revoke_all_tokens(RevokeAllTokens::new()));
        tell!(self.verify(dead.access.expose(), API), "unknown_key");
        self.refresh(refresh(old.refresh.unwrap().expose()), Refused("gone"));
        assert_eq!(tell!(self.jwks()).unwrap().keys.keys.len(), 1);
        tell!(self.authenticate(session)).unwrap();
    }

    /// Each method once, as [`Story::every_method`], with tokens that were issued before: nothing is said of how it ends.
    pub(super) fn every_method_of_tokens(&mut self, live: &str, issued: &Issued) {
        self.issue(issue(live).with_refresh(), Success);
        let (access, parent) = (issued.access.expose(), issued.refresh.as_ref().unwrap().expose());
        tell!(self.verify(access, API));
        tell!(self.introspect(Introspect::new(access)));
        self.refresh(refresh(parent), Success);
        tell!(self.revoke_token(access, CLIENT));
        tell!(self.revoke_token(parent, CLIENT));
        tell!(self.jwks());
        tell!(self.rotate_keys(RotateKeys::at_once()));
        tell!(self.revoke_all_tokens(RevokeAllTokens::new()));
    }
}

fn issue(session: &str) -> Issue {
    Issue::new(session, CLIENT, API)
}

fn refresh(token: &str) -> Refresh {
    Refresh::new(token, CLIENT)
}

/// An opaque token's body as another engine's, whose master key this one was not given.
pub(super) fn foreign(body: &str) -> String {
    let mut bytes = Base64UrlUnpadded::decode_vec(body).unwrap();
    bytes[4] ^= 0x40;
    Base64UrlUnpadded::encode_string(&bytes)
}

/// An access token, spoilt in each way that is seen without a key; and each rule that it breaks.
fn spoilt(access: &str) -> Vec<(String, &'static str)> {
    let [header, claims, signature]: [&str; 3] = access.split('.').collect::<Vec<_>>().try_into().unwrap();
    let text = |part: &str| String::from_utf8(Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap();
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let with_header = |from: &str, to: &str| {
        let header = text(header);
        assert!(header.contains(from), "{header}");
        format!("{}.{claims}.{signature}", encode(&header.replacen(from, to, 1)))
    };
    let claiming = |from: &str, to: &str| {
        let claims = text(claims);
        assert!(claims.contains(from), "{claims}");
        format!("{header}.{}.{signature}", encode(&claims.replacen(from, to, 1)))
    };
    let kid = text(header).split("\"kid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    Vec::from([
        (String::new(), "form"),
        (format!("{access}.{signature}"), "form"),
        (format!("{access}{}", "A".repeat(9_000)), "too_long"),
        (format!("{access}="), "encoding"),
        (format!("{header}.{}.{signature}", encode("{")), "json"),
        (with_header("at+jwt", "JWT"), "type"),
        (with_header("EdDSA", "none"), "algorithm"),
        (with_header("EdDSA", "HS256"), "algorithm"),
        (with_header("{", "{\"crit\":[\"exp\"],"), "critical_header"),
        (with_header(&kid, ""), "key_id"),
        (with_header(&kid, "another"), "unknown_key"),
        (claiming("{", "{\"x\":1,\"x\":2,"), "duplicate_member"),
        (claiming("\"dw\":", "\"dx\":"), "missing_claim"),
        (claiming("\"exp\":", "\"exp\":-"), "malformed_claim"),
        (claiming("\"read write\"", "\"admin\""), "signature"),
    ])
}

/// What only another engine on the same store comes to: other keys, another issuer, a view of revocations that nobody
/// can read, and more keys and revocations than are kept. The closure begins one on this store, with this master key in
/// use if there is one, and the story's policy and clock.
pub(crate) fn elsewhere(
    begin: &dyn Fn(FaultStore, Option<MasterKey>) -> Builder,
    store: std::sync::Arc<dyn Store>,
    listener: &mut dyn Listener,
) {
    let faulty = FaultStore::new(store);
    let open = |listener: &mut dyn Listener, builder: Builder| -> Engine {
        let engine = builder.open().unwrap();
        listener.came(&engine, &[], &[("open", Success)]);
        engine
    };
    let tokens = TokenPolicy::default();
    let engine = open(listener, begin(faulty.clone(), None));
    let mut telling = Story::new(&engine, listener);
    let (session, _) = telling.login(Login::new("grace", PASSWORD), Success).unwrap();
    let issued = telling.issue(issue(&session).with_refresh(), Success).unwrap();
    let access = issued.access.expose();
    for _ in 0..256 {
        let token = telling.issue(issue(&session), Success).unwrap().access;
        tell!(telling.revoke_token(token.expose(), CLIENT)).unwrap();
    }
    tell!(telling.revoke_token(access, CLIENT), "too many");

    // With a key of the host's own, whatever it signs: for another issuer, and for a time that has not come.
    let own = SigningKey::from_secret("own", &[0x77; 32]).unwrap();
    let other = open(listener, begin(faulty.clone(), None).signing_key(own.clone()));
    let claims = Compact::parse(access).unwrap().claims().clone();
    let mut telling = Story::new(&other, listener);
    let foreign = Claims { issuer: "another".into(), ..claims.clone() };
    tell!(telling.verify(&signed(&own, foreign), API), "issuer");
    let later = Claims { not_before: Some(claims.issued_at + 300), ..claims };
    tell!(telling.verify(&signed(&own, later), API), "not_yet_valid");

    // Nobody may look further than a view that cannot be had.
    let revocation =
        RevocationMode::Watched { max_staleness: Duration::from_millis(1), when_stale: WhenStale::Refuse };
    let watched = with_tokens(TokenPolicy { revocation, ..tokens.clone() });
    let watching = open(listener, begin(faulty.clone(), None).policy(watched));
    for kind in [CallKind::Changes, CallKind::Read] {
        faulty.add(Rule::new(Failure::Retryable).on(kind).sticky());
    }
    std::thread::sleep(Duration::from_millis(3));
    let mut telling = Story::new(&watching, listener);
    tell!(telling.verify(access, API), "stale");
    faulty.heal();

    // Another instance has a master key that this one does not have, and makes the keys.
    let at_once = with_tokens(TokenPolicy { overlap: Duration::ZERO, ..tokens });
    let key = MasterKey::new(99, [0x99; 32]);
    open(listener, begin(faulty, Some(key)).policy(at_once));
    let mut telling = Story::new(&engine, listener);
    telling.issue(issue(&session), Refused("no key"));
    telling.refresh(refresh(issued.refresh.unwrap().expose()), Refused("no key"));
    while tell_rotation(&mut telling) {}
}

/// Whether there was room for another key.
fn tell_rotation(story: &mut Story<'_>) -> bool {
    let rotated = story.engine.rotate_keys(RotateKeys::at_once());
    let told = if rotated.is_ok() { Success } else { Refused("full") };
    story.came(&rotated, &[("rotate_keys", told)]);
    rotated.is_ok()
}

fn with_tokens(tokens: TokenPolicy) -> Policy {
    let argon2 = *policy().argon2();
    Policy::builder().argon2(argon2).tokens(tokens).build().unwrap()
}

fn signed(key: &SigningKey, claims: Claims) -> String {
    let work = Work::Sign { key: key.clone(), claims: Box::new(claims) };
    match work.run(&mut HashMemory::default()).unwrap() {
        Worked::Signed(Ok(token)) => token.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}
