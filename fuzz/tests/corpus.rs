//! Every input that was worth keeping, through its body: what a fuzzer has found once is looked at in each run of the tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "it fails as a test does")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use doorward_fuzz::target::Target;

/// The inputs of a target, by their file.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(target.corpus())
        .unwrap_or_else(|error| panic!("{} has no corpus: {error}", target.name));
    let mut all: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

fn replay(target: &Target) {
    let corpus = corpus(target);
    assert!(corpus.len() >= LEAST, "{} has a corpus of {} inputs", target.name, corpus.len());
    for (file, input) in &corpus {
        assert!(input.len() <= target.most_bytes, "{file} is longer than what a fuzzer tries");
        let body = target.body;
        // The sentence that a body panics with is told already; this tells on which input.
        assert!(std::panic::catch_unwind(|| body(input)).is_ok(), "{file} is a finding");
    }
    for seed in target.seeds() {
        (target.body)(&seed);
    }
}

const LEAST: usize = 5;

/// One test each, so that they run side by side and are named when they fail.
macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(&Target::named(stringify!($name)).unwrap());
        })*

        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

replays! { opaque jwt jwk headers returns phc records policy names entries operations }

/// A target is a body, a binary, a corpus and a replay; none is forgotten, and none is left over.
#[test]
fn each_target_is_whole() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names: BTreeSet<String> = Target::ALL.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), Target::ALL.len(), "two targets have one name");
    assert_eq!(REPLAYED.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), names);
    for (folder, extension) in [("fuzz_targets", ".rs"), ("corpus", ""), ("dictionary", "")] {
        let files = fs::read_dir(here.join(folder)).unwrap();
        let there: BTreeSet<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap().replace(extension, ""))
            .collect();
        assert!(there.is_subset(&names), "{folder} has more than the targets: {there:?}");
        assert!(folder == "dictionary" || there == names, "{folder} lacks a target: {there:?}");
    }
    for name in &names {
        let binary = fs::read_to_string(here.join("fuzz_targets").join(name).with_extension("rs")).unwrap();
        assert!(
            binary.contains(&format!("doorward_fuzz::target::{name}(data)")),
            "{name} calls another body"
        );
        let manifest = fs::read_to_string(here.join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name} is no binary"
        );
    }
}

/// Whoever clones the project gets all of it.
#[test]
fn the_corpus_is_small() {
    let sizes = Target::ALL.iter().flat_map(corpus).map(|(_, input)| input.len());
    let total: usize = sizes.sum();
    assert!(total < 1024 * 1024, "the corpus has {total} bytes");
}
