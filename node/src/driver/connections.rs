//! The links that are up, each with a task that reads, and one that writes while the socket is full.
//!
//! Bytes that a socket takes at once are written at once, urgent frames first. The core bounds those that wait to be
//! written: it is told of every byte that was written, and closes a link that takes none. Not here: how much is written at
//! once (`pace`) and in which order (`queue`), how links are made (`dialler`, `listener`).

mod outlet;
mod pace;
mod queue;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringtalk_proto::LinkId;
use ringtalk_wire::limit::REASON_BYTES;
use ringtalk_wire::{Close, Frame, FrameClass, NodeId, encode};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::inbox::{DriverEvent, INBOX_BYTES, Inbox};
use crate::link::{FrameReader, FrameWriter, Incoming, Link, LinkError, Written};
use outlet::LinkOutlet;
use pace::MOST_BYTES;

/// How often the core is told that a part of a frame has come.
const PART_PAUSE: Duration = Duration::from_millis(200);
/// The timeout for writing what is queued on a link that is being closed.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

/// The links that are up.
#[derive(Debug)]
pub(crate) struct Connections {
    live: HashMap<LinkId, OpenConnection>,
    /// The links that have something to write, and room for it as far as is known.
    ready: Vec<LinkId>,
    last: u64,
    inbox: Inbox,
    /// The room for frames in the inbox.
    room: Arc<Semaphore>,
    farewells: JoinSet<()>,
}

#[derive(Debug)]
struct OpenConnection {
    peer: NodeId,
    address: SocketAddr,
    /// This machine's address in the connection.
    local: Option<IpAddr>,
    outlet: LinkOutlet,
    writer: WriterState,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

/// The owner of a link's writer.
#[derive(Debug)]
enum WriterState {
    /// The link, which writes whenever something is queued.
    Free(Box<FrameWriter>),
    /// A task, which waits until the socket takes the rest. It gives the writer back and reports that the rest was
    /// written, or reports that it could not be.
    Full(oneshot::Receiver<Box<FrameWriter>>),
}

impl Connections {
    /// Creates a set without links.
    pub(crate) fn new(inbox: Inbox) -> Self {
        Self {
            live: HashMap::new(),
            ready: Vec::new(),
            last: 0,
            inbox,
            room: Arc::new(Semaphore::new(INBOX_BYTES)),
            farewells: JoinSet::new(),
        }
    }

    /// Adds a link, under an id of its own.
    pub(crate) fn add(&mut self, link: Link) -> LinkId {
        self.last += 1;
        let id = LinkId::lobby(self.last);
        let closing = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let local = link.reader.local_ip();
        let sink = FrameSink {
            link: id,
            inbox: self.inbox.clone(),
            room: Arc::clone(&self.room),
        };
        tasks.spawn(read_frames(link.reader, sink, closing.clone()));
        let mut writer = Box::new(link.writer);
        let outlet = LinkOutlet::new(&mut writer);
        let connection = OpenConnection {
            peer: link.peer,
            address: link.address,
            local,
            outlet,
            writer: WriterState::Free(writer),
            closing,
            tasks,
        };
        self.live.insert(id, connection);
        id
    }

    /// Returns true while the connection of a link is up. Frames that still arrive from one that is down must be ignored.
    pub(crate) fn is_up(&self, id: LinkId) -> bool {
        self.live.contains_key(&LinkId::lobby(id.connection))
    }

    /// Queues an encoded frame on a channel.
    pub(crate) fn send(&mut self, id: LinkId, class: FrameClass, frame: Bytes) {
        let lobby = LinkId::lobby(id.connection);
        if let Some(connection) = self.live.get_mut(&lobby) {
            if connection.outlet.queue.is_empty()
                && matches!(connection.writer, WriterState::Free(_))
            {
                self.ready.push(lobby);
            }
            connection.outlet.queue.push(id.channel, class, frame);
        }
    }

    /// Writes what is queued, as much at once as possible, without waiting. Returns how many bytes of frames went out
    /// on each link.
    pub(crate) fn flush(&mut self) -> Vec<(LinkId, io::Result<Written>)> {
        let mut written = Vec::new();
        for id in std::mem::take(&mut self.ready) {
            if let Some(connection) = self.live.get_mut(&id) {
                written.push((id, connection.flush(id, &self.inbox)));
            }
        }
        written
    }

    /// Takes the writer back from a socket that is no longer full.
    pub(crate) fn reclaim_writer(&mut self, id: LinkId, written: &Written) {
        if let Some(connection) = self.live.get_mut(&id)
            && let WriterState::Full(writer) = &mut connection.writer
            && let Ok(writer) = writer.try_recv()
        {
            connection.writer = WriterState::Free(writer);
            connection.outlet.note_rest_written(Instant::now(), written);
            self.ready.push(id);
        }
    }

    /// Writes out what is queued on a link, then closes it, in the background.
    pub(crate) fn close(&mut self, id: LinkId, reason: &str) {
        while self.farewells.try_join_next().is_some() {}
        if let Some(connection) = self.live.remove(&id) {
            tracing::debug!(peer = ?connection.peer, address = %connection.address, reason, "closing a link");
            self.farewells.spawn(connection.close_gracefully());
        }
    }

    /// Ends a broken link. A peer whose records or frames cannot be read is told so.
    pub(crate) fn end(&mut self, id: LinkId, error: Option<&LinkError>) {
        let Some(connection) = self.live.get(&id) else {
            return;
        };
        let (peer, address) = (connection.peer, connection.address);
        match error {
            Some(error @ (LinkError::Decode(_) | LinkError::TooLong(_) | LinkError::Record)) => {
                tracing::info!(?peer, %address, %error, "an invalid record or frame");
                tracing::warn!(
                    "closed the link to {address}, which sent something invalid: {error}"
                );
                let close = close_frame(&error.to_string());
                self.send(id, FrameClass::Ordered, close);
                self.close(id, "invalid frame");
            }
            other => {
                let reason = other.map(ToString::to_string);
                tracing::debug!(?peer, %address, ?reason, "lost a link");
                self.live.remove(&id);
            }
        }
    }

    /// Returns the links whose address on this machine is not there any more.
    pub(crate) fn without_address(&self, is_there: impl Fn(IpAddr) -> bool) -> Vec<LinkId> {
        let lost = |one: &OpenConnection| one.local.is_some_and(|local| !is_there(local));
        let links = self.live.iter().filter(|(_, one)| lost(one));
        links.map(|(id, _)| *id).collect()
    }

    /// Closes all links, and waits for that until the limit.
    pub(crate) async fn close_all(mut self, limit: Duration) {
        let ids: Vec<LinkId> = self.live.keys().copied().collect();
        for id in ids {
            self.close(id, "leaving");
        }
        let farewells = async { while self.farewells.join_next().await.is_some() {} };
        let _ = timeout(limit, farewells).await;
    }
}

impl OpenConnection {
    fn flush(&mut self, link: LinkId, inbox: &Inbox) -> io::Result<Written> {
        let WriterState::Free(writer) = &mut self.writer else {
            return Ok(Written::default());
        };
        let (written, is_full) = self.outlet.write(Instant::now(), writer)?;
        if is_full {
            self.wait_for_room(link, inbox.clone());
        }
        Ok(written)
    }

    fn wait_for_room(&mut self, link: LinkId, inbox: Inbox) {
        let (writer_back, writer) = oneshot::channel();
        let before = std::mem::replace(&mut self.writer, WriterState::Full(writer));
        while self.tasks.try_join_next().is_some() {}
        if let WriterState::Free(writer) = before {
            let closing = self.closing.clone();
            self.tasks
                .spawn(write_rest(writer, writer_back, link, inbox, closing));
        }
    }

    async fn close_gracefully(mut self) {
        self.closing.cancel();
        let done = async {
            let writer = match self.writer {
                WriterState::Free(writer) => Some(writer),
                WriterState::Full(writer) => writer.await.ok(),
            };
            if let Some(mut writer) = writer {
                let queue = &mut self.outlet.queue;
                while queue.encrypt(&mut writer, MOST_BYTES)
                    && writer.write_encrypted().await.is_ok()
                {}
                let _ = writer.finish().await;
            }
            while self.tasks.join_next().await.is_some() {}
        };
        let _ = timeout(FAREWELL_TIME, done).await;
    }
}

/// The path of one link's frames to the task that owns the core.
#[derive(Debug)]
struct FrameSink {
    link: LinkId,
    inbox: Inbox,
    room: Arc<Semaphore>,
}

/// Passes frames on until the link breaks or is closed. Then reads and discards, until the peer has closed its end.
async fn read_frames(mut reader: FrameReader, sink: FrameSink, closing: CancellationToken) {
    tokio::select! {
        biased;
        () = closing.cancelled() => {}
        error = forward_frames(&mut reader, &sink) => {
            let link = sink.link;
            let _ = sink.inbox.send(DriverEvent::Broken { link, error }).await;
            closing.cancelled().await;
        }
    }
    reader.discard().await;
}

async fn forward_frames(reader: &mut FrameReader, sink: &FrameSink) -> Option<LinkError> {
    let link = sink.link;
    let mut told = Instant::now();
    let mut began = None;
    loop {
        let (channel, frame) = match reader.next_part().await {
            Ok(Some(Incoming::Frame(channel, frame))) => (channel, frame),
            Ok(Some(Incoming::Part)) => {
                let taking = began.get_or_insert_with(Instant::now).elapsed();
                if told.elapsed() >= PART_PAUSE {
                    told = Instant::now();
                    let part = DriverEvent::Part { link, taking };
                    sink.inbox.send(part).await.ok()?;
                }
                continue;
            }
            Ok(None) => return None,
            Err(error) => return Some(error),
        };
        told = Instant::now();
        began = began.filter(|_| reader.has_part());
        // A frame has 256 KiB at most, so there is always room for one.
        let room = Arc::clone(&sink.room).acquire_many_owned(reader.last_bytes() as u32);
        let room = room.await.ok()?;
        let link = LinkId { channel, ..link };
        let event = DriverEvent::Frame { link, frame, room };
        sink.inbox.send(event).await.ok()?;
    }
}

/// Waits until a socket has taken the rest of what is to be written.
async fn write_rest(
    mut writer: Box<FrameWriter>,
    writer_back: oneshot::Sender<Box<FrameWriter>>,
    link: LinkId,
    inbox: Inbox,
    closing: CancellationToken,
) {
    let event = match writer.write_encrypted().await {
        Ok(bytes) => {
            // This fails if the link is gone.
            let _ = writer_back.send(writer);
            DriverEvent::Written { link, bytes }
        }
        // Nothing can follow half a record, so nobody gets this writer back.
        Err(error) => {
            let error = Some(error.into());
            DriverEvent::Broken { link, error }
        }
    };
    tokio::select! {
        biased;
        () = closing.cancelled() => {}
        _ = inbox.send(event) => {}
    }
}

fn close_frame(reason: &str) -> Bytes {
    let mut reason = reason.to_owned();
    while reason.len() > REASON_BYTES {
        reason.pop();
    }
    encode(&Frame::Close(Close { reason }))
}

#[cfg(test)]
mod tests;
