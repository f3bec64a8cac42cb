//! Members of one name, as a simple reader of JSON sees them: `serde_json`'s values keep the last.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Whether two members of one object have one name, or it is no JSON and nobody can say.
pub(super) fn has_twins(json: &[u8]) -> bool {
    serde_json::from_slice::<Twins>(json).map_or(true, |found| found.0)
}

/// Whether there are some here or inside.
struct Twins(bool);

impl<'de> Deserialize<'de> for Twins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look).map(Self)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let (mut names, mut found) = (BTreeSet::new(), false);
        while let Some(name) = map.next_key::<String>()? {
            found |= !names.insert(name) | map.next_value::<Twins>()?.0;
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(one) = seq.next_element::<Twins>()? {
            found |= one.0;
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::has_twins;

    #[test]
    fn twins_are_seen_behind_their_escapes_and_at_any_depth() {
        for twins in [r#"{"a":1,"\u0061":1}"#, r#"[{"x":{"a":1,"b":[],"a":2}}]"#, "{"] {
            assert!(has_twins(twins.as_bytes()), "{twins}");
        }
        for plain in [r#"{"a":{"a":1},"b":[{"a":null},{"a":true}]}"#, "-1.5", r#""a""#] {
            assert!(!has_twins(plain.as_bytes()), "{plain}");
        }
    }
}
