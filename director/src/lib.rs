//! The director: an HTTP service at a known address that points newcomers at the coordinator of a discussion: of
//! the open one, and of any number of private ones.
//!
//! It holds soft state only, in leases of a few seconds, so it can die and restart at any time, and a running
//! discussion never needs it. Its answers are hints: nodes authenticate each other.
//!
//! [`serve`] runs a [`Director`] on any listener. [`app`] is the same without a socket, [`api`] has the types that
//! travel, and [`pending`] limits connections that send nothing. Members of a discussion answer like a director:
//! [`member`] has their answers, and [`HttpService`] gives them on connections that a node accepted. [`pages`],
//! [`masking`], [`open_files`] and [`routes`] are for every program of Ringtalk: what it prints about itself, what no
//! error repeats, what it needs from the system, and where others find this machine.
//!
//! Not here: how a node uses a director (`ringtalk-node`), and secrets, members, names and messages, which a
//! director never learns.

mod address;
pub mod api;
mod app;
mod authorization;
mod base64url;
mod body;
mod byte_rate;
mod candidates;
pub mod carrier;
mod changes;
mod director;
mod discussions;
mod exposition;
mod healthcheck;
mod households;
mod limits;
pub mod masking;
pub mod member;
mod metrics;
mod node_signature;
mod nonces;
pub mod open_files;
pub mod pages;
pub mod pending;
mod problem;
mod program;
mod proof;
mod rate_limiter;
mod registry;
mod rendezvous;
pub mod routes;
mod seats;
mod serve;
mod source;

pub use app::app;
pub use director::Director;
pub use healthcheck::healthcheck;
pub use problem::Problem;
pub use program::run;
pub use serve::{HttpConnection, HttpService, SilentConnection, serve};
