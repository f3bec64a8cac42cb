//! What must be true of an operation that met a fault: of what it says, of the store, and of the engine afterwards.

use doorward::core::event::{Event, EventResult};
use doorward::{
    AuthenticateError, Engine, Login, LoginError, OpenSession, Refresh, Register, RegisterError, VerifyError,
};
use doorward_conformance::fault::{CallKind, Failure};

use super::operation::{Held, Operation};
use super::stage::{Came, NEW, NEW_NAME, OTHER, Stage};

use crate::support::engine::{NAME, PASSWORD};
use crate::support::rows::dump;
use crate::support::token_story::{API, CLIENT};

impl Stage<'_> {
    /// How many of the operation's commits stand. Nothing of any other does, and nothing of another account (INV 29).
    pub(crate) fn stands(&self, case: &str) -> usize {
        let after = dump(&*self.inner);
        if self.operation != Operation::Open {
            for (key, row) in &self.base.her_rows {
                assert_eq!(after.rows.get(key), Some(row), "{case}: INV 29: another account's {key:?}");
            }
        }
        let changes = self.before.changes_to(&after);
        if changes.is_empty() || changes == self.operation.offers() {
            return 0;
        }
        let stands = self.operation.changes().iter().position(|so_far| changes == *so_far);
        stands.unwrap_or_else(|| panic!("{case}: half done: {changes:?}")) + 1
    }

    /// One event of its own, which says the same as the outcome (RV-8).
    pub(crate) fn check_event(&self, came: &Came, case: &str) {
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        let (own, others): (Vec<&Event>, Vec<&Event>) =
            events.iter().partition(|event| event.operation == self.operation.name());
        let expected = match came {
            Came::Fault(fault) => EventResult::Failed(fault.word()),
            Came::Refused(word) => EventResult::Refused(word),
            Came::Done | Came::Token(_) | Came::Issued(..) => EventResult::Success,
        };
        // A store that cannot be opened is not asked to trust.
        let told = if own.is_empty() && self.operation == Operation::TrustClock { &others } else { &own };
        let results: Vec<EventResult> = told.iter().map(|event| event.result).collect();
        assert_eq!(results, [expected], "{case}: {events:?}");
        let strange = others.iter().find(|event| !self.operation.others().contains(&event.operation));
        assert!(strange.is_none(), "{case}: {strange:?}");
    }

    /// What is said is true at once, and after everything that was on its way has arrived.
    pub(crate) fn check_truth(&self, came: &Came, failure: &Failure, met: Option<CallKind>, case: &str) {
        let now = self.stands(case);
        self.faulty.heal();
        self.faulty.release();
        let later = self.stands(case);
        assert!(later >= now, "{case}: undone");

        let Came::Fault(fault) = came else {
            assert!(now >= self.operation.promised(), "{case}: said {came:?}, and it is not");
            // RV-11, INV 17: what cannot be read means no.
            let decided =
                met.is_none_or(|met| met == CallKind::Commit) || matches!(failure, Failure::Slow(_));
            assert!(decided, "{case}: decided without a read");
            return;
        };
        // Maintenance goes on where another was interrupted: what was done before stays done.
        if self.operation == Operation::Maintain {
            return;
        }
        let certain = matches!(failure, Failure::Retryable | Failure::Fatal | Failure::Corrupt);
        assert!(!(certain && later > 0), "{case}: {fault}, and it was applied");
        assert!(!(fault.is_transient() && later > 0), "{case}: `{fault}` is transient, but it was applied");
    }

    /// The engine, healed, shows what stands, and does what it did before.
    pub(crate) fn check_afterwards(&self, came: &Came, engine: &Engine, case: &str) {
        let stands = self.stands(case) > 0;
        let lives = |token: &str| {
            let session = engine.authenticate(token);
            matches!(session, Ok(_) | Err(AuthenticateError::Anonymous(_)))
        };
        for held in [Held::First, Held::Second, Held::Guest, Held::Hers] {
            let operation = self.operation;
            let over = operation == Operation::Open
                || operation.finds_ended().contains(&held)
                || stands && operation.ends().contains(&held);
            assert_eq!(lives(self.base.token(held)), !over, "{case}: {held:?}: INV 11, 12, 14, 15");
        }
        self.check_tokens(stands, came, engine, case);
        if let Came::Token(token) = came {
            assert!(lives(token), "{case}: a token that opens nothing");
            engine.logout(token).unwrap();
            assert!(!lives(token), "{case}: INV 11");
        }
        self.check_own(stands, engine, case);
        let guest = engine.open_session(OpenSession::new("another cart")).unwrap().token;
        assert!(lives(guest.expose()), "{case}");
        engine.logout(guest.expose()).unwrap();
        assert!(!lives(guest.expose()), "{case}");
    }

    /// Tokens live with their session, and by what is said of them alone.
    fn check_tokens(&self, stands: bool, came: &Came, engine: &Engine, case: &str) {
        let (base, operation) = (self.base, self.operation);
        let is_new = operation == Operation::Open;
        let verifies = |token: &str| match engine.verify(token, API) {
            Ok(_) => true,
            Err(VerifyError::Gone(_) | VerifyError::Token(_)) => false,
            Err(other) => panic!("{case}: {other:?}"),
        };
        assert_eq!(
            verifies(&base.her_access),
            !(is_new || stands && operation.ends_hers()),
            "{case}: INV 29"
        );
        let (access, refresh) = operation.ends_tokens();
        let before = is_new || operation.finds_ended().contains(&Held::First);
        assert_eq!(verifies(&base.access), !(before || stands && access), "{case}: INV 11, 12, 14");
        if let Came::Issued(access, refresh) = came {
            assert!(verifies(access), "{case}: an access token that opens nothing");
            if let Some(refresh) = refresh {
                let is_again =
                    |text: &str| engine.refresh(Refresh::new(text, CLIENT)).unwrap().refresh.unwrap();
                if operation != Operation::IssueRefresh {
                    assert_eq!(is_again(&base.refresh).expose(), refresh, "{case}: INV 1, 4, 25");
                }
                assert_ne!(is_again(refresh).expose(), refresh, "{case}: INV 2, 25: the leaf rotates");
            }
            return;
        }
        // INV 25: the parent lives, or its child is given again; and an explicit end knows no grace (INV 5).
        let refreshed = engine.refresh(Refresh::new(&base.refresh, CLIENT));
        let is_reuse = operation == Operation::RefreshReused;
        assert_eq!(refreshed.is_ok(), !(before || is_reuse || stands && refresh), "{case}: {refreshed:?}");
        if let Ok(issued) = refreshed {
            assert!(verifies(issued.access.expose()), "{case}");
            assert!(engine.refresh(Refresh::new(issued.refresh.unwrap().expose(), CLIENT)).is_ok(), "{case}");
        }
        if is_reuse {
            assert!(engine.authenticate(&base.first).is_err(), "{case}: INV 3");
        }
    }

    /// What this operation alone is for.
    fn check_own(&self, stands: bool, engine: &Engine, case: &str) {
        let (base, ada) = (self.base, self.base.ada);
        let enters = |name, password| engine.login(Login::new(name, password)).is_ok();
        match self.operation {
            Operation::Register => {
                let again = engine.register(Register::new(OTHER, PASSWORD));
                assert_eq!(matches!(again, Err(RegisterError::Taken)), stands, "{case}: {again:?}");
                assert!(enters(OTHER, PASSWORD), "{case}: INV 24");
            }
            Operation::Login | Operation::LoginPrevious | Operation::LoginRehash | Operation::Unlock => {
                assert!(enters(NAME, PASSWORD), "{case}");
            }
            Operation::Logout => {
                assert!(engine.logout(&base.first).is_ok(), "{case}: INV 16");
                assert!(engine.authenticate(&base.first).is_err(), "{case}: INV 11, 15");
            }
            Operation::UpdateData | Operation::UpdateLifetime => {
                let data: &[u8] = if stands { b"another draft" } else { b"a draft" };
                assert_eq!(engine.session_data(&base.first).unwrap().data, data, "{case}");
            }
            Operation::ChangePassword | Operation::SetPassword => {
                assert_eq!(enters(NAME, PASSWORD), !stands, "{case}: the old password");
                assert_eq!(enters(NAME, NEW), stands, "{case}: the new password");
            }
            Operation::Rename => {
                assert_eq!(enters(NAME, PASSWORD), !stands, "{case}: the old name");
                assert_eq!(enters(NEW_NAME, PASSWORD), stands, "{case}: the new name");
            }
            Operation::MarkCompromised => {
                let login = engine.login(Login::new(NAME, PASSWORD));
                assert_eq!(matches!(login, Err(LoginError::MustChange)), stands, "{case}: {login:?}");
            }
            Operation::Disable => assert_eq!(enters(NAME, PASSWORD), !stands, "{case}"),
            Operation::Enable => assert_eq!(enters(NAME, PASSWORD), stands, "{case}"),
            Operation::RotateKeys => {
                assert_eq!(engine.jwks().unwrap().keys.keys.len(), 1 + usize::from(stands), "{case}");
            }
            // INV 27: what was interrupted is resumed to its end.
            Operation::DeleteAccount | Operation::Maintain => {
                engine.maintain().unwrap();
                let left = dump(&*self.inner).rows.values().filter(|row| row.owner == Some(ada)).count();
                let deleted = stands || self.operation == Operation::Maintain;
                assert_eq!(left == 0, deleted, "{case}: INV 27: {left} rows are left");
                assert_eq!(engine.register(Register::new(NAME, PASSWORD)).is_ok(), deleted, "{case}");
            }
            _ => {}
        }
    }
}
