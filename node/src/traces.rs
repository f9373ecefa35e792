//! Keeps a node from leaving traces: memory is wiped when it is given back, and nobody else can see it meanwhile.
//!
//! Besides this, secrets are wiped by name on drop (`secret`, `identity`, `link`). Not here: what is kept in memory,
//! and for how long (the core).

#[cfg(not(feature = "fuzzing"))]
use std::alloc::System;
use std::io;
use std::sync::Once;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
#[cfg(not(feature = "fuzzing"))]
use zeroizing_alloc::ZeroAlloc;

/// The allocator, which wipes all memory that is freed: messages, names, buffers, and what a growing buffer leaves
/// behind. The fuzzer has an allocator that counts instead.
#[cfg(not(feature = "fuzzing"))]
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Switches core dumps off, so that a crash leaves no image of the memory on a disk, and keeps other processes of the
/// same user from reading it.
pub(crate) fn disable_dumps() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    set_dumpable(false)?;
    Ok(())
}

/// Does the same for every program that gets a secret, even if it forgets to ask for it.
///
/// # Panics
///
/// If the system refuses, which it has no reason to: every process may give up rights of its own. A process that
/// cannot keep a secret must not have one.
pub(crate) fn protect() {
    static PROTECTED: Once = Once::new();
    // The fuzzer looks for leaks in its own memory when it ends, so it has to be able to read it.
    if !cfg!(feature = "fuzzing") {
        PROTECTED.call_once(|| disable_dumps().expect("a process may give up its own rights"));
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::prctl::get_dumpable;
    use nix::sys::resource::getrlimit;

    use super::*;

    #[test]
    fn a_crash_leaves_no_image() {
        disable_dumps().unwrap();
        assert!(!get_dumpable().unwrap());
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
    }
}
