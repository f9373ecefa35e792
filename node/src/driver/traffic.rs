//! The links that are up, with a task that reads and a task that writes for each.
//!
//! A write that is stuck holds up its own task only. What waits to be written is bounded by the
//! core, which is told of every byte that was written, and closes a link that takes none. Not
//! here: how links are made (`dialler`, `listener`).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ringtalk_proto::LinkId;
use ringtalk_wire::limit::REASON_BYTES;
use ringtalk_wire::{Close, Frame, NodeId, encode};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::inbox::{Happening, Inbox};
use crate::link::{FrameReader, FrameWriter, Link, LinkError};

/// How much is written at once.
const WRITE_BYTES: usize = 256 * 1024;
/// How long a link that is being closed may take to write what is queued.
const FAREWELL: Duration = Duration::from_secs(2);

/// The links that are up.
#[derive(Debug)]
pub(crate) struct Links {
    live: HashMap<LinkId, Handle>,
    last: u64,
    inbox: Inbox,
    farewells: JoinSet<()>,
}

#[derive(Debug)]
struct Handle {
    peer: NodeId,
    address: SocketAddr,
    queue: UnboundedSender<Bytes>,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

impl Links {
    /// No links yet.
    pub(crate) fn new(inbox: Inbox) -> Self {
        Self {
            live: HashMap::new(),
            last: 0,
            inbox,
            farewells: JoinSet::new(),
        }
    }

    /// Takes a link in, under a name of its own.
    pub(crate) fn adopt(&mut self, link: Link) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        let (queue, queued) = mpsc::unbounded_channel();
        let closing = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(read(link.reader, id, self.inbox.clone(), closing.clone()));
        tasks.spawn(write(
            link.writer,
            queued,
            id,
            self.inbox.clone(),
            closing.clone(),
        ));
        let handle = Handle {
            peer: link.peer,
            address: link.address,
            queue,
            closing,
            tasks,
        };
        self.live.insert(id, handle);
        id
    }

    /// True while the link is up: what still arrives from one that is not, is to be ignored.
    pub(crate) fn are_up(&self, id: LinkId) -> bool {
        self.live.contains_key(&id)
    }

    /// Queues an encoded frame.
    pub(crate) fn send(&self, id: LinkId, frame: Bytes) {
        if let Some(handle) = self.live.get(&id) {
            // Where the writer has ended, the news of that is on its way.
            let _ = handle.queue.send(frame);
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

    /// Ends a link that broke. A peer whose records or frames cannot be read is told so.
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

    /// Closes all links and waits until they are, within a limit.
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
    async fn farewell(self) {
        let Self {
            queue,
            closing,
            mut tasks,
            ..
        } = self;
        drop(queue);
        closing.cancel();
        let done = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(FAREWELL, done).await;
    }
}

/// Passes frames on until the link breaks or is closed; then reads on without a look, until the
/// peer has closed its end.
async fn read(mut reader: FrameReader, link: LinkId, inbox: Inbox, closing: CancellationToken) {
    tokio::select! {
        biased;
        () = closing.cancelled() => {}
        error = pass_on(&mut reader, link, &inbox) => {
            let _ = inbox.send(Happening::Broken { link, error }).await;
            closing.cancelled().await;
        }
    }
    reader.discard().await;
}

async fn pass_on(reader: &mut FrameReader, link: LinkId, inbox: &Inbox) -> Option<LinkError> {
    loop {
        match reader.next().await {
            Ok(Some(frame)) => inbox.send(Happening::Frame { link, frame }).await.ok()?,
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// Writes whatever is queued, as much as possible at once, until the link is closed and the queue
/// is empty.
async fn write(
    mut writer: FrameWriter,
    mut queue: UnboundedReceiver<Bytes>,
    link: LinkId,
    inbox: Inbox,
    closing: CancellationToken,
) {
    while let Some(frame) = queue.recv().await {
        writer.add(&frame);
        let mut frames = 1;
        while writer.waiting() < WRITE_BYTES
            && let Ok(frame) = queue.try_recv()
        {
            writer.add(&frame);
            frames += 1;
        }
        let (happening, goes_on) = match writer.write(frames).await {
            Ok(bytes) => (Happening::Written { link, bytes }, true),
            Err(error) => {
                let error = Some(error.into());
                (Happening::Broken { link, error }, false)
            }
        };
        tokio::select! {
            biased;
            () = closing.cancelled() => {}
            _ = inbox.send(happening) => {}
        }
        if !goes_on {
            return;
        }
    }
    let _ = writer.finish().await;
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
