//! The physical limit of a ring: the same frames, forwarded from neighbour to neighbour over TCP in one direction,
//! until all members have them. There is no protocol at all: no ids, no checks, no encryption, no repair.

use anyhow::{Context, Result};
use bench_member::order::Assignment;
use bench_member::{Receiver, SendHalf, Transport};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The length of a message's header, in bytes: the message's length, and its author.
const HEADER_BYTES: usize = 4 + 2;
/// The room for one read, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// The most batches of this member's messages that may wait to be written.
const MAX_BATCHES: usize = 4;

struct RawRing(TcpListener);

struct RawRingSender {
    me: u16,
    own: mpsc::Sender<Bytes>,
}

impl Transport for RawRing {
    type SendHalf = RawRingSender;

    async fn listen() -> Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        Ok((Self(listener), address))
    }

    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<RawRingSender> {
        let count = assignment.addresses.len();
        let next = assignment.addresses[(usize::from(assignment.index) + 1) % count].clone();
        let previous =
            assignment.addresses[(usize::from(assignment.index) + count - 1) % count].clone();
        let forward = TcpStream::connect(&next).await?;
        let (backward, _) = self.0.accept().await?;
        forward.set_nodelay(true)?;
        let (own, owned) = mpsc::channel(MAX_BATCHES);
        let (forwarded, to_forward) = mpsc::unbounded_channel();
        let me = assignment.index;
        let last = (usize::from(me) + 1) % count;
        let (reading, back) = backward.into_split();
        let (mut forth, writing) = forward.into_split();
        let after = receiver.clone();
        tokio::task::spawn_local(async move {
            // The other half stays open as long as this one: the previous member takes its end for this member's death.
            let _back = back;
            if let Err(error) = read(reading, last as u16, &receiver, &forwarded).await {
                eprintln!("{error}");
            }
            receiver.report_gone(previous);
        });
        tokio::task::spawn_local(async move {
            // The next member sends nothing here, so the read ends with the connection.
            let _ = forth.read_u8().await;
            after.report_gone(next);
        });
        tokio::task::spawn_local(async move {
            if let Err(error) = write(writing, owned, to_forward).await {
                eprintln!("{error}");
            }
        });
        Ok(RawRingSender { me, own })
    }
}

impl SendHalf for RawRingSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        let mut bytes = BytesMut::new();
        for text in texts {
            bytes.put_u32(text.len() as u32);
            bytes.put_u16(self.me);
            bytes.put_slice(text.as_bytes());
        }
        self.own
            .send(bytes.freeze())
            .await
            .context("the ring is broken")
    }
}

/// Receives messages, and forwards all but those of `last`, the next member, with which they began.
async fn read(
    mut half: OwnedReadHalf,
    last: u16,
    receiver: &Receiver,
    forwarded: &mpsc::UnboundedSender<Bytes>,
) -> Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        if half.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let mut onward = 0;
        while let Some((author, length)) = first(&buffer[onward..]) {
            receiver.receive(&buffer[onward + HEADER_BYTES..onward + length]);
            if author == last {
                forward_messages(&mut buffer, onward, forwarded);
                buffer.advance(length);
                onward = 0;
            } else {
                onward += length;
            }
        }
        forward_messages(&mut buffer, onward, forwarded);
    }
}

/// Returns the author of the first message and its length with the header, if the message is complete.
fn first(bytes: &[u8]) -> Option<(u16, usize)> {
    let mut header = bytes.get(..HEADER_BYTES)?;
    let length = HEADER_BYTES + header.get_u32() as usize;
    (bytes.len() >= length).then(|| (header.get_u16(), length))
}

fn forward_messages(
    buffer: &mut BytesMut,
    onward: usize,
    forwarded: &mpsc::UnboundedSender<Bytes>,
) {
    if onward > 0 {
        let _ = forwarded.send(buffer.split_to(onward).freeze());
    }
}

/// Writes the messages to forward and this member's own, as they come; those to forward go first.
async fn write(
    mut half: OwnedWriteHalf,
    mut own: mpsc::Receiver<Bytes>,
    mut to_forward: mpsc::UnboundedReceiver<Bytes>,
) -> Result<()> {
    loop {
        let bytes = tokio::select! {
            biased;
            Some(bytes) = to_forward.recv() => bytes,
            Some(bytes) = own.recv() => bytes,
            else => return Ok(()),
        };
        half.write_all(&bytes).await?;
    }
}

fn main() -> Result<()> {
    bench_member::run::<RawRing>()
}
