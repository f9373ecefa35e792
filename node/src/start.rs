//! Assembles a node from its sockets, addresses, directors and face, then runs it.
//!
//! Not here: what these parts do.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use ringtalk_director::api::{Address, Newcomer};
use ringtalk_proto::Config;
use ringtalk_proto::config::{Retention, Tempo, UNREAD};
use ringtalk_session::{Code, Invite, Me, Outlet, Request, Session};
use ringtalk_terminal::stderr::Diagnostics;
use ringtalk_terminal::{
    FaceKind, PreparedFace, prepare as prepare_face, tty, write_start_failure,
};
use ringtalk_wire::NodeId;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::director_client::addresses;
use crate::driver::circuits::Circuits;
use crate::driver::inbox::INBOX;
use crate::driver::{Audience, Directors, Driver, DriverParts, Ending, listener};
use crate::identity::Identity;
use crate::link::{Credentials, ReplayFilter};
use crate::secret::Secret;
use crate::settings::{Endpoint, EntryMode, Settings, invite};
use crate::status::Status;
use crate::{address, inside, traces};

/// The timeout for flushing the last messages to stderr.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);

/// The reason why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(
        "cannot listen on {address}: {error}. Stop the program that uses it, or choose another \
         address with {flag}"
    )]
    Listen {
        flag: &'static str,
        address: SocketAddr,
        error: io::Error,
    },
    #[error("cannot get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}")]
    System(#[from] io::Error),
}

/// The receiver of a node's events, and the source of its requests.
#[derive(Debug)]
pub(crate) struct UserIo {
    viewer: Viewer,
    typed: mpsc::Receiver<Vec<Request>>,
}

/// The receiver of a node's events.
#[derive(Debug)]
enum Viewer {
    /// A person at the terminal, or a reader of stdout.
    Terminal(PreparedFace),
    /// The program that has the node inside.
    Program(Box<dyn Outlet>),
}

impl UserIo {
    /// Returns the ends for a program that has the node inside.
    pub(crate) fn for_program(
        outlet: Box<dyn Outlet>,
        typed: mpsc::Receiver<Vec<Request>>,
    ) -> Self {
        let viewer = Viewer::Program(outlet);
        Self { viewer, typed }
    }
}

impl Viewer {
    const fn audience(&self, show: FaceKind) -> Audience {
        match (self, show) {
            (Self::Program(_), _) => Audience::Host,
            (Self::Terminal(_), FaceKind::Json { .. }) => Audience::Program,
            (Self::Terminal(_), _) => Audience::Person,
        }
    }

    fn outlet(self, me: Me) -> io::Result<Box<dyn Outlet>> {
        match self {
            Self::Terminal(prepared) => prepared.open(me),
            Self::Program(outlet) => Ok(outlet),
        }
    }
}

/// Raises the socket limit and switches core dumps off. A process does this before it assembles a node.
pub(crate) fn prepare() -> io::Result<()> {
    raise_socket_limit();
    traces::disable_dumps()
}

/// Runs a node until it ends, and returns the exit status.
pub(crate) fn start(settings: Settings) -> ExitCode {
    if let Err(error) = prepare() {
        let _ = io::Write::write_fmt(
            &mut io::stderr(),
            format_args!("node: cannot disable core dumps: {error}\n"),
        );
        return Status::Failed.into();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let started = runtime.and_then(|runtime| {
        let diagnostics = Diagnostics::start("node", settings.log.clone())?;
        Ok((runtime, diagnostics))
    });
    let (runtime, diagnostics) = match started {
        Ok(started) => started,
        Err(error) => {
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("node: {error}\n"));
            return Status::Failed.into();
        }
    };
    let ending = runtime.block_on(run(settings, &diagnostics));
    // Name lookups that hang must not delay the exit.
    runtime.shutdown_background();
    if let Some(error) = &ending.error {
        diagnostics.say(&error.message);
    }
    diagnostics.flush(LAST_WORDS_TIME);
    ending.status.into()
}

/// Runs a node behind the face that the settings ask for, then restores the terminal.
async fn run(settings: Settings, diagnostics: &Diagnostics) -> Ending {
    let show = settings.show;
    let failed = |error: String| {
        let ending = Ending::failure(Status::Failed, Code::Start, error);
        if let Some(error) = ending.error.clone() {
            // If stdout cannot be written, stderr and the exit status still tell of the failure.
            let _ = write_start_failure(show, error);
        }
        ending
    };
    let prepared = prepare_face(
        settings.show,
        settings.offset,
        UNREAD,
        settings.quit_on_eof,
        diagnostics,
    );
    let (prepared, front) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return failed(error.to_string()),
    };
    let _terminal = front.terminal;
    let user_io = UserIo {
        viewer: Viewer::Terminal(prepared),
        typed: front.requests,
    };
    match assemble(settings, user_io).await {
        Ok(driver) => driver.start().await,
        Err(error) => failed(error.to_string()),
    }
}

/// Assembles a node, and starts to listen for its peers.
pub(crate) async fn assemble(settings: Settings, user_io: UserIo) -> Result<Driver, StartError> {
    let peers = listen(settings.listen).await?;
    let port = peers.local_addr()?;
    let secret = settings.secret;
    let route = EntryRoute::prepare(&settings.entry, &secret).await?;
    let credentials = Credentials::new(Identity::generate()?, &secret)?;
    let newcomer = route.newcomer(credentials.id(), port, settings.public_address);
    let internal = &newcomer.internal_address;
    let contact_address = newcomer.public_address.as_ref().unwrap_or(internal).clone();
    let me = Me {
        id: credentials.id(),
        requested_name: settings.name.to_string(),
        invite: route.invite(&contact_address, &secret),
        open_at: secret.is_open().then(|| route.directors()),
        address: contact_address.into(),
        discussion: credentials.discussion(),
        runs_director: route.own_director.is_some(),
    };
    let config = Config {
        id: credentials.id(),
        name: settings.name.to_string(),
        addresses: addresses(newcomer.clone()),
        network: address::network(internal, route.local),
        retention: Retention::of(settings.history),
        tempo: Tempo::default(),
        fingers: settings.fingers,
    };
    let (inbox, events) = mpsc::channel(INBOX);
    let is_first = route.own_director.is_some();
    let replay_filter = ReplayFilter::default();
    let circuits = Circuits::new(credentials.clone(), replay_filter.clone(), inbox.clone());
    let identity = (credentials.identity().clone(), &secret);
    let directors = Directors::new(route.endpoints, newcomer, identity);
    let audience = user_io.viewer.audience(settings.show);
    let run = u64::from_be_bytes(random_bytes()?);
    let session = Session::new(me.clone(), user_io.viewer.outlet(me)?, run);
    let parts = DriverParts {
        config,
        circuits: circuits.clone(),
        credentials: credentials.clone(),
        directors,
        session,
        restore: tty::restore,
        audience,
        say: settings.say,
        typed: user_io.typed,
        quit_on_eof: settings.quit_on_eof,
        timeout: settings.timeout,
        is_first,
        inbox: inbox.clone(),
        events,
    };
    let driver = Driver::new(parts)?;
    tokio::spawn(listener::listen(
        peers,
        credentials,
        replay_filter,
        circuits,
        inbox,
    ));
    Ok(driver)
}

/// The route into the discussion, as far as it is known before the node starts.
#[derive(Debug)]
struct EntryRoute {
    endpoints: Vec<Endpoint>,
    /// This machine's address in the directors' network.
    local: Option<IpAddr>,
    /// The address at which the director inside listens, if there is one.
    own_director: Option<SocketAddr>,
}

impl EntryRoute {
    async fn prepare(entry: &EntryMode, secret: &Secret) -> Result<Self, StartError> {
        match entry {
            EntryMode::Join(endpoints) => Ok(Self {
                local: address::local_address_for(
                    endpoints.iter().map(|endpoint| &endpoint.director),
                )
                .await,
                endpoints: endpoints.clone(),
                own_director: None,
            }),
            EntryMode::Host { listen, exactly } => Self::host(*listen, *exactly, secret).await,
        }
    }

    async fn host(listen: SocketAddr, exactly: bool, secret: &Secret) -> Result<Self, StartError> {
        let director = inside::bind(listen, exactly).await;
        let director = director.map_err(|error| StartError::Listen {
            flag: "--director-listen",
            address: listen,
            error,
        })?;
        let own_director = director.local_addr()?;
        inside::start(director, secret, random_bytes()?);
        let everywhere = own_director.ip().is_unspecified();
        let own = if everywhere {
            loopback(own_director)
        } else {
            own_director
        };
        let endpoint = Endpoint {
            director: address::of_socket(own),
            may_found: true,
        };
        Ok(Self {
            endpoints: vec![endpoint],
            local: Some(own_director.ip()).filter(|_| !everywhere),
            own_director: Some(own_director),
        })
    }

    /// Returns what directors are told of a node that listens at `port`.
    fn newcomer(&self, id: NodeId, port: SocketAddr, public: Option<Address>) -> Newcomer {
        let internal = public
            .clone()
            // A node that listens on the loopback is reached through whatever listens at its public address. On other
            // hosts, the loopback is those hosts themselves.
            .filter(|_| port.ip().is_loopback())
            .unwrap_or_else(|| address::internal(port, self.local));
        Newcomer {
            id,
            other_addresses: address::others(port, &internal),
            internal_address: internal,
            public_address: public,
        }
    }

    /// Returns the invite for others' `--join`, if this node is reached at `contact_address`.
    fn invite(&self, contact_address: &Address, secret: &Secret) -> Invite {
        let directors = self.endpoints.iter().map(|endpoint| &endpoint.director);
        match self.own_director.filter(|own| own.ip().is_unspecified()) {
            Some(own) => {
                let host = contact_address
                    .as_str()
                    .rsplit_once(':')
                    .map_or("", |(host, _)| host);
                let director = format!("{host}:{}", own.port()).parse();
                director.map_or_else(
                    |_| invite(directors, secret),
                    |director| invite([&director], secret),
                )
            }
            None => invite(directors, secret),
        }
    }

    /// Returns a list of the directors, for people.
    fn directors(&self) -> String {
        let names: Vec<&str> = self.endpoints.iter().map(|p| p.director.as_str()).collect();
        names.join(", ")
    }
}

fn loopback(socket: SocketAddr) -> SocketAddr {
    let ip = if socket.is_ipv4() {
        Ipv4Addr::LOCALHOST.into()
    } else {
        Ipv6Addr::LOCALHOST.into()
    };
    SocketAddr::new(ip, socket.port())
}

/// Listens for peers at the wanted address; without one, on any port of all addresses.
async fn listen(wanted: Option<SocketAddr>) -> Result<TcpListener, StartError> {
    let any_v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    if wanted.is_none()
        && let Ok(listener) = TcpListener::bind(any_v6).await
    {
        return Ok(listener);
    }
    let address = wanted.unwrap_or(any_v4);
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| StartError::Listen {
        flag: "--listen",
        address,
        error,
    })
}

/// Returns random bytes from the system's generator.
fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Raises the limit on open sockets to the most that the system allows. A coordinator has a socket for each newcomer
/// for a while, and the usual soft limit of 1,024 is there for programs older than `poll`.
fn raise_socket_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(director: &str, own_director: Option<&str>) -> EntryRoute {
        EntryRoute {
            endpoints: vec![Endpoint {
                director: director.parse().unwrap(),
                may_found: true,
            }],
            local: None,
            own_director: own_director.map(|own| own.parse().unwrap()),
        }
    }

    fn invited(route: &EntryRoute, contact_address: &Address) -> String {
        route
            .invite(contact_address, &Secret::open())
            .as_str()
            .to_owned()
    }

    #[test]
    fn the_invite_names_what_others_can_reach() {
        let contact_address: Address = "chat.example:4000".parse().unwrap();
        let everywhere = route("127.0.0.1:8080", Some("0.0.0.0:8080"));
        assert_eq!(
            invited(&everywhere, &contact_address),
            "ringtalk://chat.example:8080/"
        );
        let here = route("127.0.0.1:8080", Some("127.0.0.1:8080"));
        assert_eq!(
            invited(&here, &contact_address),
            "ringtalk://127.0.0.1:8080/"
        );
        let joined = route("director.example:80", None);
        assert_eq!(
            invited(&joined, &contact_address),
            "ringtalk://director.example:80/"
        );
        let v6: Address = "[2001:db8::1]:4000".parse().unwrap();
        assert_eq!(invited(&everywhere, &v6), "ringtalk://[2001:db8::1]:8080/");
    }
}
