//! The half of a link that writes: many frames at a time, and urgent ones before those that wait.
//!
//! What is encrypted can neither be overtaken nor taken back, so bytes are encrypted only as they are written. Between
//! any two records of a long frame, urgent frames may go in a stream of their own (`PROTOCOL.md` §3.3). Not here: how
//! much is written at once (`driver::connections`), encryption (`record`).

use std::collections::{BTreeMap, VecDeque};
use std::io;

use ringtalk_wire::{Channel, FrameClass, HEADER_BYTES};
#[cfg(any(target_os = "android", target_os = "linux"))]
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;

use super::buffer::Buffer;
use super::codec::append_frame;
use super::noise::Keys;
use super::record::{Encryptor, Stream};

/// How many bytes of frames of each channel and class were written, without their headers and without what encryption
/// adds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Those of the lobby.
    pub(super) lobby: [usize; FrameClass::ALL.len()],
    /// Those of rooms, by the channel on which they were sent.
    rooms: BTreeMap<(Channel, FrameClass), usize>,
}

impl Written {
    /// Returns what was written: how many bytes on which channel, in which class.
    pub fn counts(&self) -> impl Iterator<Item = (Channel, FrameClass, usize)> {
        let lobby = FrameClass::ALL.map(|class| (Channel::LOBBY, class, self.lobby[class.index()]));
        let lobby = lobby.into_iter().filter(|(.., bytes)| *bytes > 0);
        let rooms = self.rooms.iter();
        lobby.chain(rooms.map(|(&(channel, class), &bytes)| (channel, class, bytes)))
    }

    /// Returns how many bytes that were in all.
    pub fn total(&self) -> usize {
        self.lobby.iter().sum::<usize>() + self.rooms.values().sum::<usize>()
    }

    /// Adds what was written besides.
    pub(crate) fn add(&mut self, more: &Self) {
        for (channel, class, bytes) in more.counts() {
            self.count(channel, class, bytes);
        }
    }

    fn count(&mut self, channel: Channel, class: FrameClass, bytes: usize) {
        let count = if channel == Channel::LOBBY {
            &mut self.lobby[class.index()]
        } else {
            self.rooms.entry((channel, class)).or_default()
        };
        *count += bytes;
    }
}

/// What a link is written to.
pub trait Socket {
    /// Writes bytes without waiting, as [`OwnedWriteHalf::try_write`] does.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if the system takes none at the moment, or whatever broke the connection.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes the system take no more while this many bytes wait in it to be sent, if it can.
    fn limit_unsent(&self, bytes: usize);
}

impl Socket for OwnedWriteHalf {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn limit_unsent(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // A system that cannot do so delays urgent frames on slow lines, and nothing else.
        let _ = SockRef::from(self.as_ref()).set_tcp_notsent_lowat(bytes);
    }

    /// Does nothing: as much waits there as the system likes.
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    fn limit_unsent(&self, _bytes: usize) {}
}

/// The half that writes frames.
#[derive(Debug)]
pub struct FrameWriter<S = OwnedWriteHalf> {
    half: S,
    encryptor: Encryptor,
    main: Outgoing,
    urgent: Outgoing,
    /// The encrypted bytes that are not written yet.
    ciphertext: Buffer,
    /// What of the frames is in `ciphertext`.
    encrypted: Written,
    /// How many bytes may wait in the system; 0 for as many as it likes.
    unsent: usize,
}

/// What is to be written of one stream.
#[derive(Debug, Default)]
struct Outgoing {
    plain: Buffer,
    /// The frames whose bytes these are.
    frames: VecDeque<Remainder>,
}

/// What is left of a frame.
#[derive(Debug)]
struct Remainder {
    channel: Channel,
    class: FrameClass,
    header: usize,
    body: usize,
}

impl<S: Socket> FrameWriter<S> {
    pub(super) fn new(half: S, keys: Keys) -> Self {
        Self {
            half,
            encryptor: Encryptor::new(keys),
            main: Outgoing::default(),
            urgent: Outgoing::default(),
            ciphertext: Buffer::default(),
            encrypted: Written::default(),
            unsent: 0,
        }
    }

    /// Adds an encoded frame of the lobby, behind all that were added before.
    pub fn add(&mut self, class: FrameClass, frame: &[u8]) {
        self.add_on(Channel::LOBBY, class, frame);
    }

    /// Does the same on a channel.
    pub fn add_on(&mut self, channel: Channel, class: FrameClass, frame: &[u8]) {
        self.main.add(channel, class, frame);
    }

    /// Adds an urgent frame, which overtakes all that is not encrypted yet.
    pub fn add_urgent(&mut self, channel: Channel, frame: &[u8]) {
        self.urgent.add(channel, FrameClass::Urgent, frame);
    }

    /// Returns how many bytes are not encrypted yet.
    pub const fn waiting(&self) -> usize {
        self.main.plain.len() + self.urgent.plain.len()
    }

    /// Returns true if everything that was added is written.
    pub const fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.ciphertext.is_empty()
    }

    /// Encrypts all urgent frames and up to `most` bytes of the others, if everything that is encrypted is written.
    /// Returns false if there is nothing to write.
    pub fn encrypt(&mut self, most: usize) -> bool {
        if self.ciphertext.is_empty() {
            let streams = [
                (Stream::Urgent, &mut self.urgent, usize::MAX),
                (Stream::Main, &mut self.main, most),
            ];
            for (stream, outgoing, most) in streams {
                let bytes = outgoing.plain.len().min(most);
                let plain = &outgoing.plain.waiting()[..bytes];
                self.encryptor.encrypt(stream, plain, &mut self.ciphertext);
                outgoing.take(bytes, &mut self.encrypted);
            }
        }
        !self.ciphertext.is_empty()
    }

    /// Writes what is encrypted, without waiting. Returns what that was, or `None` if a rest is left.
    pub fn write_encrypted_now(&mut self) -> io::Result<Option<Written>> {
        while !self.ciphertext.is_empty() {
            match self.half.try_write(self.ciphertext.waiting()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.ciphertext.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(self.take_written()))
    }

    /// Makes the system take no more while this many bytes wait in it to be sent. Elsewhere than on Linux, as much waits
    /// there as the system likes.
    pub fn limit_unsent(&mut self, bytes: usize) {
        if std::mem::replace(&mut self.unsent, bytes) != bytes {
            self.half.limit_unsent(bytes);
        }
    }

    fn take_written(&mut self) -> Written {
        self.ciphertext.end_burst();
        self.main.plain.end_burst();
        self.urgent.plain.end_burst();
        std::mem::take(&mut self.encrypted)
    }
}

impl FrameWriter {
    /// Writes what is encrypted. Returns what that was.
    pub async fn write_encrypted(&mut self) -> io::Result<Written> {
        self.half.write_all(self.ciphertext.waiting()).await?;
        self.ciphertext.advance(self.ciphertext.len());
        Ok(self.take_written())
    }

    /// Writes everything that was added.
    pub async fn write(&mut self) -> io::Result<Written> {
        let mut all = Written::default();
        while self.encrypt(usize::MAX) {
            let written = self.write_encrypted().await?;
            all.add(&written);
        }
        Ok(all)
    }

    /// Tells the far end that nothing more will come.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }
}

impl Outgoing {
    fn add(&mut self, channel: Channel, class: FrameClass, frame: &[u8]) {
        append_frame(&mut self.plain, channel, frame);
        self.frames.push_back(Remainder {
            channel,
            class,
            header: HEADER_BYTES,
            body: frame.len(),
        });
    }

    /// Removes bytes from the front, and counts those of frames.
    fn take(&mut self, bytes: usize, counts: &mut Written) {
        self.plain.advance(bytes);
        let mut left = bytes;
        while left > 0
            && let Some(first) = self.frames.front_mut()
        {
            let header = left.min(first.header);
            let body = (left - header).min(first.body);
            first.header -= header;
            first.body -= body;
            counts.count(first.channel, first.class, body);
            left -= header + body;
            if first.header == 0 && first.body == 0 {
                self.frames.pop_front();
            }
        }
        debug_assert_eq!(left, 0, "all bytes belong to frames");
        debug_assert_eq!(
            self.plain.is_empty(),
            self.frames.is_empty(),
            "each frame has a header"
        );
    }
}
