//! A host with one of everything.

use std::cell::{OnceCell, RefCell};
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorward::store::MemoryStore;
use doorward_ffi::dw_open_handles;
use doorward_ffi::dw_status::DW_OK;
use doorward_ffi_host::raw::{
    Answer, Arg, Bytes, Options, Outcome, SlotKind, Told, entry, forget_secrets, keep_secret, reply,
};
use doorward_ffi_host::{Given, Id, Need, Session};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "the right and proper password";
pub(crate) const OTHER_PASSWORD: &str = "another one that is as proper";
/// The master key.
pub(crate) const KEY: [u8; 32] = *b"One master key, which is 32 long";
pub(crate) const NOW: i64 = 1_800_000_000_000;
/// The cheapest hashing that is allowed; a watched journal, so that there are needs of every kind.
pub(crate) const POLICY: &str = r#"{"argon2": {"memory_kib": 12288, "passes": 1},
    "tokens": {"revocation": {"mode": "watched"}}}"#;
/// RFC 8410, section 10.3.
pub(crate) const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
/// RFC 8037, appendix A.1.
pub(crate) const JWK: &str = r#"{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// Handles are counted for the whole process: one test after the other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An account and what it holds, on one side: at the engine, or at the context.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) account: Id,
    pub(crate) session: Id,
    pub(crate) token: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) store: MemoryStore,
    pub(crate) config: usize,
    engine: OnceCell<(usize, Held)>,
    /// On a database, which can be copied.
    sqlite: OnceCell<usize>,
    pub(crate) context: usize,
    pub(crate) at_context: Held,
    /// Freed at the end.
    ops: RefCell<Vec<usize>>,
    before: usize,
    _alone: MutexGuard<'static, ()>,
}

pub(crate) fn text(text: &str) -> Arg {
    Arg::Bytes(Bytes::text(text))
}

pub(crate) fn bytes(bytes: &[u8]) -> Arg {
    Arg::Bytes(Bytes::Given(bytes.to_vec()))
}

/// Calls the entry of this name; a place for the output and the error are added.
pub(crate) fn call(name: &str, mut args: Vec<Arg>) -> Answer {
    let entry = entry(name);
    for slot in entry.slots.get(args.len()..).unwrap() {
        assert!(
            matches!(slot.kind, SlotKind::Out(_) | SlotKind::PlainOut(_) | SlotKind::Error),
            "{name}: {slot:?}"
        );
        args.push(Arg::Place(true));
    }
    entry.call(args)
}

/// As [`call`], of what must succeed.
pub(crate) fn done(name: &str, args: Vec<Arg>) -> Answer {
    let answer = call(name, args);
    assert_eq!(answer.status(), Some(DW_OK), "{name}: {answer:?}");
    answer
}

pub(crate) fn told(answer: &Answer) -> Told {
    answer.outcome.as_ref().unwrap().read()
}

pub(crate) fn given(answer: &Answer) -> Given {
    match told(answer) {
        Told::Given(given) => given,
        other => panic!("{other:?}"),
    }
}

/// A configuration with a master key, the policy and a manual clock; without a store.
pub(crate) fn config() -> usize {
    let config = done("dw_config_new", vec![]).handle.unwrap();
    done("dw_config_master_key", vec![Arg::Handle(config), Arg::Int(1), bytes(&KEY)]);
    done("dw_config_policy", vec![Arg::Handle(config), text(POLICY)]);
    done("dw_config_manual_clock", vec![Arg::Handle(config), Arg::Int(NOW.cast_unsigned())]);
    done("dw_config_events", vec![Arg::Handle(config), Arg::Int(1000)]);
    config
}

/// An engine on this store, as [`config`] has it.
pub(crate) fn engine(url: &str) -> usize {
    let config = config();
    done("dw_config_store", vec![Arg::Handle(config), text(url)]);
    let engine = done("dw_engine_open", vec![Arg::Handle(config)]).handle.unwrap();
    free("dw_config_free", config);
    engine
}

pub(crate) fn free(name: &str, handle: usize) {
    call(name, vec![Arg::Handle(handle)]);
}

/// What an operation needs now.
pub(crate) fn poll(op: usize) -> (u64, Need) {
    match told(&done("dw_op_poll", vec![Arg::Handle(op)])) {
        Told::Need(ticket, need) => (ticket, need),
        other => panic!("{other:?}"),
    }
}

/// Brings what the operation needs, until it needs what is looked for, or is done. Its ticket and the need.
pub(crate) fn drive(op: usize, store: &MemoryStore, is_there: impl Fn(&Need) -> bool) -> (u64, Need) {
    loop {
        let (ticket, need) = poll(op);
        if is_there(&need) {
            return (ticket, need);
        }
        let (entry, args) = reply(op, ticket, &need, store).expect("it is done before it needs that");
        let answer = entry.call(args);
        assert_eq!(answer.status(), Some(DW_OK), "{answer:?}");
    }
}

pub(crate) fn is_done(need: &Need) -> bool {
    *need == Need::Done
}

/// What takes the outcome of each beginning.
pub(crate) const TAKEN: [(&str, &str); 17] = [
    ("dw_op_take", "dw_op_unlock"),
    ("dw_op_take_access", "dw_op_verify"),
    ("dw_op_take_account", "dw_op_register"),
    ("dw_op_take_data", "dw_op_session_data"),
    ("dw_op_take_ended_everywhere", "dw_op_logout_everywhere"),
    ("dw_op_take_jwks", "dw_op_jwks"),
    ("dw_op_take_login", "dw_op_login"),
    ("dw_op_take_maintained", "dw_op_maintain"),
    ("dw_op_take_purged", "dw_op_purge"),
    ("dw_op_take_receipt", "dw_op_logout"),
    ("dw_op_take_renewed", "dw_op_open_session"),
    ("dw_op_take_revoked", "dw_op_revoke_token"),
    ("dw_op_take_rotated", "dw_op_rotate_keys"),
    ("dw_op_take_session", "dw_op_authenticate"),
    ("dw_op_take_session_list", "dw_op_sessions"),
    ("dw_op_take_string", "dw_op_introspect"),
    ("dw_op_take_tokens", "dw_op_issue"),
];

/// What gives each result.
const GIVEN: [(&str, &str); 16] = [
    ("dw_access", "dw_verify"),
    ("dw_data", "dw_session_data"),
    ("dw_ended_everywhere", "dw_logout_everywhere"),
    ("dw_event", "dw_engine_event"),
    ("dw_jwks_result", "dw_jwks"),
    ("dw_login_result", "dw_login"),
    ("dw_maintained", "dw_maintain"),
    ("dw_receipt", "dw_logout"),
    ("dw_remembered", "dw_engine_remembered_tokens"),
    ("dw_renewed", "dw_open_session"),
    ("dw_rotated", "dw_rotate_keys"),
    ("dw_session", "dw_authenticate"),
    ("dw_session_list", "dw_sessions"),
    ("dw_string", "dw_engine_policy"),
    ("dw_strings", "dw_cookie_clear"),
    ("dw_tokens", "dw_issue"),
];

impl Stage {
    pub(crate) fn new() -> Self {
        let alone = alone();
        forget_secrets();
        for secret in [PASSWORD.as_bytes(), OTHER_PASSWORD.as_bytes(), &KEY, PEM.as_bytes(), JWK.as_bytes()] {
            keep_secret(secret);
        }
        let before = dw_open_handles();
        let (folder, store) = (TempDir::new().unwrap(), MemoryStore::new());
        let config = config();
        let opening = done("dw_op_open", vec![Arg::Handle(config), Arg::Int(2)]).handle.unwrap();
        drive(opening, &store, is_done);
        let context = done("dw_op_take_context", vec![Arg::Handle(opening)]).handle.unwrap();
        free("dw_op_free", opening);
        let at_context = held(|name, args, take| run(context, &store, &format!("dw_op_{name}"), args, take));
        Self {
            folder,
            store,
            config,
            engine: OnceCell::new(),
            sqlite: OnceCell::new(),
            context,
            at_context,
            ops: RefCell::default(),
            before,
            _alone: alone,
        }
    }

    /// An engine in memory, and what is held there.
    fn opened(&self) -> &(usize, Held) {
        self.engine.get_or_init(|| {
            let engine = engine("memory:");
            (engine, held(|name, args, _| done(&format!("dw_{name}"), with(engine, args))))
        })
    }

    pub(crate) fn engine(&self) -> usize {
        self.opened().0
    }

    pub(crate) fn at_engine(&self) -> &Held {
        &self.opened().1
    }

    pub(crate) fn sqlite(&self) -> usize {
        let path = self.folder.path().join("doorward.db");
        *self.sqlite.get_or_init(|| engine(&format!("sqlite:{}", path.display())))
    }

    /// Begins this operation as is right.
    pub(crate) fn begin(&self, name: &str) -> usize {
        let answer = entry(name).call(self.right(entry(name)));
        self.keep(answer.handle.unwrap_or_else(|| panic!("{name}: {answer:?}")))
    }

    /// Frees it at the end.
    pub(crate) fn keep(&self, op: usize) -> usize {
        self.ops.borrow_mut().push(op);
        op
    }

    /// A result of this type.
    pub(crate) fn result(&self, kind: &str) -> Outcome {
        match kind {
            "dw_error" => call("dw_engine_policy", vec![Arg::Handle(0)]).refused.unwrap().1,
            "dw_need" => {
                done("dw_op_poll", vec![Arg::Handle(self.begin("dw_op_authenticate"))]).outcome.unwrap()
            }
            _ => {
                let (_, name) = GIVEN.iter().find(|(result, _)| *result == kind).unwrap();
                let answer = entry(name).call(self.right(entry(name)));
                answer.outcome.unwrap_or_else(|| panic!("{name} gives no {kind}"))
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for op in self.ops.borrow().iter() {
            free("dw_op_free", *op);
            free("dw_config_free", *op);
        }
        free("dw_config_free", self.config);
        for engine in self.engine.get().map(|opened| opened.0).iter().chain(self.sqlite.get()) {
            free("dw_engine_free", *engine);
        }
        free("dw_context_free", self.context);
        if !std::thread::panicking() {
            assert_eq!(dw_open_handles(), self.before, "handles are left behind");
        }
    }
}

pub(crate) fn with(handle: usize, args: Vec<Arg>) -> Vec<Arg> {
    std::iter::once(Arg::Handle(handle)).chain(args).collect()
}

fn run(context: usize, store: &MemoryStore, begin: &str, args: Vec<Arg>, take: &str) -> Answer {
    let op = done(begin, with(context, args)).handle.unwrap();
    drive(op, store, is_done);
    let answer = call(take, vec![Arg::Handle(op)]);
    free("dw_op_free", op);
    answer
}

/// Registers, logs in, and has tokens issued.
pub(crate) fn held(ask: impl Fn(&str, Vec<Arg>, &str) -> Answer) -> Held {
    let none = || Arg::Bytes(Bytes::NONE);
    let registered = ask("register", vec![text("ada"), text(PASSWORD), none()], "dw_op_take_account");
    let Some(Given::Account(account)) = registered.plain else { panic!("{registered:?}") };
    let login = ask("login", vec![text("ada"), text(PASSWORD), Arg::Options(None)], "dw_op_take_login");
    let Given::Login { token, session: Session { id: session, .. }, .. } = given(&login) else { panic!() };
    let options = Options::default().int("refresh", 1);
    let args = vec![text(&token), text("app"), text("https://api.example"), Arg::Options(Some(options))];
    let Given::Tokens { access, refresh, .. } = given(&ask("issue", args, "dw_op_take_tokens")) else {
        panic!()
    };
    for secret in [&token, &access, refresh.as_ref().unwrap()] {
        keep_secret(secret.as_bytes());
    }
    Held { account, session, token, access, refresh: refresh.unwrap() }
}
