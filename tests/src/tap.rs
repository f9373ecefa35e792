//! A transparent TCP relay that records what one direction carries.
//!
//! Unlike a [`Proxy`](crate::network::Proxy) it causes no faults. Not here: what the bytes mean (the tests).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A relay in front of a TCP service, which records everything that the service receives.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// Starts a relay in front of `target`; it runs until the test program ends.
    ///
    /// # Panics
    ///
    /// If the loopback has no free port.
    pub fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let heard = Arc::default();
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || relay(stream, target, &kept));
            }
        });
        Self { address, heard }
    }

    /// Returns the address to dial instead of the service's.
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    /// Returns everything that the service has received so far, all connections concatenated.
    pub fn heard(&self) -> Vec<u8> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

fn relay(mut caller: TcpStream, target: SocketAddr, heard: &Mutex<Vec<u8>>) -> io::Result<()> {
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
        let mut kept = heard.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        drop(kept);
        service.write_all(bytes)?;
    }
}
