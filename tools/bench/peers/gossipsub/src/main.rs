//! rust-libp2p's gossipsub: every member is connected to all others over TCP with noise and yamux, and
//! publishes signed messages to one topic, with the crate's defaults.
//!
//! It drops messages that wait too long, so the runner gives members a window.

use anyhow::{Context, Result, anyhow};
use bench_member::order::Assignment;
use bench_member::{Receiver, SendHalf, Transport};
use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};

/// The most batches of this member's messages that may wait to be published.
const MAX_BATCHES: usize = 4;

struct Gossipsub(Swarm<gossipsub::Behaviour>);

struct GossipsubSender(mpsc::Sender<Vec<String>>);

impl Transport for Gossipsub {
    type SendHalf = GossipsubSender;

    async fn listen() -> Result<(Self, String)> {
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(
                tcp::Config::default().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )?
            .with_behaviour(|key| {
                let signed = MessageAuthenticity::Signed(key.clone());
                Ok(gossipsub::Behaviour::new(
                    signed,
                    gossipsub::Config::default(),
                )?)
            })?
            .build();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address.with_p2p(*swarm.local_peer_id());
            }
        };
        let address = address.map_err(|_| anyhow!("another one listens there"))?;
        Ok((Self(swarm), address.to_string()))
    }

    async fn join(mut self, assignment: Assignment, receiver: Receiver) -> Result<GossipsubSender> {
        let topic = IdentTopic::new("talk");
        self.0.behaviour_mut().subscribe(&topic)?;
        for earlier in &assignment.addresses[..usize::from(assignment.index)] {
            self.0.dial(earlier.parse::<Multiaddr>()?)?;
        }
        let (sender, batches) = mpsc::channel(MAX_BATCHES);
        let (ready, is_ready) = oneshot::channel();
        let others = assignment.addresses.len() - 1;
        tokio::task::spawn_local(drive(self.0, topic, batches, receiver, (others, ready)));
        is_ready.await.context("it has ended")?;
        Ok(GossipsubSender(sender))
    }
}

/// Publishes this member's messages and receives those of others. Signals `ready` once it is connected to all others.
async fn drive(
    mut swarm: Swarm<gossipsub::Behaviour>,
    topic: IdentTopic,
    mut batches: mpsc::Receiver<Vec<String>>,
    receiver: Receiver,
    (others, ready): (usize, oneshot::Sender<()>),
) {
    let mut ready = Some(ready);
    loop {
        if swarm.connected_peers().count() >= others {
            let _ = ready.take().map(|ready| ready.send(()));
        }
        tokio::select! {
            Some(texts) = batches.recv() => {
                for text in texts {
                    // A message that cannot be published is counted as lost by the members that miss it.
                    let _ = swarm.behaviour_mut().publish(topic.clone(), text);
                }
            }
            event = swarm.select_next_some() => match event {
                SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) => {
                    receiver.receive(&message.data);
                }
                SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                    receiver.report_gone(peer_id.to_string());
                }
                _ => {}
            },
        }
    }
}

impl SendHalf for GossipsubSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        self.0.send(texts).await.context("it has ended")
    }
}

fn main() -> Result<()> {
    bench_member::run::<Gossipsub>()
}
