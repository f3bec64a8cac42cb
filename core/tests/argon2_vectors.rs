//! The reference implementation's known answer for Argon2id, run on the `argon2` that this crate links.
//!
//! Found in the folder `DOORWARD_VECTORS`, or `../shared/vectors` beside the workspace. The file holds one vector:
//! its 32 KiB, secret and associated data lie outside what `password::hash` accepts, so it drives the crate itself.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
};

use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};

/// PW-11: `argon2_kats/argon2id`.
#[test]
fn pw_11_the_reference_vector_of_argon2id() {
    let path = vectors().join("argon2_kats/argon2id");
    let Ok(text) = fs::read_to_string(&path) else {
        // Not `eprintln!`: the harness would keep the line to itself.
        writeln!(io::stderr(), "SKIPPED: no {}; set DOORWARD_VECTORS", path.display())
            .expect("stderr takes a line");
        return;
    };
    assert!(text.contains("Memory: 32 KiB, Iterations: 3, Parallelism: 4 lanes, Tag length: 32 bytes"));
    let field = |name| bytes(&text, name);

    let data = AssociatedData::new(&field("Associated data[12]: ")).unwrap();
    let params =
        ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(data).output_len(32).build().unwrap();
    let mut blocks = vec![Block::new(); params.block_count()];
    let secret = field("Secret[8]: ");
    let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();

    let mut tag = [0; 32];
    argon2
        .hash_password_into_with_memory(&field("Password[32]: "), &field("Salt[16]: "), &mut tag, &mut blocks)
        .unwrap();
    assert_eq!(tag[..], field("\nTag: "));
}

/// The bytes that follow a label, up to the end of its line.
fn bytes(text: &str, label: &str) -> Vec<u8> {
    let (_, after) = text.split_once(label).expect("every label is in the vectors");
    let line = after.lines().next().unwrap_or_default();
    line.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("bytes are two hexadecimal digits"))
        .collect()
}

fn vectors() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    env::var_os("DOORWARD_VECTORS").map_or_else(|| beside.into(), PathBuf::from)
}
