//! Members of the cluster, as the replicated membership has them.

use serde::{Deserialize, Serialize};
use vault_core::access::KeyHash;

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where peers reach it: a host and a port.
    #[serde(rename = "addr")]
    pub address: String,
    /// The key that it proves on every connection. A node that is alone needs none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    pub key: Option<KeyHash>,
}

/// A pin as JSON has it: its text.
mod text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use vault_core::access::KeyHash;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(
        key: &Option<KeyHash>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => to.collect_str(key),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<KeyHash>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let key = KeyHash::parse(&text);
        key.map(Some)
            .ok_or_else(|| D::Error::custom("this is no hash of a key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_reads_back_and_one_without_a_key_is_written_as_before() {
        let key = Some(KeyHash::of(b"key"));
        let address = "10.0.0.1:8201".to_owned();
        let alone = Member {
            address: address.clone(),
            key: None,
        };
        let text = serde_json::to_string(&alone).unwrap();
        assert_eq!(text, r#"{"addr":"10.0.0.1:8201"}"#);
        for member in [alone, Member { address, key }] {
            let text = serde_json::to_string(&member).unwrap();
            assert_eq!(serde_json::from_str::<Member>(&text).unwrap(), member);
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        for bad in ["", "sha256:", "sha256:zz", "sha1:00"] {
            let text = format!(r#"{{"addr":"10.0.0.1:8201","key":"{bad}"}}"#);
            assert!(serde_json::from_str::<Member>(&text).is_err(), "{bad}");
        }
    }
}
