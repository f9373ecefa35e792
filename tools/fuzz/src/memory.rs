//! How much memory something takes: few bytes must not make many.
//!
//! Counted for the whole process, so only one thing may be measured at a time.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Does something, which may take so many bytes at most while it lasts.
pub(crate) fn within<T>(bound: usize, what: &str, action: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = action();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(
        taken <= bound,
        "{what} took {taken} bytes of memory, {bound} at most"
    );
    result
}
