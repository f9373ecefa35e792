//! Handshakes over sockets of this host, with far ends that behave and far ends that do not.

use ringtalk_wire::VERSION;
use tokio::net::TcpListener;

use super::*;

const DISCUSSION: NodeId = NodeId::from_bytes([7; 16]);

fn hello(byte: u8) -> Hello {
    Hello {
        id: NodeId::from_bytes([byte; 16]),
        discussion: DISCUSSION,
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// What `welcome` says to somebody who sends these bytes, and hangs up after them or stays.
async fn welcomed(bytes: Vec<u8>, hangs_up: bool) -> LinkError {
    let (listener, address) = listener().await;
    let stranger = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        if hangs_up {
            stream.shutdown().await.unwrap();
        }
        stream
    };
    let me = hello(1);
    let host = async {
        let (stream, address) = listener.accept().await.unwrap();
        welcome(stream, address, &me).await
    };
    let (_stream, result) = tokio::join!(stranger, host);
    result.unwrap_err()
}

/// What `greet` finds where somebody listens who sends these bytes and then hangs up.
async fn greeted(bytes: Vec<u8>) -> LinkError {
    let (listener, address) = listener().await;
    let stranger = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    };
    let me = hello(1);
    let (_stream, result) = tokio::join!(stranger, greet(address, &me, hello(2).id));
    result.unwrap_err()
}

fn framed(frame: &Frame) -> Vec<u8> {
    let bytes = encode(frame);
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&preface()[..], &length, &bytes].concat()
}

#[tokio::test]
async fn two_nodes_make_a_link_and_talk() {
    let (listener, address) = listener().await;
    let (here, there) = (hello(1), hello(2));
    let host = async {
        let (stream, address) = listener.accept().await.unwrap();
        welcome(stream, address, &there).await.unwrap()
    };
    let guest = async {
        let greeted = greet(address, &here, there.id).await.unwrap();
        greeted.answer(&here).await.unwrap()
    };
    let (mut host, mut guest) = tokio::join!(host, guest);
    assert_eq!((host.peer, guest.peer), (here.id, there.id));

    let long = Frame::Close(Close {
        reason: "x".repeat(256),
    });
    for frame in [Frame::Ping(1), long.clone()] {
        guest.writer.add(&encode(&frame));
    }
    let expected = encode(&Frame::Ping(1)).len() + encode(&long).len();
    assert_eq!(guest.writer.write(2).await.unwrap(), expected);
    guest.writer.finish().await.unwrap();
    assert_eq!(host.reader.next().await.unwrap(), Some(Frame::Ping(1)));
    assert_eq!(host.reader.next().await.unwrap(), Some(long));
    assert_eq!(host.reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn another_node_at_the_address_is_no_link() {
    let bytes = framed(&Frame::Hello(hello(3)));
    let error = greeted(bytes).await;
    assert!(matches!(error, LinkError::OtherNode(id) if id == hello(3).id));
    assert!(error.is_refusal());
    let error = greeted(framed(&Frame::Hello(hello(1)))).await;
    assert!(matches!(error, LinkError::Myself));
}

#[tokio::test]
async fn who_knows_nobody_finds_out_who_is_there() {
    let (listener, address) = listener().await;
    let (here, there) = (hello(1), hello(2));
    let host = async {
        let (stream, address) = listener.accept().await.unwrap();
        welcome(stream, address, &there).await.unwrap()
    };
    let guest = async {
        let greeted = greet_whoever(address, &here).await.unwrap();
        assert_eq!(greeted.peer(), there.id);
        greeted.answer(&here).await.unwrap()
    };
    let (host, guest) = tokio::join!(host, guest);
    assert_eq!((host.peer, guest.peer), (here.id, there.id));
}

#[tokio::test]
async fn nobody_at_the_address_is_a_refusal() {
    let (listener, address) = listener().await;
    drop(listener);
    let error = greet(address, &hello(1), hello(2).id).await.unwrap_err();
    assert!(error.is_refusal(), "{error}");
}

#[tokio::test]
async fn another_version_is_named() {
    let mut bytes = preface().to_vec();
    bytes[4..].copy_from_slice(&(VERSION + 1).to_be_bytes());
    for error in [welcomed(bytes.clone(), false).await, greeted(bytes).await] {
        assert!(error.is_refusal());
        assert!(error.to_string().contains("version 2"), "{error}");
    }
}

#[tokio::test]
async fn garbage_is_no_handshake() {
    let http = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    assert!(matches!(welcomed(http, false).await, LinkError::Preface(_)));
    let mut long = preface().to_vec();
    long.extend([0xff; 4]);
    assert!(matches!(
        welcomed(long, false).await,
        LinkError::TooLong(u32::MAX)
    ));
    let mut nested = preface().to_vec();
    nested.extend(1000_u32.to_be_bytes());
    nested.extend([0x81; 1000]);
    assert!(matches!(
        welcomed(nested, false).await,
        LinkError::Decode(_)
    ));
    let ping = framed(&Frame::Ping(1));
    assert!(matches!(welcomed(ping, false).await, LinkError::NoHello));
}

#[tokio::test]
async fn who_hangs_up_is_forgotten() {
    assert!(matches!(welcomed(vec![], true).await, LinkError::HungUp));
    let half = preface()[..3].to_vec();
    assert!(matches!(welcomed(half, true).await, LinkError::HungUp));
    let mut truncated = framed(&Frame::Hello(hello(2)));
    truncated.pop();
    assert!(matches!(welcomed(truncated, true).await, LinkError::Io(_)));
}

#[tokio::test]
async fn the_silent_are_not_waited_for() {
    let (listener, address) = listener().await;
    let _stranger = TcpStream::connect(address).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    tokio::time::pause();
    let error = welcome(stream, address, &hello(1)).await.unwrap_err();
    assert!(matches!(error, LinkError::Silent));
}

#[tokio::test]
async fn another_discussion_is_told_why() {
    let (listener, address) = listener().await;
    let stranger = Hello {
        discussion: NodeId::from_bytes([8; 16]),
        ..hello(2)
    };
    let host = async {
        let (stream, address) = listener.accept().await.unwrap();
        welcome(stream, address, &hello(1)).await
    };
    let guest = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(&framed(&Frame::Hello(stranger)))
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (result, answer) = tokio::join!(host, guest);
    assert!(matches!(result, Err(LinkError::OtherDiscussion)));
    let close = encode(&Frame::Close(Close {
        reason: LinkError::OtherDiscussion.to_string(),
    }));
    assert!(answer.ends_with(&close));
}
