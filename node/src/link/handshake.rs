//! The handshake that makes a connection a link: prefaces, then three messages, within a timeout.
//!
//! Not here: what the messages prove (`noise`), which addresses to dial (`dialler`), how many may connect at once
//! (`driver::listener`), which links are kept (the core).

use std::future::Future;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::time::Duration;

use ringtalk_wire::limit::HANDSHAKE_BYTES;
use ringtalk_wire::{
    Introduction, NodeId, PREFACE_BYTES, PrefaceError, PublicKey, Ticket, check_preface, preface,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::noise::{self, DiallerAfterAnswer, Keys};
use super::{Credentials, FrameReader, FrameWriter, Link, LinkError, ReplayFilter};

/// The timeout for making a connection.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// The timeout of a handshake: far longer than any network needs, but too short for silent strangers to pile up.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// The number of bytes at the beginning of a preface that name the protocol.
const MAGIC_BYTES: usize = 4;

/// A connection at whose far end a node has shown who it is. That node does not know yet who dialled: a dialler
/// completes one such connection, and drops the others.
#[derive(Debug)]
pub struct HalfOpenLink {
    stream: TcpStream,
    address: SocketAddr,
    handshake: DiallerAfterAnswer,
    me: Credentials,
    carried: bool,
}

/// The result of accepting a connection.
#[derive(Debug)]
pub enum InboundConnection {
    /// A link.
    Link(Box<Link>),
    /// One half of a circuit: what follows is for the node at its other end.
    Circuit {
        /// The node that made the connection.
        peer: NodeId,
        /// The ticket of the circuit.
        ticket: Ticket,
        /// The connection itself.
        stream: TcpStream,
    },
}

/// Dials `address` and waits until the node `wanted` shows that it is there.
pub async fn connect(
    address: SocketAddr,
    me: &Credentials,
    wanted: NodeId,
) -> Result<HalfOpenLink, LinkError> {
    let half_open = connect_any(address, me).await?;
    if half_open.peer() == wanted {
        Ok(half_open)
    } else {
        Err(LinkError::OtherNode(half_open.peer()))
    }
}

/// Dials `address` and waits until any node there shows who it is. It is for a dialler that looks for the ring, and
/// knows no member yet.
pub async fn connect_any(address: SocketAddr, me: &Credentials) -> Result<HalfOpenLink, LinkError> {
    let stream = timeout(CONNECT_TIME, TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let half_open = within(initiate(stream, address, me)).await?;
    if half_open.peer() == me.id() {
        Err(LinkError::Myself)
    } else {
        Ok(half_open)
    }
}

/// Dials over a circuit, and waits until the node `wanted` shows that it is there; `address` is the carrier's.
pub async fn connect_over_circuit(
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    wanted: NodeId,
) -> Result<HalfOpenLink, LinkError> {
    let half_open = within(initiate(stream, address, me)).await?;
    if half_open.peer() == wanted {
        let carried = true;
        Ok(HalfOpenLink {
            carried,
            ..half_open
        })
    } else {
        Err(LinkError::OtherNode(half_open.peer()))
    }
}

impl HalfOpenLink {
    /// Returns the node at the far end.
    pub fn peer(&self) -> NodeId {
        NodeId::of(&self.handshake.key())
    }

    /// Returns the address of the far end.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows who dialled, which makes the connection a link.
    pub async fn complete(self) -> Result<Link, LinkError> {
        let key = self.handshake.key();
        let (keys, last) = self.handshake.finish(&self.me, None)?;
        let mut stream = self.stream;
        within(async { Ok(stream.write_all(&framed(&last)).await?) }).await?;
        let carried = self.carried;
        Ok(Link {
            carried,
            ..link(stream, self.address, key, &keys)
        })
    }

    /// Shows who dialled, and that the connection is one half of this circuit.
    pub async fn enter_circuit(self, ticket: Ticket) -> Result<TcpStream, LinkError> {
        let (_, last) = self.handshake.finish(&self.me, Some(ticket))?;
        let mut stream = self.stream;
        within(async { Ok(stream.write_all(&framed(&last)).await?) }).await?;
        Ok(stream)
    }
}

/// Runs the handshake as the end that was dialled.
pub async fn accept(
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    replay_filter: &ReplayFilter,
) -> Result<InboundConnection, LinkError> {
    accept_after(Vec::new(), stream, address, me, replay_filter).await
}

/// Runs the handshake as the end that was dialled; `opening` is what was read of it already.
pub async fn accept_after(
    opening: Vec<u8>,
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    replay_filter: &ReplayFilter,
) -> Result<InboundConnection, LinkError> {
    let (stream, keys, dialler) = within(respond(opening, stream, me, replay_filter)).await?;
    if dialler.key == me.public_key() {
        return Err(LinkError::Myself);
    }
    Ok(match dialler.ticket {
        None => InboundConnection::Link(Box::new(link(stream, address, dialler.key, &keys))),
        Some(ticket) => InboundConnection::Circuit {
            peer: NodeId::of(&dialler.key),
            ticket,
            stream,
        },
    })
}

/// Runs the handshake over a circuit as the end that was dialled; `opening` is what was read already, and `address` is the
/// carrier's.
pub async fn accept_over_circuit(
    opening: Vec<u8>,
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    replay_filter: &ReplayFilter,
) -> Result<Link, LinkError> {
    match accept_after(opening, stream, address, me, replay_filter).await? {
        InboundConnection::Link(link) => Ok(Link {
            carried: true,
            ..*link
        }),
        // A circuit cannot lead into another circuit.
        InboundConnection::Circuit { .. } => Err(LinkError::Handshake),
    }
}

/// Exchanges the first two messages, as the dialler. The preface and the first message go together, because neither
/// depends on what the far end says.
async fn initiate(
    mut stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
) -> Result<HalfOpenLink, LinkError> {
    stream.set_nodelay(true)?;
    let (initiator, first_message) = noise::start_handshake(me)?;
    let first = [&preface()[..], &framed(&first_message)].concat();
    stream.write_all(&first).await?;
    check_preface(read_preface(&mut stream).await?)?;
    let answer = read_message(&mut stream).await.map_err(as_refusal)?;
    Ok(HalfOpenLink {
        handshake: initiator.read_answer(&answer)?,
        stream,
        address,
        me: me.clone(),
        carried: false,
    })
}

/// Exchanges all three messages, as the end that was dialled. It sends its preface once the dialler has begun with the
/// magic of one, and nothing else before the dialler has proved to have the secret.
async fn respond(
    opening: Vec<u8>,
    mut stream: TcpStream,
    me: &Credentials,
    replay_filter: &ReplayFilter,
) -> Result<(TcpStream, Keys, Introduction), LinkError> {
    stream.set_nodelay(true)?;
    let mut start = Cursor::new(opening).chain(&mut stream);
    let mut theirs = [0; PREFACE_BYTES];
    let (magic, version) = theirs.split_at_mut(MAGIC_BYTES);
    read_exactly(&mut start, magic).await?;
    if !preface().starts_with(magic) {
        return Err(PrefaceError::Foreign.into());
    }
    start.get_mut().1.write_all(&preface()).await?;
    read_exactly(&mut start, version).await?;
    check_preface(theirs)?;
    let first_message = read_message(&mut start).await?;
    let (opening, _) = start.into_inner();
    if opening.position() < opening.get_ref().len() as u64 {
        // The dialler waits for an answer here.
        return Err(LinkError::Handshake);
    }
    let responder = noise::read_first(me, &first_message)?;
    if !replay_filter.insert(&first_message) {
        return Err(LinkError::Replay);
    }
    let (responder, answer) = responder.answer(me)?;
    stream.write_all(&framed(&answer)).await?;
    let last = read_message(&mut stream).await?;
    let (keys, dialler) = responder.read_last(&last)?;
    Ok((stream, keys, dialler))
}

fn link(stream: TcpStream, address: SocketAddr, key: PublicKey, keys: &Keys) -> Link {
    let (read_half, write_half) = stream.into_split();
    Link {
        peer: NodeId::of(&key),
        key,
        address,
        carried: false,
        reader: FrameReader::new(read_half, keys.clone()),
        writer: FrameWriter::new(write_half, keys.clone()),
    }
}

async fn read_preface(stream: &mut TcpStream) -> Result<[u8; PREFACE_BYTES], LinkError> {
    let mut bytes = [0; PREFACE_BYTES];
    read_exactly(stream, &mut bytes).await?;
    Ok(bytes)
}

/// Reads a message of the handshake, behind its length as a big-endian `u16`.
async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, LinkError> {
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

async fn read_exactly(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut [u8],
) -> Result<(), LinkError> {
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

/// Returns what it means to a dialler if the far end goes away instead of answering the first message.
fn as_refusal(error: LinkError) -> LinkError {
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
