//! Ringtalk itself: a whole node, encrypted and signed, in a ring that a director helped to form.
//!
//! With `RINGTALK_FINGERS=off` in the environment, the node uses no fingers.

use std::future::pending;

use anyhow::{Context, Result};
use bench_member::order::{Assignment, MemberEvent};
use bench_member::{Receiver, SendHalf, Transport, serve};
use ringtalk_director::Director;
use ringtalk_node::embedded::{EmbeddedNode, Event, EventSink, MessageSender};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Ringtalk {
    name: String,
}

struct RingtalkSender(MessageSender);

impl Transport for Ringtalk {
    type SendHalf = RingtalkSender;

    async fn listen() -> Result<(Self, String)> {
        let name = format!("member-{}", std::process::id());
        Ok((Self { name: name.clone() }, name))
    }

    async fn join(self, assignment: Assignment, receiver: Receiver) -> Result<RingtalkSender> {
        let director = assignment.server.context("a ring needs a director")?;
        let mut arguments = vec![
            "--listen",
            "127.0.0.1:0",
            "--name",
            &self.name,
            "--join",
            &director,
        ];
        let fingers = std::env::var("RINGTALK_FINGERS").ok();
        arguments.extend(fingers.iter().flat_map(|value| ["--fingers", value]));
        let (node, sender) = EmbeddedNode::new(arguments)?;
        let (ready, is_ready) = oneshot::channel();
        let mut ready = Some(ready);
        let sink = EventSink::new(move |event| match event {
            Event::Message(message) => receiver.receive(message.text.as_bytes()),
            Event::Failed(person) | Event::Left(person) => receiver.report_gone(&person.name),
            Event::Ready { .. } => {
                let _ = ready.take().map(|ready| ready.send(()));
            }
            Event::Gap { .. } => eprintln!("{event:?}"),
            _ => {}
        });
        tokio::task::spawn_local(async move {
            let ended = match Box::pin(node.start(sink)).await {
                Ok(node) => Box::pin(node.run()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                eprintln!("{error}");
            }
        });
        is_ready.await.context("the node has ended")?;
        Ok(RingtalkSender(sender))
    }
}

impl SendHalf for RingtalkSender {
    async fn send(&mut self, texts: Vec<String>) -> Result<()> {
        Ok(self.0.say(texts).await?)
    }
}

/// Runs a director, in a process of its own.
async fn run_director() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    bench_member::report(&MemberEvent::Listening(listener.local_addr()?.to_string()));
    let director = Director::new(*b"only measurement");
    ringtalk_director::serve(listener, director, pending()).await;
    Ok(())
}

fn main() -> Result<()> {
    if bench_member::is_server() {
        serve(run_director())
    } else {
        bench_member::run::<Ringtalk>()
    }
}
