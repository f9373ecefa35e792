//! The binary `ring-viz`. Everything it does is in the library.

fn main() -> std::process::ExitCode {
    ringtalk_ring_viz::run()
}
