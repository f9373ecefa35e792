//! Checks whether a director on this host is healthy.
//!
//! Not here: the exit status that follows (`program`).

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long the answer may take in total.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How much of the answer is read; a healthy one has 150 bytes.
const ANSWER_BYTES: usize = 4 * 1024;

/// Checks that `GET /healthz` at `listen` is answered with 200 within 2 s. If `listen` is the unspecified address,
/// asks the loopback. Blocks the thread.
pub fn healthcheck(listen: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    let target = SocketAddr::new(reachable(listen.ip()), listen.port());
    let mut stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {target}\r\nconnection: close\r\n\r\n");
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let answer = read_answer(stream, deadline)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let status = answer.split(|byte| *byte == b'\r').next();
    let status = String::from_utf8_lossy(status.unwrap_or_default());
    Err(io::Error::other(format!("{target} answered {status:?}")))
}

fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// Reads to the end or to the limit, but not past the deadline, however slowly bytes arrive.
fn read_answer(mut stream: TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; ANSWER_BYTES];
    let mut length = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut answer[length..])?;
        length += read;
        if read == 0 {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}
