//! Keys that are none, that others may read, and that belong to another store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::raw::Arg;

use crate::stage::{JWK, PEM, Stage, bytes, call, config, done, engine, free, text};

#[test]
fn rv_12_a_key_of_another_length_is_refused() {
    let stage = Stage::new();
    for len in (0..32).chain([33, 64, 4096]) {
        let key = || bytes(&vec![0x42; len]);
        let master = vec![Arg::Handle(stage.config), Arg::Int(9), key()];
        assert_eq!(call("dw_config_master_key", master).status(), Some(DW_CONFIG_KEY), "{len}");
        let pepper = vec![Arg::Handle(stage.config), Arg::Int(9), key(), Arg::Int(0)];
        assert_eq!(call("dw_config_pepper", pepper).status(), Some(DW_CONFIG_KEY), "{len}");
        if len < 32 {
            let secret = vec![Arg::Handle(stage.config), text("mine"), key()];
            assert_eq!(call("dw_config_signing_secret", secret).status(), Some(DW_CONFIG_KEY), "{len}");
        }
    }
    // None of them was taken: the configuration opens as it is.
    done("dw_config_store", vec![Arg::Handle(stage.config), text("memory:")]);
    free("dw_engine_free", done("dw_engine_open", vec![Arg::Handle(stage.config)]).handle.unwrap());
}

#[test]
fn rv_12_signing_keys_that_are_none_are_refused() {
    let stage = Stage::new();
    let pem = |algorithm, pem: &str| {
        call("dw_config_signing_pem", vec![Arg::Handle(stage.config), Arg::Int(algorithm), text(pem)])
    };
    for garbage in ["", "x", "-----BEGIN PRIVATE KEY-----", &PEM[..PEM.len() - 9], &PEM.replace('V', "W%")] {
        for algorithm in 1..=4 {
            assert_eq!(pem(algorithm, garbage).status(), Some(DW_CONFIG_KEY), "{algorithm} {garbage}");
        }
    }
    // An Ed25519 key for any other algorithm.
    for algorithm in 2..=4 {
        assert_eq!(pem(algorithm, PEM).status(), Some(DW_CONFIG_KEY), "{algorithm}");
    }
    let public = JWK.replace(r#""d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","#, "");
    for jwk in [
        "",
        "{}",
        "null",
        r#"{"kty":"oct"}"#,
        &public,
        &JWK.replace("EdDSA", "none"),
        &JWK.replace("nWG", "nWH"),
    ] {
        let answer = call("dw_config_signing_jwk", vec![Arg::Handle(stage.config), text(jwk)]);
        assert_eq!(answer.status(), Some(DW_CONFIG_KEY), "{jwk}: {answer:?}");
    }
    let kid = vec![Arg::Handle(stage.config), text(""), bytes(&[7; 32])];
    assert_eq!(call("dw_config_signing_secret", kid).status(), Some(DW_CONFIG_KEY));
}

/// Two keys of one number, which cannot be told apart.
#[test]
fn rv_12_keys_that_do_not_fit_each_other_are_refused_when_the_engine_is_opened() {
    for twice in ["dw_config_master_key", "dw_config_pepper", "dw_config_signing_jwk"] {
        let stage = Stage::new();
        done("dw_config_store", vec![Arg::Handle(stage.config), text("memory:")]);
        for key in [[1; 32], [2; 32]] {
            let args = match twice {
                "dw_config_master_key" => vec![Arg::Int(5), bytes(&key)],
                "dw_config_pepper" => vec![Arg::Int(5), bytes(&key), Arg::Int(0)],
                _ => vec![text(JWK)],
            };
            done(twice, [Arg::Handle(stage.config)].into_iter().chain(args).collect());
        }
        let answer = call("dw_engine_open", vec![Arg::Handle(stage.config)]);
        assert_eq!(answer.status(), Some(DW_CONFIG_KEY), "{twice}: {answer:?}");
    }
}

#[test]
fn rv_12_a_key_file_that_is_missing_or_open_to_others_or_none_is_refused() {
    let stage = Stage::new();
    let folder = stage.folder.path();
    let load = |name: &str, create: u64| {
        let path = text(folder.join(name).to_str().unwrap());
        call("dw_config_key_file", vec![Arg::Handle(stage.config), path, Arg::Int(create)])
    };
    let refused = |name: &str, create: u64| {
        let answer = load(name, create);
        assert_eq!(answer.status(), Some(DW_CONFIG_KEY_FILE), "{name}: {answer:?}");
        answer.refused.unwrap().0.message
    };
    assert!(refused("missing", 0).contains("missing"));
    refused("no/such/folder", 1);
    assert_eq!(load("made", 1).status(), Some(DW_OK));
    assert_eq!(load("made", 0).status(), Some(DW_OK));
    let made = fs::read(folder.join("made")).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660, 0o602] {
        fs::set_permissions(folder.join("made"), fs::Permissions::from_mode(mode)).unwrap();
        for create in [0, 1] {
            assert!(refused("made", create).contains("open to others"), "{mode:o}");
        }
    }
    fs::create_dir(folder.join("folder")).unwrap();
    refused("folder", 0);
    refused("folder", 1);
    refused("a\0b", 1);
    let half = &made[..made.len() / 2];
    let twice = [&made[..], &made[..]].concat();
    let garbage: [&[u8]; 6] = [b"", b"\n", b"garbage", b"\xff\xfe", half, &twice];
    for (nth, bytes) in garbage.into_iter().enumerate() {
        let name = format!("garbage_{nth}");
        fs::write(folder.join(&name), bytes).unwrap();
        fs::set_permissions(folder.join(&name), fs::Permissions::from_mode(0o600)).unwrap();
        refused(&name, 0);
        refused(&name, 1);
        assert_eq!(fs::read(folder.join(&name)).unwrap(), bytes, "a key file was overwritten");
    }
}

/// The master key is the store's: who has another one is told so, and what is there stays.
#[test]
fn rv_12_a_second_engine_with_another_master_key_is_refused() {
    let stage = Stage::new();
    for scheme in ["sqlite", "sled"] {
        let url = format!("{scheme}:{}", stage.folder.path().join(format!("keyed_{scheme}")).display());
        let first = engine(&url);
        let held =
            crate::stage::held(|name, args, _| done(&format!("dw_{name}"), crate::stage::with(first, args)));
        if scheme == "sled" {
            free("dw_engine_free", first);
        }
        let other = done("dw_config_new", vec![]).handle.unwrap();
        done("dw_config_master_key", vec![Arg::Handle(other), Arg::Int(1), bytes(&[0x43; 32])]);
        done("dw_config_store", vec![Arg::Handle(other), text(&url)]);
        let answer = call("dw_engine_open", vec![Arg::Handle(other)]);
        assert!(matches!(answer.status(), Some(DW_CONFIG_KEY | DW_KEY)), "{scheme}: {answer:?}");
        free("dw_config_free", other);
        free("dw_engine_free", if scheme == "sled" { 0 } else { first });
        let again = engine(&url);
        done("dw_authenticate", vec![Arg::Handle(again), text(&held.token)]);
        // A second engine on the same sled, which is one process's.
        let config = config();
        done("dw_config_store", vec![Arg::Handle(config), text(&url)]);
        let second = call("dw_engine_open", vec![Arg::Handle(config)]);
        let expected: dw_status = if scheme == "sled" { DW_CONFIG_OPEN } else { DW_OK };
        assert_eq!(second.status(), Some(expected), "{scheme}: {second:?}");
        free("dw_engine_free", second.handle.unwrap_or(0));
        free("dw_config_free", config);
        free("dw_engine_free", again);
    }
}
