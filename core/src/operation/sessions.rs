//! Listing the live sessions of an account.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decide, Decision, PAGE};
use crate::model::session::{Gone, Holder, SessionRecord};
use crate::operation::authenticate::Session;
use crate::record::{Key, Kind, RecordError};
use crate::store::Range;

/// Lists the live sessions of this account, in the order of their ids. A session that begins or ends meanwhile may
/// be in the list or not.
///
/// # Example: "my devices"
/// ```
/// use doorward_core::operation::sessions::Sessions;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(Login::new("ada", "plum kettle orbit").label("Firefox"))??;
/// let sessions = engine.run(Sessions::new(ada))?;
/// assert_eq!(sessions.len(), 2);
/// assert!(sessions.iter().any(|session| session.label.as_ref().is_some_and(|label| label.as_str() == "Firefox")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    account: AccountId,
}

impl Sessions {
    /// Of this account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

impl Decide for Sessions {
    type Outcome = Vec<Session>;

    fn name(&self) -> &'static str {
        "sessions"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Vec<Session>>, Fault> {
        let account = Key::Account(self.account);
        let Some([account, keyring]) = facts.rows([&account, &Key::Keyring]) else {
            return Ok(Decision::Read(vec![account, Key::Keyring]));
        };
        let keyring = keyring.ok_or(RecordError::NoKeyring)?;
        let sessions = match sessions_of(self.account, facts)? {
            Ok(sessions) => sessions.into_iter(),
            Err(range) => return Ok(Decision::Scan(range)),
        };
        let is_live = |record: &SessionRecord| match record.present(Holder::Account(account), keyring, cx.now)
        {
            Ok(()) => true,
            // The pages are later than the epochs: who carries a later one was kept, or came in, since.
            Err(Gone::Revoked) => {
                account.is_some_and(|account| record.account_epoch > account.epoch)
                    || record.global_epoch > keyring.epoch
            }
            Err(Gone::Ended | Gone::Idle | Gone::Expired | Gone::Replaced) => false,
        };
        let live = sessions.filter(|(_, record)| is_live(record));
        let live = live.map(|(id, record)| Session::of(id, self.account, record, cx.now));
        Ok(Decision::Done(live.collect()))
    }

    fn audit(&self, _: &Vec<Session>) -> (EventResult, Subject) {
        (EventResult::Success, self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}

/// Sessions as they are stored, in the order of their ids.
type Stored<'a> = Vec<(SessionId, &'a SessionRecord)>;

/// Every session of an account that is stored, live or not, or the range that must be scanned first.
pub(super) fn sessions_of(account: AccountId, facts: &Facts) -> Result<Result<Stored<'_>, Range>, Fault> {
    let mut range = Range { kind: Kind::Session, owner: Some(account), after: None };
    let mut sessions = Vec::new();
    loop {
        let Some(page) = facts.page(&range) else { return Ok(Err(range)) };
        for (key, row) in page {
            if let Key::Session(id) = key {
                sessions.push((*id, row.session()?));
            }
        }
        match page.last() {
            Some((last, _)) if page.len() >= PAGE => range.after = Some(last.clone()),
            Some(_) | None => return Ok(Ok(sessions)),
        }
    }
}
