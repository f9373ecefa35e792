//! What a node leaves behind: nothing. Memory is wiped when it is given back, and nobody else gets to
//! see it meanwhile.
//!
//! Beside this, secrets are wiped by name where they are dropped (`secret`, `identity`, `link`). Not
//! here: what is kept in memory, and for how long (the core).

#[cfg(not(feature = "fuzzing"))]
use std::alloc::System;
use std::io;
use std::sync::Once;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
#[cfg(not(feature = "fuzzing"))]
use zeroizing_alloc::ZeroAlloc;

/// Wipes whatever is freed: messages, names, buffers, and what a growing one leaves behind. The fuzzer
/// counts what is allocated in its place.
#[cfg(not(feature = "fuzzing"))]
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// From now on a crash leaves no image of the memory on any disk, and other processes of the same user
/// cannot read it.
pub(crate) fn leave_none() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    set_dumpable(false)?;
    Ok(())
}

/// The same for whoever comes to have a secret, a program that forgets to ask for it included.
///
/// # Panics
///
/// If the system refuses, which it has no ground to: every process may give up rights of its own. A process that
/// cannot keep a secret must not have one.
pub(crate) fn protect() {
    static PROTECTED: Once = Once::new();
    // The fuzzer looks for leaks in its own memory at its end, and so has to be able to read it.
    if !cfg!(feature = "fuzzing") {
        PROTECTED.call_once(|| leave_none().expect("a process may give up its own rights"));
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::prctl::get_dumpable;
    use nix::sys::resource::getrlimit;

    use super::*;

    #[test]
    fn a_crash_leaves_no_image() {
        leave_none().unwrap();
        assert!(!get_dumpable().unwrap());
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
    }
}
