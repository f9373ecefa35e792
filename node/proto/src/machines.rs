//! Machines: each has the state and rules of one thing, and knows neither the other machines nor the context.
//!
//! Each call passes the time and other values, so every machine can be tested alone. Not here: the callers
//! (`concerns`, `context` and `node`).

pub(crate) mod absence;
pub(crate) mod acks;
pub(crate) mod admission;
pub(crate) mod bylines;
pub(crate) mod causal;
pub(crate) mod circuits;
pub(crate) mod coverage;
pub(crate) mod detector;
pub(crate) mod election;
pub(crate) mod fingers;
pub(crate) mod heirs;
pub(crate) mod joining;
pub(crate) mod links;
pub(crate) mod log;
pub(crate) mod lost_members;
pub(crate) mod merge;
pub(crate) mod names;
pub(crate) mod outbox;
pub(crate) mod parking;
pub(crate) mod proof;
pub(crate) mod rate_limiter;
pub(crate) mod reader_lag;
pub(crate) mod renames;
pub(crate) mod repair;
pub(crate) mod search;
pub(crate) mod self_doubt;
pub(crate) mod spread;
pub(crate) mod trial;
