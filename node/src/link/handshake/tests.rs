//! Handshakes over sockets of this host, with far ends that behave and far ends that do not.

use ringtalk_wire::{Channel, Close, Digest, Frame, HEADER_BYTES, MessageId, VERSION, encode};
use tokio::net::TcpListener;

use super::*;
use crate::link::test_support::{RawPeer, credentials, credentials_for, framed, into_link};
use crate::secret::Secret;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Accepts the next connection as node 2, and leads the dialler through its handshake.
async fn host(listener: &TcpListener) -> Result<Link, LinkError> {
    host_with_filter(listener, &ReplayFilter::default()).await
}

async fn host_with_filter(
    listener: &TcpListener,
    replay_filter: &ReplayFilter,
) -> Result<Link, LinkError> {
    let (stream, address) = listener.accept().await.unwrap();
    into_link(accept(stream, address, &credentials(2), replay_filter).await)
}

/// Makes a link from node 1 to node 2, and returns both ends.
async fn linked() -> (Link, Link) {
    let (listener, address) = listener().await;
    let guest = async {
        let half_open = connect(address, &credentials(1), credentials(2).id()).await;
        half_open.unwrap().complete().await.unwrap()
    };
    let (guest, host) = tokio::join!(guest, host(&listener));
    (guest, host.unwrap())
}

/// Does the same with a dialler that sends and receives bytes.
async fn linked_to_raw() -> (RawPeer, Link) {
    let (listener, address) = listener().await;
    let me = credentials(1);
    let (raw, host) = tokio::join!(RawPeer::dial(address, &me), host(&listener));
    (raw, host.unwrap())
}

/// Connects a stranger that sends these bytes, and then hangs up or stays. Returns the error of `accept`, and what
/// the stranger received.
async fn accept_error(bytes: Vec<u8>, hangs_up: bool) -> (LinkError, Vec<u8>) {
    let (listener, address) = listener().await;
    let stranger = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        if hangs_up {
            stream.shutdown().await.unwrap();
        }
        let mut seen = Vec::new();
        // If the other end has not read everything, the connection breaks.
        let _ = stream.read_to_end(&mut seen).await;
        seen
    };
    let (seen, result) = tokio::join!(stranger, host(&listener));
    (result.unwrap_err(), seen)
}

/// Returns the error of `connect` at a listener that sends these bytes and then hangs up.
async fn connect_error(bytes: Vec<u8>) -> LinkError {
    let (listener, address) = listener().await;
    let stranger = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    };
    let me = credentials(1);
    let (_stream, result) = tokio::join!(stranger, connect(address, &me, credentials(2).id()));
    result.unwrap_err()
}

fn after_preface(bytes: &[u8]) -> Vec<u8> {
    [&preface()[..], bytes].concat()
}

#[tokio::test]
async fn two_nodes_make_a_link_and_talk() {
    let (mut guest, mut host) = linked().await;
    let (here, there) = (credentials(1), credentials(2));
    assert_eq!((host.peer, guest.peer), (here.id(), there.id()));
    assert_eq!(
        (host.key, guest.key),
        (here.public_key(), there.public_key())
    );

    let long = Frame::Close(Close {
        reason: "x".repeat(256),
    });
    for frame in [Frame::Ping(1), long.clone()] {
        guest.writer.add(frame.class(), &encode(&frame));
    }
    let expected = [encode(&Frame::Ping(1)).len(), encode(&long).len()];
    assert_eq!(guest.writer.write().await.unwrap().lobby, expected);
    guest.writer.finish().await.unwrap();
    assert_eq!(host.reader.next().await.unwrap(), Some(Frame::Ping(1)));
    assert_eq!(host.reader.next().await.unwrap(), Some(long));
    assert_eq!(host.reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn an_urgent_frame_goes_between_the_records_of_a_long_one() {
    let (mut guest, mut host) = linked().await;
    let last = MessageId {
        author: credentials(1).id(),
        seq: 1,
    };
    let long = Frame::Digest(Digest {
        entries: vec![last; 900],
        answer: false,
    });
    let bytes = encode(&long);
    guest.writer.add(long.class(), &bytes);
    assert!(guest.writer.encrypt(4_096));
    let first = guest.writer.write_encrypted().await.unwrap();
    assert_eq!(first.lobby, [0, 4_096 - HEADER_BYTES]);
    let ping = Frame::Ping(7);
    guest.writer.add_urgent(Channel::LOBBY, &encode(&ping));
    let rest = guest.writer.write().await.unwrap();
    let left = bytes.len() + HEADER_BYTES - 4_096;
    assert_eq!(rest.lobby, [encode(&ping).len(), left]);
    assert!(guest.writer.is_idle() && !guest.writer.encrypt(usize::MAX));
    assert_eq!(host.reader.next().await.unwrap(), Some(ping));
    assert_eq!(host.reader.next().await.unwrap(), Some(long));
    assert!(!host.reader.has_part());
}

#[tokio::test]
async fn frames_may_cross_records_and_many_fit_one() {
    let (mut raw, mut host) = linked_to_raw().await;
    let frames: Vec<Frame> = (0..10_000).map(Frame::Pong).collect();
    for frame in &frames {
        host.writer.add(frame.class(), &encode(frame));
    }
    let waiting = host.writer.waiting();
    host.writer.write().await.unwrap();
    let (stream, records) = raw.receive(waiting).await;
    assert_eq!(stream.len(), waiting);
    assert_eq!(records, waiting.div_ceil(4_096));

    let talk = async {
        for part in stream.chunks(1_237) {
            raw.send(part).await;
        }
    };
    let listen = async {
        for frame in frames {
            assert_eq!(host.reader.next().await.unwrap(), Some(frame));
        }
    };
    tokio::join!(talk, listen);
}

#[tokio::test]
async fn a_flipped_bit_ends_the_link() {
    let (mut raw, mut host) = linked_to_raw().await;
    let mut record = raw.encrypt(&encode(&Frame::Ping(1)));
    *record.last_mut().unwrap() ^= 1;
    raw.stream.write_all(&record).await.unwrap();
    assert!(matches!(host.reader.next().await, Err(LinkError::Record)));
}

#[tokio::test]
async fn unencrypted_bytes_end_the_link() {
    for garbage in [&b"\x00\x00\x00\x05\x64ping"[..], &[0xff; 40]] {
        let (mut raw, mut host) = linked_to_raw().await;
        raw.stream.write_all(garbage).await.unwrap();
        assert!(matches!(host.reader.next().await, Err(LinkError::Record)));
    }
}

#[tokio::test]
async fn a_link_that_ends_within_a_record_or_a_frame_broke() {
    let (mut raw, mut host) = linked_to_raw().await;
    let record = raw.encrypt(&[0, 0]);
    raw.stream.write_all(&record[..10]).await.unwrap();
    raw.stream.shutdown().await.unwrap();
    assert!(matches!(host.reader.next().await, Err(LinkError::Io(_))));
    let (mut raw, mut host) = linked_to_raw().await;
    raw.send(&[0, 0]).await;
    raw.stream.shutdown().await.unwrap();
    assert!(matches!(host.reader.next().await, Err(LinkError::Io(_))));
}

#[tokio::test]
async fn another_node_at_the_address_gets_no_link() {
    for me in [credentials(1), credentials(2)] {
        let (listener, address) = listener().await;
        let wanted = credentials(3).id();
        let (result, end) = tokio::join!(connect(address, &me, wanted), host(&listener));
        let error = result.unwrap_err();
        match error {
            LinkError::OtherNode(id) => assert_eq!(id, credentials(2).id()),
            LinkError::Myself => assert_eq!(me.id(), credentials(2).id()),
            other => panic!("{other}"),
        }
        assert!(error.is_refusal());
        assert!(matches!(end, Err(LinkError::HungUp)));
    }
}

#[tokio::test]
async fn a_dialler_learns_which_node_is_there() {
    let (listener, address) = listener().await;
    let guest = async {
        let half_open = connect_any(address, &credentials(1)).await.unwrap();
        assert_eq!(half_open.peer(), credentials(2).id());
        half_open.complete().await.unwrap()
    };
    let (guest, host) = tokio::join!(guest, host(&listener));
    assert_eq!(guest.peer, credentials(2).id());
    assert_eq!(host.unwrap().peer, credentials(1).id());
}

#[tokio::test]
async fn a_half_open_link_is_no_link_for_the_far_end() {
    let (listener, address) = listener().await;
    let guest = async { drop(connect_any(address, &credentials(1)).await.unwrap()) };
    let ((), host) = tokio::join!(guest, host(&listener));
    assert!(matches!(host, Err(LinkError::HungUp)));
}

#[tokio::test]
async fn a_closed_port_is_a_refusal() {
    let (listener, address) = listener().await;
    drop(listener);
    let error = connect(address, &credentials(1), credentials(2).id()).await;
    let error = error.unwrap_err();
    assert!(error.is_refusal(), "{error}");
}

#[tokio::test]
async fn another_version_is_named() {
    let mut bytes = preface().to_vec();
    bytes[4..].copy_from_slice(&(VERSION + 1).to_be_bytes());
    let (at_the_host, _) = accept_error(bytes.clone(), false).await;
    for error in [at_the_host, connect_error(bytes).await] {
        assert!(error.is_refusal());
        let versions = format!(
            "version {} of the protocol, this node version {VERSION}",
            VERSION + 1
        );
        assert!(error.to_string().contains(&versions), "{error}");
    }
}

#[tokio::test]
async fn a_stranger_sees_the_preface_and_nothing_else() {
    let secret = Secret::generate().unwrap();
    let (_, first_message) = noise::start_handshake(&credentials_for(1, &secret)).unwrap();
    let (error, seen) = accept_error(after_preface(&framed(&first_message)), false).await;
    assert!(matches!(error, LinkError::Secret));
    assert_eq!(seen, preface());
}

#[tokio::test]
async fn a_stranger_gets_a_refusal_that_proves_nothing() {
    let (listener, address) = listener().await;
    let stranger = credentials_for(1, &Secret::generate().unwrap());
    let (result, end) = tokio::join!(connect_any(address, &stranger), host(&listener));
    let error = result.unwrap_err();
    assert!(matches!(error, LinkError::Refused), "{error}");
    assert!(!error.is_refusal());
    assert!(matches!(end, Err(LinkError::Secret)));
    assert!(matches!(
        connect_error(preface().to_vec()).await,
        LinkError::Refused
    ));
}

#[tokio::test]
async fn garbage_fails_the_handshake() {
    let (error, _) = accept_error(b"GET / HTTP/1.1\r\n\r\n".to_vec(), false).await;
    assert!(matches!(error, LinkError::Preface(_)));
    for garbage in [&[0xff; 4][..], &[0, 0], &[0, 3, 1, 2, 3], &[4, 1]] {
        let (error, seen) = accept_error(after_preface(garbage), false).await;
        assert!(matches!(error, LinkError::Handshake), "{garbage:?}");
        assert_eq!(seen[..], preface()[..seen.len()]);
        let error = connect_error(after_preface(garbage)).await;
        assert!(matches!(error, LinkError::Handshake), "{garbage:?}");
    }
    let (error, _) = accept_error(after_preface(&framed(&[7; 48])), false).await;
    assert!(matches!(error, LinkError::Secret));
    let error = connect_error(after_preface(&framed(&[7; 211]))).await;
    assert!(matches!(error, LinkError::Handshake));
}

#[tokio::test]
async fn a_hang_up_ends_the_handshake() {
    let (_, first_message) = noise::start_handshake(&credentials(1)).unwrap();
    let whole = after_preface(&framed(&first_message));
    for end in [0, 3, PREFACE_BYTES, PREFACE_BYTES + 1, 40, whole.len()] {
        let (error, _) = accept_error(whole[..end].to_vec(), true).await;
        assert!(matches!(error, LinkError::HungUp), "{end}: {error}");
    }
}

#[tokio::test]
async fn a_replayed_handshake_is_refused_before_an_answer() {
    let (listener, address) = listener().await;
    let replay_filter = ReplayFilter::default();
    let (_, first_message) = noise::start_handshake(&credentials(1)).unwrap();
    let recording = after_preface(&framed(&first_message));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let player = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&recording).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            bytes
        };
        seen.push(tokio::join!(
            player,
            host_with_filter(&listener, &replay_filter)
        ));
    }
    let (answer, error) = &seen[0];
    assert_eq!(answer.len(), PREFACE_BYTES + 2 + 211);
    assert!(matches!(error, Err(LinkError::HungUp)));
    let (answer, error) = &seen[1];
    assert_eq!(answer[..], preface());
    assert!(matches!(error, Err(LinkError::Replay)));
}

#[tokio::test]
async fn a_silent_connection_times_out() {
    let (listener, address) = listener().await;
    let _stranger = TcpStream::connect(address).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    tokio::time::pause();
    let error = accept(stream, address, &credentials(1), &ReplayFilter::default()).await;
    assert!(matches!(error, Err(LinkError::Silent)));
}
