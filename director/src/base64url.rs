//! Bytes in JSON and in headers: base64url without padding.
//!
//! Not here: the meaning of the bytes (`proof`, `node_signature`).

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// `N` bytes, as text. Each value has exactly one text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Base64Url<const N: usize>(pub [u8; N]);

/// The error that a text does not encode this many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {0} bytes, as base64url without padding")]
pub struct Base64UrlError(usize);

impl<const N: usize> FromStr for Base64Url<N> {
    type Err = Base64UrlError;

    fn from_str(text: &str) -> Result<Self, Base64UrlError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
        let bytes = bytes.map_err(|_| Base64UrlError(N))?;
        bytes.try_into().map(Self).map_err(|_| Base64UrlError(N))
    }
}

impl<const N: usize> TryFrom<String> for Base64Url<N> {
    type Error = Base64UrlError;

    fn try_from(text: String) -> Result<Self, Base64UrlError> {
        text.parse()
    }
}

impl<const N: usize> From<Base64Url<N>> for String {
    fn from(encoded: Base64Url<N>) -> Self {
        BASE64URL_NOPAD.encode(&encoded.0)
    }
}

impl<const N: usize> fmt::Display for Base64Url<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BASE64URL_NOPAD.encode_display(&self.0).fmt(f)
    }
}

impl<const N: usize> fmt::Debug for Base64Url<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_decoded_as_it_was_encoded() {
        let key = Base64Url([0xfb; 32]);
        assert_eq!(key.to_string().len(), 43);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(Base64Url([0; 64]).to_string().len(), 86);
    }

    #[test]
    fn other_lengths_and_other_alphabets_are_refused() {
        let text = Base64Url([0xff; 32]).to_string();
        for wrong in [
            "",
            &text[1..],
            &text.replace('_', "/"),
            &(text.clone() + "="),
        ] {
            assert!(wrong.parse::<Base64Url<32>>().is_err(), "{wrong}");
        }
    }
}
