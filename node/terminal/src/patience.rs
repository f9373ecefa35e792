//! Reads and writes that wait although their descriptor does not.
//!
//! A terminal or a pipe is shared with other programs, and any of them can make it non-blocking for all. Then a read
//! fails for want of input, which is no reason to give up. Not here: what is read and written (`stdin`, `stdout`).

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A stream whose reads and writes wait until they can be carried out.
#[derive(Debug)]
pub(crate) struct Patient<T>(pub(crate) T);

impl<T: Read + AsFd> Read for Patient<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&self.0, PollFlags::POLLIN)?;
                }
                other => return other,
            }
        }
    }
}

impl<T: Write + AsFd> Write for Patient<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&self.0, PollFlags::POLLOUT)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Waits until a stream is ready, or has ended.
fn wait(stream: &impl AsFd, flags: PollFlags) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(stream.as_fd(), flags)], PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn a_stream_that_does_not_wait_is_waited_for() {
        let (reader, writer) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        writer.set_nonblocking(true).unwrap();
        // More than the system keeps between the two.
        let bytes = vec![b'x'; 4 * 1024 * 1024];
        let length = bytes.len();
        let writer = thread::spawn(move || Patient(writer).write_all(&bytes));
        let mut read = Vec::new();
        Patient(reader).read_to_end(&mut read).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(read.len(), length);
    }
}
