//! The links that are up, each with a task that reads, and one that writes while the socket is full.
//!
//! What a socket takes at once is written at once. The core bounds what waits to be written: it is told of every byte
//! that was written, and closes a link that takes none. Not here: how links are made (`dialler`, `listener`).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringtalk_proto::LinkId;
use ringtalk_wire::limit::REASON_BYTES;
use ringtalk_wire::{Close, Frame, NodeId, encode};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::inbox::{Happening, INBOX_BYTES, Inbox};
use crate::link::{FrameReader, FrameWriter, Link, LinkError};

/// The number of bytes to write at once.
const WRITE_BYTES: usize = 64 * 1024;
/// The timeout for writing what is queued on a link that is being closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// The links that are up.
#[derive(Debug)]
pub(crate) struct Links {
    live: HashMap<LinkId, Handle>,
    /// The links that have something to write, and room for it as far as is known.
    ready: Vec<LinkId>,
    last: u64,
    inbox: Inbox,
    /// The room for frames in the inbox.
    room: Arc<Semaphore>,
    farewells: JoinSet<()>,
}

#[derive(Debug)]
struct Handle {
    peer: NodeId,
    address: SocketAddr,
    queue: VecDeque<Bytes>,
    writing: Writing,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

/// The owner of a link's writer.
#[derive(Debug)]
enum Writing {
    /// The link, which writes whenever something is queued.
    Free(FrameWriter),
    /// A task, which waits until the socket takes the rest. It gives the writer back and reports that the rest was
    /// written, or reports that it could not be.
    Full(oneshot::Receiver<FrameWriter>),
}

impl Links {
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
    pub(crate) fn adopt(&mut self, link: Link) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        let closing = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let way = Way {
            link: id,
            inbox: self.inbox.clone(),
            room: Arc::clone(&self.room),
        };
        tasks.spawn(read(link.reader, way, closing.clone()));
        let handle = Handle {
            peer: link.peer,
            address: link.address,
            queue: VecDeque::new(),
            writing: Writing::Free(link.writer),
            closing,
            tasks,
        };
        self.live.insert(id, handle);
        id
    }

    /// Returns true while the link is up. What still arrives from a link that is not, must be ignored.
    pub(crate) fn are_up(&self, id: LinkId) -> bool {
        self.live.contains_key(&id)
    }

    /// Queues an encoded frame.
    pub(crate) fn send(&mut self, id: LinkId, frame: Bytes) {
        if let Some(handle) = self.live.get_mut(&id) {
            if handle.queue.is_empty() && matches!(handle.writing, Writing::Free(_)) {
                self.ready.push(id);
            }
            handle.queue.push_back(frame);
        }
    }

    /// Writes what is queued, as much at once as possible, without waiting. Returns how many bytes of frames went out
    /// on each link.
    pub(crate) fn flush(&mut self) -> Vec<(LinkId, io::Result<usize>)> {
        let mut written = Vec::new();
        for id in std::mem::take(&mut self.ready) {
            if let Some(handle) = self.live.get_mut(&id) {
                written.push((id, handle.flush(id, &self.inbox)));
            }
        }
        written
    }

    /// Takes the writer back from a socket that is no longer full.
    pub(crate) fn drained(&mut self, id: LinkId) {
        if let Some(handle) = self.live.get_mut(&id)
            && let Writing::Full(writer) = &mut handle.writing
            && let Ok(writer) = writer.try_recv()
        {
            handle.writing = Writing::Free(writer);
            self.ready.push(id);
        }
    }

    /// Writes out what is queued on a link, then closes it, in the background.
    pub(crate) fn close(&mut self, id: LinkId, reason: &str) {
        while self.farewells.try_join_next().is_some() {}
        if let Some(handle) = self.live.remove(&id) {
            tracing::debug!(peer = ?handle.peer, address = %handle.address, reason, "closing a link");
            self.farewells.spawn(handle.farewell());
        }
    }

    /// Ends a broken link. A peer whose records or frames cannot be read is told so.
    pub(crate) fn end(&mut self, id: LinkId, error: Option<&LinkError>) {
        let Some(handle) = self.live.get(&id) else {
            return;
        };
        let (peer, address) = (handle.peer, handle.address);
        match error {
            Some(error @ (LinkError::Decode(_) | LinkError::TooLong(_) | LinkError::Record)) => {
                tracing::warn!(?peer, %address, %error, "closing the link to a peer that sent this");
                self.send(id, close_frame(&error.to_string()));
                self.close(id, "bad frame");
            }
            other => {
                let reason = other.map(ToString::to_string);
                tracing::debug!(?peer, %address, ?reason, "a link is gone");
                self.live.remove(&id);
            }
        }
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

impl Handle {
    fn flush(&mut self, link: LinkId, inbox: &Inbox) -> io::Result<usize> {
        let Writing::Free(writer) = &mut self.writing else {
            return Ok(0);
        };
        let mut written = 0;
        while fill(writer, &mut self.queue) {
            let Some(bytes) = writer.write_now()? else {
                self.wait_for_room(link, inbox.clone());
                break;
            };
            written += bytes;
        }
        Ok(written)
    }

    fn wait_for_room(&mut self, link: LinkId, inbox: Inbox) {
        let (give_back, writer) = oneshot::channel();
        let before = std::mem::replace(&mut self.writing, Writing::Full(writer));
        while self.tasks.try_join_next().is_some() {}
        if let Writing::Free(writer) = before {
            let closing = self.closing.clone();
            self.tasks
                .spawn(write_rest(writer, give_back, link, inbox, closing));
        }
    }

    async fn farewell(mut self) {
        self.closing.cancel();
        let done = async {
            let writer = match self.writing {
                Writing::Free(writer) => Some(writer),
                Writing::Full(writer) => writer.await.ok(),
            };
            if let Some(mut writer) = writer {
                while fill(&mut writer, &mut self.queue) && writer.write().await.is_ok() {}
                let _ = writer.finish().await;
            }
            while self.tasks.join_next().await.is_some() {}
        };
        let _ = timeout(FAREWELL, done).await;
    }
}

/// Moves as much from a queue to the writer as is written at once. Returns false if there is nothing to write.
fn fill(writer: &mut FrameWriter, queue: &mut VecDeque<Bytes>) -> bool {
    while writer.waiting() < WRITE_BYTES
        && let Some(frame) = queue.pop_front()
    {
        writer.add(&frame);
    }
    writer.waiting() > 0
}

/// The path of one link's frames to the task that owns the core.
#[derive(Debug)]
struct Way {
    link: LinkId,
    inbox: Inbox,
    room: Arc<Semaphore>,
}

/// Passes frames on until the link breaks or is closed. Then reads and discards, until the peer has closed its end.
async fn read(mut reader: FrameReader, way: Way, closing: CancellationToken) {
    tokio::select! {
        biased;
        () = closing.cancelled() => {}
        error = pass_on(&mut reader, &way) => {
            let link = way.link;
            let _ = way.inbox.send(Happening::Broken { link, error }).await;
            closing.cancelled().await;
        }
    }
    reader.discard().await;
}

async fn pass_on(reader: &mut FrameReader, way: &Way) -> Option<LinkError> {
    let link = way.link;
    loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return None,
            Err(error) => return Some(error),
        };
        // A frame has 256 KiB at most, so there is always room for one.
        let room = Arc::clone(&way.room).acquire_many_owned(reader.last_bytes() as u32);
        let room = room.await.ok()?;
        let happening = Happening::Frame { link, frame, room };
        way.inbox.send(happening).await.ok()?;
    }
}

/// Waits until a socket has taken the rest of what is to be written.
async fn write_rest(
    mut writer: FrameWriter,
    give_back: oneshot::Sender<FrameWriter>,
    link: LinkId,
    inbox: Inbox,
    closing: CancellationToken,
) {
    let happening = match writer.write().await {
        Ok(bytes) => {
            // This fails if the link is gone.
            let _ = give_back.send(writer);
            Happening::Written { link, bytes }
        }
        // Nothing can follow half a record, so nobody gets this writer back.
        Err(error) => {
            let error = Some(error.into());
            Happening::Broken { link, error }
        }
    };
    tokio::select! {
        biased;
        () = closing.cancelled() => {}
        _ = inbox.send(happening) => {}
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
