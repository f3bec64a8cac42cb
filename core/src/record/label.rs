//! What a client is called: a stranger's text, made safe to show.

use alloc::boxed::Box;
use alloc::string::String;

use super::text::text_in_records;

/// How a person calls the device or client of a session: shown in lists, at most
/// [`ClientLabel::MAX_BYTES`] bytes, control characters replaced.
///
/// # Example: a hostile label is made harmless
/// ```
/// use doorward_core::record::ClientLabel;
///
/// assert_eq!(ClientLabel::new("Firefox\r\non Linux").as_str(), "Firefox\u{fffd}\u{fffd}on Linux");
/// assert!(ClientLabel::new(&"x".repeat(10_000)).as_str().len() <= ClientLabel::MAX_BYTES);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLabel(Box<str>);

text_in_records!(ClientLabel, |text| Some(ClientLabel::new(text)));

impl ClientLabel {
    /// The longest label kept; the rest is cut at a character boundary.
    pub const MAX_BYTES: usize = 128;

    /// A label of this text, made safe to show: control and bidirectional-override characters become U+FFFD.
    pub fn new(text: &str) -> Self {
        if text.len() <= Self::MAX_BYTES && !text.contains(is_unsafe_to_show) {
            return Self(text.into());
        }
        let mut label = String::new();
        for c in text.chars().map(|c| if is_unsafe_to_show(c) { '\u{fffd}' } else { c }) {
            if label.len() + c.len_utf8() > Self::MAX_BYTES {
                break;
            }
            label.push(c);
        }
        Self(label.into_boxed_str())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}
