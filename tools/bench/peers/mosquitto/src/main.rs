//! Mosquitto: every member publishes to one topic of a broker, with QoS 0 (at most once), and subscribes to it. The
//! traffic is not encrypted; `mosquitto` is the system's package. A last will tells the others that a member is gone.
//!
//! The broker queues without a limit for a member that does not read, so the runner gives members a window.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use anyhow::{Context, Result};
use bench_member::order::Assignment;
use bench_member::{Receiver, SendHalf, Transport, serve, watch_server};
use rumqttc::{
    AsyncClient, Event, EventLoop, LastWill, MqttOptions, NetworkOptions, Packet, Publish, QoS,
};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::oneshot;

const TOPIC: &str = "talk";
/// The topic of last wills.
const GONE: &str = "gone";
/// The longest packet, in bytes; the default is 10 KiB.
const PACKET_BYTES: usize = 20 * 1024;
/// The most messages that may wait in the client to be sent.
const CAPACITY: usize = 1_024;

struct Mosquitto {
    name: String,
}

struct MosquittoSender(AsyncClient);

impl Transport for Mosquitto {
    type SendHalf = MosquittoSender;

    async fn listen() -> Result<(Self, String)> {
        let name = format!("member-{}", std::process::id());
        Ok((Self { name: name.clone() }, name))
    }

    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<MosquittoSender> {
        let server: SocketAddr = assignment.server.context("there is no server")?.parse()?;
        let mut options = MqttOptions::new(&self.name, server.ip().to_string(), server.port());
        options.set_max_packet_size(PACKET_BYTES, PACKET_BYTES);
        options.set_last_will(LastWill::new(GONE, self.name, QoS::AtMostOnce, false));
        let (client, mut connection) = AsyncClient::new(options, CAPACITY);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        connection.set_network_options(network);
        client.subscribe(GONE, QoS::AtMostOnce).await?;
        client.subscribe(TOPIC, QoS::AtMostOnce).await?;
        let (ready, is_ready) = oneshot::channel();
        tokio::task::spawn_local(async move {
            if let Err(error) = receive(connection, &receiver, ready).await {
                eprintln!("{error}");
            }
        });
        is_ready.await.context("the broker is gone")?;
        Ok(MosquittoSender(client))
    }
}

/// Drives the connection, and receives messages and last wills. Signals `ready` once both subscriptions are in force.
async fn receive(
    mut connection: EventLoop,
    receiver: &Receiver,
    ready: oneshot::Sender<()>,
) -> Result<()> {
    let (mut ready, mut missing) = (Some(ready), 2);
    loop {
        match connection.poll().await? {
            Event::Incoming(Packet::Publish(Publish { topic, payload, .. })) => {
                if topic == TOPIC {
                    receiver.receive(&payload);
                } else {
                    receiver.report_gone(String::from_utf8_lossy(&payload));
                }
            }
            Event::Incoming(Packet::SubAck(_)) => {
                missing -= 1;
                if missing == 0 {
                    let _ = ready.take().map(|ready| ready.send(()));
                }
            }
            _ => {}
        }
    }
}

impl SendHalf for MosquittoSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        for text in texts {
            let text = text.into_bytes();
            let published = self.0.publish(TOPIC, QoS::AtMostOnce, false, text);
            published.await?;
        }
        Ok(())
    }
}

/// Runs the broker as a child of this process.
async fn run_broker() -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut server = Command::new("mosquitto")
        .args(["-c", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start mosquitto; is the package mosquitto installed?")?;
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n\
         max_queued_messages 0\n"
    );
    let mut input = server.stdin.take().context("it has no stdin")?;
    input.write_all(config.as_bytes()).await?;
    drop(input);
    watch_server(server, format!("127.0.0.1:{port}")).await
}

fn main() -> Result<()> {
    if bench_member::is_server() {
        serve(run_broker())
    } else {
        bench_member::run::<Mosquitto>()
    }
}
