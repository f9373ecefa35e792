//! Runs every input of the committed corpora through its target once, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

/// One test for all targets, because memory is counted for the whole process.
#[test]
fn the_corpora_pass() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, check) in ringtalk_fuzz::TARGETS {
        let inputs = inputs(&corpora.join(target));
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for input in inputs {
            println!("{}", input.display());
            check(&fs::read(&input).expect("a file of the corpus is readable"));
        }
    }
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("each target has a folder");
    let mut inputs: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    inputs.sort();
    inputs
}
