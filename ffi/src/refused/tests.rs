//! Every variant of every error, its status and its word, and what a web host is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ptr;
use std::time::Duration;

use doorward::AnonymousSession;
use doorward::core::error::{Misuse, StoreError};
use doorward::core::id::{AccountId, SessionId};
use doorward::core::record::RecordError;
use doorward::core::store::Guarantees;
use doorward::core::web::problem::Refusal;

use super::*;
use crate::failure::{call, dw_error_free};
use crate::status::{dw_status, dw_status_http};

/// An error, and what C is told of it.
struct Case {
    /// `LoginError::Denied`
    name: String,
    status: dw_status,
    reason: Option<String>,
    until: i64,
    is_transient: bool,
    expected: (dw_status, &'static str),
    /// The status code that an adapter in Rust answers with, if it has one.
    http: Option<u16>,
}

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(5_000);

fn case<E: Into<Failure> + Debug + Clone>(error: &E, status: dw_status, reason: &'static str) -> Case {
    let kind = std::any::type_name::<E>().rsplit("::").next().unwrap();
    let variant = format!("{error:?}");
    let variant = variant.split([' ', '(']).next().unwrap();
    let mut written = ptr::null_mut();
    let told = call(&raw mut written, || Err(error.clone().into()));
    // SAFETY: the call has written it, and its texts are read before it is freed.
    let (reason_told, until, is_transient) = unsafe {
        let given = written.as_ref().unwrap();
        assert_eq!(given.status, told);
        let sentence = given.message.text("message").unwrap().unwrap();
        assert!(sentence.len() > 10 && !sentence.ends_with('.'), "{sentence}");
        let told = (given.reason.text("reason").unwrap().map(str::to_owned), given.until, given.is_transient);
        dw_error_free(written);
        told
    };
    Case {
        name: format!("{kind}::{variant}"),
        status: told,
        reason: reason_told,
        until,
        is_transient,
        expected: (status, reason),
        http: None,
    }
}

/// Of an error that adapters in Rust answer with, too.
fn web<E: Into<Failure> + Debug + Clone + Refusal>(
    error: &E,
    status: dw_status,
    reason: &'static str,
) -> Case {
    Case { http: Some(error.problem(NOW).kind.status()), ..case(error, status, reason) }
}

fn faults() -> Vec<(Fault, dw_status)> {
    let store = |kind| Fault::Store(StoreError::new(kind, "the disk is away"));
    vec![
        (store(StoreErrorKind::Retryable), DW_STORE_RETRYABLE),
        (store(StoreErrorKind::Unknown), DW_STORE_FATAL),
        (store(StoreErrorKind::Fatal), DW_STORE_FATAL),
        (store(StoreErrorKind::Corrupt), DW_CORRUPT),
        (Fault::Contended, DW_CONTENDED),
        (Fault::Unresolved, DW_UNRESOLVED),
        (Fault::Busy, DW_BUSY),
        (Fault::Record(RecordError::Checksum), DW_CORRUPT),
        (Fault::Key(KeyError::Unknown), DW_KEY),
        (Fault::Clock(ClockError::Behind { mark: LATER, now: NOW }), DW_CLOCK),
        (Fault::Entropy, DW_ENTROPY),
        (Fault::Signing, DW_SIGNING),
        (Fault::Misuse(Misuse::Endless), DW_SEQUENCE),
    ]
}

fn guest() -> AnonymousSession {
    AnonymousSession {
        id: SessionId::from_bytes([7; 16]),
        created: NOW,
        idle_ends: LATER,
        absolute_ends: LATER,
        label: None,
        seen_at: NOW,
    }
}

/// The parts that other errors are made of.
fn parts() -> Vec<Case> {
    let mut cases: Vec<Case> = faults().iter().map(|(fault, status)| web(fault, *status, "")).collect();
    for (gone, word) in GONE {
        cases.push(web(&gone, DW_GONE, word));
    }
    for (error, word) in PASSWORDS {
        cases.push(case(&error, DW_PASSWORD, word));
    }
    for error in TOKENS {
        cases.push(web(&error, DW_TOKEN, ""));
    }
    let names = [
        NameError::Empty,
        NameError::TooLong,
        NameError::Forbidden,
        NameError::Invisible,
        NameError::Bidirectional,
        NameError::MixedScript,
        NameError::NotCanonical,
    ];
    cases.extend(names.iter().map(|error| case(error, DW_NAME, "")));
    let terms = [TermError::Client, TermError::Audience, TermError::Scope];
    cases.extend(terms.iter().map(|error| case(error, DW_TERM, "")));
    cases.extend(JWTS.map(|error| case(&error, DW_TOKEN_INVALID, error.rule())));
    cases.push(case(&ClockError::Behind { mark: LATER, now: NOW }, DW_CLOCK, ""));
    cases.push(case(&ClockError::Jumped { mark: NOW, now: LATER }, DW_CLOCK, ""));
    cases
}

const GONE: [(Gone, &str); 5] = [
    (Gone::Ended, "ended"),
    (Gone::Idle, "idle"),
    (Gone::Expired, "expired"),
    (Gone::Revoked, "revoked"),
    (Gone::Replaced, "replaced"),
];

const PASSWORDS: [(PasswordError, &str); 8] = [
    (PasswordError::TooShort { min: 15 }, "too short"),
    (PasswordError::TooLong { max: 256 }, "too long"),
    (PasswordError::TooManyBytes, "too long"),
    (PasswordError::Blocked(BlockedReason::Common), "common"),
    (PasswordError::Blocked(BlockedReason::Pattern), "pattern"),
    (PasswordError::Blocked(BlockedReason::Host), "listed"),
    (PasswordError::Blocked(BlockedReason::LoginName), "login name"),
    (PasswordError::Blocked(BlockedReason::Service), "service"),
];

const TOKENS: [TokenError; 4] =
    [TokenError::Kind, TokenError::Malformed, TokenError::Key, TokenError::Forged];

const JWTS: [JwtError; 17] = [
    JwtError::Form,
    JwtError::TooLong,
    JwtError::Encoding,
    JwtError::Json,
    JwtError::Duplicate,
    JwtError::Type,
    JwtError::Algorithm,
    JwtError::Critical,
    JwtError::KeyId,
    JwtError::UnknownKey,
    JwtError::Signature,
    JwtError::Missing("sub"),
    JwtError::Claim("exp"),
    JwtError::Issuer,
    JwtError::Audience,
    JwtError::Expired,
    JwtError::NotYet,
];

const SHORT: PasswordError = PasswordError::TooShort { min: 15 };
const LONG: PasswordError = PasswordError::TooManyBytes;

/// Of accounts and of proving passwords.
fn of_accounts() -> Vec<Case> {
    use ReauthenticateError as Reauthenticate;
    let mut cases = vec![
        web(&RegisterError::Name(NameError::Empty), DW_NAME, ""),
        web(&RegisterError::Password(SHORT), DW_PASSWORD, "too short"),
        web(&RegisterError::Taken, DW_TAKEN, ""),
        web(&RegisterError::Throttled { until: LATER }, DW_THROTTLED, ""),
        web(&LoginError::Denied, DW_DENIED, ""),
        web(&LoginError::Throttled { until: LATER }, DW_THROTTLED, ""),
        web(&LoginError::MustChange, DW_MUST_CHANGE, ""),
        web(&LoginError::OtherAccount, DW_OTHER_ACCOUNT, ""),
        web(&LoginError::TooManySessions, DW_TOO_MANY_SESSIONS, ""),
        web(&LoginError::Name(NameError::Empty), DW_NAME, ""),
        web(&LoginError::Password(LONG), DW_PASSWORD, "too long"),
        web(&Reauthenticate::Token(TokenError::Forged), DW_TOKEN, ""),
        web(&Reauthenticate::Gone(Gone::Idle), DW_GONE, "idle"),
        web(&Reauthenticate::Anonymous, DW_ANONYMOUS, ""),
        web(&Reauthenticate::Denied, DW_DENIED, ""),
        web(&Reauthenticate::Throttled { until: LATER }, DW_THROTTLED, ""),
        web(&Reauthenticate::Password(LONG), DW_PASSWORD, "too long"),
        web(&ChangePasswordError::Current(Reauthenticate::Denied), DW_DENIED, ""),
        web(&ChangePasswordError::New(SHORT), DW_PASSWORD, "too short"),
        case(&SetPasswordError::NotFound, DW_NOT_FOUND, ""),
        case(&SetPasswordError::Password(SHORT), DW_PASSWORD, "too short"),
        case(&SetPasswordError::Compromised, DW_PASSWORD, "compromised"),
        case(&AccountError::NotFound, DW_NOT_FOUND, ""),
        case(&RenameError::Name(NameError::Empty), DW_NAME, ""),
        case(&RenameError::Taken, DW_TAKEN, ""),
        case(&RenameError::NotFound, DW_NOT_FOUND, ""),
    ];
    for (fault, status) in faults() {
        cases.extend([
            web(&RegisterError::Fault(fault.clone()), status, ""),
            web(&LoginError::Fault(fault.clone()), status, ""),
            web(&Reauthenticate::Fault(fault.clone()), status, ""),
            web(&ChangePasswordError::Fault(fault.clone()), status, ""),
            case(&SetPasswordError::Fault(fault.clone()), status, ""),
            case(&AccountError::Fault(fault.clone()), status, ""),
            case(&RenameError::Fault(fault.clone()), status, ""),
        ]);
    }
    cases
}

fn of_sessions() -> Vec<Case> {
    let longest = Duration::from_hours(24);
    let mut cases = vec![
        web(&AuthenticateError::Token(TokenError::Kind), DW_TOKEN, ""),
        web(&AuthenticateError::Gone(Gone::Expired), DW_GONE, "expired"),
        web(&AuthenticateError::Anonymous(guest()), DW_ANONYMOUS, ""),
        web(&LogoutError::Token(TokenError::Key), DW_TOKEN, ""),
        web(&LogoutError::UnknownKey, DW_UNKNOWN_KEY, ""),
        case(&OpenSessionError::TooLarge { limit: 7 }, DW_TOO_LARGE, ""),
        case(&OpenSessionError::Lifetime { longest }, DW_LIFETIME, ""),
        web(&UpdateSessionDataError::Session(AuthenticateError::Gone(Gone::Ended)), DW_GONE, "ended"),
        web(&UpdateSessionDataError::TooLarge { limit: 7 }, DW_TOO_LARGE, ""),
        web(&UpdateSessionDataError::Lifetime { longest }, DW_LIFETIME, ""),
        web(&EndSessionError::NotFound, DW_NOT_FOUND, ""),
        // Their 401 says that the caller's own session is not the account's, which only the host of a web page asks.
        case(&LogoutEverywhereError::NoAccount, DW_NOT_FOUND, ""),
        case(&LogoutEverywhereError::OtherAccount, DW_OTHER_ACCOUNT, ""),
        web(&LogoutEverywhereError::Keep(AuthenticateError::Gone(Gone::Revoked)), DW_GONE, "revoked"),
    ];
    for (fault, status) in faults() {
        cases.extend([
            web(&AuthenticateError::Fault(fault.clone()), status, ""),
            case(&OpenSessionError::Fault(fault.clone()), status, ""),
            web(&UpdateSessionDataError::Fault(fault.clone()), status, ""),
            web(&LogoutError::Fault(fault.clone()), status, ""),
            web(&EndSessionError::Fault(fault.clone()), status, ""),
            web(&LogoutEverywhereError::Fault(fault.clone()), status, ""),
        ]);
    }
    cases
}

fn of_tokens() -> Vec<Case> {
    let reused = RefreshError::Reused {
        account: AccountId::from_bytes([1; 16]),
        session: SessionId::from_bytes([2; 16]),
    };
    let mut cases = vec![
        web(&IssueError::Token(TokenError::Forged), DW_TOKEN, ""),
        web(&IssueError::Gone(Gone::Ended), DW_GONE, "ended"),
        web(&IssueError::Anonymous, DW_ANONYMOUS, ""),
        web(&IssueError::Term(TermError::Client), DW_TERM, ""),
        web(&IssueError::Scope, DW_SCOPE, ""),
        web(&IssueError::Claims, DW_CLAIMS, ""),
        web(&IssueError::NoKey, DW_NO_KEY, ""),
        web(&RefreshError::Token(TokenError::Forged), DW_TOKEN_INVALID, "token"),
        web(&RefreshError::Gone(Gone::Revoked), DW_TOKEN_INVALID, "revoked"),
        web(&reused, DW_REUSED, ""),
        web(&RefreshError::Conflict, DW_CONFLICT, ""),
        web(&RefreshError::Client, DW_CLIENT, ""),
        web(&RefreshError::Scope, DW_SCOPE, ""),
        web(&RefreshError::Term(TermError::Client), DW_TERM, ""),
        web(&RefreshError::Claims, DW_CLAIMS, ""),
        web(&RefreshError::NoKey, DW_NO_KEY, ""),
        web(&VerifyError::Token(JwtError::Expired), DW_TOKEN_INVALID, "expired"),
        web(&VerifyError::Gone(Gone::Replaced), DW_TOKEN_INVALID, "replaced"),
        web(&VerifyError::Stale, DW_STALE, ""),
        case(&RevokeTokenError::Client, DW_CLIENT, ""),
        case(&RevokeTokenError::Term(TermError::Client), DW_TERM, ""),
        case(&RevokeTokenError::UnknownKey, DW_UNKNOWN_KEY, ""),
        case(&RevokeTokenError::TooMany, DW_FULL, ""),
        case(&RotateKeysError::Full, DW_FULL, ""),
    ];
    for (fault, status) in faults() {
        cases.extend([
            web(&IssueError::Fault(fault.clone()), status, ""),
            web(&RefreshError::Fault(fault.clone()), status, ""),
            web(&VerifyError::Fault(fault.clone()), status, ""),
            case(&RevokeTokenError::Fault(fault.clone()), status, ""),
            case(&RotateKeysError::Fault(fault.clone()), status, ""),
        ]);
    }
    cases
}

/// Of opening, and of the web helpers.
fn of_hosts() -> Vec<Case> {
    let keys = [
        KeyError::Duplicate(1),
        KeyError::Wrong(1),
        KeyError::Unknown,
        KeyError::DuplicatePepper(1),
        KeyError::WrongPepper(1),
        KeyError::DuplicateSigning,
        KeyError::MixedSigning,
        KeyError::Signing,
    ];
    let mut cases: Vec<Case> = keys.iter().map(|error| case(error, DW_CONFIG_KEY, "")).collect();
    let loads = [
        KeyLoadError::Pem,
        KeyLoadError::Json,
        KeyLoadError::TooLong,
        KeyLoadError::Member("kty"),
        KeyLoadError::Kind,
        KeyLoadError::Use,
        KeyLoadError::Weak,
        KeyLoadError::Invalid,
        KeyLoadError::Private,
        KeyLoadError::Public,
        KeyLoadError::KeyId,
        KeyLoadError::DuplicateKeyId,
        KeyLoadError::MixedFamilies,
        KeyLoadError::NoKey,
        KeyLoadError::Derived,
        KeyLoadError::Setting("leeway"),
    ];
    cases.extend(loads.iter().map(|error| case(error, DW_CONFIG_KEY, "")));
    let (offered, asked) = (Guarantees::EPHEMERAL, Guarantees::ALL);
    cases.extend([
        case(&OpenError::NoKey, DW_CONFIG_KEY, ""),
        case(&OpenError::Guarantees { offered, asked }, DW_CONFIG_GUARANTEES, ""),
        case(&OpenError::Key(KeyError::Wrong(1)), DW_CONFIG_KEY, ""),
        case(&OpenError::Clock(ClockError::Behind { mark: LATER, now: NOW }), DW_CLOCK, ""),
        case(&OpenError::Interval, DW_CONFIG_ENGINE, ""),
        case(&OpenError::Thread(std::io::ErrorKind::OutOfMemory), DW_CONFIG_ENGINE, ""),
    ]);
    for (fault, status) in faults() {
        cases.push(case(&OpenError::Fault(fault), status, ""));
    }
    cases.extend([TargetError::TooLong, TargetError::Elsewhere].map(|error| web(&error, DW_WEB_TARGET, "")));
    cases.extend([BearerError::Several, BearerError::Malformed].map(|error| web(&error, DW_WEB_BEARER, "")));
    let cross = [CrossSite::Foreign, CrossSite::Unknown, CrossSite::NotOpened];
    cases.extend(cross.map(|error| web(&error, DW_WEB_CROSS_SITE, "")));
    let cookies = [
        CookieError::Name,
        CookieError::Path,
        CookieError::Domain,
        CookieError::OutOfReach("/logout"),
        CookieError::HostPrefix,
        CookieError::SecurePrefix,
        CookieError::Value,
        CookieError::Twice,
    ];
    cases.extend(cookies.map(|error| web(&error, DW_WEB_COOKIE, "")));
    let many = [CookieError::TooLong, CookieError::TooMany];
    cases.extend(many.map(|error| web(&error, DW_WEB_TOO_MANY_COOKIES, "")));
    cases
}

fn all() -> Vec<Case> {
    [parts(), of_accounts(), of_sessions(), of_tokens(), of_hosts()].into_iter().flatten().collect()
}

#[test]
fn every_error_has_its_status_and_its_word() {
    for case in all() {
        let reason = case.reason.as_deref().unwrap_or_default();
        assert_eq!((case.status, reason), case.expected, "{}", case.name);
        let until = if case.status == DW_THROTTLED { LATER.as_millis() } else { 0 };
        assert_eq!(case.until, until, "{}", case.name);
        let passes = [DW_STORE_RETRYABLE, DW_CONTENDED, DW_BUSY, DW_STALE];
        assert_eq!(case.is_transient, passes.contains(&case.status), "{}", case.name);
    }
}

/// What the page of conventions says otherwise than an adapter in Rust, for a status knows less than an error.
fn differs(case: &Case) -> bool {
    // A logout that is not done is 503, whatever the cause.
    (case.name.starts_with("Logout") || case.name.starts_with("EndSession")) && case.name.ends_with("::Fault")
        // The caller's bug, which a machine's driver in Rust would tell as a failure.
        || case.status == DW_SEQUENCE
}

#[test]
fn a_web_host_in_c_answers_as_one_in_rust() {
    let mut compared = 0;
    for case in all().into_iter().filter(|case| !differs(case)) {
        if let Some(http) = case.http {
            assert_eq!(dw_status_http(case.status as i32), http, "{}", case.name);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

/// `macro` in this place: an error, and where its variants are written.
macro_rules! sources {
    ($($error:literal in $path:literal,)*) => {
        [$(($error, include_str!(concat!("../../../", $path)))),*]
    };
}

/// A variant that a later version of the engine adds is missing above, and must not be told as `DW_VALUE`.
#[test]
fn no_variant_is_missing_here() {
    let sources = sources! {
        "Fault" in "core/src/error.rs",
        "NameError" in "core/src/name.rs",
        "PasswordError" in "core/src/password/rules.rs",
        "Gone" in "core/src/model/session.rs",
        "ClockError" in "core/src/model/clock.rs",
        "TokenError" in "core/src/token/opaque.rs",
        "TermError" in "core/src/token/terms.rs",
        "JwtError" in "core/src/token/jwt/error.rs",
        "KeyLoadError" in "core/src/token/jwt/error.rs",
        "KeyError" in "core/src/secret.rs",
        "RegisterError" in "core/src/operation/register.rs",
        "LoginError" in "core/src/operation/login/outcome.rs",
        "AuthenticateError" in "core/src/operation/authenticate.rs",
        "LogoutError" in "core/src/operation/logout.rs",
        "OpenSessionError" in "core/src/operation/open_session.rs",
        "UpdateSessionDataError" in "core/src/operation/session_data.rs",
        "ReauthenticateError" in "core/src/operation/reauthenticate.rs",
        "ChangePasswordError" in "core/src/operation/change_password.rs",
        "SetPasswordError" in "core/src/operation/set_password.rs",
        "EndSessionError" in "core/src/operation/end_session.rs",
        "LogoutEverywhereError" in "core/src/operation/logout_everywhere.rs",
        "AccountError" in "core/src/operation/access.rs",
        "RenameError" in "core/src/operation/rename.rs",
        "IssueError" in "core/src/operation/issue.rs",
        "RefreshError" in "core/src/operation/refresh.rs",
        "VerifyError" in "core/src/operation/verify.rs",
        "RevokeTokenError" in "core/src/operation/revoke_token.rs",
        "RotateKeysError" in "core/src/operation/rotate_keys.rs",
        "OpenError" in "backends/src/engine/builder.rs",
        "TargetError" in "core/src/web/target.rs",
        "CookieError" in "core/src/web/cookie.rs",
        "BearerError" in "core/src/web/bearer.rs",
        "CrossSite" in "core/src/web/origin.rs",
    };
    let written: BTreeSet<String> = sources
        .iter()
        .flat_map(|(error, source)| {
            let body = source.split_once(&format!("pub enum {error} {{\n")).unwrap().1;
            let body = body.split_once("\n}").unwrap().0;
            let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
            let variants = variants.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
            variants.map(move |line| format!("{error}::{}", line.split(['(', ' ', ',']).next().unwrap()))
        })
        .collect();
    let told: BTreeSet<String> = all().into_iter().map(|case| case.name).collect();
    let differing: Vec<_> = told.symmetric_difference(&written).collect();
    assert!(differing.is_empty(), "only above, or only in the sources: {differing:?}");
    // Each error that has a status has its lines above; these have no variants, or are told by their only status.
    let of_refused = include_str!("../refused.rs").lines();
    let of_refused = of_refused.filter_map(|line| line.strip_prefix("    ")?.split_once(" as error {"));
    let known: BTreeMap<&str, &str> = sources.into_iter().collect();
    let others: Vec<&str> =
        of_refused.map(|(error, _)| error).filter(|error| !known.contains_key(error)).collect();
    assert_eq!(others, ["KeyFileError", "BackupError", "OriginError"]);
}
