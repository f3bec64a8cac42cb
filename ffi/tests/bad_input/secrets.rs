//! What the library says holds no secret: errors, events, and what its structs print. RV-9.
//!
//! The host of these tests looks for passwords, keys and tokens in each error and each event of every test; here they are said
//! wherever something can be said.

use doorward_ffi_host::Given;
use doorward_ffi_host::raw::{Arg, Outcome, SlotKind, Told, entries, keep_secret, secret_in};

use crate::stage::{JWK, KEY, OTHER_PASSWORD, PASSWORD, PEM, Stage, alone, bytes, call, done, free, told};

const SIGNING_SECRET: &[u8; 32] = b"the signing secret of thirty-two";

#[test]
fn rv_9_the_search_finds_what_it_looks_for() {
    let _alone = alone();
    keep_secret(SIGNING_SECRET);
    let hex = format!("{:032x}", u128::from_be_bytes(*SIGNING_SECRET.first_chunk().unwrap()));
    let said = ["the signing secret of thirty-two", "the signing secr", "et of thirty-two", &*hex];
    let printed = format!("Key({SIGNING_SECRET:?})");
    for text in said.into_iter().chain([&*hex.to_uppercase(), &printed]) {
        assert!(secret_in(&format!("it was {text}, alas")).is_some(), "{text}");
    }
    assert!(secret_in("it was nothing, and no signing secret").is_none());
}

/// Each secret in each text of each entry: whatever it is refused as, it is not repeated.
#[test]
fn rv_9_no_error_and_no_event_repeats_what_was_said() {
    let stage = Stage::new();
    keep_secret(SIGNING_SECRET);
    let held = [stage.at_engine(), &stage.at_context];
    let tokens = held.into_iter().flat_map(|held| [&held.token, &held.access, &held.refresh]);
    let secrets: Vec<Vec<u8>> = [PASSWORD, OTHER_PASSWORD, PEM, JWK]
        .into_iter()
        .chain(tokens.map(String::as_str))
        .map(|text| text.as_bytes().to_vec())
        .chain([KEY.to_vec(), SIGNING_SECRET.to_vec()])
        .collect();
    let mut refused = 0;
    for entry in entries() {
        for (at, slot) in entry.slots.iter().enumerate() {
            // A name is told to the events: it is no place for a secret.
            if !matches!(slot.kind, SlotKind::Text | SlotKind::Data) || slot.name == "name" {
                continue;
            }
            for secret in &secrets {
                let folder = format!("{}/", stage.folder.path().display());
                let scheme: &[u8] = match slot.name {
                    "url" => b"postgres://",
                    "path" => folder.as_bytes(),
                    _ => b"",
                };
                let tails: [&[u8]; 3] = [b"", b"\xff", b"\n!"];
                for said in tails.map(|tail| [scheme, secret, tail].concat()) {
                    let mut args = stage.right(entry);
                    args[at] = bytes(&said);
                    let answer = entry.call(args);
                    refused += usize::from(answer.refused.is_some());
                    if let Some(op) = answer.handle {
                        crate::stage::drive(op, &stage.store, crate::stage::is_done);
                        free("dw_op_free", op);
                    }
                }
            }
        }
    }
    assert!(refused > 500, "{refused}");
    assert!(events(&stage) > 300);
}

/// How many events there were; the host has looked at each.
fn events(stage: &Stage) -> usize {
    let mut count = 0;
    for (entry, handle) in [("dw_engine_event", stage.engine()), ("dw_context_event", stage.context)] {
        while let Some(event) = done(entry, vec![Arg::Handle(handle)]).outcome {
            assert!(secret_in(&format!("{event:?}{}", event.printed())).is_none());
            let _ = event.read();
            count += 1;
        }
    }
    count
}

/// Structs that hold tokens print where those are, not what they are.
#[test]
fn rv_9_no_struct_prints_a_secret() {
    let mut kinds = 0;
    for entry in entries() {
        let Some(kind) = entry.name().strip_suffix("_free") else { continue };
        if matches!(kind, "dw_config" | "dw_engine" | "dw_context" | "dw_op") {
            continue;
        }
        let stage = Stage::new();
        let result = stage.result(kind);
        if let Told::Given(given) = read(&result) {
            for token in tokens_of(given) {
                keep_secret(token.as_bytes());
            }
        }
        let printed = result.printed();
        assert!(printed.starts_with(kind), "{printed}");
        assert!(secret_in(&printed).is_none(), "{printed}");
        kinds += 1;
    }
    assert!(kinds >= 18, "{kinds}");
    let stage = Stage::new();
    let policy = told(&done("dw_engine_policy", vec![Arg::Handle(stage.engine())]));
    assert!(secret_in(&format!("{policy:?}")).is_none());
    let keys = told(&call("dw_jwks", vec![Arg::Handle(stage.engine())]));
    assert!(secret_in(&format!("{keys:?}")).is_none());
}

/// What it says; of an error that is read elsewhere.
fn read(result: &Outcome) -> Told {
    if result.kind() == "dw_error" { Told::Strings(vec![]) } else { result.read() }
}

/// The secrets that a result hands out.
fn tokens_of(given: Given) -> Vec<String> {
    match given {
        Given::Login { token, device_token, .. } => {
            [Some(token), device_token].into_iter().flatten().collect()
        }
        Given::Renewed(renewed) => vec![renewed.token],
        Given::Tokens { access, refresh, .. } => [Some(access), refresh].into_iter().flatten().collect(),
        Given::Everywhere { kept: Some(kept) } => vec![kept.token],
        _ => vec![],
    }
}
