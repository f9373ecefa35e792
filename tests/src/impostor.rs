//! A peer that shows everyone a made-up view, and a director that points at it.
//!
//! It has the secret of the open discussion, which is public, and is in no ring. Not here: the rings that it shows
//! (the tests).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use ringtalk_node::identity::Identity;
use ringtalk_node::link::{Credentials, InboundConnection, Link, ReplayFilter, accept};
use ringtalk_node::secret::Secret;
use ringtalk_proto::{Change, View};
use ringtalk_wire::limit::UPDATE_CHANGES;
use ringtalk_wire::{
    Addresses, Frame, Member, NetworkId, NodeId, RingKey, Seal, ViewTag, encode, view_to_sign,
};
use tokio::runtime::Builder;

use crate::liar::open_lobby;

/// A peer that shows a made-up view, together with its director.
#[derive(Debug)]
pub struct Impostor {
    director: SocketAddr,
}

impl Impostor {
    /// Starts an impostor that shows a ring of `members` members, all invented and at `endpoint` except for itself.
    /// Its coordinator is the impostor if `coordinates`, and otherwise a node whose signature it does not have.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub fn start(members: usize, endpoint: &str, coordinates: bool) -> Self {
        let me = Identity::generate().expect("random numbers");
        let peers = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let here = peers.local_addr().expect("it is bound").to_string();
        let view = invent_view(&me, &here, (members, endpoint), coordinates);
        thread::spawn(move || serve(me, peers, &view));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let director = listener.local_addr().expect("it is bound");
        thread::spawn(move || redirect_to(&listener, &here));
        Self { director }
    }

    /// Returns what to pass to `--join`.
    pub fn endpoint(&self) -> String {
        self.director.to_string()
    }
}

fn invent_view(
    me: &Identity,
    here: &str,
    (members, endpoint): (usize, &str),
    coordinates: bool,
) -> Arc<View> {
    let seal = |tag: &ViewTag| Seal {
        key: me.public_key(),
        signature: me.sign(&view_to_sign(open_lobby(), tag)),
    };
    let member = |id: NodeId, number: usize, at: &str| Member {
        id,
        name: format!("n{number}"),
        addresses: Addresses::at(at),
        seniority: number as u64,
        key: RingKey((number as u128) << 64),
        network: NetworkId::default(),
    };
    let other = Identity::generate().expect("random numbers").id();
    let ids = if coordinates {
        [me.id(), other]
    } else {
        [other, me.id()]
    };
    let at = |id: NodeId| if id == me.id() { here } else { endpoint };
    let mut view = View::founding(member(ids[0], 0, at(ids[0])), 1, seal);
    let mut joined = vec![member(ids[1], 1, at(ids[1]))];
    for number in 2..members {
        let id = Identity::generate().expect("random numbers").id();
        joined.push(member(id, number, endpoint));
    }
    for joined in joined.chunks(UPDATE_CHANGES) {
        let change = Change {
            opening: None,
            joined: joined.to_vec(),
            departed: Vec::new(),
            renamed: Vec::new(),
        };
        (_, view) = view.next(change, seal).expect("they fit together");
    }
    Arc::new(view)
}

/// Shows the view to every peer that asks.
fn serve(me: Identity, listener: TcpListener, view: &Arc<View>) {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        listener.set_nonblocking(true).expect("a socket of ours");
        let listener = tokio::net::TcpListener::from_std(listener).expect("it is bound");
        let me = Credentials::new(me, &Secret::open()).expect("random numbers");
        let replay_filter = ReplayFilter::default();
        while let Ok((stream, address)) = listener.accept().await {
            let (me, replay_filter, view) = (me.clone(), replay_filter.clone(), Arc::clone(view));
            tokio::spawn(async move {
                if let Ok(InboundConnection::Link(link)) =
                    accept(stream, address, &me, &replay_filter).await
                {
                    let _ = answer(*link, &view).await;
                }
            });
        }
    });
}

async fn answer(mut link: Link, view: &View) -> io::Result<()> {
    while let Ok(Some(frame)) = link.reader.next().await {
        if let Frame::PullView(_) = frame {
            for page in view.pages() {
                let view = Frame::View(page.into());
                link.writer.add(view.class(), &encode(&view));
            }
            link.writer.write().await?;
        }
    }
    Ok(())
}

/// Answers every request as a director does that knows a ring.
fn redirect_to(listener: &TcpListener, endpoint: &str) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let _ = stream.read(&mut [0; 4_096]);
        let head = format!("HTTP/1.1 307 There\r\nLocation: http://{endpoint}/\r\n");
        let _ = write!(
            stream,
            "{head}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
}
