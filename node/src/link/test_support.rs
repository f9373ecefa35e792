//! Helpers for tests of links, and of what is built on links.

use std::net::SocketAddr;

use ringtalk_wire::{PREFACE_BYTES, preface};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::buffer::Buffer;
use super::noise::{Keys, read_first, start_handshake};
use super::record::{Decryptor, Encryptor, Stream, Streams};
use super::{Credentials, FrameWriter, InboundConnection, Link, LinkError, Socket};
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
    let (initiator, first_message) = start_handshake(&one).unwrap();
    let responder = read_first(&other, &first_message).unwrap();
    let (responder, answer) = responder.answer(&other).unwrap();
    let (keys, last) = initiator
        .read_answer(&answer)
        .unwrap()
        .finish(&one, None)
        .unwrap();
    [keys, responder.read_last(&last).unwrap().0]
}

/// Returns a writer to any socket.
pub(crate) fn writer_to<S: Socket>(socket: S) -> FrameWriter<S> {
    let [keys, _] = keys();
    FrameWriter::new(socket, keys)
}

/// Returns a message of a handshake as it travels.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&length, message].concat()
}

/// A dialler that sends and receives bytes instead of frames.
#[derive(Debug)]
pub(crate) struct RawPeer {
    pub(crate) stream: TcpStream,
    encryptor: Encryptor,
    decryptor: Decryptor,
    ciphertext: Buffer,
}

impl RawPeer {
    /// Dials, and goes through the handshake.
    pub(crate) async fn dial(address: SocketAddr, me: &Credentials) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (initiator, first_message) = start_handshake(me).unwrap();
        let first = [&preface()[..], &framed(&first_message)].concat();
        stream.write_all(&first).await.unwrap();
        stream.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap();
        let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut answer).await.unwrap();
        let (keys, last) = initiator
            .read_answer(&answer)
            .unwrap()
            .finish(me, None)
            .unwrap();
        stream.write_all(&framed(&last)).await.unwrap();
        Self {
            stream,
            encryptor: Encryptor::new(keys.clone()),
            decryptor: Decryptor::new(keys),
            ciphertext: Buffer::default(),
        }
    }

    /// Returns the record that has these bytes.
    pub(crate) fn encrypt(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut ciphertext = Buffer::default();
        self.encryptor.encrypt(Stream::Main, plain, &mut ciphertext);
        ciphertext.waiting().to_vec()
    }

    /// Encrypts bytes and sends them.
    pub(crate) async fn send(&mut self, plain: &[u8]) {
        let ciphertext = self.encrypt(plain);
        self.stream.write_all(&ciphertext).await.unwrap();
    }

    /// Receives and decrypts this many bytes of both streams, in the order in which they come, or all until the far end
    /// closes; returns the number of records too.
    pub(crate) async fn receive(&mut self, length: usize) -> (Vec<u8>, usize) {
        let (mut plain, mut records) = (Vec::new(), 0);
        while plain.len() < length {
            let mut streams = Streams::default();
            match self.decryptor.decrypt(&mut self.ciphertext, &mut streams) {
                Ok(Some(_)) => {
                    records += 1;
                    plain.extend_from_slice(streams.main.waiting());
                    plain.extend_from_slice(streams.urgent.waiting());
                }
                Ok(None) => {
                    let read = self.stream.read(self.ciphertext.room(4096)).await.unwrap();
                    self.ciphertext.commit(read);
                    if read == 0 {
                        break;
                    }
                }
                Err(error @ LinkError::Record) => panic!("{error}"),
                Err(error) => unreachable!("{error}"),
            }
        }
        (plain, records)
    }
}

/// Returns the link of a dialler that was let in.
pub(crate) fn into_link(inbound: Result<InboundConnection, LinkError>) -> Result<Link, LinkError> {
    match inbound? {
        InboundConnection::Link(link) => Ok(*link),
        InboundConnection::Circuit { .. } => Err(LinkError::Handshake),
    }
}
