//! NATS: every member publishes to one subject of a server, and subscribes to it. The traffic is not encrypted;
//! `nats-server` is the system's package, with its defaults.
//!
//! The server drops members that do not read, so the runner gives members a window.

use std::net::TcpListener;
use std::process::Stdio;

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions};
use bench_member::order::Assignment;
use bench_member::{Receiver, SendHalf, Transport, serve, watch_server};
use bytes::Bytes;
use futures::StreamExt;
use tokio::process::Command;

const SUBJECT: &str = "talk";
/// The most messages that may wait in the client to be received: more than any window.
const CAPACITY: usize = 1 << 20;

struct Nats;

struct NatsSender(Client);

impl Transport for Nats {
    type SendHalf = NatsSender;

    async fn listen() -> Result<(Self, String)> {
        Ok((Self, String::new()))
    }

    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<NatsSender> {
        let server = assignment.server.context("there is no server")?;
        let options = ConnectOptions::new().subscription_capacity(CAPACITY);
        let client = options.no_echo().connect(server).await?;
        let mut messages = client.subscribe(SUBJECT).await?;
        client.flush().await?;
        tokio::task::spawn_local(async move {
            while let Some(message) = messages.next().await {
                receiver.receive(&message.payload);
            }
        });
        Ok(NatsSender(client))
    }
}

impl SendHalf for NatsSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        for text in texts {
            self.0.publish(SUBJECT, Bytes::from(text)).await?;
        }
        Ok(())
    }
}

/// Runs the server as a child of this process.
async fn run_server() -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = Command::new("nats-server")
        .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start nats-server; is the package nats-server installed?")?;
    watch_server(server, format!("127.0.0.1:{port}")).await
}

fn main() -> Result<()> {
    if bench_member::is_server() {
        serve(run_server())
    } else {
        bench_member::run::<Nats>()
    }
}
