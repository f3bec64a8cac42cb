//! Structs of options: of every size, with every field wrong, from callers that are older and newer than the library.

use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::raw::{
    Answer, Arg, Bytes, Entry, Field, FieldKind, MOST, Many, Options, SlotKind, entries, layout,
};

use crate::every_entry::each_wrong_at;
use crate::stage::{Stage, free};

/// Each entry with options, the slot, and its type.
fn with_options() -> impl Iterator<Item = (&'static Entry, usize, &'static str)> {
    entries().iter().flat_map(|entry| {
        let slots = entry.slots.iter().enumerate();
        slots.filter_map(move |(at, slot)| match slot.kind {
            SlotKind::Options(kind) => Some((entry, at, kind)),
            _ => None,
        })
    })
}

fn ask(stage: &Stage, entry: &Entry, at: usize, options: Options) -> Answer {
    let mut args = stage.right(entry);
    args[at] = Arg::Options(Some(options));
    entry.call(args)
}

/// What it gave is not needed.
fn free_given(answer: Answer) {
    if let Some(op) = answer.handle {
        free("dw_op_free", op);
    }
}

/// Whether it was refused for what the host has said.
fn is_misuse(status: Option<dw_status>) -> bool {
    matches!(status, Some(DW_NULL | DW_VALUE | DW_NOT_UTF8 | DW_PANIC))
}

/// What is wrong in a field of this type, and what it is refused as.
fn wrong(options: &str, name: &str, kind: FieldKind) -> Vec<(Field, dw_status)> {
    let not_utf_8 = match (options, name) {
        // Only shown.
        (_, "label") => None,
        ("dw_fetch_headers", _) => Some(DW_WEB_CROSS_SITE),
        _ => Some(DW_NOT_UTF8),
    };
    let text = |bytes: &[u8]| Field::Text(Bytes::Given(bytes.to_vec()));
    match kind {
        FieldKind::Size => vec![],
        FieldKind::Text => {
            let mut wrong = vec![
                (Field::Text(Bytes::Null(1)), DW_NULL),
                (Field::Text(Bytes::Null(MOST)), DW_NULL),
                (Field::Text(Bytes::Long(MOST + 1)), DW_VALUE),
                (Field::Text(Bytes::Long(usize::MAX)), DW_VALUE),
            ];
            wrong.extend(not_utf_8.map(|status| (text(b"\xffa"), status)));
            if name == "source" {
                wrong.push((text(b"localhost"), DW_VALUE));
            }
            wrong
        }
        FieldKind::Int if matches!(name, "lifetime" | "same_site") => {
            [-1, 3, 256, i32::MAX, i32::MIN].map(|int| (Field::Int(int), DW_VALUE)).into()
        }
        FieldKind::Int => vec![],
        FieldKind::Texts => vec![
            (Field::Texts(Many::Null(1)), DW_NULL),
            (Field::Texts(Many::Long(usize::MAX)), DW_VALUE),
            (Field::Texts(Many::Long(MOST)), DW_VALUE),
            (Field::Texts(Many::Unaligned(1)), DW_VALUE),
            (Field::Texts(Many::Given(vec![Bytes::Null(1)])), DW_NULL),
            (Field::Texts(Many::Given(vec![Bytes::text("ok"), Bytes::Long(MOST + 1)])), DW_VALUE),
            (Field::Texts(Many::Given(vec![Bytes::Given(b"\xff".to_vec())])), DW_NOT_UTF8),
        ],
        FieldKind::Cookies => {
            let one = |options: Options| Field::Cookies(Many::Given(vec![Some(options)]));
            vec![
                (Field::Cookies(Many::Null(1)), DW_NULL),
                (Field::Cookies(Many::Long(usize::MAX)), DW_VALUE),
                (Field::Cookies(Many::Unaligned(1)), DW_VALUE),
                (Field::Cookies(Many::Given(vec![None])), DW_NULL),
                (Field::Cookies(Many::Given(vec![Some(former("session", "/")), None])), DW_NULL),
                (one(Options { size: Some(0), ..former("session", "/") }), DW_VALUE),
                (one(Options { tail: vec![1], ..former("session", "/") }), DW_VALUE),
                (one(former("session", "/").int("same_site", 2)), DW_VALUE),
                (one(Options::default().with("name", Field::Text(Bytes::Null(3)))), DW_NULL),
                (one(Options::default().with("path", text(b"\xff"))), DW_NOT_UTF8),
                (one(former("se ssion", "/")), DW_WEB_COOKIE),
            ]
        }
    }
}

fn former(name: &str, path: &str) -> Options {
    Options::default().text("name", name).text("path", path).int("insecure", 1)
}

#[test]
fn rv_12_each_field_that_is_wrong_is_refused_for_what_it_is() {
    let stage = Stage::new();
    let asked = each_wrong_at(&stage, |_, slot| {
        let SlotKind::Options(options) = slot.kind else { return vec![] };
        let fields = layout(options).fields;
        let all = fields.iter().flat_map(|(name, kind, _)| {
            let wrong = wrong(options, name, *kind);
            let with = |(field, status)| (Arg::Options(Some(Options::default().with(name, field))), status);
            wrong.into_iter().map(with).collect::<Vec<_>>()
        });
        all.collect()
    });
    assert!(asked > 200, "{asked}");
}

/// A caller of an earlier version has fewer fields: what it does not have is not looked at, what it has is.
#[test]
fn rv_12_a_field_behind_the_size_is_not_read_and_one_before_it_is() {
    let stage = Stage::new();
    let mut asked = 0;
    for (entry, at, options) in with_options() {
        let layout = layout(options);
        for (name, kind, begin) in &layout.fields {
            let Some((field, expected)) = wrong(options, name, *kind).into_iter().next() else { continue };
            let field_size = match kind {
                FieldKind::Int => 4,
                _ => 16,
            };
            let with = |size| Options { size: Some(size), ..Options::default().with(name, field.clone()) };
            let older = ask(&stage, entry, at, with(*begin));
            assert!(!is_misuse(older.status()), "{} without `{name}`: {older:?}", entry.name());
            free_given(older);
            let same = ask(&stage, entry, at, with(begin + field_size));
            assert_eq!(same.status(), Some(expected), "{} `{name}`", entry.name());
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
}

#[test]
fn rv_12_a_size_that_is_none_is_refused() {
    let stage = Stage::new();
    let asked = each_wrong_at(&stage, |_, slot| {
        let SlotKind::Options(_) = slot.kind else { return vec![] };
        let sizes = [0, 1, 7, 4097, 1 << 20, isize::MAX.cast_unsigned(), usize::MAX];
        let with = |size| Options { size: Some(size), ..Options::default() };
        sizes.map(|size| (Arg::Options(Some(with(size))), DW_VALUE)).into()
    });
    assert!(asked >= 70, "{asked}");
}

/// Every size from the first field to the whole, in the midst of fields too.
#[test]
fn rv_12_each_size_up_to_the_whole_is_taken() {
    let stage = Stage::new();
    for (entry, at, options) in with_options().filter(|(entry, ..)| !entry.name().starts_with("dw_op_l")) {
        if matches!(entry.name(), "dw_login" | "dw_issue" | "dw_refresh") {
            // Their beginnings take the same options, and do not go on to do it.
            continue;
        }
        for size in size_of::<usize>()..=layout(options).size {
            let answer = ask(&stage, entry, at, Options { size: Some(size), ..Options::default() });
            assert!(!is_misuse(answer.status()), "{} with {size} bytes: {answer:?}", entry.name());
            free_given(answer);
        }
    }
}

/// A caller of a later version has more fields: zeros say nothing, anything else is asked of a library that does not know it.
#[test]
fn rv_12_what_stands_behind_the_last_field_must_be_zero() {
    let stage = Stage::new();
    for (entry, at, options) in with_options() {
        let whole = layout(options).size;
        for more in [1, 7, 8, 64, 4096 - whole] {
            let zeros = Options { tail: vec![0; more], ..Options::default() };
            let answer = ask(&stage, entry, at, zeros);
            assert!(!is_misuse(answer.status()), "{} with {more} zeros: {answer:?}", entry.name());
            free_given(answer);
            for nonzero in [0, more / 2, more - 1] {
                let mut tail = vec![0; more];
                tail[nonzero] = 1;
                let answer = ask(&stage, entry, at, Options { tail, ..Options::default() });
                assert_eq!(answer.status(), Some(DW_VALUE), "{} {nonzero} of {more}", entry.name());
            }
        }
    }
}

/// What is not UTF-8 in a label is shown as U+FFFD.
#[test]
fn a_label_is_taken_as_it_comes() {
    let stage = Stage::new();
    let label = Bytes::Given(b"Mozilla\xff\x00\r\n5.0".to_vec());
    let options = Options::default().with("label", Field::Text(label));
    let entry = doorward_ffi_host::raw::entry("dw_login");
    let answer = ask(&stage, entry, 3, options);
    let doorward_ffi_host::Given::Login { session, .. } = crate::stage::given(&answer) else { panic!() };
    let label = session.label.unwrap();
    assert!(label.starts_with("Mozilla\u{fffd}"), "{label:?}");
    assert!(!label.contains(char::is_control), "{label:?}");
}
