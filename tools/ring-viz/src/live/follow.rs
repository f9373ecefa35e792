//! Follows the rings: a task for each member asks it again and again, and directors are asked for rings
//! that are not known.
//!
//! A node takes an observer for a stranger, and closes its link after a while: then it is dialled anew. Not
//! here: what is made of the answers (`known`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringtalk_node::Place;
use ringtalk_node::link::Link;
use ringtalk_node::observer::{Observer, View};
use ringtalk_node::secret::Secret;
use ringtalk_wire::NodeId;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{self, sleep, timeout};

use super::known::Known;
use crate::asking;
use crate::survey::{ANSWER_TIME, Survey, SurveyError};

/// How often each member is asked: what happens is seen as it happens.
const PERIOD: Duration = Duration::from_millis(400);
/// In a large ring members are asked less often: at most one so often.
const EACH: Duration = Duration::from_millis(4);
/// How many links are kept open. In a larger ring each member is dialled anew each time.
const LINKS: u32 = 512;
/// How long to wait before who did not answer is asked again.
const AGAIN: Duration = Duration::from_millis(200);
/// How often directors are asked.
const DIRECTORS: Duration = Duration::from_secs(2);

/// Whoever follows the rings.
#[derive(Debug)]
pub(crate) struct Follower {
    observer: Observer,
    known: Mutex<Known>,
    /// Why the directors lead nowhere.
    trouble: Mutex<Option<String>>,
    /// Told of a view.
    learnt: Notify,
}

impl Follower {
    /// Finds a ring first; fails where there is none in time.
    pub(crate) async fn enter(
        places: &[Place],
        secret: &Secret,
        within: Duration,
    ) -> Result<Arc<Self>, SurveyError> {
        let survey = Survey::new(places, secret)?;
        let (_, view) = survey.enter(time::Instant::now() + within).await?;
        let follower = Self {
            observer: Observer::new(secret)?,
            known: Mutex::default(),
            trouble: Mutex::default(),
            learnt: Notify::new(),
        };
        follower.learn(&view);
        Ok(Arc::new(follower))
    }

    /// Follows the rings for ever.
    pub(crate) async fn run(self: Arc<Self>, places: Vec<Place>) {
        let mut searches = JoinSet::new();
        for place in places {
            searches.spawn(Arc::clone(&self).search(place));
        }
        let mut tasks = JoinSet::new();
        let mut followed = BTreeSet::new();
        loop {
            let members: Vec<NodeId> = self.known().members().map(|member| member.id).collect();
            for id in members {
                if followed.insert(id) {
                    tasks.spawn(Arc::clone(&self).follow(id));
                }
            }
            tokio::select! {
                () = self.learnt.notified() => {}
                Some(ended) = tasks.join_next() => {
                    followed.remove(&ended.expect("nobody aborts it"));
                }
            }
        }
    }

    /// What is known.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the directors lead nowhere, where they do not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.with_trouble().clone()
    }

    fn with_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, view: &View) {
        let members = view.members().cloned().collect();
        self.known().learn(Instant::now(), view.tag(), members);
        self.learnt.notify_one();
    }

    /// Asks a director for a ring again and again: there may be one that nobody here knows.
    async fn search(self: Arc<Self>, place: Place) {
        loop {
            sleep(DIRECTORS).await;
            match self
                .observer
                .find(std::slice::from_ref(&place), DIRECTORS)
                .await
            {
                Ok(mut link) => {
                    *self.with_trouble() = None;
                    self.pull(&mut link).await;
                }
                Err(error) => *self.with_trouble() = Some(error.to_string()),
            }
        }
    }

    /// Follows a member, for as long as it is one; gives who it was.
    async fn follow(self: Arc<Self>, id: NodeId) -> NodeId {
        while self.period(&id).is_some() {
            if let Some(link) = self.dial(&id).await {
                self.ask(link).await;
            } else {
                self.known().lose(&id);
                sleep(AGAIN).await;
            }
        }
        id
    }

    /// A link to a member.
    async fn dial(&self, id: &NodeId) -> Option<Link> {
        let member = self.known().member(id)?.clone();
        self.observer.dial(&member, ANSWER_TIME).await.ok()
    }

    /// Asks a member until its link ends, or it is none any more.
    async fn ask(&self, mut link: Link) {
        let id = link.peer;
        while let Ok(Some(report)) = timeout(ANSWER_TIME, asking::report(&mut link)).await {
            let is_news = self.known().hear(Instant::now(), id, report);
            if is_news {
                self.pull(&mut link).await;
            }
            match self.period(&id) {
                None => return,
                Some(period) if period > EACH * LINKS => {
                    drop(link);
                    return sleep(period).await;
                }
                Some(period) => sleep(period).await,
            }
        }
    }

    async fn pull(&self, link: &mut Link) {
        if let Ok(Some(view)) = timeout(ANSWER_TIME, asking::view(link)).await {
            self.learn(&view);
        }
    }

    /// How often a member is asked; nothing where it is none.
    fn period(&self, id: &NodeId) -> Option<Duration> {
        let known = self.known();
        known.member(id)?;
        let count = known.members().count();
        Some(PERIOD.max(EACH * count as u32))
    }
}
