//! A connection that ends when its far end sends far more than an answer.
//!
//! The bodies of answers are bounded, but not the heads that HTTP allows before an answer (`100 Continue`). Not here:
//! the answers (`http`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most bytes that may come after a request: twice the longest answer.
const READ_BYTES: usize = 128 * 1024;

/// A connection on which at most [`READ_BYTES`] come between two writes.
#[derive(Debug)]
pub(super) struct MeteredStream {
    stream: TcpStream,
    /// How many bytes may still come.
    left: usize,
}

impl MeteredStream {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            left: READ_BYTES,
        }
    }

    /// Returns the connection, from now on without a bound.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }
}

impl Connection for MeteredStream {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl AsyncRead for MeteredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        let Some(left) = self.left.checked_sub(read) else {
            let error = "an answer that is far too long";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        };
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.left = READ_BYTES;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
