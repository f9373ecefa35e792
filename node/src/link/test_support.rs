//! Helpers for tests of links, and of what is built on links.

use std::net::SocketAddr;

use ringtalk_wire::{PREFACE_BYTES, preface};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::buffer::Buffer;
use super::noise::{Keys, open, read_opening};
use super::record::{Opener, Sealer};
use super::{Credentials, Link, LinkError, Welcomed};
use crate::identity::Identity;
use crate::secret::Secret;

/// Returns the credentials of a node in the open discussion, which follow from a number.
pub(crate) fn credentials(number: u8) -> Credentials {
    credentials_for(number, &Secret::open())
}

/// Returns the same in another discussion.
pub(crate) fn credentials_for(number: u8, secret: &Secret) -> Credentials {
    Credentials::new(Identity::from_seed(&[number; 32]), secret).unwrap()
}

/// Returns the keys that a handshake leaves at both ends.
pub(crate) fn keys() -> [Keys; 2] {
    let (one, other) = (credentials(1), credentials(2));
    let (opened, opening) = open(&one).unwrap();
    let approached = read_opening(&other, &opening).unwrap();
    let (shown, answer) = approached.answer(&other).unwrap();
    let (keys, last) = opened
        .read_answer(&answer)
        .unwrap()
        .close(&one, None)
        .unwrap();
    [keys, shown.read_last(&last).unwrap().0]
}

/// Returns a message of a handshake as it travels.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length, message].concat()
}

/// A dialler that sends and receives bytes instead of frames.
#[derive(Debug)]
pub(crate) struct Bare {
    pub(crate) stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
    sealed: Buffer,
}

impl Bare {
    /// Dials, and goes through the handshake.
    pub(crate) async fn dial(address: SocketAddr, me: &Credentials) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (opened, opening) = open(me).unwrap();
        let first = [&preface()[..], &framed(&opening)].concat();
        stream.write_all(&first).await.unwrap();
        stream.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap();
        let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut answer).await.unwrap();
        let (keys, last) = opened
            .read_answer(&answer)
            .unwrap()
            .close(me, None)
            .unwrap();
        stream.write_all(&framed(&last)).await.unwrap();
        Self {
            stream,
            sealer: Sealer::new(keys.clone()),
            opener: Opener::new(keys),
            sealed: Buffer::default(),
        }
    }

    /// Returns the record that has these bytes.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Buffer::default();
        self.sealer.seal(plain, &mut sealed);
        sealed.waiting().to_vec()
    }

    /// Encrypts bytes and sends them.
    pub(crate) async fn send(&mut self, plain: &[u8]) {
        let sealed = self.seal(plain);
        self.stream.write_all(&sealed).await.unwrap();
    }

    /// Receives and decrypts this many bytes, or all until the far end closes; returns the number of records too.
    pub(crate) async fn receive(&mut self, length: usize) -> (Vec<u8>, usize) {
        let (mut plain, mut records) = (Buffer::default(), 0);
        while plain.len() < length {
            match self.opener.open(&mut self.sealed, &mut plain) {
                Ok(true) => records += 1,
                Ok(false) => {
                    let read = self.stream.read(self.sealed.room(4096)).await.unwrap();
                    self.sealed.filled(read);
                    if read == 0 {
                        break;
                    }
                }
                Err(error @ LinkError::Record) => panic!("{error}"),
                Err(error) => unreachable!("{error}"),
            }
        }
        (plain.waiting().to_vec(), records)
    }
}

/// Returns the link of a dialler that was let in.
pub(crate) fn link_of(welcomed: Result<Welcomed, LinkError>) -> Result<Link, LinkError> {
    match welcomed? {
        Welcomed::Link(link) => Ok(*link),
        Welcomed::Circuit { .. } => Err(LinkError::Handshake),
    }
}
