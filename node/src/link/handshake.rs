//! The handshake that makes a connection a link: prefaces, then three messages, within a timeout.
//!
//! Not here: what the messages prove (`noise`), which addresses to dial (`dialler`), how many may connect at once
//! (`driver::listener`), which links are kept (the core).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ringtalk_wire::limit::HANDSHAKE_BYTES;
use ringtalk_wire::{
    Introduction, NodeId, PREFACE_BYTES, PublicKey, Ticket, check_preface, preface,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::noise::{self, Answered, Keys};
use super::{Credentials, FrameReader, FrameWriter, Link, LinkError, Openings};

/// The timeout for making a connection.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// The timeout of a handshake: far longer than any network needs, but too short for silent strangers to pile up.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// A connection at whose far end a node has shown who it is. That node does not know yet who dialled: a dialler
/// completes one such connection, and drops the others.
#[derive(Debug)]
pub struct Greeted {
    stream: TcpStream,
    address: SocketAddr,
    answered: Answered,
    me: Credentials,
    relayed: bool,
}

/// The result of accepting a connection.
#[derive(Debug)]
pub enum Welcomed {
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

/// Dials `address` and waits until any node there shows who it is. It is for a dialler that looks for the way to the
/// ring, and knows nobody yet.
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

/// Dials over a circuit, and waits until the node `wanted` shows that it is there; `address` is the relay's.
pub async fn greet_over(
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    wanted: NodeId,
) -> Result<Greeted, LinkError> {
    let greeted = within(approach(stream, address, me)).await?;
    if greeted.peer() == wanted {
        let relayed = true;
        Ok(Greeted { relayed, ..greeted })
    } else {
        Err(LinkError::OtherNode(greeted.peer()))
    }
}

impl Greeted {
    /// Returns the node at the far end.
    pub fn peer(&self) -> NodeId {
        NodeId::of(&self.answered.key())
    }

    /// Returns the address of the far end.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows who dialled, which makes the connection a link.
    pub async fn answer(self) -> Result<Link, LinkError> {
        let key = self.answered.key();
        let (keys, last) = self.answered.close(&self.me, None)?;
        let mut stream = self.stream;
        within(async { Ok(stream.write_all(&framed(&last)).await?) }).await?;
        let relayed = self.relayed;
        Ok(Link {
            relayed,
            ..link(stream, self.address, key, &keys)
        })
    }

    /// Shows who dialled, and that the connection is one half of this circuit.
    pub async fn enter(self, ticket: Ticket) -> Result<TcpStream, LinkError> {
        let (_, last) = self.answered.close(&self.me, Some(ticket))?;
        let mut stream = self.stream;
        within(async { Ok(stream.write_all(&framed(&last)).await?) }).await?;
        Ok(stream)
    }
}

/// Leads a dialler through its handshake.
pub async fn welcome(
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    openings: &Openings,
) -> Result<Welcomed, LinkError> {
    let (stream, keys, dialler) = within(receive(stream, me, openings)).await?;
    if dialler.key == me.public_key() {
        return Err(LinkError::Myself);
    }
    Ok(match dialler.ticket {
        None => Welcomed::Link(Box::new(link(stream, address, dialler.key, &keys))),
        Some(ticket) => Welcomed::Circuit {
            peer: NodeId::of(&dialler.key),
            ticket,
            stream,
        },
    })
}

/// Leads a node that dials over a circuit through its handshake; `address` is the relay's.
pub async fn welcome_over(
    stream: TcpStream,
    address: SocketAddr,
    me: &Credentials,
    openings: &Openings,
) -> Result<Link, LinkError> {
    match welcome(stream, address, me, openings).await? {
        Welcomed::Link(link) => Ok(Link {
            relayed: true,
            ..*link
        }),
        // A circuit cannot lead into another circuit.
        Welcomed::Circuit { .. } => Err(LinkError::Handshake),
    }
}

/// Exchanges the first two messages, as the dialler. The preface and the first message go together, because neither
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
        relayed: false,
    })
}

/// Exchanges all three messages, as the end that was dialled. It sends nothing but its preface before the dialler has
/// proved to have the secret.
async fn receive(
    mut stream: TcpStream,
    me: &Credentials,
    openings: &Openings,
) -> Result<(TcpStream, Keys, Introduction), LinkError> {
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
    let (keys, dialler) = shown.read_last(&last)?;
    Ok((stream, keys, dialler))
}

fn link(stream: TcpStream, address: SocketAddr, key: PublicKey, keys: &Keys) -> Link {
    let (read_half, write_half) = stream.into_split();
    Link {
        peer: NodeId::of(&key),
        key,
        address,
        relayed: false,
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

/// Returns what it means to a dialler if the far end goes away instead of answering the first message.
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
