//! Links over sockets of this host, with a peer that reads, one that does not, and one that lies.

use ringtalk_wire::Hello;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::driver::inbox::INBOX;
use crate::link::welcome;

fn hello(byte: u8) -> Hello {
    Hello {
        id: NodeId::from_bytes([byte; 16]),
        discussion: NodeId::from_bytes([7; 16]),
    }
}

fn framed(frame: &Frame) -> Vec<u8> {
    let bytes = encode(frame);
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], &bytes].concat()
}

/// One link to a peer whose end is a bare socket.
async fn linked() -> (Links, LinkId, Receiver<Happening>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let greeting = [
        &ringtalk_wire::preface()[..],
        &framed(&Frame::Hello(hello(2))),
    ]
    .concat();
    peer.write_all(&greeting).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    let link = welcome(stream, address, &hello(1)).await.unwrap();
    let mut greeting = vec![0; 6 + framed(&Frame::Hello(hello(1))).len()];
    peer.read_exact(&mut greeting).await.unwrap();
    let (inbox, happenings) = mpsc::channel(INBOX);
    let mut links = Links::new(inbox);
    let id = links.adopt(link);
    (links, id, happenings, peer)
}

#[tokio::test]
async fn frames_come_and_go_and_written_bytes_are_counted() {
    let (links, id, mut happenings, mut peer) = linked().await;
    peer.write_all(&framed(&Frame::Ping(1))).await.unwrap();
    let happening = happenings.recv().await.unwrap();
    let ping = Frame::Ping(1);
    assert!(matches!(happening, Happening::Frame { frame, .. } if frame == ping));

    let frames: Vec<Frame> = (0..100).map(Frame::Pong).collect();
    let mut queued = 0;
    for frame in &frames {
        let bytes = encode(frame);
        queued += bytes.len();
        links.send(id, bytes);
    }
    let mut written = 0;
    while written < queued {
        match happenings.recv().await.unwrap() {
            Happening::Written { bytes, .. } => written += bytes,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written, queued);
    let expected: Vec<u8> = frames.iter().flat_map(framed).collect();
    let mut received = vec![0; expected.len()];
    peer.read_exact(&mut received).await.unwrap();
    assert_eq!(received, expected);
}

#[tokio::test]
async fn a_closed_link_writes_out_what_was_queued() {
    let (mut links, id, _happenings, mut peer) = linked().await;
    links.send(id, encode(&Frame::Ping(1)));
    links.close(id, "test");
    assert!(!links.are_up(id));
    peer.write_all(&framed(&Frame::Ping(2))).await.unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, framed(&Frame::Ping(1)));
}

#[tokio::test]
async fn the_peers_end_is_the_links_end() {
    let (mut links, id, mut happenings, peer) = linked().await;
    drop(peer);
    let happening = happenings.recv().await.unwrap();
    assert!(matches!(happening, Happening::Broken { link, .. } if link == id));
    links.end(id, None);
    assert!(!links.are_up(id));
}

#[tokio::test]
async fn who_sends_a_bad_frame_is_told_and_left() {
    for garbage in [&[0, 0, 0, 1, 0xff][..], &[0xff; 4], &[0, 0, 0, 0]] {
        let (mut links, id, mut happenings, mut peer) = linked().await;
        peer.write_all(garbage).await.unwrap();
        let Some(Happening::Broken { error, .. }) = happenings.recv().await else {
            panic!("the link is to be broken");
        };
        links.end(id, error.as_ref());
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        let frame = ringtalk_wire::decode(&received[4..]).unwrap();
        assert!(matches!(frame, Frame::Close(_)));
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_holds_up_nobody() {
    let (mut links, id, mut happenings, _peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = encode(&Frame::Close(Close { reason }));
    let frames = 16 * 1024 * 1024 / frame.len();
    for _ in 0..frames {
        links.send(id, frame.clone());
    }
    let stuck = async { while happenings.recv().await.is_some() {} };
    let stuck = timeout(Duration::from_millis(300), stuck).await;
    assert!(stuck.is_err());
    links.close(id, "reads nothing");
    timeout(
        Duration::from_secs(5),
        links.close_all(Duration::from_secs(3)),
    )
    .await
    .unwrap();
}
