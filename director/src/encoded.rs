//! Bytes in JSON and in headers: base64url without padding.
//!
//! Not here: the meaning of the bytes (`proof`, `speaker`).

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// `N` bytes, as text. Each value has exactly one text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoded<const N: usize>(pub [u8; N]);

/// The error that a text does not encode this many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} bytes are expected, as base64url without padding")]
pub struct EncodedError(usize);

impl<const N: usize> FromStr for Encoded<N> {
    type Err = EncodedError;

    fn from_str(text: &str) -> Result<Self, EncodedError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
        let bytes = bytes.map_err(|_| EncodedError(N))?;
        bytes.try_into().map(Self).map_err(|_| EncodedError(N))
    }
}

impl<const N: usize> TryFrom<String> for Encoded<N> {
    type Error = EncodedError;

    fn try_from(text: String) -> Result<Self, EncodedError> {
        text.parse()
    }
}

impl<const N: usize> From<Encoded<N>> for String {
    fn from(encoded: Encoded<N>) -> Self {
        BASE64URL_NOPAD.encode(&encoded.0)
    }
}

impl<const N: usize> fmt::Display for Encoded<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BASE64URL_NOPAD.encode_display(&self.0).fmt(f)
    }
}

impl<const N: usize> fmt::Debug for Encoded<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written() {
        let key = Encoded([0xfb; 32]);
        assert_eq!(key.to_string().len(), 43);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(Encoded([0; 64]).to_string().len(), 86);
    }

    #[test]
    fn other_lengths_and_other_alphabets_are_refused() {
        let text = Encoded([0xff; 32]).to_string();
        for wrong in [
            "",
            &text[1..],
            &text.replace('_', "/"),
            &(text.clone() + "="),
        ] {
            assert!(wrong.parse::<Encoded<32>>().is_err(), "{wrong}");
        }
    }
}
