//! A survey of the ring: its coordinator's view, then each member's own report.
//!
//! Several members are asked at the same time, each with a timeout. If the ring changes during the survey, the survey
//! is repeated. Not here: the verdict on the reports (`ring`).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringtalk_node::Endpoint;
use ringtalk_node::link::Link;
use ringtalk_node::observer::{FindError, Observer, View};
use ringtalk_node::secret::Secret;
use ringtalk_wire::{Member, NodeId, Report};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::request;
use crate::ring::{Ring, Shape};

/// The number of members asked at the same time: enough to hide the round trips, and few enough for every host.
const CONCURRENCY: usize = 16;
/// The timeout for one member, handshake included: several round trips between continents. A longer one would only
/// find members that the ring itself takes for dead.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_millis(1_500);
/// The pause before an unsettled ring is surveyed again.
const RESURVEY_PAUSE: Duration = Duration::from_millis(200);

/// An observer, and the directors that it asks.
#[derive(Debug)]
pub(crate) struct Survey<'a> {
    observer: Arc<Observer>,
    endpoints: &'a [Endpoint],
}

/// The reason why there is no ring to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    #[error("{0}")]
    Find(#[from] FindError),
    #[error("the node at {0} sent no valid view of the ring in time")]
    NoView(SocketAddr),
    #[error("{0}")]
    System(#[from] io::Error),
}

impl<'a> Survey<'a> {
    /// Creates a survey of the discussion that has this secret, through these directors.
    pub(crate) fn new(endpoints: &'a [Endpoint], secret: &Secret) -> io::Result<Self> {
        Ok(Self {
            observer: Arc::new(Observer::new(secret)?),
            endpoints,
        })
    }

    /// Surveys the ring until it is settled or the time `within` runs out, and returns the last survey. Fails only
    /// if the first survey fails.
    pub(crate) async fn run(&self, within: Duration) -> Result<Ring, SurveyError> {
        let deadline = Instant::now() + within;
        let mut ring = self.survey_once(deadline).await?;
        while ring.shape() == Shape::Unsettled
            && Instant::now() + RESURVEY_PAUSE + ANSWER_TIMEOUT < deadline
        {
            sleep(RESURVEY_PAUSE).await;
            match self.survey_once(deadline).await {
                Ok(next) => ring = next,
                Err(_) => break,
            }
        }
        Ok(ring)
    }

    async fn survey_once(&self, deadline: Instant) -> Result<Ring, SurveyError> {
        let (link, view) = self.enter(deadline).await?;
        // Members that were found late still get the full time to answer.
        let deadline = deadline.max(Instant::now() + ANSWER_TIMEOUT);
        let reports = self.ask_all(link, &view, deadline).await;
        Ok(Ring::new(view.tag(), view.members(), reports))
    }

    /// Returns a link to a member and that member's view: the coordinator's, if the coordinator answers in time.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<(Link, View), SurveyError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut link = self.observer.find(self.endpoints, left).await?;
            if let Ok(Some(view)) = timeout(
                ANSWER_TIMEOUT,
                request::fetch_view(&self.observer, &mut link),
            )
            .await
            {
                return Ok(self.go_to_coordinator(link, view).await);
            }
            if Instant::now() + RESURVEY_PAUSE >= deadline {
                return Err(SurveyError::NoView(link.address));
            }
            sleep(RESURVEY_PAUSE).await;
        }
    }

    async fn go_to_coordinator(&self, link: Link, view: View) -> (Link, View) {
        let coordinator = view.member(&view.coordinator());
        let Some(coordinator) = coordinator.filter(|member| member.id != link.peer) else {
            return (link, view);
        };
        let asked = async {
            let mut link = self.observer.dial(coordinator, ANSWER_TIMEOUT).await.ok()?;
            let view = request::fetch_view(&self.observer, &mut link).await?;
            Some((link, view))
        };
        let better = timeout(ANSWER_TIMEOUT, asked).await.ok().flatten();
        better.unwrap_or((link, view))
    }

    /// Returns the reports of all members that answer. The node at the end of `link` is asked last, so that its report
    /// shows a view that was published in the meantime.
    async fn ask_all(
        &self,
        mut link: Link,
        view: &View,
        deadline: Instant,
    ) -> BTreeMap<NodeId, Report> {
        let seats = Arc::new(Semaphore::new(CONCURRENCY));
        let mut asked = JoinSet::new();
        let others = |member: &&Member| member.id != link.peer;
        for member in view.members().filter(others) {
            let (observer, seats) = (Arc::clone(&self.observer), Arc::clone(&seats));
            let member = member.clone();
            asked.spawn(async move {
                let _seat = seats.acquire_owned().await;
                Some((member.id, fetch_report(&observer, &member).await?))
            });
        }
        let mut reports = BTreeMap::new();
        while let Ok(Some(answer)) = timeout_at(deadline, asked.join_next()).await {
            reports.extend(answer.ok().flatten());
        }
        let last = timeout(ANSWER_TIMEOUT, request::fetch_report(&mut link)).await;
        reports.extend(last.ok().flatten().map(|report| (link.peer, report)));
        reports
    }
}

async fn fetch_report(observer: &Observer, member: &Member) -> Option<Report> {
    let mut link = observer.dial(member, ANSWER_TIMEOUT).await.ok()?;
    let report = timeout(ANSWER_TIMEOUT, request::fetch_report(&mut link)).await;
    report.ok()?
}
