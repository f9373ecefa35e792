//! Handles the news from directors, and tells the user of it.
//!
//! Not here: the calls, which of their outcomes are news (`director_client`).

use ringtalk_director::api::{Address, Newcomer};
use ringtalk_director::member::Arrival;
use ringtalk_proto::Input;
use ringtalk_session::{Code, JoinProgress};
use tokio::sync::mpsc::Receiver;

use super::Driver;
use crate::director_client::{DISPLACEMENT_TIME, DirectorClient, News, Reachability, addresses};
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
        if matches!(news, News::Up(..) | News::Down { .. }) {
            self.invites.note_change();
        }
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
            News::Up(director, kind) => {
                if self.directors.reachability.up(&director, kind) {
                    let message = format!("the director at {director} answers again");
                    self.notify(Code::DirectorReachable, message);
                }
            }
            News::Later {
                director,
                reason,
                no_such,
            } => {
                self.join_reports.note_reply(&director, no_such);
                let director = director.to_string();
                self.progress(|| JoinProgress::DirectorDeferred { director, reason });
            }
            News::Down {
                director,
                reason,
                advice,
            } => {
                self.join_reports.note_reply(&director, false);
                self.report_failure(&director, reason, advice);
            }
        }
    }

    /// Has the core dial a newcomer that asked at this node's own port, if it does not get through.
    pub(super) fn expect_newcomer(&mut self, arrival: Arrival) {
        self.feed(Input::Expected {
            newcomer: arrival.newcomer.id,
            addresses: addresses(arrival.newcomer),
            director: Some(arrival.host),
        });
    }

    fn report_failure(&mut self, director: &Address, reason: String, advice: &'static str) {
        let ready = self.session.is_ready();
        let is_news = self.directors.reachability.down(director, reason, ready);
        let reason = self.directors.reachability.reasons(ready);
        if is_news {
            let names = self.directors.reachability.watched_names(ready);
            self.warn(
                Code::DirectorUnreachable,
                unreachable_text(&names, &reason, advice, ready),
            );
        }
        if self.directors.reachability.are_all_down() {
            self.progress(|| JoinProgress::NoDirector { reason, advice });
        }
    }
}

fn unreachable_text(directors: &str, reason: &str, advice: &str, ready: bool) -> String {
    let what = format!("no director answers at {directors} ({reason})");
    if ready {
        format!("{what}. Members still let newcomers in: /invite shows where")
    } else {
        format!("{what}: trying again. {advice}")
    }
}

fn displacement_text(director: &Address, to: &Address) -> String {
    let seconds = DISPLACEMENT_TIME.as_secs();
    format!(
        "the director at {director} has sent newcomers to {to} for {seconds} s, so they may not find you. \
         If nobody here knows that node, start a private discussion and send its invite to the people \
         you expect"
    )
}
