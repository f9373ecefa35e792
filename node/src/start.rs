//! Assembles a node from its sockets, addresses, directors and face, then runs it.
//!
//! Not here: what these parts do.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use ringtalk_director::api::Address;
use ringtalk_director::open_files::{self, TooFewFiles};
use ringtalk_proto::Config;
use ringtalk_proto::config::{Retention, RingKind, Tempo, UNREAD};
use ringtalk_session::{Code, Me, Outlet, Request, Session};
use ringtalk_terminal::stderr::Diagnostics;
use ringtalk_terminal::{
    FaceKind, FaceOptions, PreparedFace, prepare as prepare_face, tty, write_start_failure,
};
use ringtalk_wire::{NodeId, RingId};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::address::{AddressFinder, Whereabouts};
use crate::director_client::addresses;
use crate::driver::circuits::Circuits;
use crate::driver::inbox::INBOX;
use crate::driver::{
    AddressWatch, Audience, Directors, Driver, DriverParts, Ending, Invites, listener,
};
use crate::identity::Identity;
use crate::link::{Credentials, ReplayFilter};
use crate::reception::{self, Reception};
use crate::settings::{DEFAULT_PORT, EntryMode, Settings};
use crate::status::Status;
use crate::traces;

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
    OpenFiles(#[from] TooFewFiles),
    #[error("cannot disable core dumps: {0}")]
    Dumps(io::Error),
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

    fn outlet(self, me: &Me) -> io::Result<Box<dyn Outlet>> {
        match self {
            Self::Terminal(prepared) => prepared.open(me),
            Self::Program(outlet) => Ok(outlet),
        }
    }
}

/// Switches core dumps off, and makes sure that there are enough sockets. A process does this before it assembles a
/// node.
pub(crate) fn prepare() -> Result<(), StartError> {
    traces::disable_dumps().map_err(StartError::Dumps)?;
    Ok(open_files::prepare(0)?)
}

/// Runs a node until it ends, and returns the exit status.
pub(crate) fn start(settings: Settings) -> ExitCode {
    let program = settings.program;
    if let Err(error) = prepare() {
        return fail(&settings, error.to_string());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let started = runtime.and_then(|runtime| {
        let diagnostics = match &settings.log {
            Some(filter) => Diagnostics::start(program.as_str(), filter.clone()),
            None => Diagnostics::start_for_people(program.as_str()),
        }?;
        Ok((runtime, diagnostics))
    });
    let (runtime, diagnostics) = match started {
        Ok(started) => started,
        Err(error) => {
            return fail(&settings, error.to_string());
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

/// Says that a node cannot start, before anything else can say so, and returns the exit status.
fn fail(settings: &Settings, error: String) -> ExitCode {
    let text = format_args!("{}: {error}\n", settings.program);
    let _ = io::Write::write_fmt(&mut io::stderr(), text);
    start_failure(settings.show, error).status.into()
}

/// Returns the end of a node that cannot start. A program is told on stdout.
fn start_failure(show: FaceKind, error: String) -> Ending {
    let ending = Ending::failure(Status::Failed, Code::Start, error);
    if let Some(error) = ending.error.clone() {
        // If stdout cannot be written, stderr and the exit status still tell of the failure.
        let _ = write_start_failure(show, error);
    }
    ending
}

/// Runs a node behind the face that the settings ask for, then restores the terminal.
async fn run(settings: Settings, diagnostics: &Diagnostics) -> Ending {
    let show = settings.show;
    let failed = |error: String| start_failure(show, error);
    let prepared = prepare_face(
        settings.show,
        FaceOptions {
            offset: settings.offset,
            backlog_limit: UNREAD,
            quits_on_eof: settings.quit_on_eof,
            attention: settings.attention.clone(),
            mouse_wheel: settings.mouse_wheel,
        },
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
    let listeners = Listeners::bind(&settings).await?;
    let port = listeners.main.local_addr()?;
    let secret = settings.secret.clone();
    let endpoints = settings.entry.clone().into_endpoints();
    let at: Vec<Address> = endpoints.iter().map(|one| one.director.clone()).collect();
    let is_founder = endpoints.is_empty();
    let credentials = Credentials::new(Identity::generate()?, &secret)?;
    let finder = AddressFinder {
        bound: port,
        public: settings.public_address.clone(),
        directors: at.clone(),
    };
    let whereabouts = finder.find().await;
    let newcomer = whereabouts.newcomer(credentials.id());
    let contact_address = whereabouts.contact().clone();
    let (reception, http) = Reception::new(credentials.id(), &secret, port, random_bytes()?);
    let invites = Invites::new(
        secret.clone(),
        &newcomer,
        listeners.further_port()?,
        at.clone(),
    );
    let me = Me {
        program: settings.program,
        id: credentials.id(),
        requested_name: settings.name.to_string(),
        invite: invites.shown(),
        open_at: secret.is_open().then(|| list(&at)),
        address: contact_address.into(),
        discussion: credentials.discussion(),
        is_founder,
    };
    let config = config(credentials.id(), &settings, &whereabouts);
    let (inbox, events) = mpsc::channel(INBOX);
    let replay_filter = ReplayFilter::default();
    let circuits = Circuits::new(credentials.clone(), replay_filter.clone(), inbox.clone());
    let identity = (credentials.identity().clone(), &secret);
    let directors = Directors::new(endpoints, newcomer, identity);
    let audience = user_io.viewer.audience(settings.show);
    let session = open_session(me, user_io.viewer, settings.history)?;
    let parts = DriverParts {
        config,
        circuits: circuits.clone(),
        credentials: credentials.clone(),
        directors,
        reception,
        invites,
        address_watch: AddressWatch::new(finder, whereabouts),
        session,
        restore: tty::restore,
        audience,
        say: settings.say,
        typed: user_io.typed,
        quit_on_eof: settings.quit_on_eof,
        timeout: settings.timeout,
        inbox: inbox.clone(),
        events,
    };
    let driver = Driver::new(parts)?;
    let Listeners { main, further } = listeners;
    if let Some(further) = further {
        tokio::spawn(reception::serve(further, http.clone()));
    }
    let peers = listener::listen(main, credentials, replay_filter, circuits, inbox, http);
    tokio::spawn(peers);
    Ok(driver)
}

fn config(id: NodeId, settings: &Settings, whereabouts: &Whereabouts) -> Config {
    Config {
        id,
        ring: RingId::lobby(&settings.secret.discussion()),
        kind: RingKind::Lobby,
        name: settings.name.to_string(),
        addresses: addresses(whereabouts.newcomer(id)),
        network: whereabouts.network,
        retention: Retention::of(settings.history),
        tempo: Tempo::default(),
        fingers: settings.fingers,
    }
}

fn open_session(me: Me, viewer: Viewer, history: usize) -> Result<Session, StartError> {
    let run = u64::from_be_bytes(random_bytes()?);
    let outlet = viewer.outlet(&me)?;
    let mut session = Session::new(me, outlet, run);
    if history == 0 {
        session.expect_no_readers();
    }
    Ok(session)
}

/// The listeners of a node.
#[derive(Debug)]
struct Listeners {
    /// The one for peers and newcomers.
    main: TcpListener,
    /// A further one for newcomers.
    further: Option<TcpListener>,
}

impl Listeners {
    async fn bind(settings: &Settings) -> Result<Self, StartError> {
        let main = listen(settings.listen, &settings.entry).await?;
        let further = match settings.director_listen {
            Some(wanted) => Some(bind("--director-listen", wanted).await?),
            None => None,
        };
        Ok(Self { main, further })
    }

    fn further_port(&self) -> io::Result<Option<SocketAddr>> {
        let further = self.further.as_ref();
        further.map(TcpListener::local_addr).transpose()
    }
}

/// Returns a list of addresses, for people.
fn list(addresses: &[Address]) -> String {
    let addresses: Vec<&str> = addresses.iter().map(Address::as_str).collect();
    addresses.join(", ")
}

/// Listens for peers and newcomers at the wanted address. Without one, listens on all addresses: a founder at the
/// default port, which people need not type, or the next one; others at any port.
async fn listen(wanted: Option<SocketAddr>, entry: &EntryMode) -> Result<TcpListener, StartError> {
    let (listener, address) = match (wanted, entry) {
        (Some(wanted), _) => return bind("--listen", wanted).await,
        (None, EntryMode::Found) => (reception::bind_default().await, DEFAULT_PORT),
        (None, EntryMode::Join(_)) => (reception::bind_everywhere(0).await, 0),
    };
    listener.map_err(|error| StartError::Listen {
        flag: "--listen",
        address: (Ipv6Addr::UNSPECIFIED, address).into(),
        error,
    })
}

async fn bind(flag: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| StartError::Listen {
        flag,
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
