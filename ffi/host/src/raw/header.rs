//! What the header declares: functions with their parameters, and how structs of options are laid out.

use std::collections::BTreeMap;

/// The header itself.
pub const HEADER: &str = include_str!("../../../include/doorward.h");

/// What an entry is given, in one piece: a text and its length are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The parameter's name.
    pub name: &'static str,
    /// What it takes.
    pub kind: SlotKind,
}

/// What a slot takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the type of its name")]
pub enum SlotKind {
    /// Of `dw_config`, `dw_engine`, `dw_context`, `dw_op`.
    Handle(&'static str),
    /// `const char *` and its length.
    Text,
    /// `const void *` and its length.
    Data,
    Int,
    Int32,
    Uint32,
    Uint64,
    Int64,
    Size,
    Id,
    /// `dw_entropy` or `dw_progress`, with its `user`.
    Callback(&'static str),
    /// A struct of options, of this type.
    Options(&'static str),
    /// `const dw_text *` and how many.
    Texts,
    Rows,
    Changes,
    /// A result, which is freed or read.
    Result(&'static str),
    /// `char text[DW_ID_TEXT]`
    Room,
    /// Where a handle or a result of this type goes.
    Out(&'static str),
    /// Where a plain value of this type goes.
    PlainOut(&'static str),
    /// `dw_error **`
    Error,
}

impl SlotKind {
    /// Whether the slot has a pointer that can be NULL. A handle is one.
    pub fn is_pointer(self) -> bool {
        use SlotKind::{Id, Int, Int32, Int64, Size, Uint32, Uint64};
        !matches!(self, Int | Int32 | Uint32 | Uint64 | Int64 | Size | Id)
    }
}

/// The functions, each with what it is given.
pub(crate) fn functions() -> BTreeMap<&'static str, Vec<Slot>> {
    let (_, declared) = HEADER.split_once("extern \"C\" {").expect("functions are declared for C++ too");
    let mut functions = BTreeMap::new();
    for part in declared.split("*/\n") {
        let Some((head, rest)) = part.split_once('(') else { continue };
        let Some((given, _)) = rest.split_once(");") else { continue };
        if let Some((_, name)) = parameter(head).filter(|(_, name)| name.starts_with("dw_")) {
            functions.insert(name, slots(given));
        }
    }
    functions
}

/// A type and the name after it.
fn parameter(text: &'static str) -> Option<(&'static str, &'static str)> {
    let text = text.trim();
    let at = text.rfind([' ', '*'])? + 1;
    Some((text.get(..at)?.trim(), text.get(at..)?))
}

fn slots(given: &'static str) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut rest = given.split(',').filter_map(parameter);
    while let Some((kind, name)) = rest.next() {
        let kind = kind_of(kind, name);
        let is_two = matches!(
            kind,
            SlotKind::Text
                | SlotKind::Data
                | SlotKind::Callback(_)
                | SlotKind::Texts
                | SlotKind::Rows
                | SlotKind::Changes
        );
        if is_two {
            rest.next().expect("a pointer has its length, and a callback its user");
        }
        slots.push(Slot { name, kind });
    }
    slots
}

fn kind_of(kind: &'static str, name: &'static str) -> SlotKind {
    let bare = kind.trim_start_matches("const ").trim_end_matches(['*', ' ']);
    match (kind, name) {
        (_, "error") if kind == "dw_error **" => SlotKind::Error,
        (_, "out" | "op") if kind.ends_with("**") => SlotKind::Out(bare),
        (_, "out") => SlotKind::PlainOut(bare),
        ("const char *", _) => SlotKind::Text,
        ("const void *", _) => SlotKind::Data,
        ("char *", _) => SlotKind::Room,
        ("int", _) => SlotKind::Int,
        ("int32_t", _) => SlotKind::Int32,
        ("uint32_t", _) => SlotKind::Uint32,
        ("uint64_t", _) => SlotKind::Uint64,
        ("int64_t", _) => SlotKind::Int64,
        ("size_t", _) => SlotKind::Size,
        ("dw_id", _) => SlotKind::Id,
        ("dw_entropy" | "dw_progress", _) => SlotKind::Callback(kind),
        ("const dw_text *", _) => SlotKind::Texts,
        ("const dw_row *", _) => SlotKind::Rows,
        ("const dw_change *", _) => SlotKind::Changes,
        _ => match bare {
            "dw_config" | "dw_engine" | "dw_context" | "dw_op" => SlotKind::Handle(bare),
            "dw_login_options" | "dw_issue_options" | "dw_refresh_options" | "dw_cookie"
            | "dw_fetch_headers" => SlotKind::Options(bare),
            _ => SlotKind::Result(bare),
        },
    }
}

/// A struct of options as C lays it out.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Each field: its name, its type, where it begins.
    pub fields: Vec<(&'static str, FieldKind, usize)>,
    /// The size of it all.
    pub size: usize,
}

/// The type of a field of options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `size_t`: its own size, or a count that belongs to the pointer before it.
    Size,
    /// `dw_text`
    Text,
    /// `int`
    Int,
    /// A pointer to texts, whose count follows.
    Texts,
    /// A pointer to pointers to cookies, whose count follows.
    Cookies,
}

/// The struct of this name.
pub fn layout(name: &str) -> Layout {
    let begin = format!("typedef struct {name} {{");
    let (_, rest) = HEADER.split_once(&begin).expect("the struct is in the header");
    let (body, _) = rest.split_once("\n} ").expect("a struct ends");
    let mut layout = Layout::default();
    for line in body.lines().map(str::trim) {
        let Some((kind, name)) = line.strip_suffix(';').and_then(parameter) else { continue };
        let (kind, size, aligned) = match kind {
            "size_t" => (FieldKind::Size, 8, 8),
            "struct dw_text" => (FieldKind::Text, 16, 8),
            "int" => (FieldKind::Int, 4, 4),
            "const struct dw_text *" => (FieldKind::Texts, 8, 8),
            _ => (FieldKind::Cookies, 8, 8),
        };
        let at = layout.size.next_multiple_of(aligned);
        layout.fields.push((name, kind, at));
        layout.size = at + size;
    }
    layout.size = layout.size.next_multiple_of(8);
    layout
}
