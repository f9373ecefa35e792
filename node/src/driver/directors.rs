//! Handles the news from directors, and tells the user of it.
//!
//! Not here: the calls, which of their outcomes are news (`director_client`).

use ringtalk_director::api::{Address, Newcomer};
use ringtalk_proto::Input;
use ringtalk_session::{Code, JoinProgress};
use tokio::sync::mpsc::Receiver;

use super::Driver;
use crate::director_client::{DISPLACEMENT_TIME, DirectorClient, News, Reachability};
use crate::identity::Identity;
use crate::secret::Secret;
use crate::settings::Endpoint;

/// The directors of the discussion.
#[derive(Debug)]
pub(crate) struct Directors {
    pub(super) client: DirectorClient,
    /// The news from them.
    pub(super) news: Receiver<News>,
    pub(super) reachability: Reachability,
}

impl Directors {
    /// Returns the directors at these endpoints, which are told of a newcomer with this identity.
    pub(crate) fn new(
        endpoints: Vec<Endpoint>,
        newcomer: Newcomer,
        identity: (Identity, &Secret),
    ) -> Self {
        let names = endpoints.iter().map(|endpoint| endpoint.director.clone());
        let reachability = Reachability::new(names);
        let (client, news) = DirectorClient::new(endpoints, newcomer, identity);
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
            self.handle_news(news);
        }
    }

    pub(super) fn handle_news(&mut self, news: News) {
        match news {
            News::Entry { question, answer } => {
                if self.directors.client.is_current(question) {
                    self.handle_entry_answer(answer);
                }
            }
            News::Foreign(contact) => self.feed(Input::Foreign(contact)),
            News::Displaced { director, to } => {
                self.warn(Code::Displaced, displacement_text(&director, &to));
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
                self.progress(|| JoinProgress::DirectorDeferred { director, reason });
            }
            News::Down { director, reason } => self.report_failure(&director, reason),
        }
    }

    fn report_failure(&mut self, director: &Address, reason: String) {
        let ready = self.session.is_ready();
        if self.directors.reachability.down(director, ready) {
            let names = self.directors.reachability.names();
            self.warn(
                Code::DirectorUnreachable,
                unreachable_text(&names, &reason, ready),
            );
        }
        if self.directors.reachability.are_all_down() {
            self.progress(|| JoinProgress::NoDirector { reason });
        }
    }
}

fn unreachable_text(directors: &str, reason: &str, ready: bool) -> String {
    let rest = if ready {
        "newcomers cannot join until one does; the discussion goes on"
    } else {
        "trying again. Is the address right, and a director or the node that started the discussion still running there?"
    };
    format!("no director answers at {directors} ({reason}): {rest}")
}

fn displacement_text(director: &Address, to: &Address) -> String {
    let seconds = DISPLACEMENT_TIME.as_secs();
    format!(
        "the director at {director} has sent newcomers to {to} for {seconds} s, so they may not find you. \
         If nobody here knows that node, start a private discussion and send its invite to the people \
         you expect"
    )
}
