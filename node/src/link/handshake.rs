//! How a connection becomes a link: prefaces, then three messages, within a deadline.
//!
//! Not here: what the messages prove (`noise`), which addresses to dial (`driver::dialler`), how
//! many may knock at once (`driver::listener`), and which links are kept (the core).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ringtalk_wire::limit::HANDSHAKE_BYTES;
use ringtalk_wire::{NodeId, PREFACE_BYTES, PublicKey, check_preface, preface};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::noise::{self, Answered, Keys};
use super::{Credentials, FrameReader, FrameWriter, Link, LinkError, Openings};

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long a handshake may take: far longer than any network needs, and short enough that silent
/// strangers do not pile up.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// A connection at whose far end a node has shown who it is. It knows nothing yet of who dialled: a
/// dialler completes one of these, and drops the others.
#[derive(Debug)]
pub struct Greeted {
    stream: TcpStream,
    address: SocketAddr,
    answered: Answered,
    me: Credentials,
}

/// Dials `address` and waits until the node `wanted` shows that it is there.
pub async fn greet(
    address: SocketAddr,
    me: &Credentials,
    wanted: NodeId,
) -> Result<Greeted, LinkError> {
    let greeted = greet_whoever(address, me).await?;
    if greeted.peer() == wanted {
        Ok(greeted)
    } else {
        Err(LinkError::OtherNode(greeted.peer()))
    }
}

/// Dials `address` and waits until whichever node is there shows who it is: for who looks for a way
/// to the ring, and knows nobody yet.
pub async fn greet_whoever(address: SocketAddr, me: &Credentials) -> Result<Greeted, LinkError> {
    let stream = timeout(CONNECT_TIME, TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let greeted = within(approach(stream, address, me)).await?;
    if greeted.peer() == me.id() {
        Err(LinkError::Myself)
    } else {
        Ok(greeted)
    }
}

impl Greeted {
    /// Who is at the far end.
    pub fn peer(&self) -> NodeId {
        NodeId::of(&self.answered.key())
    }

    /// Shows who dialled, which makes it a link.
    pub async fn answer(self) -> Result<Link, LinkError> {
        let key = self.answered.key();
        let (keys, last) = self.answered.close(&self.me)?;
        let mut stream = self.stream;
        within(async { Ok(stream.write_all(&framed(&last)).await?) }).await?;
        Ok(link(stream, self.address, key, &keys))
    }
}

/// Leads whoever has dialled through its handshake.
pub async fn welcome(
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    openings: &Openings,
) -> Result<Link, LinkError> {
    let (stream, keys, key) = within(receive(stream, me, openings)).await?;
    if key == me.public_key() {
        Err(LinkError::Myself)
    } else {
        Ok(link(stream, address, key, &keys))
    }
}

/// The first two messages, as the dialler. The preface and the first message go together: neither
/// depends on what the far end says.
async fn approach(
    mut stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
) -> Result<Greeted, LinkError> {
    stream.set_nodelay(true)?;
    let (opened, opening) = noise::open(me)?;
    let first = [&preface()[..], &framed(&opening)].concat();
    stream.write_all(&first).await?;
    check_preface(read_preface(&mut stream).await?)?;
    let answer = read_message(&mut stream).await.map_err(refused)?;
    Ok(Greeted {
        answered: opened.read_answer(&answer)?,
        stream,
        address,
        me: me.clone(),
    })
}

/// All three messages, as the end that was dialled. It sends nothing but its preface before somebody
/// has proved to have the secret.
async fn receive(
    mut stream: TcpStream,
    me: &Credentials,
    openings: &Openings,
) -> Result<(TcpStream, Keys, PublicKey), LinkError> {
    stream.set_nodelay(true)?;
    stream.write_all(&preface()).await?;
    check_preface(read_preface(&mut stream).await?)?;
    let opening = read_message(&mut stream).await?;
    let approached = noise::read_opening(me, &opening)?;
    if !openings.is_new(&opening) {
        return Err(LinkError::Replay);
    }
    let (shown, answer) = approached.answer(me)?;
    stream.write_all(&framed(&answer)).await?;
    let last = read_message(&mut stream).await?;
    let (keys, key) = shown.read_last(&last)?;
    Ok((stream, keys, key))
}

fn link(stream: TcpStream, address: SocketAddr, key: PublicKey, keys: &Keys) -> Link {
    let (read_half, write_half) = stream.into_split();
    Link {
        peer: NodeId::of(&key),
        key,
        address,
        reader: FrameReader::new(read_half, keys.clone()),
        writer: FrameWriter::new(write_half, keys.clone()),
    }
}

async fn read_preface(stream: &mut TcpStream) -> Result<[u8; PREFACE_BYTES], LinkError> {
    let mut bytes = [0; PREFACE_BYTES];
    read_exactly(stream, &mut bytes).await?;
    Ok(bytes)
}

/// A message of the handshake has its length in front, as a `u16`, big endian.
async fn read_message(stream: &mut TcpStream) -> Result<Vec<u8>, LinkError> {
    let mut length = [0; 2];
    read_exactly(stream, &mut length).await?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > HANDSHAKE_BYTES {
        return Err(LinkError::Handshake);
    }
    let mut message = vec![0; length];
    read_exactly(stream, &mut message).await?;
    Ok(message)
}

async fn read_exactly(stream: &mut TcpStream, bytes: &mut [u8]) -> Result<(), LinkError> {
    match stream.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(LinkError::HungUp),
        Err(error) => Err(error.into()),
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    debug_assert!(
        message.len() <= HANDSHAKE_BYTES,
        "a message outgrew its limit"
    );
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// What it means to a dialler that the far end goes away instead of answering the first message.
fn refused(error: LinkError) -> LinkError {
    match error {
        LinkError::HungUp => LinkError::Refused,
        LinkError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            LinkError::Refused
        }
        other => other,
    }
}

async fn within<T>(step: impl Future<Output = Result<T, LinkError>>) -> Result<T, LinkError> {
    timeout(HANDSHAKE_TIME, step)
        .await
        .unwrap_or(Err(LinkError::Silent))
}

#[cfg(test)]
mod tests;
