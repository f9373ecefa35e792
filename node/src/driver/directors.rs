//! Handles the news from directors, and tells the user of it.
//!
//! Not here: the calls, which of their outcomes are news (`director_client`).

use ringtalk_director::api::{Address, Newcomer};
use ringtalk_proto::Input;
use ringtalk_session::{Code, Progress};
use tokio::sync::mpsc::Receiver;

use super::Driver;
use crate::director_client::{DISPLACED, DirectorClient, News, Reachability};
use crate::identity::Identity;
use crate::secret::Secret;
use crate::settings::Place;

/// The directors of the discussion.
#[derive(Debug)]
pub(crate) struct Directors {
    pub(super) client: DirectorClient,
    /// The news from them.
    pub(super) news: Receiver<News>,
    pub(super) reachability: Reachability,
}

impl Directors {
    /// Returns the directors of these places, which are told of a newcomer with this identity.
    pub(crate) fn new(
        places: Vec<Place>,
        newcomer: Newcomer,
        identity: (Identity, &Secret),
    ) -> Self {
        let names = places.iter().map(|place| place.director.clone());
        let reachability = Reachability::new(names);
        let (client, news) = DirectorClient::new(places, newcomer, identity);
        Self {
            client,
            news,
            reachability,
        }
    }
}

impl Driver {
    /// Handles all news that has come so far.
    pub(super) fn take_news(&mut self) {
        while let Ok(news) = self.directors.news.try_recv() {
            self.hear(news);
        }
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Way { ask, way } => {
                if self.directors.client.is_current(ask) {
                    self.enter(way);
                }
            }
            News::Foreign(contact) => self.feed(Input::Foreign(contact)),
            News::Displaced { director, to } => {
                self.warn(Code::Displaced, displaced(&director, &to));
            }
            News::Expected {
                newcomer,
                addresses,
                host,
            } => self.feed(Input::Expected {
                newcomer,
                addresses,
                director: host,
            }),
            News::Up(director) => {
                if self.directors.reachability.up(&director) {
                    let message = format!("the director at {director} answers again");
                    self.notify(Code::DirectorReachable, message);
                }
            }
            News::Later { director, reason } => {
                let director = director.to_string();
                self.progress(|| Progress::Later { director, reason });
            }
            News::Down { director, reason } => self.down(&director, reason),
        }
    }

    fn down(&mut self, director: &Address, reason: String) {
        let ready = self.session.is_ready();
        if self.directors.reachability.down(director, ready) {
            let names = self.directors.reachability.names();
            self.warn(
                Code::DirectorUnreachable,
                unreachable(&names, &reason, ready),
            );
        }
        if self.directors.reachability.are_all_down() {
            self.progress(|| Progress::Unasked { reason });
        }
    }
}

fn unreachable(directors: &str, reason: &str, ready: bool) -> String {
    let rest = if ready {
        "nobody new can get in until one does; the discussion goes on"
    } else {
        "is the address right, and the director running? trying again"
    };
    format!("no director answers at {directors} ({reason}): {rest}")
}

fn displaced(director: &Address, to: &Address) -> String {
    let seconds = DISPLACED.as_secs();
    format!(
        "the director at {director} sends newcomers to {to}, and has for {seconds} s: they may not find you \
         there. If nobody here knows that node, start a private discussion, and give its invite to those \
         whom you expect"
    )
}
