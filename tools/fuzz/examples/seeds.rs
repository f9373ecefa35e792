//! Writes the seeds into the corpora of all targets; `cargo fuzz cmin` then keeps those that are worth it.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (number, (target, bytes)) in ringtalk_fuzz::seeds().into_iter().enumerate() {
        let folder = corpora.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{number:02}")), bytes)?;
    }
    Ok(())
}
