//! What is a secret is wiped before its memory is given back: an allocator looks at each block that comes back. A program of its own,
//! whose tests take turns: the allocator is everybody's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use std::{ptr, slice};

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward_core::operation::issue::Issue;
use doorward_core::operation::login::Login;
use doorward_core::operation::register::Register;
use doorward_core::token::jwt::{
    Algorithm, Compact, JwtError, KeyLoadError, SigningKey, Verifier, VerifyingKey,
};
use doorward_core::web::cookie::{Cookie, CookieSettings};
use doorward_core::web::reply::Replies;

/// The engine of the examples.
#[allow(unreachable_pub, reason = "an example has it as a file of its own")]
mod examples {
    include!("../doc/engine.rs");
}

/// 48 bytes in base64url.
const TEXT: &[u8; 64] = b"kQ7vX2mZ9pL4tR8wB1nC6yD3hF5jG0sAeUiOqWxVzTbNcMlKjHgFdSaPoIuYtReW";
/// The same bytes.
static BYTES: LazyLock<[u8; 48]> = LazyLock::new(|| {
    let mut bytes = [0; 48];
    Base64UrlUnpadded::decode(TEXT, &mut bytes).unwrap();
    bytes
});
/// A secret that a test was given.
static GIVEN: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static GIVEN_BYTES: AtomicUsize = AtomicUsize::new(0);
/// So many bytes of a secret in a row are no accident.
const PIECE: usize = 16;

static IS_WATCHING: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);
static TURN: Mutex<()> = Mutex::new(());

/// Counts the blocks that come back with a piece of the secret in them. Those that grow come back, too: `realloc` is made of
/// `alloc` and `dealloc`.
struct Watching;

// SAFETY: the system's allocator does the work; a block is looked at while it still is the caller's.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has it. Zeroed, so that all of it can be looked at.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if IS_WATCHING.load(Ordering::SeqCst) {
            // SAFETY: it is a whole block that was made with this layout, and every byte of it was written.
            let bytes = unsafe { slice::from_raw_parts(block, layout.size()) };
            let ours = TEXT.chunks(PIECE).chain(BYTES.chunks(PIECE)).chain(given().chunks(PIECE));
            let is_piece = |bytes: &[u8]| ours.clone().any(|piece| piece == bytes);
            if bytes.windows(PIECE).any(is_piece) {
                FOUND.fetch_add(1, Ordering::SeqCst);
            }
        }
        // SAFETY: as the caller has it.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

fn given() -> &'static [u8] {
    let bytes = GIVEN.load(Ordering::SeqCst);
    // SAFETY: they are leaked, of this length, and change while nobody watches.
    if bytes.is_null() {
        &[]
    } else {
        unsafe { slice::from_raw_parts(bytes, GIVEN_BYTES.load(Ordering::SeqCst)) }
    }
}

/// From now on this is the secret, too.
fn give(secret: &str) {
    let bytes = Box::leak(Box::<[u8]>::from(secret.as_bytes()));
    GIVEN.store(ptr::null_mut(), Ordering::SeqCst);
    GIVEN_BYTES.store(bytes.len(), Ordering::SeqCst);
    GIVEN.store(bytes.as_mut_ptr(), Ordering::SeqCst);
}

/// How many blocks come back with a piece of the secret while this is done.
fn left_by<T>(read: impl FnOnce() -> T) -> (T, usize) {
    LazyLock::force(&BYTES);
    FOUND.store(0, Ordering::SeqCst);
    IS_WATCHING.store(true, Ordering::SeqCst);
    let outcome = read();
    IS_WATCHING.store(false, Ordering::SeqCst);
    (outcome, FOUND.load(Ordering::SeqCst))
}

#[test]
fn inv_30_what_is_read_of_a_private_jwk_is_wiped() {
    let _turn = TURN.lock().unwrap();
    let text = str::from_utf8(TEXT).unwrap();
    let (first, last) = text.split_at(32);
    let jwk = |k: &str| format!(r#"{{"kty":"oct","kid":"shared","k":"{k}"}}"#);
    // It would be found.
    assert_eq!(left_by(|| drop(text.to_owned())).1, 1);
    assert_eq!(left_by(|| drop(BYTES.to_vec())).1, 1);

    let plain = jwk(text);
    // An escape in the middle, so that what is read of it is put together in a buffer: of the right size from the beginning.
    let escaped = jwk(&format!("{first}\\u0065{}", &last[1..]));
    for json in [&plain, &escaped] {
        let (key, left) = left_by(|| SigningKey::from_jwk(json));
        assert!(key.is_ok(), "{key:?}");
        assert_eq!(left, 0, "{json}");
        assert_eq!(left_by(|| VerifyingKey::from_jwk(json).is_ok()), (true, 0));
    }
    // What is no key in the end was one to whoever reads the memory.
    let quoted = jwk(&format!("{first}\\\"{last}"));
    let nested = format!(r#"{{"kty":"oct","kid":"shared","k":"AAAA","oth":[{{"d":"{text}"}}]}}"#);
    for json in [&quoted, &nested] {
        let (key, left) = left_by(|| SigningKey::from_jwk(json).err());
        assert!(matches!(key, Some(KeyLoadError::Member(_) | KeyLoadError::Weak)), "{key:?}");
        assert_eq!(left, 0, "{json}");
    }
    // Nor is it left behind by a text that turns out to be no JSON, or to say something twice.
    let twice = format!(r#"{{"kty":"oct","k":"{text}","k":"x"}}"#);
    let open = format!(r#"{{"kty":"oct","k":"{text}""#);
    let more = format!(r#"{{"kty":"oct","k":"{text}",}}"#);
    let escape = jwk(&format!("{text}\\u0065\\x"));
    let within = format!(r#"{{"kty":"oct","oth":[{{"d":"{text}"}},{{"t":"{text}",}}],"k":"AAAA"}}"#);
    for json in [&twice, &open, &more, &escape, &within] {
        let (key, left) = left_by(|| SigningKey::from_jwk(json).err());
        assert_eq!((key, left), (Some(KeyLoadError::Json), 0), "{json}");
        let set = format!(r#"{{"keys":[{json}]}}"#);
        assert_eq!(
            left_by(|| Verifier::new(&set, "https://login.example", "api").is_err()),
            (true, 0),
            "{json}"
        );
    }
}

/// Of a text that was no base64 in the end, what had been decoded by then was left in memory.
#[test]
fn inv_30_what_is_read_of_a_private_pem_is_wiped() {
    let _turn = TURN.lock().unwrap();
    let text = str::from_utf8(TEXT).unwrap();
    for body in [text.to_owned(), format!("{text}\nAA!A"), format!("{text}\n{text}\nA")] {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let (key, left) = left_by(|| SigningKey::from_pem(&pem, Algorithm::EdDsa).is_ok());
        assert_eq!((key, left), (false, 0), "{body}");
    }
}

/// With the signature, who reads the memory has the token: what it says can be guessed, or is there anyway.
#[test]
fn inv_30_the_signature_of_an_access_token_is_wiped() {
    let _turn = TURN.lock().unwrap();
    let text = str::from_utf8(TEXT).unwrap();
    let part = |json: &str| Base64UrlUnpadded::encode_string(json.as_bytes());
    let head = part(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k"}"#);
    let claims = part(
        r#"{"iss":"i","sub":"s","aud":"a","exp":2,"iat":1,"jti":"t","client_id":"c","sid":"x","auth_time":1,"amr":["pwd"]}"#,
    );
    let token = format!("{head}.{claims}.{text}");
    assert_eq!(left_by(|| Compact::parse(&token).err()), (None, 0));
    // Nor is it left behind where it is none in the end.
    let refused = format!("{token}!");
    assert_eq!(left_by(|| Compact::parse(&refused).err()), (Some(JwtError::Encoding), 0));
}

/// The answer of a token route.
#[test]
fn inv_30_the_tokens_of_an_answer_stand_in_one_buffer_and_are_wiped() {
    let _turn = TURN.lock().unwrap();
    let mut engine = examples::Engine::opened();
    engine.run(Register::new("ada", "plum kettle orbit")).unwrap().unwrap();
    let session = engine.run(Login::new("ada", "plum kettle orbit")).unwrap().unwrap().token;
    let issue = Issue::new(session.expose(), "web", "https://api.example").with_refresh();
    let issued = engine.run(issue).unwrap().unwrap();
    let (_, signature) = issued.access.expose().rsplit_once('.').unwrap();
    for token in [signature, issued.refresh.as_ref().unwrap().expose()] {
        give(token);
        assert_eq!(left_by(|| drop(token.to_owned())).1, 1, "it would be found");
        let (plan, left) = left_by(|| Replies::default().issued(&issued, engine.now));
        assert!(plan.body.as_ref().unwrap().expose().contains(token));
        assert_eq!(left, 0);
        assert_eq!(left_by(|| drop(plan)).1, 0);
    }
}

/// The longest domain of a browser's needs most room.
#[test]
fn inv_30_a_cookies_token_stands_in_one_buffer_and_is_wiped() {
    let _turn = TURN.lock().unwrap();
    let text = str::from_utf8(TEXT).unwrap();
    let settings =
        CookieSettings { name: "sid".into(), domain: Some("x".repeat(253)), ..CookieSettings::default() };
    let cookie = Cookie::new(settings).unwrap();
    let (header, left) = left_by(|| cookie.set(text, Duration::MAX));
    assert!(header.unwrap().expose().contains(text));
    assert_eq!(left, 0);
    assert_eq!(left_by(|| drop(cookie.set(text, Duration::MAX))).1, 0);
}
