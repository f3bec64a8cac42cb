//! Operations as the stories ask for them: the engine's own, and beside each what was said, for an engine that has to be told
//! in another way.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use doorward::core::id::{AccountId, SessionId};
use doorward::{Lifetime, Scope};

/// A parameter of a call, and what the engine takes for it.
pub(crate) trait Said {
    type As;

    fn said(self) -> Self::As;
}

/// What the engine takes as it is.
macro_rules! said {
    ($($type:ty),*) => {
        $(impl Said for $type {
            type As = Self;

            fn said(self) -> Self {
                self
            }
        })*
    };
}

said!(&str, AccountId, SessionId, usize);

/// An operation with what was said to it. It prints as the engine's own.
macro_rules! asked {
    ($($name:ident { $($field:ident: $type:ty,)* })*) => {
        $(pub(crate) struct $name {
            pub(crate) operation: doorward::$name,
            $(pub(crate) $field: $type,)*
        }

        impl Said for $name {
            type As = doorward::$name;

            fn said(self) -> Self::As {
                self.operation
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.operation.fmt(f)
            }
        })*
    };
}

asked! {
    Register { name: String, password: String, source: Option<IpAddr>, }
    Login {
        name: String,
        password: String,
        source: Option<IpAddr>,
        label: Option<String>,
        scope: Option<Scope>,
        lifetime: Lifetime,
        previous: Option<String>,
        carries_data: bool,
        device: Option<String>,
        remembers_device: bool,
    }
    OpenSession { data: Vec<u8>, lifetime: Option<Duration>, label: Option<String>, }
    UpdateSessionData { token: String, data: Vec<u8>, lifetime: Option<Duration>, }
    LogoutEverywhere { account: AccountId, keep: Option<String>, }
    Issue {
        token: String,
        client: String,
        audience: Vec<String>,
        scope: Option<Scope>,
        claims: Vec<(String, String)>,
        with_refresh: bool,
    }
    Refresh {
        token: String,
        client: String,
        scope: Option<Scope>,
        audience: Option<String>,
        claims: Vec<(String, String)>,
    }
    Introspect { token: String, audience: Option<String>, }
    RotateKeys { when: When, }
    RevokeAllTokens { and_sessions: bool, }
}

/// When the next key is to sign.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Orderly,
    AtOnce,
    Due,
}

impl Register {
    pub(crate) fn new(name: &str, password: impl Into<String>) -> Self {
        let password = password.into();
        let operation = doorward::Register::new(name, password.clone());
        Self { operation, name: name.to_owned(), password, source: None }
    }

    pub(crate) fn source(self, source: IpAddr) -> Self {
        Self { operation: self.operation.source(source), source: Some(source), ..self }
    }
}

impl Login {
    pub(crate) fn new(name: &str, password: impl Into<String>) -> Self {
        let password = password.into();
        Self {
            operation: doorward::Login::new(name, password.clone()),
            name: name.to_owned(),
            password,
            source: None,
            label: None,
            scope: None,
            lifetime: Lifetime::Web,
            previous: None,
            carries_data: false,
            device: None,
            remembers_device: false,
        }
    }

    pub(crate) fn source(self, source: IpAddr) -> Self {
        Self { operation: self.operation.source(source), source: Some(source), ..self }
    }

    pub(crate) fn label(self, label: &str) -> Self {
        Self { operation: self.operation.label(label), label: Some(label.to_owned()), ..self }
    }

    pub(crate) fn scope(self, scope: Scope) -> Self {
        Self { operation: self.operation.scope(scope.clone()), scope: Some(scope), ..self }
    }

    pub(crate) fn lifetime(self, lifetime: Lifetime) -> Self {
        Self { operation: self.operation.lifetime(lifetime), lifetime, ..self }
    }

    pub(crate) fn previous(self, token: &str) -> Self {
        Self { operation: self.operation.previous(token), previous: Some(token.to_owned()), ..self }
    }

    pub(crate) fn carry_data(self) -> Self {
        Self { operation: self.operation.carry_data(), carries_data: true, ..self }
    }

    pub(crate) fn device(self, token: &str) -> Self {
        Self { operation: self.operation.device(token), device: Some(token.to_owned()), ..self }
    }

    pub(crate) fn remember_device(self) -> Self {
        Self { operation: self.operation.remember_device(), remembers_device: true, ..self }
    }
}

impl OpenSession {
    pub(crate) fn new(data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        Self { operation: doorward::OpenSession::new(data.clone()), data, lifetime: None, label: None }
    }

    pub(crate) fn lifetime(self, lifetime: Duration) -> Self {
        Self { operation: self.operation.lifetime(lifetime), lifetime: Some(lifetime), ..self }
    }

    pub(crate) fn label(self, label: &str) -> Self {
        Self { operation: self.operation.label(label), label: Some(label.to_owned()), ..self }
    }
}

impl UpdateSessionData {
    pub(crate) fn new(token: &str, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        let operation = doorward::UpdateSessionData::new(token, data.clone());
        Self { operation, token: token.to_owned(), data, lifetime: None }
    }

    pub(crate) fn lifetime(self, lifetime: Duration) -> Self {
        Self { operation: self.operation.lifetime(lifetime), lifetime: Some(lifetime), ..self }
    }
}

impl LogoutEverywhere {
    pub(crate) fn new(account: AccountId) -> Self {
        Self { operation: doorward::LogoutEverywhere::new(account), account, keep: None }
    }

    pub(crate) fn keep(self, token: &str) -> Self {
        Self { operation: self.operation.keep(token), keep: Some(token.to_owned()), ..self }
    }
}

impl Issue {
    pub(crate) fn new(token: &str, client: &str, audience: &str) -> Self {
        Self {
            operation: doorward::Issue::new(token, client, audience),
            token: token.to_owned(),
            client: client.to_owned(),
            audience: vec![audience.to_owned()],
            scope: None,
            claims: vec![],
            with_refresh: false,
        }
    }

    pub(crate) fn audience(mut self, audience: &str) -> Self {
        self.audience.push(audience.to_owned());
        Self { operation: self.operation.audience(audience), ..self }
    }

    pub(crate) fn scope(self, scope: Scope) -> Self {
        Self { operation: self.operation.scope(scope.clone()), scope: Some(scope), ..self }
    }

    pub(crate) fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims.push((name.to_owned(), value.to_owned()));
        Self { operation: self.operation.claim(name, value), ..self }
    }

    pub(crate) fn with_refresh(self) -> Self {
        Self { operation: self.operation.with_refresh(), with_refresh: true, ..self }
    }
}

impl Refresh {
    pub(crate) fn new(token: &str, client: &str) -> Self {
        Self {
            operation: doorward::Refresh::new(token, client),
            token: token.to_owned(),
            client: client.to_owned(),
            scope: None,
            audience: None,
            claims: vec![],
        }
    }

    pub(crate) fn scope(self, scope: Scope) -> Self {
        Self { operation: self.operation.scope(scope.clone()), scope: Some(scope), ..self }
    }

    pub(crate) fn audience(self, audience: &str) -> Self {
        Self { operation: self.operation.audience(audience), audience: Some(audience.to_owned()), ..self }
    }

    pub(crate) fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims.push((name.to_owned(), value.to_owned()));
        Self { operation: self.operation.claim(name, value), ..self }
    }
}

impl Introspect {
    pub(crate) fn new(token: &str) -> Self {
        Self { operation: doorward::Introspect::new(token), token: token.to_owned(), audience: None }
    }

    pub(crate) fn audience(self, audience: &str) -> Self {
        Self { operation: self.operation.audience(audience), audience: Some(audience.to_owned()), ..self }
    }
}

impl RotateKeys {
    pub(crate) fn new() -> Self {
        Self { operation: doorward::RotateKeys::new(), when: When::Orderly }
    }

    pub(crate) fn at_once() -> Self {
        Self { operation: doorward::RotateKeys::at_once(), when: When::AtOnce }
    }

    pub(crate) fn when_due() -> Self {
        Self { operation: doorward::RotateKeys::when_due(), when: When::Due }
    }
}

impl RevokeAllTokens {
    pub(crate) fn new() -> Self {
        Self { operation: doorward::RevokeAllTokens::new(), and_sessions: false }
    }

    pub(crate) fn and_sessions(self) -> Self {
        Self { operation: self.operation.and_sessions(), and_sessions: true }
    }
}
