//! The login names of an account, for whoever starts from the account.

use alloc::vec::Vec;

use crate::error::Fault;
use crate::facts::Facts;
use crate::id::AccountId;
use crate::machine::Context;
use crate::model::keyring::KeyringRecord;
use crate::name::LoginName;
use crate::password::{Password, PasswordContext, PasswordError};
use crate::record::{Key, Kind, Row};
use crate::store::Range;

/// The names, or the range that must be scanned first. Whoever gives an account a name puts the account's row too: names
/// that are scanned after that row was read are all of them in a commit that rests on it.
pub(super) fn names_of(account: AccountId, facts: &Facts) -> Result<Vec<LoginName>, Range> {
    let mut range = Range { kind: Kind::Login, owner: Some(account), after: None };
    let mut names = Vec::new();
    loop {
        let Some(page) = facts.page(&range) else { return Err(range) };
        let Some((last, _)) = page.last() else { return Ok(names) };
        range.after = Some(last.clone());
        names.extend(page.iter().filter_map(|(key, _): &(Key, Row)| match key {
            Key::Login(name) => Some(name.clone()),
            _ => None,
        }));
    }
}

/// Every throttle row that slows guesses at this account.
pub(super) fn throttles_of(
    account: AccountId,
    names: &[LoginName],
    keyring: &KeyringRecord,
) -> impl Iterator<Item = Key> {
    let by_name = names.iter().map(|name| keyring.name_hash(name));
    by_name.chain([keyring.account_hash(account)]).map(Key::Throttle).collect::<Vec<_>>().into_iter()
}

/// Whether this may be the password of somebody with these names.
pub(super) fn check_new(
    password: &Password,
    names: &[LoginName],
    cx: &Context<'_>,
) -> Result<(), PasswordError> {
    let service: Vec<&str> = cx.policy.service_names().collect();
    let context =
        |login_name| PasswordContext { login_name, service: &service, ..PasswordContext::default() };
    let rules = cx.policy.password();
    match names {
        [] => rules.check(password, &context(None)),
        names => names.iter().try_for_each(|name| rules.check(password, &context(Some(name)))),
    }
}

/// What the keyring row says.
pub(super) fn keyring_of(row: Option<&Row>) -> Result<&KeyringRecord, Fault> {
    row.ok_or(crate::record::RecordError::NoKeyring)?.keyring()
}
