//! Which operations there are, read from the sources: a test that must meet each of them misses none that is new.

use std::collections::BTreeSet;

/// What an [`Event`](doorward::core::event::Event) calls each operation of the core.
pub(crate) fn event_names() -> BTreeSet<&'static str> {
    let modules = include_str!("../../../core/src/operation/mod.rs").lines();
    let modules = modules.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    // Two modules hold a second operation; two calls of the engine are none of the core, or several, told as one.
    let others = ["disable", "enable", "update_session_data", "purge", "maintain"];
    modules.filter(|module| *module != "access").chain(others).collect()
}

/// The methods by which the engine does something: all but those that only show a part of it, and `run`, which is
/// under each of them.
pub(crate) fn engine_methods() -> BTreeSet<&'static str> {
    methods(
        &[include_str!("../../src/engine/blocking.rs"), include_str!("../../src/engine/maintenance.rs")],
        "    pub fn ",
    )
}

/// The same of the asynchronous engine.
pub(crate) fn async_engine_methods() -> BTreeSet<&'static str> {
    methods(&[include_str!("../../src/engine/asynchronous.rs")], "    pub async fn ")
}

fn methods(sources: &[&'static str], begin: &str) -> BTreeSet<&'static str> {
    let lines = sources.iter().flat_map(|source| source.lines());
    let methods = lines.filter_map(|line| line.strip_prefix(begin)?.split(['(', '<']).next());
    methods
        .filter(|method| !["builder", "policy", "now", "remembered_tokens", "run"].contains(method))
        .collect()
}
