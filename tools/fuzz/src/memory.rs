//! Limits on memory: a small input must not use much.
//!
//! Memory is counted for the whole process, so only one action may be measured at a time.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs `action`, and panics if it uses more than `bound` bytes at any time.
pub(crate) fn within<T>(bound: usize, what: &str, action: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = action();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(
        taken <= bound,
        "{what} used {taken} bytes of memory; the limit is {bound}"
    );
    result
}
