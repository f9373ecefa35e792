//! The binary `ringtalk`: `node` under a name that no other program has.

fn main() -> std::process::ExitCode {
    ringtalk_node::run()
}
