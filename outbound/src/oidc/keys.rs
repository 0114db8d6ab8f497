//! The keys that a provider publishes.
//!
//! Source: RFC 7517; RFC 7518, section 6; RFC 8037.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::TokenFault;

/// Keys of one provider. Real ones have up to ten.
const KEYS_MAX: usize = 100;

/// The keys of one provider. Those that sign nothing here were left out.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a set; says what is wrong with it where it is none. A key that is not understood is passed over: a provider
    /// may publish what is meant for others.
    pub(super) fn read(document: &Value) -> Result<Self, &'static str> {
        let keys = document.get("keys").and_then(Value::as_array).ok_or("it holds no `keys`")?;
        if keys.len() > KEYS_MAX {
            return Err("it holds more than 100 keys");
        }
        Ok(Self(keys.iter().filter_map(Key::read).collect()))
    }

    /// The key of this name, or the only one for the algorithm where none is named.
    ///
    /// # Errors
    /// `Key`, `KeyKind`.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, TokenFault> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        let Some(id) = id else {
            let mut fitting = self.0.iter().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key.key.clone()),
                _ => Err(TokenFault::Key),
            };
        };
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_none() {
            return Err(TokenFault::Key);
        }
        named.find(fits).map(|key| key.key.clone()).ok_or(TokenFault::KeyKind)
    }
}

impl Key {
    fn read(key: &Value) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|used| used != "sig") {
            return None;
        }
        if let Some(operations) = key.get("key_ops").and_then(Value::as_array)
            && !operations.iter().any(|operation| operation.as_str() == Some("verify"))
        {
            return None;
        }
        let (mut algorithms, decoding) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (RSA.to_vec(), DecodingKey::from_rsa_components(text("n")?, text("e")?)),
            ("EC", Some("P-256")) => (vec![Algorithm::ES256], DecodingKey::from_ec_components(text("x")?, text("y")?)),
            ("EC", Some("P-384")) => (vec![Algorithm::ES384], DecodingKey::from_ec_components(text("x")?, text("y")?)),
            ("OKP", Some("Ed25519")) => (vec![Algorithm::EdDSA], DecodingKey::from_ed_components(text("x")?)),
            // A shared secret that stands in a public document is none.
            _ => return None,
        };
        if let Some(only) = text("alg") {
            // RFC 9864 names the curve in the algorithm.
            let only = if only == "Ed25519" { Algorithm::EdDSA } else { only.parse().ok()? };
            algorithms.retain(|algorithm| *algorithm == only);
        }
        Some(Self { id: text("kid").map(str::to_owned), algorithms, key: decoding.ok()? })
    }
}

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(id: &str) -> Value {
        json!({"kty": "RSA", "kid": id, "n": "AQAB", "e": "AQAB"})
    }

    fn found(keys: Value, id: Option<&str>, algorithm: Algorithm) -> Result<(), String> {
        let set = KeySet::read(&json!({ "keys": keys })).expect("a set");
        set.find(id, algorithm).map(drop).map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn a_key_is_found_by_its_name_and_kind() {
        let keys = json!([rsa("one"), rsa("two"), {"kty": "EC", "crv": "P-256", "kid": "curve", "x": "AA", "y": "AA"}]);
        assert_eq!(found(keys.clone(), Some("one"), Algorithm::RS256), Ok(()));
        assert_eq!(found(keys.clone(), Some("one"), Algorithm::PS512), Ok(()));
        assert_eq!(found(keys.clone(), Some("one"), Algorithm::ES256), Err("KeyKind".to_owned()));
        assert_eq!(found(keys.clone(), Some("curve"), Algorithm::RS256), Err("KeyKind".to_owned()));
        assert_eq!(found(keys.clone(), Some("three"), Algorithm::RS256), Err("Key".to_owned()));
        assert_eq!(found(keys.clone(), None, Algorithm::ES256), Ok(()));
        assert_eq!(found(keys.clone(), None, Algorithm::RS256), Err("Key".to_owned()));
        assert_eq!(found(keys, None, Algorithm::EdDSA), Err("Key".to_owned()));
    }

    #[test]
    fn keys_that_are_for_others_are_passed_over() {
        for key in [
            json!({"kty": "RSA", "kid": "k", "use": "enc", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "key_ops": ["encrypt"], "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "n": "!", "e": "AQAB"}),
            json!({"kty": "oct", "kid": "k", "k": "AQAB"}),
            json!({"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA"}),
            json!({"kid": "k"}),
            json!("k"),
        ] {
            assert_eq!(found(json!([key.clone()]), Some("k"), Algorithm::RS256), Err("Key".to_owned()), "{key}");
        }
        let only = json!([{"kty": "RSA", "kid": "k", "alg": "RS512", "n": "AQAB", "e": "AQAB"}]);
        assert_eq!(found(only.clone(), Some("k"), Algorithm::RS512), Ok(()));
        assert_eq!(found(only, Some("k"), Algorithm::RS256), Err("KeyKind".to_owned()));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for document in [json!({}), json!([]), json!({"keys": {}}), json!({"keys": vec![rsa("k"); 101]})] {
            assert!(KeySet::read(&document).is_err());
        }
    }
}
