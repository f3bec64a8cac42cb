//! RV-8, RV-9, RV-10: the audit trail through `tracing`: silent on success at `info`, structured, without a secret, and
//! never more than one line.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use doorward::core::event::{Event, EventResult, Subject};
use doorward::core::name::LoginName;
use doorward::core::time::Timestamp;
use doorward::events::to_tracing;
use doorward::store::MemoryStore;
use doorward::{Engine, Login, MasterKey, Pepper, Register};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use support::engine::{NAME, policy};

const PASSWORD: &str = "canary-7f3a: a password that sings";
const WRONG: &str = "canary-91c2: a mistyped one sings too";
const KEY: [u8; 32] = *b"canary master key, 32 bytes long";
const PEPPER: [u8; 32] = *b"canary pepper: ground, 32 bytes.";

/// One event as a subscriber gets it.
#[derive(Debug, Clone)]
struct Line {
    level: Level,
    target: String,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

impl Lines {
    fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn one(&self) -> Line {
        let mut lines = self.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        panic!("the engine opens no span")
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let meta = event.metadata();
        let mut line =
            Line { level: *meta.level(), target: meta.target().to_owned(), fields: BTreeMap::new() };
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn listening(story: impl FnOnce(&Lines)) {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || story(&lines));
}

#[test]
fn rv_8_rv_9_success_is_silent_at_info_and_no_secret_is_in_any_line() {
    listening(|lines| {
        let faulty = FaultStore::new(Arc::new(MemoryStore::new()));
        let engine = Engine::builder(faulty.clone())
            .ephemeral()
            .master_key(MasterKey::new(1, KEY))
            .pepper(Pepper::new(1, PEPPER))
            .policy(policy())
            .events(to_tracing)
            .open()
            .unwrap();
        let mut all = Vec::new();
        let mut expect = |operation: &str, result: &str, why: Option<&str>, level: Level| {
            let line = lines.one();
            assert_eq!((line.level, line.target.as_str()), (level, "doorward"), "{line:?}");
            let field = |name| line.fields.get(name).map(String::as_str);
            let told = (field("operation"), field("result"), field("why"));
            assert_eq!(told, (Some(operation), Some(result), why), "{line:?}");
            assert!(field("at").unwrap().parse::<i64>().unwrap() > 1_600_000_000_000);
            all.push(line.clone());
            line.fields
        };
        expect("open", "success", None, Level::DEBUG);
        let source: IpAddr = "2001:db8::1".parse().unwrap();
        let ada = engine.register(Register::new(NAME, PASSWORD).source(source)).unwrap();
        let fields = expect("register", "success", None, Level::DEBUG);
        assert_eq!(fields["account"], ada.to_string());
        assert_eq!(fields["name"], "\"ada\"");
        assert_eq!(fields["source"], "2001:db8::1");
        assert!(!fields.contains_key("session"));
        let login = engine.login(Login::new(NAME, PASSWORD)).unwrap();
        let fields = expect("login", "success", None, Level::DEBUG);
        assert_eq!(fields["session"], login.session.id.to_string());
        engine.authenticate(login.token.expose()).unwrap();
        expect("authenticate", "success", None, Level::DEBUG);
        engine.logout(login.token.expose()).unwrap();
        expect("logout", "success", None, Level::DEBUG);
        engine.authenticate(login.token.expose()).unwrap_err();
        expect("authenticate", "refused", Some("gone"), Level::INFO);
        for _ in 0..5 {
            engine.login(Login::new(NAME, WRONG)).unwrap_err();
            expect("login", "refused", Some("denied"), Level::INFO);
        }
        engine.login(Login::new(NAME, PASSWORD)).unwrap_err();
        expect("login", "refused", Some("throttled"), Level::WARN);
        faulty.add(Rule::new(Failure::Fatal).on(CallKind::Read));
        engine.login(Login::new(NAME, PASSWORD)).unwrap_err();
        expect("login", "failed", Some("store"), Level::ERROR);

        let shown = format!("{all:?}");
        let token = login.token.expose();
        for secret in [PASSWORD, WRONG, token, &token[60..], "canary"] {
            assert!(!shown.contains(secret), "{secret} stands in {shown}");
        }
        for bytes in [KEY, PEPPER] {
            let list: Vec<String> = bytes[..4].iter().map(u8::to_string).collect();
            assert!(!shown.contains(&list.join(", ")));
        }
    });
}

/// RV-10 (ASVS 5.0, 16.4.1): a line of fields as a plain formatter writes it stays one line.
#[test]
fn rv_10_no_name_breaks_a_line() {
    listening(|lines| {
        let engine = Engine::builder(MemoryStore::new())
            .ephemeral()
            .master_key(MasterKey::new(1, KEY))
            .policy(policy())
            .events(to_tracing)
            .open()
            .unwrap();
        lines.take();
        for breaks in ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "\u{b}", "\u{1b}[2K", "\0"] {
            engine.login(Login::new(&format!("ada{breaks}root"), PASSWORD)).unwrap_err();
            let line = lines.one();
            assert!(line.fields.values().all(|value| !value.contains("root") && is_one_line(value)));
        }
        // What can be a name and still looks like a field, or ends a quotation.
        for name in ["ada=root", "\"ada\"", "ada\\", "ada'"] {
            let name = LoginName::parse(name).unwrap();
            let subject = Subject { name: Some(name.clone()), ..Subject::default() };
            let (at, result) = (Timestamp::from_millis(0), EventResult::Refused("denied"));
            to_tracing(&Event { at, operation: "login", result, subject });
            assert_eq!(lines.one().fields["name"], format!("{:?}", name.as_str()));
        }
    });
}

fn is_one_line(value: &str) -> bool {
    !value.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// A host that gives no subscriber, or none to this thread, notices nothing.
#[test]
fn rv_8_without_a_subscriber_nothing_is_told_and_nothing_fails() {
    let engine = Engine::builder(MemoryStore::new())
        .ephemeral()
        .master_key(MasterKey::new(1, KEY))
        .policy(policy())
        .events(to_tracing)
        .open()
        .unwrap();
    assert!(engine.register(Register::new(NAME, PASSWORD)).is_ok());
}
