//! The operations that meet the faults: what each changes, commit by commit, and what it ends.

/// One operation, and what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// An empty store.
    Open,
    /// With a master key that the store does not know.
    OpenNewKey,
    /// An hour behind the store's mark.
    TrustClock,
    Register,
    Login,
    LoginWrong,
    LoginPrevious,
    /// From an anonymous session, with its data.
    LoginCarry,
    LoginRemember,
    /// From a known device, and wrong.
    LoginDevice,
    /// Two sessions are the most, and there are two.
    LoginCap,
    /// The same, and the policy refuses a third.
    LoginFull,
    /// The password is marked as compromised.
    LoginMarked,
    /// The policy's hashing has moved.
    LoginRehash,
    Authenticate,
    Touch,
    SessionData,
    Logout,
    LogoutGuest,
    OpenSession,
    UpdateData,
    /// With a shorter life for the session.
    UpdateLifetime,
    Rotate,
    RotateGuest,
    Reauthenticate,
    ReauthenticateWrong,
    Sessions,
    EndSession,
    LogoutEverywhere,
    LogoutEverywhereKeep,
    ChangePassword,
    ChangePasswordWrong,
    SetPassword,
    Unlock,
    Rename,
    MarkCompromised,
    Disable,
    /// A disabled account.
    Enable,
    DeleteAccount,
    AfterRestore,
    /// After a deletion that was interrupted.
    Maintain,
    Issue,
    /// With a refresh token.
    IssueRefresh,
    Refresh,
    /// The token was used a moment ago.
    RefreshAgain,
    /// The token was used long ago.
    RefreshReused,
    Verify,
    Introspect,
    IntrospectRefresh,
    RevokeAccess,
    RevokeRefresh,
    Jwks,
    RotateKeys,
    RevokeAllTokens,
    RevokeAllTokensAndSessions,
}

pub(crate) const DOORS: [Operation; 14] = [
    Operation::Open,
    Operation::OpenNewKey,
    Operation::TrustClock,
    Operation::Register,
    Operation::Login,
    Operation::LoginWrong,
    Operation::LoginPrevious,
    Operation::LoginCarry,
    Operation::LoginRemember,
    Operation::LoginDevice,
    Operation::LoginCap,
    Operation::LoginFull,
    Operation::LoginMarked,
    Operation::LoginRehash,
];

pub(crate) const SESSIONS: [Operation; 17] = [
    Operation::Authenticate,
    Operation::Touch,
    Operation::SessionData,
    Operation::Logout,
    Operation::LogoutGuest,
    Operation::OpenSession,
    Operation::UpdateData,
    Operation::UpdateLifetime,
    Operation::Rotate,
    Operation::RotateGuest,
    Operation::Reauthenticate,
    Operation::ReauthenticateWrong,
    Operation::Sessions,
    Operation::EndSession,
    Operation::LogoutEverywhere,
    Operation::LogoutEverywhereKeep,
    Operation::AfterRestore,
];

pub(crate) const ACCOUNTS: [Operation; 10] = [
    Operation::ChangePassword,
    Operation::ChangePasswordWrong,
    Operation::SetPassword,
    Operation::Unlock,
    Operation::Rename,
    Operation::MarkCompromised,
    Operation::Disable,
    Operation::Enable,
    Operation::DeleteAccount,
    Operation::Maintain,
];

pub(crate) const TOKENS: [Operation; 14] = [
    Operation::Issue,
    Operation::IssueRefresh,
    Operation::Refresh,
    Operation::RefreshAgain,
    Operation::RefreshReused,
    Operation::Verify,
    Operation::Introspect,
    Operation::IntrospectRefresh,
    Operation::RevokeAccess,
    Operation::RevokeRefresh,
    Operation::Jwks,
    Operation::RotateKeys,
    Operation::RevokeAllTokens,
    Operation::RevokeAllTokensAndSessions,
];

/// A session that was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    First,
    Second,
    Guest,
    /// Another account's.
    Hers,
}

impl Operation {
    /// All that differs from the store before it, after each of its commits, when nothing fails.
    #[allow(clippy::too_many_lines, reason = "a table")]
    pub(crate) fn changes(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Open => &[&["+clock", "+keyring"]],
            Self::OpenNewKey => &[&["~keyring"]],
            Self::TrustClock => &[&["+journal", "~clock", "~keyring"]],
            Self::Register => &[&["+account", "+active", "+credential", "+login"]],
            Self::Login => &[&["+session", "-attempts", "-throttle"]],
            Self::LoginWrong => &[&["~attempts", "~throttle"]],
            Self::LoginPrevious => {
                &[&["+journal", "+session", "-attempts", "-data", "-grants", "-session", "-throttle"]]
            }
            Self::LoginCarry => {
                &[&["+data", "+journal", "+session", "-attempts", "-data", "-session", "-throttle"]]
            }
            Self::LoginRemember => &[&["+session", "-attempts", "-throttle", "~devices"]],
            Self::LoginDevice => &[&["~attempts"]],
            Self::LoginCap => &[&[
                "+journal",
                "+session",
                "-attempts",
                "-data",
                "-grants",
                "-session",
                "-throttle",
                "~account",
            ]],
            Self::LoginFull | Self::LoginMarked => &[&["-attempts", "-throttle"]],
            Self::LoginRehash => &[
                &["+session", "-attempts", "-throttle"],
                &["+session", "-attempts", "-throttle", "~credential"],
            ],
            Self::Authenticate | Self::Sessions => &[],
            Self::Touch | Self::SessionData => &[&["~session"]],
            Self::Logout => &[&["+journal", "-data", "-grants", "-session"]],
            Self::LogoutGuest => &[&["+journal", "-data", "-session"]],
            Self::Issue
            | Self::RefreshAgain
            | Self::Verify
            | Self::Introspect
            | Self::IntrospectRefresh
            | Self::Jwks => &[],
            Self::IssueRefresh | Self::Refresh => &[&["~grants"]],
            Self::RefreshReused => &[&["+journal", "-data", "-grants", "-session"]],
            Self::RevokeAccess | Self::RevokeRefresh => &[&["+journal", "~grants"]],
            Self::RotateKeys => &[&["~keyring"]],
            Self::RevokeAllTokens | Self::RevokeAllTokensAndSessions => &[&["+journal", "~keyring"]],
            Self::OpenSession => &[&["+data", "+session"]],
            Self::UpdateData => &[&["~data"]],
            Self::UpdateLifetime => &[&["~data", "~session"]],
            Self::Rotate | Self::RotateGuest => &[&["~session"]],
            Self::Reauthenticate => &[&["-attempts", "~data", "~grants", "~session"]],
            Self::ReauthenticateWrong => &[&["+throttle", "~attempts"]],
            Self::EndSession => &[&["+journal", "-session"]],
            Self::LogoutEverywhere => &[&["+journal", "~account"]],
            Self::LogoutEverywhereKeep => &[&["+journal", "-grants", "~account", "~session"]],
            Self::ChangePassword => &[&[
                "+journal",
                "-attempts",
                "-devices",
                "-grants",
                "~account",
                "~credential",
                "~data",
                "~session",
            ]],
            Self::ChangePasswordWrong => &[&["+throttle", "~attempts"]],
            Self::SetPassword => {
                &[&["+journal", "-attempts", "-devices", "-throttle", "~account", "~credential"]]
            }
            Self::Unlock => &[&["-attempts", "-throttle"]],
            Self::Rename => &[&["+login", "-login", "~account"]],
            Self::MarkCompromised => &[&["+journal", "~account", "~credential"]],
            Self::Disable => &[&["+journal", "-active", "~account"]],
            Self::Enable => &[&["+active"]],
            Self::DeleteAccount => &[
                &[
                    "+deletion",
                    "+journal",
                    "-account",
                    "-active",
                    "-attempts",
                    "-credential",
                    "-devices",
                    "-login",
                ],
                &[
                    "+deletion",
                    "+journal",
                    "-account",
                    "-active",
                    "-attempts",
                    "-credential",
                    "-data",
                    "-devices",
                    "-grants",
                    "-login",
                    "-session",
                    "-session",
                ],
                &[
                    "+journal",
                    "-account",
                    "-active",
                    "-attempts",
                    "-credential",
                    "-data",
                    "-devices",
                    "-grants",
                    "-login",
                    "-session",
                    "-session",
                ],
            ],
            Self::AfterRestore => &[&["+journal", "~keyring"]],
            Self::Maintain => &[
                &["-data", "-grants", "-session", "-session"],
                &["-data", "-deletion", "-grants", "-session", "-session"],
            ],
        }
    }

    /// How many of its commits stand when it says that it is done. A touch is an offer, and what follows a login or
    /// a deletion may come later.
    pub(crate) fn promised(self) -> usize {
        match self {
            Self::Touch | Self::SessionData => 0,
            Self::LoginRehash | Self::DeleteAccount => 1,
            _ => self.changes().len(),
        }
    }

    /// What it does beside, if it can, and promises to nobody: with a clock that is set back, no key signs yet.
    pub(crate) fn offers(self) -> &'static [&'static str] {
        match self {
            Self::TrustClock => &["~keyring"],
            _ => &[],
        }
    }

    /// The name of its event.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open | Self::OpenNewKey => "open",
            Self::TrustClock => "trust_clock",
            Self::Register => "register",
            Self::Login
            | Self::LoginWrong
            | Self::LoginPrevious
            | Self::LoginCarry
            | Self::LoginRemember
            | Self::LoginDevice
            | Self::LoginCap
            | Self::LoginFull
            | Self::LoginMarked
            | Self::LoginRehash => "login",
            Self::Authenticate | Self::Touch => "authenticate",
            Self::SessionData => "session_data",
            Self::Logout | Self::LogoutGuest => "logout",
            Self::OpenSession => "open_session",
            Self::UpdateData | Self::UpdateLifetime => "update_session_data",
            Self::Rotate | Self::RotateGuest => "rotate_session",
            Self::Reauthenticate | Self::ReauthenticateWrong => "reauthenticate",
            Self::Sessions => "sessions",
            Self::EndSession => "end_session",
            Self::LogoutEverywhere | Self::LogoutEverywhereKeep => "logout_everywhere",
            Self::ChangePassword | Self::ChangePasswordWrong => "change_password",
            Self::SetPassword => "set_password",
            Self::Unlock => "unlock",
            Self::Rename => "rename",
            Self::MarkCompromised => "mark_compromised",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::DeleteAccount => "delete_account",
            Self::AfterRestore => "after_restore",
            Self::Maintain => "maintain",
            Self::Issue | Self::IssueRefresh => "issue",
            Self::Refresh | Self::RefreshAgain | Self::RefreshReused => "refresh",
            Self::Verify => "verify",
            Self::Introspect | Self::IntrospectRefresh => "introspect",
            Self::RevokeAccess | Self::RevokeRefresh => "revoke_token",
            Self::Jwks => "jwks",
            Self::RotateKeys => "rotate_keys",
            Self::RevokeAllTokens | Self::RevokeAllTokensAndSessions => "revoke_all_tokens",
        }
    }

    /// The operations that it consists of beside itself, each with an event of its own.
    pub(crate) fn others(self) -> &'static [&'static str] {
        match self {
            Self::TrustClock => &["open"],
            Self::LoginRehash => &["rehash"],
            Self::DeleteAccount => &["finish_deletion"],
            Self::Maintain => &["tick", "deletions", "finish_deletion", "rotate_keys"],
            _ => &[],
        }
    }

    /// The sessions that are over once it stands.
    pub(crate) fn ends(self) -> &'static [Held] {
        match self {
            Self::LoginPrevious | Self::LoginCap | Self::Logout | Self::Rotate | Self::Reauthenticate => {
                &[Held::First]
            }
            Self::LoginCarry | Self::LogoutGuest | Self::RotateGuest => &[Held::Guest],
            Self::EndSession => &[Held::Second],
            Self::LogoutEverywhere
            | Self::LogoutEverywhereKeep
            | Self::ChangePassword
            | Self::SetPassword
            | Self::MarkCompromised
            | Self::Disable
            | Self::DeleteAccount => &[Held::First, Held::Second],
            Self::RefreshReused => &[Held::First],
            Self::AfterRestore | Self::TrustClock | Self::RevokeAllTokensAndSessions => {
                &[Held::First, Held::Second, Held::Guest, Held::Hers]
            }
            _ => &[],
        }
    }

    /// Whether the access token of the first session, and the refresh token beside it, are over once it stands.
    pub(crate) fn ends_tokens(self) -> (bool, bool) {
        match self {
            // The session goes on, under another token for its client.
            Self::Rotate | Self::Reauthenticate => (false, false),
            Self::RevokeAccess => (true, false),
            Self::RevokeRefresh | Self::RevokeAllTokens => (true, true),
            _ => {
                let with_session = self.ends().contains(&Held::First);
                (with_session, with_session)
            }
        }
    }

    /// Whether it ends what is nobody's in particular.
    pub(crate) fn ends_hers(self) -> bool {
        self == Self::RevokeAllTokens || self.ends().contains(&Held::Hers)
    }

    /// The sessions that are over before it begins.
    pub(crate) fn finds_ended(self) -> &'static [Held] {
        match self {
            Self::LoginMarked | Self::Enable | Self::Maintain => &[Held::First, Held::Second],
            _ => &[],
        }
    }
}
