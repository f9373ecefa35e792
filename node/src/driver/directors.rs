//! What directors say, and what the user is told of it.
//!
//! Not here: the calls themselves, and which of their outcomes are news (`director_client`).

use ringtalk_director::api::Address;
use ringtalk_proto::Input;
use ringtalk_session::{Code, Progress};

use super::Driver;
use crate::director_client::{DISPLACED, News};

impl Driver {
    /// Takes in all that directors have said by now.
    pub(super) fn take_news(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.hear(news);
        }
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Way { ask, way } => {
                if self.directors.is_current(ask) {
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
                if self.reachability.up(&director) {
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
        if self.reachability.down(director, ready) {
            let names = self.reachability.names();
            self.warn(
                Code::DirectorUnreachable,
                unreachable(&names, &reason, ready),
            );
        }
        if self.reachability.are_all_down() {
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
