//! Requests over one link: for the node's view, and for its report of its own place in the ring.
//!
//! Other frames from the node are ignored. Not here: timeouts, the choice of nodes (`survey`, `live/follow`).

use std::time::Duration;

use ringtalk_node::link::Link;
use ringtalk_node::observer::{Observer, View};
use ringtalk_wire::limit::{MEMBERS, PAGE_MEMBERS};
use ringtalk_wire::{Frame, Report, ViewPage, encode};
use tokio::time::{Instant, sleep_until};

/// The retry interval of a request for a report: a newcomer does not answer until it has its first view.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Requests the node's view and returns it. Returns `None` if the link ends first, if the pages do not fit together, or
/// if the coordinator did not sign the view.
pub(crate) async fn fetch_view(observer: &Observer, link: &mut Link) -> Option<View> {
    send(link, &Frame::PullView(None)).await?;
    let mut pages: Vec<ViewPage> = Vec::new();
    loop {
        let Frame::View(page) = receive(link).await? else {
            continue;
        };
        if page.page == 0 {
            pages.clear();
        }
        let fits = usize::from(page.page) == pages.len()
            && usize::from(page.pages) <= MEMBERS / PAGE_MEMBERS
            && pages.first().is_none_or(|first| first.tag == page.tag);
        if !fits {
            return None;
        }
        let is_last = page.page + 1 >= page.pages;
        pages.push(*page);
        if is_last {
            return observer.view(pages);
        }
    }
}

/// Requests the node's report, with retries, and returns it. Returns `None` if the link ends first.
pub(crate) async fn fetch_report(link: &mut Link) -> Option<Report> {
    loop {
        send(link, &Frame::Observe).await?;
        let retry_at = Instant::now() + RETRY_INTERVAL;
        loop {
            tokio::select! {
                frame = receive(link) => {
                    if let Frame::Report(report) = frame? {
                        return Some(report);
                    }
                }
                () = sleep_until(retry_at) => break,
            }
        }
    }
}

async fn send(link: &mut Link, frame: &Frame) -> Option<()> {
    link.writer.add(frame.class(), &encode(frame));
    link.writer.write().await.ok()?;
    Some(())
}

async fn receive(link: &mut Link) -> Option<Frame> {
    link.reader.next().await.ok()?
}
