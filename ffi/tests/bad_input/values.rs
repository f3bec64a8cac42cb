//! Values that cannot be what they are given as: addresses, cookies, headers, numbers for yes and no.

use doorward_ffi::dw_status::*;
use doorward_ffi_host::Event;
use doorward_ffi_host::raw::{Arg, Bytes, Field, Many, Options, SlotKind, Told, entry};

use crate::every_entry::each_wrong_at;
use crate::stage::{Stage, bytes, call, done, text, told, with};

const NO_ADDRESSES: [&str; 14] = [
    "",
    " ",
    "localhost",
    "192.0.2",
    "192.0.2.256",
    "192.0.2.1:443",
    "192.0.2.1 ",
    "0300.0.2.1",
    "[::1]",
    "[::1]:443",
    "2001:db8::1::2",
    "%eth0",
    "192.0.2.1, 192.0.2.2",
    "192.0.2.1\0",
];

#[test]
fn rv_12_a_source_that_is_no_address_is_refused() {
    let stage = Stage::new();
    let asked = each_wrong_at(&stage, |_, slot| {
        let wrong = |source: &str| match slot.kind {
            SlotKind::Text if slot.name == "source" => Some((text(source), DW_VALUE)),
            SlotKind::Options("dw_login_options") => {
                Some((Arg::Options(Some(Options::default().text("source", source))), DW_VALUE))
            }
            _ => None,
        };
        NO_ADDRESSES.into_iter().filter_map(wrong).collect()
    });
    assert_eq!(asked, 8 * NO_ADDRESSES.len());
}

/// The events that wait at the engine.
fn events(engine: usize) -> Vec<Event> {
    let next = || done("dw_engine_event", vec![Arg::Handle(engine)]).outcome;
    let event = |outcome: doorward_ffi_host::raw::Outcome| match outcome.read() {
        Told::Event(event) => event,
        other => panic!("{other:?}"),
    };
    std::iter::from_fn(next).map(event).collect()
}

/// Addresses as operating systems write them.
#[test]
fn an_address_with_a_zone_or_mapped_into_ipv6_is_taken() {
    let stage = Stage::new();
    events(stage.engine());
    let written = [
        ("192.0.2.7", "192.0.2.7"),
        ("::1", "::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%25", "fe80::1"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
    ];
    for (nth, (source, shown)) in written.into_iter().enumerate() {
        let args = vec![text(&format!("nobody{nth}")), text("whatever it may be"), login_from(source)];
        assert_eq!(call("dw_login", with(stage.engine(), args)).status(), Some(DW_DENIED), "{source}");
        let told = events(stage.engine());
        assert_eq!(told.last().unwrap().source.as_deref(), Some(shown), "{told:?}");
    }
}

fn login_from(source: &str) -> Arg {
    Arg::Options(Some(Options::default().text("source", source)))
}

/// Mapped into IPv6 or not, it is one client: its guesses count together.
#[test]
fn an_address_that_is_mapped_into_ipv6_is_throttled_as_itself() {
    let stage = Stage::new();
    let guess = |source: &str, nth: usize| {
        let args = vec![text(&format!("nobody{nth}")), text("whatever it may be"), login_from(source)];
        call("dw_login", with(stage.engine(), args)).status().unwrap()
    };
    let met = (0..2_000).find(|nth| guess("198.51.100.9", *nth) == DW_THROTTLED);
    assert!(met.is_some(), "nobody who guesses is slowed");
    assert_eq!(guess("::ffff:198.51.100.9", 9_999), DW_THROTTLED);
    assert_eq!(guess("198.51.200.9", 9_999), DW_DENIED);
}

/// Yes is whatever is not 0.
#[test]
fn any_number_but_zero_is_yes() {
    for yes in [1, -1, 256, i32::MIN] {
        let stage = Stage::new();
        let options = Arg::Options(Some(Options::default().int("remember_device", yes)));
        let args = vec![text("ada"), text(crate::stage::PASSWORD), options];
        let login = done("dw_login", with(stage.engine(), args));
        let doorward_ffi_host::Given::Login { device_token, .. } = crate::stage::given(&login) else {
            panic!()
        };
        assert!(device_token.is_some(), "{yes}");
        let all = vec![Arg::Handle(stage.engine()), Arg::Int(i64::from(yes).cast_unsigned())];
        done("dw_revoke_all_tokens", all);
        let authenticated =
            call("dw_authenticate", vec![Arg::Handle(stage.engine()), text(&stage.at_engine().token)]);
        assert_eq!(authenticated.status(), Some(DW_GONE), "{yes}");
    }
}

#[test]
fn rv_12_cookies_that_cannot_be_are_refused() {
    let stage = Stage::new();
    let clear =
        |options: Options| call("dw_cookie_clear", vec![Arg::Options(Some(options))]).status().unwrap();
    let cookie = Options::default;
    assert_eq!(clear(cookie()), DW_OK);
    for (name, value) in [
        ("name", ""),
        ("name", "a b"),
        ("name", "a=b"),
        ("name", "a;b"),
        ("name", "session\r\nX: y"),
        ("path", "relative"),
        ("path", "/;x"),
        ("path", "/\r\n"),
        ("domain", "exa mple"),
        ("domain", "a;b"),
    ] {
        assert_eq!(clear(cookie().text(name, value)), DW_WEB_COOKIE, "{name} {value:?}");
    }
    // A prefix promises what these break.
    assert_eq!(clear(cookie().text("domain", "app.example")), DW_WEB_COOKIE);
    assert_eq!(clear(cookie().text("name", "__Secure-s").int("insecure", 1)), DW_WEB_COOKIE);
    let set =
        |token: Arg| call("dw_cookie_set", vec![Arg::Options(None), token, Arg::Int(1000)]).status().unwrap();
    for token in ["a;b", "a b", "a\r\nSet-Cookie: b=c", "\u{e4}", "a\"b"] {
        assert_eq!(set(text(token)), DW_WEB_COOKIE, "{token:?}");
    }
    drop(stage);
}

/// Former cookies, each behind a pointer: as many as there are, each cleared.
#[test]
fn former_cookies_are_cleared_and_one_that_is_null_is_refused() {
    let stage = Stage::new();
    let former = |name: &str| Some(Options::default().text("name", name).int("insecure", 1));
    let clear = |former: Vec<Option<Options>>| {
        let options = Options::default().with("former", Field::Cookies(Many::Given(former)));
        call("dw_cookie_clear", vec![Arg::Options(Some(options))])
    };
    let Told::Strings(headers) = told(&clear(vec![former("old"), former("older")])) else { panic!() };
    assert_eq!(headers.len(), 3, "{headers:?}");
    for at in 0..3 {
        let mut all = vec![former("a"), former("b"), former("c")];
        all[at] = None;
        assert_eq!(clear(all).status(), Some(DW_NULL), "{at}");
    }
    drop(stage);
}

#[test]
fn rv_12_headers_that_cannot_be_are_refused() {
    let stage = Stage::new();
    let bearer = |headers: Vec<Bytes>| call("dw_bearer", vec![Arg::Texts(Many::Given(headers))]);
    assert!(bearer(vec![Bytes::text("Basic abc")]).outcome.is_none());
    assert!(bearer(vec![]).outcome.is_none());
    for wrong in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \u{e4}"] {
        assert_eq!(bearer(vec![Bytes::text(wrong)]).status(), Some(DW_WEB_BEARER), "{wrong:?}");
    }
    let twice = vec![Bytes::text("Bearer abc"), Bytes::text("Bearer abc")];
    assert_eq!(bearer(twice).status(), Some(DW_WEB_BEARER));
    let read = |headers: Vec<Bytes>| {
        call("dw_cookie_read", vec![Arg::Options(None), Arg::Texts(Many::Given(headers))])
    };
    let twice = vec![Bytes::text("__Host-session=a; __Host-session=b")];
    assert_eq!(read(twice).status(), Some(DW_WEB_COOKIE));
    assert_eq!(read(vec![Bytes::text(&"a=b; ".repeat(100_000))]).status(), Some(DW_WEB_TOO_MANY_COOKIES));
    assert!(read(vec![Bytes::Given(b"\xff\x00=\xfe".to_vec())]).outcome.is_none());
    for target in
        ["//evil.example", "https://evil.example", "/\\evil", "", "x", "/a\r\nb", "javascript:x", "/\t/evil"]
    {
        assert_eq!(call("dw_return_target", vec![text(target)]).status(), Some(DW_WEB_TARGET), "{target:?}");
    }
    let link = vec![bytes(b"\xff"), text("token")];
    let answer = entry("dw_is_logout_token").call(link);
    assert_eq!(answer.value, doorward_ffi_host::raw::Value::Bool(false));
    drop(stage);
}

#[test]
fn rv_12_numbers_of_a_configuration_that_cannot_be_are_refused() {
    let stage = Stage::new();
    let config = stage.config;
    for numbers in [[0, 1, 1], [1, 1, 0], [0, 0, 0]] {
        let args = with(config, numbers.map(Arg::Int).into());
        assert_eq!(call("dw_config_hashing", args).status(), Some(DW_VALUE), "{numbers:?}");
    }
    for capacity in [(1 << 20) + 1, u64::MAX] {
        assert_eq!(call("dw_config_events", with(config, vec![Arg::Int(capacity)])).status(), Some(DW_VALUE));
    }
    done("dw_config_store", with(config, vec![text("memory:")]));
    for every in [0, 999] {
        done("dw_config_maintain_every", with(config, vec![Arg::Int(every)]));
        let answer = call("dw_engine_open", vec![Arg::Handle(config)]);
        assert_eq!(answer.status(), Some(DW_CONFIG_ENGINE), "{every}: {answer:?}");
    }
    // The system's clock is not moved.
    let system = done("dw_config_new", vec![]).handle.unwrap();
    done("dw_config_master_key", with(system, vec![Arg::Int(1), bytes(&[1; 32])]));
    done("dw_config_store", with(system, vec![text("memory:")]));
    let engine = done("dw_engine_open", vec![Arg::Handle(system)]).handle.unwrap();
    let answer = call("dw_engine_set_time", with(engine, vec![Arg::Int(1)]));
    assert_eq!(answer.status(), Some(DW_SEQUENCE), "{answer:?}");
    // Only a database is copied.
    let answer = call("dw_engine_backup", with(engine, vec![text("/tmp/x"), Arg::Callback(None)]));
    assert_eq!(answer.status(), Some(DW_VALUE), "{answer:?}");
    crate::stage::free("dw_engine_free", engine);
    crate::stage::free("dw_config_free", system);
}
