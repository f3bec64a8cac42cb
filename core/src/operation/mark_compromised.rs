//! A password that is known to be in other hands (ASVS 5.0, 6.2.10; NIST SP 800-63B-4, section 3.1.1.2).

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::access::AccountError;
use crate::record::{CredentialRecord, Key};
use crate::store::Ending;

/// Marks the password of an account as compromised: it opens nothing any more, and all sessions are over. Whoever gives
/// it is told [`MustChange`](super::login::LoginError::MustChange), and gets no session. Idempotent.
///
/// Only [`SetPassword`](super::set_password::SetPassword), after a recovery, lifts the mark. To change it by showing it
/// would give the account to whoever comes first, and that may be the thief: the mark says that the password tells
/// nobody apart. The answer itself says that the guess was right; so it is counted as a success is, and withheld where a
/// success would be.
///
/// # Example: no session, but a way on
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::login::{Login, LoginError};
/// use doorward_core::operation::mark_compromised::MarkCompromised;
/// use doorward_core::operation::set_password::SetPassword;
/// # use doorward_core::operation::register::Register;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(MarkCompromised::new(ada))??;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// let refused = engine.run(Login::new("ada", "plum kettle orbit"))?;
/// assert!(matches!(refused, Err(LoginError::MustChange)));
///
/// engine.run(SetPassword::new(ada, "slate lantern ferry"))??; // after a mail to the owner
/// assert!(engine.run(Login::new("ada", "slate lantern ferry"))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MarkCompromised {
    account: AccountId,
}

impl MarkCompromised {
    /// Of this account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }
}

impl Decide for MarkCompromised {
    type Outcome = Result<(), AccountError>;

    fn name(&self) -> &'static str {
        "mark_compromised"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let (account, credential) = (Key::Account(self.account), Key::Credential(self.account));
        let Some([password]) = facts.rows([&credential]) else {
            let mut reads = vec![credential];
            // Seven conflicts say that the account is there. Not to look at it now is to need nothing of it: where the
            // policy caps sessions, each login writes its row, and who has the password may log in without end.
            if !cx.is_last_attempt {
                reads.push(account);
            }
            return Ok(Decision::Read(reads));
        };
        match facts.rows([&account]) {
            Some([Some(_)]) => {}
            Some([None]) => return Ok(Decision::Done(Err(AccountError::NotFound))),
            // A credential goes with its account, so it stands for it.
            None if password.is_some() => {}
            None => return Ok(Decision::Read(vec![account])),
        }
        let until = cx.policy.floor_dies_at(cx.now);
        let mut writes = Writes::new().raise(account.clone()).journal(Ending::Epoch { key: account, until });
        if let Some(row) = password {
            let record = row.credential()?;
            if record.compromised.is_some() {
                return Ok(Decision::Done(Ok(())));
            }
            let marked = CredentialRecord { compromised: Some(cx.now), ..record.clone() };
            writes = writes.put(credential, row.owner, row.expires, marked);
        }
        Ok(Decision::Commit(writes, Ok(())))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Ok(()) | Err(AccountError::NotFound))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        (AccountError::result(outcome), self.subject())
    }

    fn subject(&self) -> Subject {
        Subject { account: Some(self.account), ..Subject::default() }
    }
}
