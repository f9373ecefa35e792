//! What is said over one link: "your view?", "your place?", and the answers.
//!
//! Whatever else the node says is passed over. Not here: how long to wait, and whom to ask.

use std::time::Duration;

use ringtalk_node::link::Link;
use ringtalk_node::observer::{Observer, View};
use ringtalk_wire::limit::{MEMBERS, PAGE_MEMBERS};
use ringtalk_wire::{Frame, Report, ViewPage, encode};
use tokio::time::{Instant, sleep_until};

/// How often the question is put: a newcomer answers nothing until it has its first view.
const AGAIN: Duration = Duration::from_millis(250);

/// Returns the node's whole view; nothing if the link ends first, or if what comes is no view that its coordinator
/// signed.
pub(crate) async fn view(link: &mut Link) -> Option<View> {
    say(link, &Frame::PullView(None)).await?;
    let mut pages: Vec<ViewPage> = Vec::new();
    loop {
        let Frame::View(page) = hear(link).await? else {
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
            return Observer::view(pages);
        }
    }
}

/// What the node says of its place; nothing where the link ends first.
pub(crate) async fn report(link: &mut Link) -> Option<Report> {
    loop {
        say(link, &Frame::Observe).await?;
        let again = Instant::now() + AGAIN;
        loop {
            tokio::select! {
                frame = hear(link) => {
                    if let Frame::Report(report) = frame? {
                        return Some(report);
                    }
                }
                () = sleep_until(again) => break,
            }
        }
    }
}

async fn say(link: &mut Link, frame: &Frame) -> Option<()> {
    link.writer.add(&encode(frame));
    link.writer.write().await.ok()?;
    Some(())
}

async fn hear(link: &mut Link) -> Option<Frame> {
    link.reader.next().await.ok()?
}
