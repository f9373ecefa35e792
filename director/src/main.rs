//! The binary `director`. Everything it does is in the library.

fn main() -> std::process::ExitCode {
    ringtalk_director::run()
}
