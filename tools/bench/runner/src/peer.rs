//! The peers that are compared, and how each is set up.

/// A system that carries messages from each member to all others.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// The program of a member.
    pub(crate) program: &'static str,
    /// True if it needs a server, which the same program runs.
    pub(crate) has_server: bool,
    /// True if a member can join later than the others.
    pub(crate) supports_join: bool,
    /// The members that are told of a death.
    pub(crate) death_notice: DeathNotice,
    /// The most messages of all authors in flight, if it loses some otherwise.
    pub(crate) window: Option<u64>,
    /// The variables that are set in its environment.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// How it is set up, so that readers can judge whether the comparison is fair.
    pub(crate) setup: &'static str,
}

/// The members that a peer's interface tells of a death.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeathNotice {
    /// Nobody.
    Nobody,
    /// The two neighbours of the dead member.
    Neighbours,
    /// All members, within the time limit.
    Everybody,
}

/// All peers. The others are compared with the first one.
pub(crate) const PEERS: [Peer; 8] = [
    Peer {
        name: "ringtalk",
        program: "bench-ringtalk",
        has_server: true,
        supports_join: true,
        death_notice: DeathNotice::Everybody,
        window: None,
        environment: &[],
        setup: "as released: encrypted, signed, in causal order, memory wiped; the director is a process of its own",
    },
    Peer {
        name: "ringtalk --fingers off",
        program: "bench-ringtalk",
        has_server: true,
        supports_join: true,
        death_notice: DeathNotice::Everybody,
        window: None,
        environment: &[("RINGTALK_FINGERS", "off")],
        setup: "the same, along the neighbours only",
    },
    Peer {
        name: "raw ring",
        program: "bench-raw-ring",
        has_server: false,
        supports_join: false,
        death_notice: DeathNotice::Neighbours,
        window: None,
        environment: &[],
        setup: "TCP in one direction, a header of six bytes, no protocol: the physical limit of a ring; \
              nobody can come later, and the two beside a dead member see its connections end",
    },
    Peer {
        name: "nats-server",
        program: "bench-nats",
        has_server: true,
        supports_join: true,
        death_notice: DeathNotice::Nobody,
        window: Some(8_192),
        environment: &[],
        setup: "one server with its defaults, one subject, in clear; members keep a window, or it drops them; \
              nobody is told that a member has died",
    },
    Peer {
        name: "mosquitto",
        program: "bench-mosquitto",
        has_server: true,
        supports_join: true,
        death_notice: DeathNotice::Everybody,
        window: Some(8_192),
        environment: &[],
        setup: "one broker, one topic, QoS 0, in clear, clients by rumqttc; TCP_NODELAY at both ends; no limit of \
              queued messages, of which it drops some otherwise, and a window that keeps them few; \
              deaths by last wills",
    },
    Peer {
        name: "zenoh",
        program: "bench-zenoh",
        has_server: false,
        supports_join: true,
        death_notice: DeathNotice::Everybody,
        window: None,
        environment: &[],
        setup: "peers that are all connected over TCP, in clear, one key, reliable, blocking where there is no room; \
              no multicast and no gossip, each is given the addresses of those before it, and hears before all are \
              connected (else a newcomer may wait half a second); deaths by liveliness tokens",
    },
    Peer {
        name: "gossipsub",
        program: "bench-gossipsub",
        has_server: false,
        supports_join: true,
        death_notice: DeathNotice::Everybody,
        window: Some(128),
        environment: &[],
        setup: "rust-libp2p over TCP, noise and yamux, encrypted, signed, the crate's defaults; each is given the \
              addresses of those before it and all are connected; members keep a window, so that nothing is lost; \
              deaths by connections that end",
    },
    Peer {
        name: "iroh-gossip",
        program: "bench-iroh-gossip",
        has_server: false,
        supports_join: true,
        death_notice: DeathNotice::Everybody,
        window: Some(128),
        environment: &[],
        setup: "iroh endpoints (QUIC, encrypted) without relays, one topic, messages up to 20 KiB, else its defaults; \
              each is given the first one's address; members keep a window, so that nothing is lost; \
              deaths by neighbours that are down, which only neighbours are told",
    },
];
