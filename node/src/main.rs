//! The binary `node`. Everything it does is in the library.

fn main() -> std::process::ExitCode {
    ringtalk_node::run()
}
