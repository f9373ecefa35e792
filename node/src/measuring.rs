//! The build that measures what encryption and signatures cost, by leaving them out.
//!
//! A feature of cargo that nothing asks for but `cargo xtask costs`, never a flag: no program as shipped
//! can be talked into it, the gate refuses it, and such a node completes a handshake with its like only.

/// True in that build: records travel in clear, and every signature holds.
pub(crate) const UNPROTECTED: bool = cfg!(feature = "unprotected-for-measuring");

/// What such a node says when it starts.
pub(crate) const WARNING: &str = "built for measuring only: NOTHING IS ENCRYPTED OR SIGNED";
