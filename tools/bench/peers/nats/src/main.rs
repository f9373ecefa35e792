//! NATS: every member publishes to one subject of a server, and subscribes to it. The traffic is not encrypted;
//! `nats-server` is the system's package, with its defaults.
//!
//! The server drops members that do not read, so the runner gives members a window.

use std::net::TcpListener;
use std::process::Stdio;

use anyhow::{Context, Result};
use async_nats::{Client, ConnectOptions};
use bench_member::order::Place;
use bench_member::{Heard, Peer, Voice, attend, serve};
use bytes::Bytes;
use futures::StreamExt;
use tokio::process::Command;

const SUBJECT: &str = "talk";
/// The most messages that may wait in the client to be received: more than any window.
const CAPACITY: usize = 1 << 20;

struct Nats;

struct Speaker(Client);

impl Peer for Nats {
    type Voice = Speaker;

    async fn listen() -> Result<(Self, String)> {
        Ok((Self, String::new()))
    }

    async fn join(self, place: Place, heard: Heard) -> Result<Speaker> {
        let server = place.server.context("there is no server")?;
        let options = ConnectOptions::new().subscription_capacity(CAPACITY);
        let client = options.no_echo().connect(server).await?;
        let mut messages = client.subscribe(SUBJECT).await?;
        client.flush().await?;
        tokio::task::spawn_local(async move {
            while let Some(message) = messages.next().await {
                heard.message(&message.payload);
            }
        });
        Ok(Speaker(client))
    }
}

impl Voice for Speaker {
    async fn say(&mut self, texts: Vec<String>) -> Result<()> {
        for text in texts {
            self.0.publish(SUBJECT, Bytes::from(text)).await?;
        }
        Ok(())
    }
}

/// Runs the server as a child of this process.
async fn broker() -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = Command::new("nats-server")
        .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start nats-server; is the package nats-server installed?")?;
    attend(server, format!("127.0.0.1:{port}")).await
}

fn main() -> Result<()> {
    if bench_member::is_server() {
        serve(broker())
    } else {
        bench_member::run::<Nats>()
    }
}
