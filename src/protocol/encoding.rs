//! How bytes travel in JSON: as text where they are UTF-8, else as base64, and saying which.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ProtocolError;

/// What a `data` string is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Encoding {
    /// The text itself.
    #[default]
    Utf8,
    /// Any bytes, in base64 with padding.
    Base64,
}

/// What the `data` string of an answer shall be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WantedEncoding {
    /// Text where the bytes are UTF-8, else base64.
    #[default]
    Auto,
    /// Text; bytes that are not UTF-8 are refused.
    Utf8,
    /// Base64 in any case.
    Base64,
}

impl Encoding {
    /// The bytes that `data` stands for. `path` is where it was in the parameters.
    ///
    /// # Errors
    /// [`super::ErrorKind::InvalidParams`] when it is not base64 though it should be.
    pub fn decode(self, data: String, path: &str) -> Result<Vec<u8>, ProtocolError> {
        match self {
            Self::Utf8 => Ok(data.into_bytes()),
            Self::Base64 => from_base64(&data, path),
        }
    }
}

impl WantedEncoding {
    /// These bytes as an answer carries them; `None` when text was asked for and they are none.
    #[must_use]
    pub fn encode(self, bytes: Vec<u8>) -> Option<(String, Encoding)> {
        match self {
            Self::Base64 => Some((to_base64(&bytes), Encoding::Base64)),
            Self::Utf8 => String::from_utf8(bytes).ok().map(|text| (text, Encoding::Utf8)),
            Self::Auto => Some(match String::from_utf8(bytes) {
                Ok(text) => (text, Encoding::Utf8),
                Err(error) => (to_base64(error.as_bytes()), Encoding::Base64),
            }),
        }
    }
}

/// How many bytes a text takes in JSON, where a control character takes up to six.
#[must_use]
pub fn json_bytes(text: &[u8]) -> usize {
    let escaped = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.iter().map(escaped).sum::<usize>() + 2
}

/// Bytes in base64 with padding.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that a base64 text stands for. `path` is where it was in the parameters.
///
/// # Errors
/// [`super::ErrorKind::InvalidParams`] when it is not base64 with padding.
pub fn from_base64(text: &str, path: &str) -> Result<Vec<u8>, ProtocolError> {
    STANDARD
        .decode(text)
        .map_err(|error| ProtocolError::invalid_params(path, format!("{path}: not base64 with padding: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_went() {
        for bytes in [&b"plain"[..], "h\u{e9}".as_bytes(), b"\xff\x00", b""] {
            for wanted in [WantedEncoding::Auto, WantedEncoding::Base64] {
                let (data, encoding) = wanted.encode(bytes.to_vec()).unwrap();
                assert_eq!(encoding.decode(data, "data").unwrap(), bytes);
            }
        }
        assert_eq!(WantedEncoding::Auto.encode(b"\xff".to_vec()), Some(("/w==".to_owned(), Encoding::Base64)));
        assert_eq!(WantedEncoding::Utf8.encode(b"\xff".to_vec()), None);
    }

    #[test]
    fn a_text_is_as_long_in_json_as_it_was_told() {
        for text in ["", "h\u{e9}llo", "\"\\\n\r\t\u{8}\u{c}", "\0\u{1f}\u{7f}\u{2028}"] {
            assert_eq!(json_bytes(text.as_bytes()), serde_json::to_string(text).unwrap().len(), "{text:?}");
        }
    }

    #[test]
    fn broken_base64_is_refused_with_its_place() {
        let error = Encoding::Base64.decode("a".to_owned(), "data").unwrap_err();
        assert_eq!(error.data.path.as_deref(), Some("data"));
    }
}
