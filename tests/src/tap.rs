//! A transparent TCP forwarder that records what one direction carries.
//!
//! Unlike a [`Proxy`](crate::network::Proxy) it causes no faults. Not here: what the bytes mean (the tests).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A forwarder in front of a TCP service, which records everything that the service receives.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    captured: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// Starts a forwarder in front of `target`; it runs until the test program ends.
    ///
    /// # Panics
    ///
    /// If the loopback has no free port.
    pub fn in_front_of(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let captured = Arc::default();
        let kept = Arc::clone(&captured);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || forward(stream, target, &kept));
            }
        });
        Self { address, captured }
    }

    /// Returns the address to dial instead of the service's.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Returns everything that the service has received so far, all connections concatenated.
    pub fn captured(&self) -> Vec<u8> {
        let captured = self.captured.lock().unwrap_or_else(PoisonError::into_inner);
        captured.clone()
    }
}

fn forward(mut caller: TcpStream, target: SocketAddr, captured: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut service = TcpStream::connect(target)?;
    let (mut answers, mut back) = (service.try_clone()?, caller.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 8192];
    loop {
        let length = caller.read(&mut buffer)?;
        if length == 0 {
            return service.shutdown(Shutdown::Write);
        }
        let bytes = &buffer[..length];
        let mut kept = captured.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        drop(kept);
        service.write_all(bytes)?;
    }
}
