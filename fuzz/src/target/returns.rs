//! Return targets: whatever is taken stays on this site, for every reader on the way.

use doorward_core::web::target::ReturnTarget;
use percent_encoding::percent_decode_str;
use url::Url;

use super::take::Input;

/// The whole input is a target, as a form or a query brings it.
///
/// # Panics
/// One is taken that leads to another origin, as the `url` crate reads it, or would end a header.
pub fn returns(data: &[u8]) {
    let text = Input(data).text();
    let taken = ReturnTarget::parse(&text);
    if let Ok(target) = &taken {
        assert_eq!(target.as_str(), text, "a target is changed on the way");
        judge(&text, &target.path());
        assert_eq!(ReturnTarget::parse(target.as_str()).as_ref(), Ok(target), "a target is taken once only");
    }
    let kept = ReturnTarget::or_root(Some(&text));
    assert_eq!(kept.as_str(), if taken.is_ok() { &text } else { "/" }, "a refused target is not the root");
    let own =
        text.strip_prefix('/').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(!own || taken.is_ok(), "a plain path of this site is refused: {text}");
}

/// A target that was taken, and its path, decoded.
fn judge(text: &str, path: &[u8]) {
    assert!(text.len() <= ReturnTarget::MAX_BYTES, "a target is longer than the longest");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "a target ends or splits its header: {text:?}");
    for base in BASES {
        let base = Url::parse(base).expect("the bases are URLs");
        let led = base.join(text).unwrap_or_else(|error| panic!("{text} leads nowhere: {error}"));
        assert_eq!(led.origin(), base.origin(), "a target leads away: {text}");
        assert!(led.username().is_empty() && led.password().is_none(), "a target names a person: {text}");
        let decoded: Vec<u8> = percent_decode_str(led.path()).collect();
        assert_eq!(decoded, path, "the path is not what a browser asks for: {text}");
        // A proxy on the way may decode the path once.
        let decoded = String::from_utf8_lossy(&decoded);
        let led =
            base.join(&decoded).unwrap_or_else(|error| panic!("{text} leads nowhere, decoded: {error}"));
        assert_eq!(led.origin(), base.origin(), "a target leads away once it is decoded: {text}");
    }
}

const BASES: [&str; 3] =
    ["https://app.example/auth/login?next=x", "http://localhost:3000/", "https://[::1]:8443/a/b/c"];

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "/",
        "/basket?open=1#pay",
        "/a/b/c%20d?u=https://x/#//y",
        "/%C3%A9",
        "/%zz%6",
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "/%2fevil.example",
        "/%252fevil.example",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/a/%2e%2E/b",
        "/.//x",
        "/@evil.example",
        "/:80",
    ];
    texts.map(Vec::from).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "leads away: //evil.example")]
    fn a_target_of_another_host_is_found() {
        judge("//evil.example", b"/");
    }

    #[test]
    #[should_panic(expected = "leads away once it is decoded")]
    fn one_that_a_proxy_decodes_is_found() {
        judge("/%2fevil.example", b"//evil.example");
    }

    #[test]
    #[should_panic(expected = "ends or splits its header")]
    fn one_with_a_line_end_is_found() {
        judge("/x\r\nSet-Cookie: a=b", b"/x");
    }

    #[test]
    #[should_panic(expected = "not what a browser asks for")]
    fn one_that_a_browser_reads_as_another_path_is_found() {
        judge("/a/../b", b"/a/../b");
    }
}
