//! A survey of the ring: its coordinator's view, then each member's own report.
//!
//! Members are asked side by side, so many at a time, each for so long. Where the ring changes
//! under the survey, it is made again. Not here: what the reports come to (`ring`).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringtalk_node::Place;
use ringtalk_node::link::Link;
use ringtalk_node::observer::{FindError, Observer, View};
use ringtalk_node::secret::Secret;
use ringtalk_wire::{Member, NodeId, Report};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::asking;
use crate::ring::{Ring, Shape};

/// How many members are asked at once: enough to hide the time that answers take, and few enough
/// for every host.
const SIDE_BY_SIDE: usize = 16;
/// How long a member may take to answer, its handshake included: several round trips between
/// continents. Longer would only find members that the ring itself takes for dead.
pub(crate) const ANSWER_TIME: Duration = Duration::from_millis(1_500);
/// How long to wait before an unsettled ring is surveyed again.
const AGAIN: Duration = Duration::from_millis(200);

/// Who looks, and where.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    observer: Arc<Observer>,
    places: &'a [Place],
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    #[error("{0}")]
    Find(#[from] FindError),
    #[error("the node at {0} has no view of the ring to show")]
    NoView(SocketAddr),
    #[error("{0}")]
    System(#[from] io::Error),
}

impl<'a> Survey<'a> {
    /// A survey of the ring of the discussion that has this secret, which these directors know.
    pub(crate) fn new(places: &'a [Place], secret: &Secret) -> io::Result<Self> {
        Ok(Self {
            observer: Arc::new(Observer::new(secret)?),
            places,
        })
    }

    /// Surveys the ring until it is settled, or for as long as `within`; then the last survey
    /// counts.
    pub(crate) async fn run(&self, within: Duration) -> Result<Ring, SurveyError> {
        let deadline = Instant::now() + within;
        let mut ring = self.look(deadline).await?;
        while ring.shape() == Shape::Unsettled && Instant::now() + AGAIN + ANSWER_TIME < deadline {
            sleep(AGAIN).await;
            match self.look(deadline).await {
                Ok(next) => ring = next,
                Err(_) => break,
            }
        }
        Ok(ring)
    }

    async fn look(&self, deadline: Instant) -> Result<Ring, SurveyError> {
        let (link, view) = self.enter(deadline).await?;
        // Who was found late still gets time to answer.
        let deadline = deadline.max(Instant::now() + ANSWER_TIME);
        let reports = self.ask_all(link, &view, deadline).await;
        Ok(Ring::new(view.tag(), view.members(), reports))
    }

    /// A link into the ring and the view there, the coordinator's if it can be had.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<(Link, View), SurveyError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut link = self.observer.find(self.places, left).await?;
            if let Ok(Some(view)) = timeout(ANSWER_TIME, asking::view(&mut link)).await {
                return Ok(self.go_to_coordinator(link, view).await);
            }
            if Instant::now() + AGAIN >= deadline {
                return Err(SurveyError::NoView(link.address));
            }
            sleep(AGAIN).await;
        }
    }

    async fn go_to_coordinator(&self, link: Link, view: View) -> (Link, View) {
        let coordinator = view.member(&view.coordinator());
        let Some(coordinator) = coordinator.filter(|member| member.id != link.peer) else {
            return (link, view);
        };
        let asked = async {
            let mut link = self.observer.dial(coordinator, ANSWER_TIME).await.ok()?;
            let view = asking::view(&mut link).await?;
            Some((link, view))
        };
        let better = timeout(ANSWER_TIME, asked).await.ok().flatten();
        better.unwrap_or((link, view))
    }

    /// Everybody's report, as far as there is one. The node at the end of `link` comes last: so a
    /// view that was published meanwhile shows.
    async fn ask_all(
        &self,
        mut link: Link,
        view: &View,
        deadline: Instant,
    ) -> BTreeMap<NodeId, Report> {
        let seats = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut asked = JoinSet::new();
        let others = |member: &&Member| member.id != link.peer;
        for member in view.members().filter(others) {
            let (observer, seats) = (Arc::clone(&self.observer), Arc::clone(&seats));
            let member = member.clone();
            asked.spawn(async move {
                let _seat = seats.acquire_owned().await;
                Some((member.id, ask(&observer, &member).await?))
            });
        }
        let mut reports = BTreeMap::new();
        while let Ok(Some(answer)) = timeout_at(deadline, asked.join_next()).await {
            reports.extend(answer.ok().flatten());
        }
        let last = timeout(ANSWER_TIME, asking::report(&mut link)).await;
        reports.extend(last.ok().flatten().map(|report| (link.peer, report)));
        reports
    }
}

async fn ask(observer: &Observer, member: &Member) -> Option<Report> {
    let mut link = observer.dial(member, ANSWER_TIME).await.ok()?;
    let report = timeout(ANSWER_TIME, asking::report(&mut link)).await;
    report.ok()?
}
