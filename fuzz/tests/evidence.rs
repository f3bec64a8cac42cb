//! What `core/EVIDENCE.md` says is what the ledger says.
#![allow(clippy::unwrap_used, reason = "it fails as a test does")]

use doorward_fuzz::{evidence, ledger};

#[test]
fn the_evidence_is_what_the_ledger_says() {
    let written = std::fs::read_to_string(evidence::file()).unwrap();
    let text = evidence::text(&ledger::folder()).unwrap();
    assert!(written == text, "write it anew: cargo run -p doorward-fuzz --bin evidence");
}
