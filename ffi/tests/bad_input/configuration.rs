//! Configurations that cannot be, and places that cannot be opened.

use std::fs;

use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::Given;
use doorward_ffi_host::raw::{Answer, Arg};
use serde_json::Value;

use crate::stage::{POLICY, Stage, call, config, done, engine, free, given, text};

/// A call of this entry with this configuration, and what it is refused as.
fn refused(name: &str, config: usize, args: Vec<Arg>, expected: dw_status) -> String {
    let answer = call(name, [Arg::Handle(config)].into_iter().chain(args).collect());
    assert_eq!(answer.status(), Some(expected), "{name}: {answer:?}");
    answer.refused.unwrap().0.message
}

/// An engine that is opened on this store.
fn open(url: &str, config: usize) -> Answer {
    done("dw_config_store", vec![Arg::Handle(config), text(url)]);
    call("dw_engine_open", vec![Arg::Handle(config)])
}

/// Each path of keys to a value, the object itself first.
fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    if let Value::Object(fields) = value {
        for (key, value) in fields {
            paths(value, &format!("{path}/{key}"), all);
        }
    }
}

#[test]
fn rv_12_a_policy_with_a_typo_at_any_level_is_refused_by_name() {
    let stage = Stage::new();
    let Given::Text(whole) = given(&done("dw_engine_policy", vec![Arg::Handle(stage.engine())])) else {
        panic!()
    };
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let mut all = vec![];
    paths(&whole, "", &mut all);
    assert!(all.len() > 20, "{all:?}");
    done("dw_config_policy", vec![Arg::Handle(stage.config), text(&whole.to_string())]);
    for path in &all {
        if let Value::Object(fields) = whole.pointer(path).unwrap() {
            let mut typo = whole.clone();
            let mut typed = fields.clone();
            typed.insert("idel_ms".to_owned(), Value::from(1));
            *typo.pointer_mut(path).unwrap() = Value::Object(typed);
            let said =
                refused("dw_config_policy", stage.config, vec![text(&typo.to_string())], DW_CONFIG_POLICY);
            assert!(
                said.contains("idel_ms") || said.contains(path.trim_start_matches('/')),
                "{path}: {said}"
            );
        }
        for wrong in others(whole.pointer(path).unwrap()) {
            let mut typo = whole.clone();
            *typo.pointer_mut(path).unwrap() = wrong.clone();
            let answer = call("dw_config_policy", vec![Arg::Handle(stage.config), text(&typo.to_string())]);
            assert_eq!(answer.status(), Some(DW_CONFIG_POLICY), "{path} as {wrong}: {answer:?}");
        }
    }
}

/// Values of other types than this one.
fn others(value: &Value) -> Vec<Value> {
    let all = [Value::from("x"), Value::from(-1), Value::from(1.5), Value::from(true), Value::from(vec![1])];
    let is_same = |other: &Value| match value {
        Value::Null => true,
        Value::String(_) => other.is_string(),
        Value::Bool(_) => other.is_boolean(),
        Value::Array(_) => other.is_array(),
        Value::Number(_) | Value::Object(_) => false,
    };
    all.into_iter().filter(|other| !is_same(other)).collect()
}

#[test]
fn rv_12_what_is_no_policy_is_refused_and_the_one_before_stays() {
    let stage = Stage::new();
    let config = config();
    let garbage =
        ["", " ", "null", "[]", "7", "{", "{}{}", "{'a':1}", "\u{feff}{}", "{\"argon2\":null}", "{\"\":1}"];
    for json in garbage {
        refused("dw_config_policy", config, vec![text(json)], DW_CONFIG_POLICY);
    }
    let deep = "{\"a\":".repeat(100_000);
    refused("dw_config_policy", config, vec![text(&deep)], DW_CONFIG_POLICY);
    let opened = open("memory:", config).handle.unwrap();
    let Given::Text(json) = given(&done("dw_engine_policy", vec![Arg::Handle(opened)])) else { panic!() };
    let (json, before): (Value, Value) =
        (serde_json::from_str(&json).unwrap(), serde_json::from_str(POLICY).unwrap());
    assert_eq!(json["argon2"]["memory_kib"], before["argon2"]["memory_kib"]);
    free("dw_engine_free", opened);
    free("dw_config_free", config);
    drop(stage);
}

#[test]
fn rv_12_a_url_that_names_no_store_is_refused() {
    let stage = Stage::new();
    let urls = [
        "",
        ":",
        "sqlite",
        "sqlite:",
        "sled:",
        "sled",
        "memory",
        "memory:x",
        "memory: ",
        "SQLITE:x",
        " sqlite:x",
        "postgres://db",
        "file:x",
        "sqlite\0:x",
        "\u{ff53}qlite:x",
    ];
    for url in urls {
        refused("dw_config_store", stage.config, vec![text(url)], DW_CONFIG_STORE);
    }
    refused("dw_engine_open", stage.config, vec![], DW_CONFIG_STORE);
    let bare = done("dw_config_new", vec![]).handle.unwrap();
    refused("dw_engine_open", bare, vec![], DW_CONFIG_STORE);
    done("dw_config_store", vec![Arg::Handle(bare), text("memory:")]);
    refused("dw_engine_open", bare, vec![], DW_CONFIG_KEY);
    // A context has no store of its own.
    refused("dw_op_open", bare, vec![Arg::Int(1)], DW_CONFIG_STORE);
    free("dw_config_free", bare);
}

#[test]
fn rv_12_a_place_that_cannot_be_opened_is_refused() {
    let stage = Stage::new();
    let folder = stage.folder.path();
    fs::create_dir(folder.join("folder")).unwrap();
    fs::write(folder.join("garbage"), vec![0x5a; 8192]).unwrap();
    fs::write(folder.join("text"), b"no database").unwrap();
    let at = |scheme: &str, name: &str| format!("{scheme}:{}", folder.join(name).display());
    let places = [
        at("sqlite", "none/such/x.db"),
        at("sqlite", "folder"),
        at("sqlite", "garbage"),
        at("sqlite", "text"),
        at("sqlite", "a\0b"),
        at("sled", "text"),
        at("sled", "a\0b"),
        at("sled", "text/below"),
    ];
    for url in places {
        let config = config();
        let answer = open(&url, config);
        assert_eq!(answer.status(), Some(DW_CONFIG_OPEN), "{url}: {answer:?}");
        let said = answer.refused.unwrap().0.message;
        assert!(!said.contains(folder.to_str().unwrap()), "{said}");
        free("dw_config_free", config);
    }
}

/// A database that was damaged: refused when it is opened or asked, and never a crash or a session.
#[test]
fn rv_12_a_damaged_database_is_refused() {
    let stage = Stage::new();
    for scheme in ["sqlite", "sled"] {
        let place = stage.folder.path().join(format!("whole_{scheme}"));
        let whole = engine(&format!("{scheme}:{}", place.display()));
        let mut held =
            crate::stage::held(|name, args, _| done(&format!("dw_{name}"), crate::stage::with(whole, args)));
        free("dw_engine_free", whole);
        held.account = [0; 16];
        for damage in 0..6 {
            let copy = stage.folder.path().join(format!("{scheme}_{damage}"));
            copy_all(&place, &copy, &|whole| damaged(whole, damage));
            let config = config();
            let opened = open(&format!("{scheme}:{}", copy.display()), config);
            let Some(engine) = opened.handle else {
                let status = opened.status().unwrap();
                let is_refused = matches!(
                    status,
                    DW_CONFIG_OPEN | DW_CONFIG_KEY | DW_CORRUPT | DW_STORE_FATAL | DW_KEY | DW_CLOCK
                );
                assert!(is_refused, "{scheme} {damage}: {opened:?}");
                free("dw_config_free", config);
                continue;
            };
            let asked = call("dw_authenticate", vec![Arg::Handle(engine), text(&held.token)]);
            assert_ne!(asked.status(), Some(DW_PANIC), "{asked:?}");
            let asked = call("dw_maintain", vec![Arg::Handle(engine)]);
            assert_ne!(asked.status(), Some(DW_PANIC), "{asked:?}");
            free("dw_engine_free", engine);
            free("dw_config_free", config);
        }
    }
}

fn damaged(mut whole: Vec<u8>, damage: usize) -> Vec<u8> {
    let len = whole.len();
    match damage {
        0 => whole.truncate(len / 2),
        1 => whole.truncate(1),
        2 => whole.iter_mut().skip(100).for_each(|byte| *byte ^= 0xff),
        3 => whole.iter_mut().step_by(97).for_each(|byte| *byte ^= 1),
        4 => whole.iter_mut().skip(len / 2).for_each(|byte| *byte = 0),
        _ => whole.rotate_left(1),
    }
    whole
}

fn copy_all(from: &std::path::Path, to: &std::path::Path, change: &dyn Fn(Vec<u8>) -> Vec<u8>) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy_all(&entry.path(), &to.join(entry.file_name()), change);
        }
    } else {
        fs::write(to, change(fs::read(from).unwrap())).unwrap();
    }
}
