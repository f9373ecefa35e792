//! The preface: the first bytes of a connection, in clear, which name the protocol and its version.
//!
//! Not here: the handshake that follows (`introduction`, and the links in `ringtalk-node`).

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 10;

/// The length of a preface, in bytes.
pub const PREFACE_BYTES: usize = 6;

const MAGIC: [u8; 4] = *b"RTLK";

/// The reason to reject the far end's preface.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrefaceError {
    /// The far end does not speak this protocol at all.
    #[error("the other end is not a Ringtalk node")]
    Foreign,
    /// The far end speaks another version.
    #[error("the other end speaks version {0} of the protocol, this node version {VERSION}")]
    Version(u16),
}

/// Returns what each end sends first: `RTLK` and the version, big endian.
pub fn preface() -> [u8; PREFACE_BYTES] {
    let [r, t, l, k] = MAGIC;
    let [high, low] = VERSION.to_be_bytes();
    [r, t, l, k, high, low]
}

/// Checks the far end's preface.
pub fn check_preface(bytes: [u8; PREFACE_BYTES]) -> Result<(), PrefaceError> {
    let [r, t, l, k, high, low] = bytes;
    let version = u16::from_be_bytes([high, low]);
    if [r, t, l, k] != MAGIC {
        Err(PrefaceError::Foreign)
    } else if version != VERSION {
        Err(PrefaceError::Version(version))
    } else {
        Ok(())
    }
}
