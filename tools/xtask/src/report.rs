//! The report of a check that is not cargo's.

use anyhow::{Result, bail};

/// Prints one finding per line. The check fails if there is any.
pub(crate) fn conclude(check: &str, examined: &str, findings: &[String]) -> Result<()> {
    for finding in findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("{check}: {examined}, no violations"),
        1 => bail!("{check}: {examined}, 1 violation"),
        count => bail!("{check}: {examined}, {count} violations"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_finding_fails_the_check() {
        assert!(conclude("tidy", "3 files", &[]).is_ok());
        assert!(conclude("tidy", "3 files", &["a.rs:1: wrong".to_owned()]).is_err());
    }
}
