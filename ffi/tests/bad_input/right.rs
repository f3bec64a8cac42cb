//! What is right to say to each entry, in each of its slots, so that a test can say one thing wrong.

use doorward_ffi_host::raw::{Arg, Bytes, Does, Entry, Many, Options, Slot, SlotKind, Value, reply};
use doorward_ffi_host::{Given, Need};

use crate::stage::{
    Held, JWK, NOW, OTHER_PASSWORD, PASSWORD, PEM, POLICY, Stage, TAKEN, bytes, call, config, done, drive,
    given, is_done, poll, text,
};

impl Stage {
    /// What is right to say to this entry, now.
    pub(crate) fn right(&self, entry: &Entry) -> Vec<Arg> {
        let name = entry.name();
        let held = match entry.slots.first().map(|slot| slot.kind) {
            Some(SlotKind::Handle("dw_context" | "dw_op")) => &self.at_context,
            _ => self.at_engine(),
        };
        if let Some(args) = self.at_op(name) {
            return args;
        }
        entry.slots.iter().map(|slot| self.one(name, slot, held)).collect()
    }

    fn one(&self, entry: &str, slot: &Slot, held: &Held) -> Arg {
        match slot.kind {
            SlotKind::Handle("dw_config") if entry == "dw_engine_open" => {
                let with_store = config();
                done("dw_config_store", vec![Arg::Handle(with_store), text("memory:")]);
                Arg::Handle(self.keep(with_store))
            }
            SlotKind::Handle("dw_config") => Arg::Handle(self.config),
            SlotKind::Handle("dw_engine") if entry == "dw_engine_backup" => Arg::Handle(self.sqlite()),
            SlotKind::Handle("dw_engine") => Arg::Handle(self.engine()),
            SlotKind::Handle("dw_context") => Arg::Handle(self.context),
            SlotKind::Handle(other) => panic!("{other} of {entry}"),
            SlotKind::Text | SlotKind::Data => self.bytes_for(entry, slot.name, held),
            SlotKind::Int
            | SlotKind::Int32
            | SlotKind::Uint32
            | SlotKind::Uint64
            | SlotKind::Int64
            | SlotKind::Size => Arg::Int(number_for(entry, slot.name)),
            SlotKind::Id if slot.name == "session" => Arg::Id(held.session),
            SlotKind::Id => Arg::Id(held.account),
            SlotKind::Callback(_) => Arg::Callback(Some(Does::Works)),
            SlotKind::Options("dw_fetch_headers") => {
                let headers = Options::default().text("host", "app.example").text("site", "same-origin");
                Arg::Options(Some(headers.text("origin", "https://app.example")))
            }
            SlotKind::Options(_) => Arg::Options(Some(Options::default())),
            SlotKind::Texts if entry == "dw_bearer" => {
                Arg::Texts(Many::Given(vec![Bytes::text("Bearer abc.def")]))
            }
            SlotKind::Texts if entry == "dw_check_request" => {
                Arg::Texts(Many::Given(vec![Bytes::text("https://app.example")]))
            }
            SlotKind::Texts => Arg::Texts(Many::Given(vec![Bytes::text("__Host-session=abc")])),
            SlotKind::Rows | SlotKind::Changes => panic!("{} of {entry}", slot.name),
            SlotKind::Result(kind) => Arg::Result(Some(self.result(kind))),
            SlotKind::Room | SlotKind::Out(_) | SlotKind::PlainOut(_) | SlotKind::Error => Arg::Place(true),
        }
    }

    fn bytes_for(&self, entry: &str, slot: &str, held: &Held) -> Arg {
        let path = |name: &str| text(self.folder.path().join(name).to_str().unwrap());
        match (entry.trim_start_matches("dw_op_").trim_start_matches("dw_"), slot) {
            ("register" | "rename", "name") => text("grace"),
            (_, "name") => text("ada"),
            ("change_password" | "set_password", "password") => text(OTHER_PASSWORD),
            (_, "password" | "current") => text(PASSWORD),
            (_, "source") => text("192.0.2.1"),
            ("verify" | "introspect", "token") => text(&held.access),
            ("refresh" | "revoke_token", "token") => text(&held.refresh),
            ("is_logout_token", "token") => {
                let made = done("dw_logout_token", vec![text(&held.token)]);
                let Given::Text(made) = given(&made) else { panic!("{made:?}") };
                text(&made)
            }
            (_, "token" | "keep" | "session_token") => text(&held.token),
            (_, "client") => text("app"),
            (_, "audience") => text("https://api.example"),
            (_, "label") => text("a browser"),
            (_, "data") => bytes(b"what the host keeps"),
            (_, "digits") => text("000102030405060708090a0b0c0d0e0f"),
            (_, "url") => text("memory:"),
            (_, "key" | "secret") => bytes(&[0x43; 32]),
            ("engine_backup", "path") => path("copy.db"),
            (_, "path") => path("key"),
            (_, "pem") => text(PEM),
            (_, "jwk") => text(JWK),
            (_, "kid") => text("mine"),
            (_, "json") => text(POLICY),
            (_, "target") => text("/home"),
            (_, other) => panic!("what is `{other}` of {entry}?"),
        }
    }

    /// Of those that are given an operation: one for which it is the time.
    fn at_op(&self, entry: &str) -> Option<Vec<Arg>> {
        if let Some((_, begin)) = TAKEN.iter().find(|(take, _)| *take == entry) {
            let op = self.begin(begin);
            drive(op, &self.store, is_done);
            let places = if entry == "dw_op_take" { 1 } else { 2 };
            return Some(
                [Arg::Handle(op)].into_iter().chain((0..places).map(|_| Arg::Place(true))).collect(),
            );
        }
        let begin = match entry {
            "dw_op_reply_rows" | "dw_op_reply_failed" | "dw_op_poll" | "dw_op_free" => "dw_op_authenticate",
            "dw_op_reply_page" => "dw_op_sessions",
            "dw_op_reply_commit" => "dw_op_open_session",
            "dw_op_reply_changes" => "dw_op_verify",
            "dw_op_reply_purged" => "dw_op_purge",
            "dw_op_reply_busy" | "dw_work_run" => "dw_op_login",
            "dw_op_take_context" => {
                let op = self
                    .keep(done("dw_op_open", vec![Arg::Handle(self.config), Arg::Int(2)]).handle.unwrap());
                drive(op, &self.store, is_done);
                return Some(vec![Arg::Handle(op), Arg::Place(true), Arg::Place(true)]);
            }
            _ => return None,
        };
        let op = self.begin(begin);
        let (ticket, need) = match entry {
            "dw_op_poll" => return Some(vec![Arg::Handle(op), Arg::Place(true), Arg::Place(true)]),
            "dw_op_free" => return Some(vec![Arg::Handle(op)]),
            "dw_op_reply_failed" | "dw_op_reply_rows" => poll(op),
            "dw_op_reply_page" => drive(op, &self.store, |need| matches!(need, Need::Scan(..))),
            "dw_op_reply_commit" => drive(op, &self.store, |need| matches!(need, Need::Commit(_))),
            "dw_op_reply_changes" => {
                // What is known of the journal must be old.
                let now = Arg::Int((now_at(self.context) + 60_000).cast_unsigned());
                done("dw_context_set_time", vec![Arg::Handle(self.context), now]);
                drive(op, &self.store, |need| matches!(need, Need::Changes(..)))
            }
            "dw_op_reply_purged" => drive(op, &self.store, |need| matches!(need, Need::Purge(..))),
            _ => drive(op, &self.store, |need| matches!(need, Need::Work { .. })),
        };
        let said = match entry {
            "dw_op_reply_failed" => vec![Arg::Handle(op), Arg::Int(ticket), Arg::Int(1), Arg::Place(true)],
            "dw_op_reply_busy" => vec![Arg::Handle(op), Arg::Int(ticket), Arg::Place(true)],
            _ => reply(op, ticket, &need, &self.store).unwrap().1,
        };
        Some(said)
    }
}

fn number_for(entry: &str, slot: &str) -> u64 {
    match (entry, slot) {
        ("dw_status_name" | "dw_status_http", _) => 10,
        (_, "now") => NOW.cast_unsigned(),
        (_, "every_ms") => 1000,
        ("dw_op_open", "durability") => 2,
        (_, "lifetime_ms" | "accept_only" | "and_sessions" | "when") => 0,
        (_, "max_age_ms" | "within_ms") => 60_000,
        ("dw_config_pepper", "number") => 7,
        ("dw_config_master_key", "number") => 2,
        (_, _) => 1,
    }
}

fn now_at(context: usize) -> i64 {
    match call("dw_context_now", vec![Arg::Handle(context)]).value {
        Value::Time(now) => now,
        other => panic!("{other:?}"),
    }
}
