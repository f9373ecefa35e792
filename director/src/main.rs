//! The binary `director`. Not here: everything that it does (the library).

fn main() -> std::process::ExitCode {
    ringtalk_director::run()
}
