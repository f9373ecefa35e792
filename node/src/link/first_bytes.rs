//! The first bytes of an incoming connection, which tell a link from an HTTP request on the same port.
//!
//! Whoever connects speaks first, so the port needs no round trip to tell. Not here: what follows (`handshake`, and
//! the answers of `ringtalk_director::member`).

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{HANDSHAKE_TIME, LinkError};

/// The number of bytes that tell: the length of the magic of a preface, and of the shortest HTTP method with its blank.
const COUNT: usize = 4;
/// The HTTP methods, and the preface of HTTP/2, each cut to that length.
const HTTP: [&[u8; COUNT]; 10] = [
    b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"CONN", b"OPTI", b"TRAC", b"PATC", b"PRI ",
];

/// The first bytes of a connection, which were read and belong to what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstBytes([u8; COUNT]);

impl FirstBytes {
    /// Reads the first bytes of a connection. Fails after the time of a handshake.
    pub async fn read(stream: &mut TcpStream) -> Result<Self, LinkError> {
        let mut bytes = [0; COUNT];
        match timeout(HANDSHAKE_TIME, stream.read_exact(&mut bytes)).await {
            Ok(Ok(_)) => Ok(Self(bytes)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(LinkError::HungUp)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(LinkError::Silent),
        }
    }

    /// Returns true if an HTTP request begins like this.
    pub fn is_http(&self) -> bool {
        HTTP.contains(&&self.0)
    }

    /// Returns the bytes.
    pub const fn bytes(&self) -> &[u8; COUNT] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use ringtalk_wire::preface;

    use super::*;

    #[test]
    fn http_and_links_begin_differently() {
        for line in ["GET / HTTP/1.1", "DELETE /x HTTP/1.1", "PRI * HTTP/2.0"] {
            let bytes = line.as_bytes().first_chunk().unwrap();
            assert!(FirstBytes(*bytes).is_http(), "{line}");
        }
        for bytes in [&preface()[..], b"get / ", b"SSH-2.0", b"\x16\x03\x01\x02"] {
            assert!(
                !FirstBytes(*bytes.first_chunk().unwrap()).is_http(),
                "{bytes:?}"
            );
        }
    }
}
