//! The first bytes of a connection, in clear: that this is Ringtalk, and which version.
//!
//! Not here: what follows, the handshake (`introduction`, and the node's links).

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 8;

/// How many bytes a preface has.
pub const PREFACE_BYTES: usize = 6;

const MAGIC: [u8; 4] = *b"RTLK";

/// Why the far end is not one to talk to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrefaceError {
    /// It does not speak this protocol at all.
    #[error("this is no Ringtalk node")]
    Foreign,
    /// It speaks another version.
    #[error("the other end speaks version {0} of the protocol, this one version {VERSION}")]
    Version(u16),
}

/// What each end sends first: `RTLK` and the version, big endian.
pub fn preface() -> [u8; PREFACE_BYTES] {
    let [r, t, l, k] = MAGIC;
    let [high, low] = VERSION.to_be_bytes();
    [r, t, l, k, high, low]
}

/// Reads the far end's preface.
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
