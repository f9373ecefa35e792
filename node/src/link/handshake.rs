//! How a connection becomes a link: prefaces, then hellos, within a deadline.
//!
//! Not here: which addresses to dial (`driver::dialler`), how many may knock at once
//! (`driver::listener`), and which links are kept (the core).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ringtalk_wire::{Close, Frame, Hello, NodeId, PREFACE_BYTES, check_preface, encode, preface};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use super::{FrameReader, FrameWriter, Link, LinkError};

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// How long a handshake may take: far longer than any network needs, and short enough that silent
/// strangers do not pile up.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// How long a far end that is turned away may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// A connection at whose far end a node has said hello. It knows nothing yet of who
/// dialled: a dialler completes one of these, and drops the others.
#[derive(Debug)]
pub struct Greeted(Link);

/// Dials `address` and waits for the hello of the node `wanted`.
pub async fn greet(address: SocketAddr, me: &Hello, wanted: NodeId) -> Result<Greeted, LinkError> {
    let greeted = greet_whoever(address, me).await?;
    if greeted.peer() == wanted {
        Ok(greeted)
    } else {
        Err(LinkError::OtherNode(greeted.peer()))
    }
}

/// Dials `address` and waits for the hello of whichever node is there: for who looks for a way to
/// the ring, and knows nobody yet.
pub async fn greet_whoever(address: SocketAddr, me: &Hello) -> Result<Greeted, LinkError> {
    let stream = timeout(CONNECT_TIME, TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    within(HANDSHAKE_TIME, async {
        let mut begun = Begun::new(stream, address, None).await?;
        let hello = begun.reader.hello().await?;
        check(&hello, me)?;
        Ok(Greeted(begun.into_link(hello.id)))
    })
    .await
}

impl Greeted {
    /// Who is at the far end.
    pub const fn peer(&self) -> NodeId {
        self.0.peer
    }

    /// Says hello in return, which makes it a link.
    pub async fn answer(self, me: &Hello) -> Result<Link, LinkError> {
        let Self(mut link) = self;
        link.writer.say(Frame::Hello(me.clone())).await?;
        Ok(link)
    }
}

/// Says hello to whoever has dialled, and waits for theirs.
pub async fn welcome(
    stream: TcpStream,
    address: SocketAddr,
    me: &Hello,
) -> Result<Link, LinkError> {
    within(HANDSHAKE_TIME, async {
        let mut begun = Begun::new(stream, address, Some(me)).await?;
        let hello = begun.reader.hello().await?;
        match check(&hello, me) {
            Ok(()) => Ok(begun.into_link(hello.id)),
            Err(error) => Err(begun.refuse(error).await),
        }
    })
    .await
}

/// A connection whose far end speaks this version of the protocol.
struct Begun {
    address: SocketAddr,
    reader: FrameReader,
    writer: FrameWriter,
}

impl Begun {
    /// Exchanges prefaces; the end that was dialled sends its hello right behind its own.
    async fn new(
        stream: TcpStream,
        address: SocketAddr,
        hello: Option<&Hello>,
    ) -> Result<Self, LinkError> {
        stream.set_nodelay(true)?;
        let (mut read_half, mut write_half) = stream.into_split();
        write_half.write_all(&preface()).await?;
        let mut writer = FrameWriter::new(write_half);
        if let Some(hello) = hello {
            writer.say(Frame::Hello(hello.clone())).await?;
        }
        check_preface(read_preface(&mut read_half).await?)?;
        Ok(Self {
            address,
            reader: FrameReader::new(read_half),
            writer,
        })
    }

    fn into_link(mut self, peer: NodeId) -> Link {
        self.reader.widen();
        Link {
            peer,
            address: self.address,
            reader: self.reader,
            writer: self.writer,
        }
    }

    /// Says why there will be no link, if the far end takes it.
    async fn refuse(mut self, error: LinkError) -> LinkError {
        let reason = error.to_string();
        let farewell = within(REFUSAL_TIME, async {
            self.writer.say(Frame::Close(Close { reason })).await?;
            self.writer.finish().await?;
            self.reader.discard().await;
            Ok(())
        });
        let _ = farewell.await;
        error
    }
}

async fn read_preface(half: &mut OwnedReadHalf) -> Result<[u8; PREFACE_BYTES], LinkError> {
    let mut bytes = [0; PREFACE_BYTES];
    match half.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(LinkError::HungUp),
        Err(error) => Err(error.into()),
    }
}

fn check(hello: &Hello, me: &Hello) -> Result<(), LinkError> {
    if hello.discussion != me.discussion {
        Err(LinkError::OtherDiscussion)
    } else if hello.id == me.id {
        Err(LinkError::Myself)
    } else {
        Ok(())
    }
}

async fn within<T>(
    deadline: Duration,
    step: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    timeout(deadline, step)
        .await
        .unwrap_or(Err(LinkError::Silent))
}

impl FrameReader {
    async fn hello(&mut self) -> Result<Hello, LinkError> {
        match self.next().await? {
            Some(Frame::Hello(hello)) => Ok(hello),
            Some(Frame::Close(close)) => Err(LinkError::Closed(close.reason)),
            Some(_) => Err(LinkError::NoHello),
            None => Err(LinkError::HungUp),
        }
    }
}

impl FrameWriter {
    async fn say(&mut self, frame: Frame) -> Result<(), LinkError> {
        self.add(&encode(&frame));
        self.write(1).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
