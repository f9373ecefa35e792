//! Zenoh: every member is a peer that is connected to all others over TCP, and puts messages to one key. The traffic is
//! not encrypted. A message for which there is no room waits (`CongestionControl::Block`).

use std::net::TcpListener;

use anyhow::{Context, Result, anyhow};
use bench_member::order::Assignment;
use bench_member::{Receiver, SendHalf, Transport};
use tokio::sync::{mpsc, oneshot};
use zenoh::handlers::FifoChannelHandler;
use zenoh::pubsub::Subscriber;
use zenoh::qos::CongestionControl;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Config, Wait};

const KEY: &str = "talk";
/// The prefix of the liveliness keys, of which each member has one.
const LIVELINESS_PREFIX: &str = "there";
/// The most batches of this member's messages that may wait to be put.
const MAX_BATCHES: usize = 4;

/// A listener that holds the address until the session listens there.
struct Zenoh(TcpListener);

struct ZenohSender(mpsc::Sender<Vec<String>>);

/// The subscriptions to messages and to liveliness tokens.
struct Subscriptions {
    messages: Subscriber<FifoChannelHandler<Sample>>,
    tokens: Subscriber<FifoChannelHandler<Sample>>,
}

impl Transport for Zenoh {
    type SendHalf = ZenohSender;

    async fn listen() -> Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        Ok((Self(listener), address))
    }

    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<ZenohSender> {
        drop(self.0);
        let (earlier, rest) = assignment.addresses.split_at(usize::from(assignment.index));
        let config = config(&rest[..1], earlier).map_err(|error| anyhow!(error))?;
        let own = format!("{LIVELINESS_PREFIX}/{}", rest[0]);
        let (sender, batches) = mpsc::channel(MAX_BATCHES);
        let (opened, is_open) = oneshot::channel();
        std::thread::spawn(move || {
            if let Err(error) = run_session(config, &own, batches, opened) {
                eprintln!("{error}");
            }
        });
        receive(is_open.await.context("it has ended")?, &receiver);
        Ok(ZenohSender(sender))
    }
}

/// Returns a peer's defaults with two changes. Scouting is off, since all addresses are given. Opening a session does
/// not wait for all connections, which would take half a second.
fn config(own: &[String], others: &[String]) -> zenoh::Result<Config> {
    let endpoints = |addresses: &[String]| {
        let all = addresses.iter().map(|address| format!("\"tcp/{address}\""));
        format!("[{}]", all.collect::<Vec<_>>().join(","))
    };
    let mut config = Config::default();
    config.insert_json5("scouting/multicast/enabled", "false")?;
    config.insert_json5("scouting/gossip/enabled", "false")?;
    config.insert_json5("open/return_conditions/connect_scouted", "false")?;
    config.insert_json5("listen/endpoints", &endpoints(own))?;
    config.insert_json5("connect/endpoints", &endpoints(others))?;
    Ok(config)
}

fn receive(subscriptions: Subscriptions, receiver: &Receiver) {
    let of_messages = receiver.clone();
    tokio::task::spawn_local(async move {
        while let Ok(sample) = subscriptions.messages.recv_async().await {
            of_messages.receive(&sample.payload().to_bytes());
        }
    });
    let of_deaths = receiver.clone();
    tokio::task::spawn_local(async move {
        while let Ok(sample) = subscriptions.tokens.recv_async().await {
            if sample.kind() == SampleKind::Delete {
                let (_, who) = sample.key_expr().split_once('/').unwrap_or_default();
                of_deaths.report_gone(who);
            }
        }
    });
}

/// Opens a session and puts this member's messages, in a thread of its own: it blocks until there is room, and zenoh
/// does not run inside a runtime of one thread.
fn run_session(
    config: Config,
    own: &str,
    mut batches: mpsc::Receiver<Vec<String>>,
    opened: oneshot::Sender<Subscriptions>,
) -> zenoh::Result<()> {
    let session = zenoh::open(config).wait()?;
    let _token = session.liveliness().declare_token(own).wait()?;
    let all = format!("{LIVELINESS_PREFIX}/*");
    let subscriptions = Subscriptions {
        messages: session.declare_subscriber(KEY).wait()?,
        tokens: session.liveliness().declare_subscriber(all).wait()?,
    };
    let _ = opened.send(subscriptions);
    let publisher = session
        .declare_publisher(KEY)
        .congestion_control(CongestionControl::Block)
        .wait()?;
    while let Some(texts) = batches.blocking_recv() {
        for text in texts {
            publisher.put(text).wait()?;
        }
    }
    Ok(())
}

impl SendHalf for ZenohSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        self.0.send(texts).await.context("it has ended")
    }
}

fn main() -> Result<()> {
    bench_member::run::<Zenoh>()
}
