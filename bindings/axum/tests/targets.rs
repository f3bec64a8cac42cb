//! Whatever is taken for a return target stays on this host, as browsers read URLs (WHATWG URL).
#![allow(clippy::unwrap_used)] // tests

use doorward::core::web::target::ReturnTarget;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use url::Url;

/// Texts of what has led somebody elsewhere.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "%25",
        "%09",
        "%0d%0a",
        "%00",
        "\t",
        "\n",
        "\r",
        " ",
        "@",
        ":",
        "://",
        "https:",
        "javascript:",
        "evil.example",
        "?",
        "#",
        ";",
        "[",
        "]",
        "a",
        "é",
        "\u{3002}",
        "\u{ff0f}",
        "auth/logout",
        "%6c",
        "%",
        "%f",
        "+",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn ck_5_what_is_taken_leads_to_this_host_and_to_the_path_that_it_shows(
        text in prop_oneof![hostile(), "/.{0,12}", hostile().prop_map(|text| format!("/{text}"))],
    ) {
        let Ok(target) = ReturnTarget::parse(&text) else { return Ok(()) };
        let here = Url::parse("https://app.example/auth/login?next=x").unwrap();
        let there = here.join(target.as_str()).unwrap();
        prop_assert_eq!(there.origin(), here.origin());
        prop_assert!(there.username().is_empty() && there.password().is_none());
        // The path is the one that was looked at: nothing in it was left out or put together anew.
        prop_assert!(target.as_str().starts_with(there.path()) || there.path().contains('%'), "{there}");
        let is_header_value = target.as_str().bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        prop_assert!(is_header_value);
    }
}

#[test]
fn some_of_these_are_taken_and_some_are_not() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let text = format!("/{}", hostile().new_tree(&mut runner).unwrap().current());
        if ReturnTarget::parse(&text).is_ok() { taken += 1 } else { refused += 1 }
    }
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused: it shows little");
}
