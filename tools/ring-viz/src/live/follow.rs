//! Follows the rings: one task per member polls it, and one task per director asks for rings that are not known.
//!
//! A node closes an observer's link after a while, as it does with every stranger; the task then dials again. Not
//! here: the evaluation of the answers (`observations`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringtalk_node::Endpoint;
use ringtalk_node::link::Link;
use ringtalk_node::observer::{Observer, View};
use ringtalk_node::secret::Secret;
use ringtalk_wire::NodeId;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{self, sleep, timeout};

use super::observations::Observations;
use crate::request;
use crate::survey::{ANSWER_TIMEOUT, Survey, SurveyError};

/// The polling interval of each member: short enough to show changes as they happen.
const POLL_INTERVAL: Duration = Duration::from_millis(400);
/// The least average time between two polls: in a large ring, each member is polled less often.
const POLL_SPACING: Duration = Duration::from_millis(4);
/// The most links that are kept open. In a larger ring, every poll dials the member again.
const MAX_LINKS: u32 = 512;
/// The pause before a member that did not answer is dialled again.
const REDIAL_PAUSE: Duration = Duration::from_millis(200);
/// The pause between two requests to a director, and the timeout of each.
const DIRECTOR_INTERVAL: Duration = Duration::from_secs(2);

/// The state that the tasks share.
#[derive(Debug)]
pub(crate) struct Follower {
    observer: Observer,
    observations: Mutex<Observations>,
    /// Why the last search at a director failed; `None` if it succeeded.
    search_error: Mutex<Option<String>>,
    /// Notified when a view arrives.
    view_added: Notify,
}

impl Follower {
    /// Finds a ring and learns its view. Fails if none is found in time.
    pub(crate) async fn enter(
        endpoints: &[Endpoint],
        secret: &Secret,
        within: Duration,
    ) -> Result<Arc<Self>, SurveyError> {
        let survey = Survey::new(endpoints, secret)?;
        let (_, view) = survey.enter(time::Instant::now() + within).await?;
        let follower = Self {
            observer: Observer::new(secret)?,
            observations: Mutex::default(),
            search_error: Mutex::default(),
            view_added: Notify::new(),
        };
        follower.add_view(&view);
        Ok(Arc::new(follower))
    }

    /// Follows the rings until it is cancelled.
    pub(crate) async fn run(self: Arc<Self>, endpoints: Vec<Endpoint>) {
        let mut searches = JoinSet::new();
        for endpoint in endpoints {
            searches.spawn(Arc::clone(&self).search(endpoint));
        }
        let mut tasks = JoinSet::new();
        let mut followed = BTreeSet::new();
        loop {
            let members: Vec<NodeId> = self
                .observations()
                .members()
                .map(|member| member.id)
                .collect();
            for id in members {
                if followed.insert(id) {
                    tasks.spawn(Arc::clone(&self).follow(id));
                }
            }
            tokio::select! {
                () = self.view_added.notified() => {}
                Some(ended) = tasks.join_next() => {
                    followed.remove(&ended.expect("nobody aborts it"));
                }
            }
        }
    }

    /// Locks and returns the views and reports of the rings.
    pub(crate) fn observations(&self) -> MutexGuard<'_, Observations> {
        self.observations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns why the last search at a director failed; `None` if it succeeded.
    pub(crate) fn search_error(&self) -> Option<String> {
        self.lock_search_error().clone()
    }

    fn lock_search_error(&self) -> MutexGuard<'_, Option<String>> {
        self.search_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn add_view(&self, view: &View) {
        let members = view.members().cloned().collect();
        self.observations()
            .add_view(Instant::now(), view.tag(), members);
        self.view_added.notify_one();
    }

    /// Asks a director for a ring again and again: there may be one that is not known yet.
    async fn search(self: Arc<Self>, endpoint: Endpoint) {
        loop {
            sleep(DIRECTOR_INTERVAL).await;
            match self
                .observer
                .find(std::slice::from_ref(&endpoint), DIRECTOR_INTERVAL)
                .await
            {
                Ok(mut link) => {
                    *self.lock_search_error() = None;
                    self.fetch_view(&mut link).await;
                }
                Err(error) => *self.lock_search_error() = Some(error.to_string()),
            }
        }
    }

    /// Polls a member for as long as a view lists it, and returns its id.
    async fn follow(self: Arc<Self>, id: NodeId) -> NodeId {
        while self.poll_interval(&id).is_some() {
            if let Some(link) = self.dial(&id).await {
                self.poll(link).await;
            } else {
                self.observations().remove_report(&id);
                sleep(REDIAL_PAUSE).await;
            }
        }
        id
    }

    /// Dials a member.
    async fn dial(&self, id: &NodeId) -> Option<Link> {
        let member = self.observations().member(id)?.clone();
        self.observer.dial(&member, ANSWER_TIMEOUT).await.ok()
    }

    /// Polls a member until its link ends or no view lists it any more; in a large ring, polls it only once.
    async fn poll(&self, mut link: Link) {
        let id = link.peer;
        while let Ok(Some(report)) = timeout(ANSWER_TIMEOUT, request::fetch_report(&mut link)).await
        {
            let has_new_view = self.observations().add_report(Instant::now(), id, report);
            if has_new_view {
                self.fetch_view(&mut link).await;
            }
            match self.poll_interval(&id) {
                None => return,
                Some(interval) if interval > POLL_SPACING * MAX_LINKS => {
                    drop(link);
                    return sleep(interval).await;
                }
                Some(interval) => sleep(interval).await,
            }
        }
    }

    async fn fetch_view(&self, link: &mut Link) {
        if let Ok(Some(view)) =
            timeout(ANSWER_TIMEOUT, request::fetch_view(&self.observer, link)).await
        {
            self.add_view(&view);
        }
    }

    /// Returns the polling interval of a member; `None` if no view lists it.
    fn poll_interval(&self, id: &NodeId) -> Option<Duration> {
        let observations = self.observations();
        observations.member(id)?;
        let count = observations.members().count();
        Some(POLL_INTERVAL.max(POLL_SPACING * count as u32))
    }
}
