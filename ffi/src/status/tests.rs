//! Codes are lasting.

use std::collections::BTreeSet;
use std::ffi::CStr;

use super::*;

/// Every code that there ever was: lines are added, and none is changed or taken away.
const COMMITTED: &str = "
DW_OK=0
DW_NULL=10
DW_NOT_UTF8=11
DW_VALUE=12
DW_HANDLE=13
DW_IN_USE=14
DW_SEQUENCE=15
DW_REPLY=16
DW_STOPPED=17
DW_CONFIG_STORE=20
DW_CONFIG_POLICY=21
DW_CONFIG_KEY=22
DW_CONFIG_KEY_FILE=23
DW_CONFIG_GUARANTEES=24
DW_CONFIG_OPEN=25
DW_CONFIG_ENGINE=26
DW_NAME=30
DW_PASSWORD=31
DW_TAKEN=32
DW_TOO_LARGE=33
DW_LIFETIME=34
DW_TERM=35
DW_CLAIMS=36
DW_DENIED=40
DW_THROTTLED=41
DW_MUST_CHANGE=42
DW_OTHER_ACCOUNT=43
DW_TOO_MANY_SESSIONS=44
DW_TOKEN=50
DW_GONE=51
DW_ANONYMOUS=52
DW_NOT_FOUND=53
DW_UNKNOWN_KEY=54
DW_TOKEN_INVALID=60
DW_REUSED=61
DW_CONFLICT=62
DW_CLIENT=63
DW_SCOPE=64
DW_STALE=65
DW_NO_KEY=66
DW_FULL=67
DW_STORE_RETRYABLE=70
DW_STORE_FATAL=71
DW_CORRUPT=72
DW_UNRESOLVED=73
DW_CONTENDED=74
DW_BUSY=75
DW_KEY=76
DW_CLOCK=77
DW_ENTROPY=78
DW_SIGNING=79
DW_WEB_TARGET=80
DW_WEB_COOKIE=81
DW_WEB_BEARER=82
DW_WEB_CROSS_SITE=83
DW_WEB_TOO_MANY_COOKIES=84
DW_PANIC=90
";

#[test]
fn codes_are_only_ever_added() {
    let codes: Vec<String> =
        dw_status::ALL.iter().map(|status| format!("{status:?}={}", *status as i32)).collect();
    let committed: Vec<&str> = COMMITTED.split_whitespace().collect();
    let (codes, committed): (BTreeSet<&str>, BTreeSet<&str>) =
        (codes.iter().map(String::as_str).collect(), committed.into_iter().collect());
    let changed: Vec<_> = committed.difference(&codes).collect();
    assert!(changed.is_empty(), "these codes had another meaning: {changed:?}");
    let new: Vec<_> = codes.difference(&committed).collect();
    assert!(new.is_empty(), "commit the new codes here: {new:?}");
}

#[test]
fn no_code_is_given_twice_and_all_are_in_the_header() {
    let numbers: BTreeSet<i32> = dw_status::ALL.iter().map(|status| *status as i32).collect();
    assert_eq!(numbers.len(), dw_status::ALL.len());
    assert!(numbers.iter().all(|number| (0..=90).contains(number)));
    let header = include_str!("../../include/doorward.h");
    let declared = header.split_once("typedef enum dw_status {").unwrap().1;
    let declared = declared.split_once("} dw_status;").unwrap().0;
    let declared: Vec<String> = declared
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|(name, number)| format!("{name}={number}"))
        .collect();
    assert_eq!(declared, COMMITTED.split_whitespace().collect::<Vec<_>>());
}

/// Whose affair it is can be seen by the tens, as the page of conventions has it.
#[test]
fn the_tens_say_whose_affair_it_is() {
    for status in dw_status::ALL {
        let (name, http) = (format!("{status:?}"), dw_status_http(*status as i32));
        let tens = *status as i32 / 10 * 10;
        let is_web = name.starts_with("DW_WEB_");
        assert_eq!(is_web, tens == 80, "{name}");
        assert_eq!(name.starts_with("DW_CONFIG_"), tens == 20, "{name}");
        let fits = match tens {
            0 => http == 200,
            // A host's own bug, or its operator's, or ours; a text may be the client's.
            10 | 20 | 90 => http == if name == "DW_NOT_UTF8" { 400 } else { 500 },
            30 => [400, 409, 413, 422].contains(&http),
            40 | 50 | 60 => [401, 403, 404, 409, 429, 503].contains(&http),
            70 => http == 503,
            80 => [400, 403, 431].contains(&http),
            _ => false,
        };
        assert!(fits, "{name} is {http}");
    }
}

#[test]
fn a_status_has_a_name_and_another_number_none() {
    for number in -1..200 {
        let name = dw_status_name(number);
        let found = dw_status::ALL.iter().find(|status| **status as i32 == number);
        match found {
            Some(status) => {
                // SAFETY: it is a name, which ends in a zero.
                let name = unsafe { CStr::from_ptr(name) };
                assert_eq!(name.to_str().unwrap(), format!("{status:?}"));
            }
            None => assert!(name.is_null() && dw_status_http(number) == 0, "{number}"),
        }
    }
    assert!(dw_status_name(i32::MIN).is_null() && dw_status_name(i32::MAX).is_null());
}
