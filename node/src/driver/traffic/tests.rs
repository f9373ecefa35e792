//! Links over sockets of this host, with a peer that reads, one that does not, and one that sends garbage.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, Receiver};

use super::*;
use crate::driver::inbox::{INBOX, INBOX_BYTES};
use crate::link::test_support::{Bare, credentials, link_of};
use crate::link::{Openings, welcome};

fn framed(frame: &Frame) -> Vec<u8> {
    let bytes = encode(frame);
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], &bytes].concat()
}

/// Makes one link to a peer whose end sends and receives bytes.
async fn linked() -> (Links, LinkId, Receiver<Happening>, Bare) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = async {
        let (stream, address) = listener.accept().await.unwrap();
        link_of(welcome(stream, address, &credentials(1), &Openings::default()).await)
    };
    let me = credentials(2);
    let (link, peer) = tokio::join!(host, Bare::dial(address, &me));
    let (inbox, happenings) = mpsc::channel(INBOX);
    let mut links = Links::new(inbox);
    let id = links.adopt(link.unwrap());
    (links, id, happenings, peer)
}

#[tokio::test]
async fn frames_come_and_go_and_written_bytes_are_counted() {
    let (mut links, id, mut happenings, mut peer) = linked().await;
    peer.send(&framed(&Frame::Ping(1))).await;
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
    let written = links.flush();
    assert!(matches!(written[..], [(_, Ok(bytes))] if bytes == queued));
    assert!(links.flush().is_empty());
    let expected: Vec<u8> = frames.iter().flat_map(framed).collect();
    let (received, _) = peer.receive(expected.len()).await;
    assert_eq!(received, expected);
}

#[tokio::test]
async fn frames_wait_by_their_bytes_and_give_their_room_back() {
    let (links, _id, mut happenings, mut peer) = linked().await;
    let long = Frame::Close(Close {
        reason: "x".repeat(256),
    });
    peer.send(&framed(&long)).await;
    let happening = happenings.recv().await.unwrap();
    let taken = INBOX_BYTES - links.room.available_permits();
    assert_eq!(taken, encode(&long).len());
    drop(happening);
    assert_eq!(links.room.available_permits(), INBOX_BYTES);
}

#[tokio::test]
async fn what_a_socket_is_too_full_for_is_written_later() {
    let (mut links, id, mut happenings, mut peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = Frame::Close(Close { reason });
    let (bytes, on_the_wire) = (encode(&frame), framed(&frame));
    let frames = 16 * 1024 * 1024 / on_the_wire.len();
    for _ in 0..frames {
        links.send(id, bytes.clone());
    }
    let mut left = frames * bytes.len();
    let reading = async {
        let (received, _) = peer.receive(frames * on_the_wire.len()).await;
        assert!(
            received
                .chunks(on_the_wire.len())
                .all(|one| one == on_the_wire)
        );
    };
    let writing = async {
        while left > 0 {
            for (_, written) in links.flush() {
                left -= written.unwrap();
            }
            if left > 0 {
                let Some(Happening::Written { link, bytes }) = happenings.recv().await else {
                    panic!("the rest is to be written");
                };
                left -= bytes;
                links.drained(link);
            }
        }
    };
    tokio::join!(reading, writing);
}

#[tokio::test]
async fn a_link_that_broke_while_its_socket_was_full_is_closed_like_others() {
    let (mut links, id, mut happenings, peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = encode(&Frame::Close(Close { reason }));
    for _ in 0..16 * 1024 * 1024 / frame.len() {
        links.send(id, frame.clone());
    }
    links.flush();
    drop(peer);
    let broken =
        async { while !matches!(happenings.recv().await, Some(Happening::Broken { .. })) {} };
    timeout(Duration::from_secs(5), broken).await.unwrap();
    links.close(id, "test");
    let farewell = timeout(Duration::from_secs(5), links.farewells.join_next());
    farewell.await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_link_writes_out_what_was_queued() {
    let (mut links, id, _happenings, mut peer) = linked().await;
    links.send(id, encode(&Frame::Ping(1)));
    links.close(id, "test");
    assert!(!links.are_up(id));
    peer.send(&framed(&Frame::Ping(2))).await;
    let (received, _) = peer.receive(usize::MAX).await;
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
        peer.send(garbage).await;
        let Some(Happening::Broken { error, .. }) = happenings.recv().await else {
            panic!("the link is to be broken");
        };
        links.end(id, error.as_ref());
        let (received, _) = peer.receive(usize::MAX).await;
        let frame = ringtalk_wire::decode(&received[4..]).unwrap();
        assert!(matches!(frame, Frame::Close(_)));
    }
}

#[tokio::test]
async fn who_sends_a_record_that_is_none_is_told_and_left() {
    let (mut links, id, mut happenings, mut peer) = linked().await;
    peer.stream.write_all(&[0xff; 64]).await.unwrap();
    let Some(Happening::Broken { error, .. }) = happenings.recv().await else {
        panic!("the link is to be broken");
    };
    assert!(matches!(error, Some(LinkError::Record)));
    links.end(id, error.as_ref());
    let (received, _) = peer.receive(usize::MAX).await;
    let frame = ringtalk_wire::decode(&received[4..]).unwrap();
    assert!(matches!(frame, Frame::Close(_)));
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
    let written = links
        .flush()
        .into_iter()
        .map(|(_, written)| written.unwrap());
    assert!(written.sum::<usize>() < frames * frame.len());
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
