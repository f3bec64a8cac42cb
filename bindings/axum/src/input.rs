//! Bodies: JSON or a form, bounded, and read strictly. What is wrong with one is told without a word of it.

use axum::body::{Body, to_bytes};
use axum::http::header;
use axum::http::request::Parts;
use doorward::core::web::problem::{Kind, Problem};
use doorward::core::web::target::ReturnTarget;
use http_body_util::LengthLimitError;
use percent_encoding::percent_decode;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, Unexpected};
use serde_json::{Map, Value};

use crate::respond::Rejection;
use crate::visit::Visit;

/// What a route takes, and how that is said.
pub(crate) trait Input: DeserializeOwned {
    const FIELDS: &'static str;

    /// Whether a form's field is looked at. One that is not counts as not sent.
    fn knows(_name: &str) -> bool {
        true
    }

    /// What an empty body means, where it means something.
    fn empty() -> Option<Self> {
        None
    }
}

/// The body of a request.
pub(crate) async fn read<T: Input>(visit: &Visit<'_>, parts: &Parts, body: Body) -> Result<T, Rejection> {
    let most = visit.auth.settings.max_body;
    let too_large = || visit.reject(Kind::TooLarge, "the body is larger than is read");
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > most as u64) {
        return Err(too_large());
    }
    let bytes = to_bytes(body, most).await.map_err(|error| {
        let is_limit = error.into_inner().is::<LengthLimitError>();
        if is_limit { too_large() } else { visit.reject(Kind::Body, "the body broke off") }
    })?;
    if bytes.is_empty()
        && let Some(empty) = T::empty()
    {
        return Ok(empty);
    }
    let read = match visit.media().as_deref() {
        Some("application/json") => json(&bytes),
        Some("application/x-www-form-urlencoded") => {
            form(&bytes, T::knows).and_then(|form| serde_json::from_value(Value::Object(form)).ok())
        }
        _ => {
            let problem = "send application/json or application/x-www-form-urlencoded";
            return Err(visit.reject(Kind::ContentType, problem));
        }
    };
    let problem = || Problem::new(Kind::Body, format!("send a JSON object or a form of: {}", T::FIELDS));
    read.ok_or_else(|| Rejection::new(problem(), visit.wants))
}

/// An object: serde would also take a list of its values, in the order that they are written in here.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    if bytes.trim_ascii_start().starts_with(b"{") { serde_json::from_slice(bytes).ok() } else { None }
}

/// The fields of a form, each once, in UTF-8 (WHATWG URL, section 5.1).
fn form(bytes: &[u8], knows: fn(&str) -> bool) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decoded(halves.next()?);
        if !knows(name.as_deref().unwrap_or_default()) {
            continue;
        }
        let value = decoded(halves.next().unwrap_or_default())?;
        if fields.insert(name?, Value::String(value)).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn decoded(text: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

/// A checkbox: JSON's booleans, or a form's words. `null` is none, as it is for a text.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) => match text.as_str() {
            "on" | "true" | "1" => Ok(Some(true)),
            "" | "off" | "false" | "0" => Ok(Some(false)),
            _ => Err(D::Error::invalid_value(Unexpected::Other("another text"), &"on or off")),
        },
        _ => Err(D::Error::invalid_type(Unexpected::Other("no flag"), &"true or false")),
    }
}

/// Where to go next: `/`, unless a path of this site is asked for. An empty one is none.
pub(crate) fn target(visit: &Visit<'_>, next: Option<&str>) -> Result<ReturnTarget, Rejection> {
    match next {
        None | Some("") => Ok(ReturnTarget::default()),
        Some(next) => {
            let target = ReturnTarget::parse(next).map_err(|error| visit.refuse(&error))?;
            // A login that lands on the logout would be a person's own navigation to it.
            let path = target.path();
            let ends = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
            if path.get(..ends) == Some(b"/auth/logout") {
                return Err(visit.reject(Kind::Target, "the return target is the logout"));
            }
            Ok(target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_an_object_of_named_fields_each_once() {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            name: String,
            #[serde(default, deserialize_with = "flag")]
            remember: Option<bool>,
        }
        let read = |text: &str| json::<Fields>(text.as_bytes()).map(|fields| (fields.name, fields.remember));
        assert_eq!(read(" {\"name\":\"a\"}\n"), Some(("a".into(), None)));
        assert_eq!(read(r#"{"name":"a","remember":null}"#), Some(("a".into(), None)));
        assert_eq!(read(r#"{"name":"a","remember":true}"#), Some(("a".into(), Some(true))));
        for other in [
            r#"["a"]"#,
            r#"["a",true]"#,
            "null",
            r#"{"name":"a","name":"a"}"#,
            r#"{"name":"a","x":1}"#,
            r#"{"name":1}"#,
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_forms_fields_come_once_and_in_utf_8() {
        let form = |bytes: &[u8]| form(bytes, |_| true);
        let read = |text: &str| form(text.as_bytes()).map(|form| Value::Object(form).to_string());
        assert_eq!(
            read("name=a+b&password=%C3%A9%26&&x").as_deref(),
            Some(r#"{"name":"a b","password":"é&","x":""}"#)
        );
        assert_eq!(read("").as_deref(), Some("{}"));
        assert_eq!(read("name=a=b").as_deref(), Some(r#"{"name":"a=b"}"#));
        assert_eq!(read("name=a&name=b"), None);
        assert_eq!(read("name=a&n%61me=b"), None);
        assert_eq!(read("name=%ff"), None);
        assert_eq!(form(b"name=\xff"), None);
    }
}
