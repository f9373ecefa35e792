//! Links over sockets of this host, with a peer that reads, one that does not, and one that sends garbage.

use ringtalk_wire::{Channel, FrameHeader, HEADER_BYTES, RingId};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, Receiver};

use super::*;
use crate::driver::inbox::{INBOX, INBOX_BYTES};
use crate::link::test_support::{RawPeer, credentials, into_link};
use crate::link::{ReplayFilter, accept};

fn framed(frame: &Frame) -> Vec<u8> {
    let bytes = encode(frame);
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], &bytes].concat()
}

/// Makes one link to a peer whose end sends and receives bytes.
async fn linked() -> (Connections, LinkId, Receiver<DriverEvent>, RawPeer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = async {
        let (stream, address) = listener.accept().await.unwrap();
        into_link(accept(stream, address, &credentials(1), &ReplayFilter::default()).await)
    };
    let me = credentials(2);
    let (link, peer) = tokio::join!(host, RawPeer::dial(address, &me));
    let (inbox, events) = mpsc::channel(INBOX);
    let mut connections = Connections::new(inbox);
    let id = connections.add(link.unwrap());
    (connections, id, events, peer)
}

#[tokio::test]
async fn frames_come_and_go_and_written_bytes_are_counted() {
    let (mut connections, id, mut events, mut peer) = linked().await;
    peer.send(&framed(&Frame::Ping(1))).await;
    let event = events.recv().await.unwrap();
    let ping = Frame::Ping(1);
    assert!(matches!(event, DriverEvent::Frame { frame, .. } if frame == ping));

    let frames: Vec<Frame> = (0..100).map(Frame::Pong).collect();
    let mut queued = 0;
    for frame in &frames {
        let bytes = encode(frame);
        queued += bytes.len();
        connections.send(id, FrameClass::Ordered, bytes);
    }
    let written = connections.flush();
    assert!(matches!(&written[..], [(_, Ok(written))] if written.total() == queued));
    assert!(connections.flush().is_empty());
    let expected: Vec<u8> = frames.iter().flat_map(framed).collect();
    let (received, _) = peer.receive(expected.len()).await;
    assert_eq!(received, expected);
}

#[tokio::test]
async fn frames_wait_by_their_bytes_and_give_their_room_back() {
    let (connections, _id, mut events, mut peer) = linked().await;
    let long = Frame::Close(Close {
        reason: "x".repeat(256),
    });
    peer.send(&framed(&long)).await;
    let event = events.recv().await.unwrap();
    let taken = INBOX_BYTES - connections.room.available_permits();
    assert_eq!(taken, encode(&long).len());
    drop(event);
    assert_eq!(connections.room.available_permits(), INBOX_BYTES);
}

#[tokio::test]
async fn a_full_socket_delays_the_rest_of_a_write() {
    let (mut connections, id, mut events, mut peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = Frame::Close(Close { reason });
    let (bytes, on_the_wire) = (encode(&frame), framed(&frame));
    let frames = 16 * 1024 * 1024 / on_the_wire.len();
    for _ in 0..frames {
        connections.send(id, FrameClass::Ordered, bytes.clone());
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
            for (_, written) in connections.flush() {
                left -= written.unwrap().total();
            }
            if left > 0 {
                let Some(DriverEvent::Written { link, bytes }) = events.recv().await else {
                    panic!("the rest is to be written");
                };
                left -= bytes.total();
                connections.reclaim_writer(link, &bytes);
            }
        }
    };
    tokio::join!(reading, writing);
}

#[tokio::test]
async fn a_link_that_broke_while_its_socket_was_full_is_closed_like_others() {
    let (mut connections, id, mut events, peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = encode(&Frame::Close(Close { reason }));
    for _ in 0..16 * 1024 * 1024 / frame.len() {
        connections.send(id, FrameClass::Ordered, frame.clone());
    }
    connections.flush();
    drop(peer);
    let broken =
        async { while !matches!(events.recv().await, Some(DriverEvent::Broken { .. })) {} };
    timeout(Duration::from_secs(5), broken).await.unwrap();
    connections.close(id, "test");
    let farewell = timeout(Duration::from_secs(5), connections.farewells.join_next());
    farewell.await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_link_writes_out_what_was_queued() {
    let (mut connections, id, _events, mut peer) = linked().await;
    connections.send(id, FrameClass::Urgent, encode(&Frame::Ping(1)));
    connections.close(id, "test");
    assert!(!connections.is_up(id));
    peer.send(&framed(&Frame::Ping(2))).await;
    let (received, _) = peer.receive(usize::MAX).await;
    assert_eq!(received, framed(&Frame::Ping(1)));
}

#[tokio::test]
async fn the_peers_end_is_the_links_end() {
    let (mut connections, id, mut events, peer) = linked().await;
    drop(peer);
    let event = events.recv().await.unwrap();
    assert!(matches!(event, DriverEvent::Broken { link, .. } if link == id));
    connections.end(id, None);
    assert!(!connections.is_up(id));
}

#[tokio::test]
async fn a_bad_frame_closes_the_link_with_a_reason() {
    for garbage in [&[0, 0, 0, 1, 0xff][..], &[0xff; 4], &[0, 0, 0, 0]] {
        let (mut connections, id, mut events, mut peer) = linked().await;
        peer.send(garbage).await;
        let Some(DriverEvent::Broken { error, .. }) = events.recv().await else {
            panic!("the link is to be broken");
        };
        connections.end(id, error.as_ref());
        let (received, _) = peer.receive(usize::MAX).await;
        let frame = ringtalk_wire::decode(&received[4..]).unwrap();
        assert!(matches!(frame, Frame::Close(_)));
    }
}

#[tokio::test]
async fn a_bad_record_closes_the_link_with_a_reason() {
    let (mut connections, id, mut events, mut peer) = linked().await;
    peer.stream.write_all(&[0xff; 64]).await.unwrap();
    let Some(DriverEvent::Broken { error, .. }) = events.recv().await else {
        panic!("the link is to be broken");
    };
    assert!(matches!(error, Some(LinkError::Record)));
    connections.end(id, error.as_ref());
    let (received, _) = peer.receive(usize::MAX).await;
    let frame = ringtalk_wire::decode(&received[4..]).unwrap();
    assert!(matches!(frame, Frame::Close(_)));
}

#[tokio::test]
async fn a_peer_that_does_not_read_delays_no_other() {
    let (mut connections, id, mut events, _peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = encode(&Frame::Close(Close { reason }));
    let frames = 16 * 1024 * 1024 / frame.len();
    for _ in 0..frames {
        connections.send(id, FrameClass::Ordered, frame.clone());
    }
    let written = connections
        .flush()
        .into_iter()
        .map(|(_, written)| written.unwrap().total());
    assert!(written.sum::<usize>() < frames * frame.len());
    let stuck = async { while events.recv().await.is_some() {} };
    let stuck = timeout(Duration::from_millis(300), stuck).await;
    assert!(stuck.is_err());
    connections.close(id, "reads nothing");
    timeout(
        Duration::from_secs(5),
        connections.close_all(Duration::from_secs(3)),
    )
    .await
    .unwrap();
}

/// Returns how many bytes came before a ping.
fn place_of_ping(received: &[u8]) -> usize {
    let ping = framed(&Frame::Ping(7));
    let mut windows = received.windows(ping.len());
    windows.position(|bytes| bytes == ping).unwrap()
}

#[tokio::test]
async fn an_urgent_frame_overtakes_all_that_is_not_with_the_system() {
    let (mut connections, id, mut events, mut peer) = linked().await;
    let reason = "x".repeat(256);
    let frame = encode(&Frame::Close(Close { reason }));
    let frames = 16 * 1024 * 1024 / frame.len();
    for _ in 0..frames {
        connections.send(id, FrameClass::Ordered, frame.clone());
    }
    let before = total(&connections.flush());
    let ping = encode(&Frame::Ping(7));
    connections.send(id, FrameClass::Urgent, ping.clone());
    let all = frames * (HEADER_BYTES + frame.len()) + HEADER_BYTES + ping.len();
    let mut left = frames * frame.len() + ping.len() - before;
    let writing = async {
        while left > 0 {
            let Some(DriverEvent::Written { link, bytes }) = events.recv().await else {
                panic!("the rest is to be written");
            };
            left -= bytes.total();
            connections.reclaim_writer(link, &bytes);
            left -= total(&connections.flush());
        }
    };
    let ((received, _), ()) = tokio::join!(peer.receive(all), writing);
    let place = place_of_ping(&received);
    // What the system took is more than the frames' bytes, by their headers; a unit may have been encrypted.
    let most = (before + MOST_BYTES) * (HEADER_BYTES + frame.len()) / frame.len();
    assert!(place <= most, "{place} of {all}, {before} before");
}

#[tokio::test]
async fn frames_of_rooms_travel_on_their_channels() {
    let (mut connections, id, mut events, mut peer) = linked().await;
    let room = LinkId {
        channel: Channel::new(9).unwrap(),
        ..id
    };
    let enter = Frame::Enter(RingId::from_bytes([1; 16]));
    connections.send(room, enter.class(), encode(&enter));
    connections.send(id, FrameClass::Ordered, encode(&Frame::Pong(1)));
    let written = connections.flush();
    let [(link, Ok(written))] = &written[..] else {
        panic!("one link was written: {written:?}");
    };
    assert_eq!(*link, id);
    let channels: Vec<Channel> = written.counts().map(|(channel, ..)| channel).collect();
    assert_eq!(channels, [Channel::LOBBY, room.channel]);
    let header = FrameHeader {
        channel: room.channel,
        length: encode(&enter).len() as u32,
    };
    let framed_enter = [&header.to_bytes()[..], &encode(&enter)].concat();
    let expected = [framed_enter.clone(), framed(&Frame::Pong(1))].concat();
    assert_eq!(peer.receive(expected.len()).await.0, expected);
    peer.send(&framed_enter).await;
    let event = events.recv().await.unwrap();
    assert!(matches!(event, DriverEvent::Frame { link, .. } if link == room));
    assert!(connections.is_up(room));
}

#[tokio::test]
async fn frames_that_go_at_once_share_one_record_urgent_ones_first() {
    let (mut connections, id, _events, mut peer) = linked().await;
    let frames = [Frame::Pong(1), Frame::Ping(2), Frame::Pong(3)];
    for frame in &frames {
        connections.send(id, frame.class(), encode(frame));
    }
    let written = connections.flush();
    let lengths = frames.each_ref().map(|frame| encode(frame).len());
    let expected = [
        (Channel::LOBBY, FrameClass::Urgent, lengths[1]),
        (Channel::LOBBY, FrameClass::Ordered, lengths[0] + lengths[2]),
    ];
    let [(_, Ok(written))] = &written[..] else {
        panic!("one link was written: {written:?}");
    };
    assert!(written.counts().eq(expected));
    let order = [&frames[1], &frames[0], &frames[2]];
    let bytes: Vec<u8> = order.into_iter().flat_map(framed).collect();
    assert_eq!(peer.receive(bytes.len()).await, (bytes, 1));
}

/// Returns how many bytes of frames were written.
fn total(written: &[(LinkId, io::Result<Written>)]) -> usize {
    let links = written.iter().map(|(_, written)| written.as_ref().unwrap());
    links.map(Written::total).sum()
}
