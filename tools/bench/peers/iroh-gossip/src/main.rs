//! iroh-gossip: every member is an endpoint (QUIC, encrypted) in one topic, and broadcasts to it. There are no relays
//! and no discovery: all members join through the first one.
//!
//! It drops messages that wait too long for a subscriber, so the runner gives members a window.

use anyhow::{Context, Result};
use bench_member::order::Assignment;
use bench_member::{Receiver, SendHalf, Transport};
use bytes::Bytes;
use futures::StreamExt;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::presets;
use iroh::protocol::Router;
use iroh::{Endpoint, EndpointAddr, RelayMode};
use iroh_gossip::api::{Event, GossipReceiver, GossipSender};
use iroh_gossip::net::{GOSSIP_ALPN, Gossip};
use iroh_gossip::proto::TopicId;

const TOPIC: TopicId = TopicId::from_bytes(*b"everybody's talk, of all members");
/// The longest message with all headers, in bytes; the default is 4 KiB.
const MESSAGE_BYTES: usize = 20 * 1024;

struct Iroh {
    addresses: MemoryLookup,
    endpoint: Endpoint,
}

struct IrohSender {
    topic: GossipSender,
    /// Accepts connections until it is dropped.
    _router: Router,
}

impl Transport for Iroh {
    type SendHalf = IrohSender;

    async fn listen() -> Result<(Self, String)> {
        let addresses = MemoryLookup::new();
        let endpoint = Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .address_lookup(addresses.clone())
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")?
            .bind()
            .await?;
        let sockets = endpoint.bound_sockets();
        let socket = sockets.first().context("it is bound to nothing")?;
        let address = format!("{}@{socket}", endpoint.id());
        let peer = Self {
            addresses,
            endpoint,
        };
        Ok((peer, address))
    }

    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<IrohSender> {
        let gossip = Gossip::builder().max_message_size(MESSAGE_BYTES);
        let gossip = gossip.spawn(self.endpoint.clone());
        let router = Router::builder(self.endpoint).accept(GOSSIP_ALPN, gossip.clone());
        let router = router.spawn();
        let mut bootstrap = Vec::new();
        if assignment.index > 0 {
            let (id, socket) = assignment.addresses[0]
                .split_once('@')
                .context("no address")?;
            let first = EndpointAddr::new(id.parse()?).with_ip_addr(socket.parse()?);
            bootstrap.push(first.id);
            self.addresses.add_endpoint_info(first);
        }
        let alone = bootstrap.is_empty();
        let (topic, mut events) = gossip.subscribe(TOPIC, bootstrap).await?.split();
        if !alone {
            events.joined().await?;
        }
        tokio::task::spawn_local(async move {
            if let Err(error) = receive(events, &receiver).await {
                eprintln!("{error}");
            }
        });
        Ok(IrohSender {
            topic,
            _router: router,
        })
    }
}

async fn receive(mut events: GossipReceiver, receiver: &Receiver) -> Result<()> {
    while let Some(event) = events.next().await {
        match event? {
            Event::Received(message) => receiver.receive(&message.content),
            Event::NeighborDown(id) => receiver.report_gone(id.to_string()),
            Event::Lagged => eprintln!("some were dropped"),
            Event::NeighborUp(_) => {}
        }
    }
    Ok(())
}

impl SendHalf for IrohSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        for text in texts {
            self.topic.broadcast(Bytes::from(text)).await?;
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    bench_member::run::<Iroh>()
}
