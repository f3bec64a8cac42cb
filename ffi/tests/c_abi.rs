//! What C's compilers and linkers see: the header by itself, the symbols of the library, where each field lies.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use support::{STRICT, cc, cxx, header, here, library, output};

#[test]
fn the_header_compiles_alone_in_every_standard() {
    let folder = tempfile::tempdir().unwrap();
    for (language, compiler) in [("c", cc as fn() -> Command), ("c++", cxx)] {
        let file = folder.path().join("alone").with_extension(language);
        fs::write(&file, "#include <doorward.h>\n#include <doorward.h>\n").unwrap();
        for standards in standards_of(language) {
            let standard = standards.iter().find(|standard| is_known(compiler(), language, standard));
            let standard = standard
                .unwrap_or_else(|| panic!("the compiler knows none of {standards:?}: install a later one"));
            let mut compile = compiler();
            compile.arg(format!("-std={standard}")).args(STRICT).args(["-x", language, "-fsyntax-only"]);
            output(compile.arg("-I").arg(here("include")).arg(&file));
        }
    }
}

/// Each under the names that compilers have for it.
fn standards_of(language: &str) -> Vec<&'static [&'static str]> {
    if language == "c" {
        vec![&["c99"], &["c11"], &["c17"], &["c23", "c2x"]]
    } else {
        vec![&["c++11"], &["c++14"], &["c++17"], &["c++20", "c++2a"]]
    }
}

fn is_known(mut compiler: Command, language: &str, standard: &str) -> bool {
    compiler.arg(format!("-std={standard}")).args(["-x", language, "-fsyntax-only", "/dev/null"]);
    compiler.stderr(Stdio::null()).status().unwrap().success()
}

/// The names of the header's functions.
fn functions() -> BTreeSet<String> {
    let header = header();
    let prototypes = header.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let prototypes = prototypes.filter(|line| !line.starts_with("typedef") && !line.starts_with("extern"));
    let name = |line: &str| {
        let (before, _) = line.split_once('(')?;
        before.rsplit([' ', '*']).next().map(str::to_owned)
    };
    prototypes.filter_map(name).collect()
}

/// All else stays inside: a program may link a database, or another Rust library, of its own.
#[test]
#[cfg(target_os = "linux")]
fn the_shared_library_exports_the_header_s_functions_and_nothing_else() {
    let functions = functions();
    assert!(functions.len() > 100, "{functions:?}");
    let symbols = output(Command::new("nm").args(["-D", "--defined-only", "-P"]).arg(&library().shared));
    let exported: BTreeSet<String> =
        symbols.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let missing: Vec<&String> = functions.difference(&exported).collect();
    let extra: Vec<&String> = exported.difference(&functions).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "not exported: {missing:?}; not in the header: {extra:?}"
    );
}

/// A C program that prints the size of each struct, the place and size of each of its fields, and the value of each constant.
fn printer() -> String {
    let mut program = String::from("#include <doorward.h>\n#include <stdio.h>\nint main(void) {\n");
    let mut within: Option<String> = None;
    for line in header().lines() {
        if let Some(name) = line.strip_prefix("typedef struct ").and_then(|line| line.strip_suffix(" {")) {
            writeln!(program, r#"printf("{name}: %zu\n", sizeof({name}));"#).unwrap();
            within = Some(name.to_owned());
        } else if line.starts_with('}') {
            within = None;
        } else if let (Some(name), Some(field)) = (&within, line.strip_suffix(';')) {
            let field = field.rsplit([' ', '*']).next().unwrap();
            let field = field.split('[').next().unwrap();
            let size = format!("sizeof(((const {name} *)0)->{field})");
            writeln!(program, r#"printf("  {field}: %zu, %zu\n", offsetof({name}, {field}), {size});"#)
                .unwrap();
        } else if let Some((constant, _)) =
            line.trim().split_once(" = ").filter(|(name, _)| name.starts_with("DW_"))
        {
            writeln!(program, r#"printf("{constant} = %d\n", (int){constant});"#).unwrap();
        }
    }
    program + "return 0;\n}\n"
}

/// Programs that are compiled already rely on it. A new constant, or a new field at the end of options or of a result, is
/// blessed with `DOORWARD_BLESS=1`; whatever else this finds breaks them.
#[test]
#[cfg(all(target_pointer_width = "64", unix))]
fn sizes_places_and_numbers_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("abi.c"), folder.path().join("abi"));
    fs::write(&source, printer()).unwrap();
    let include = here("include");
    output(cc().args(["-std=c99"]).args(STRICT).arg("-I").arg(include).arg(&source).arg("-o").arg(&program));
    let found = output(&mut Command::new(&program));
    assert!(found.contains("\ndw_need: ") && found.starts_with("DW_OK = 0\n"), "{found}");
    if std::env::var_os("DOORWARD_BLESS").is_some_and(|value| value == "1") {
        fs::write(here("tests/abi.txt"), &found).unwrap();
    }
    let committed = fs::read_to_string(here("tests/abi.txt")).unwrap_or_default();
    let differs = committed.lines().zip(found.lines()).find(|(one, other)| one != other);
    assert!(committed == found, "tests/abi.txt says otherwise: {differs:?}");
}

#[test]
fn the_library_is_of_the_header_s_version() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("version.c"), folder.path().join("version"));
    let said = r#"printf("%s %s %d.%d.%d\n", DW_VERSION, dw_version(), DW_VERSION_MAJOR, DW_VERSION_MINOR, DW_VERSION_PATCH);"#;
    let text = format!("#include <doorward.h>\n#include <stdio.h>\nint main(void) {{ {said} return 0; }}\n");
    fs::write(&source, text).unwrap();
    let rpath = format!("-Wl,-rpath,{}", library().shared.parent().unwrap().display());
    let include = here("include");
    output(
        cc().arg("-I").arg(include).arg(&source).arg("-o").arg(&program).arg(&library().shared).arg(rpath),
    );
    let versions = output(&mut Command::new(&program));
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(versions, format!("{own} {own} {own}\n"));
}
