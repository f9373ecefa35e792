//! `sim explore`: one line for each search, and what it found, with the command that repeats it.

use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Result, bail};
use ringtalk_sim::{Choices, Findings, Options, PlantedBug, Search, Subject, mutants};

use crate::progress::Progress;
use crate::run::all_cores;

#[derive(Debug, clap::Args)]
pub(crate) struct ExploreArgs {
    /// The process that is disturbed: election, join, repair, merge, several of them, or all
    #[arg(long, value_delimiter = ',', default_value = "all", value_parser = parse_subject)]
    subject: Vec<Subjects>,
    /// How many nodes there are [default: 3, then 4, then 5]
    #[arg(long, value_parser = clap::value_parser!(u64).range(3..=6))]
    nodes: Option<u64>,
    /// So many nodes die at most, beside the one whose death an election or a repair begins with
    #[arg(long, default_value_t = 1)]
    failures: usize,
    /// So many links break or are held for a while at most
    #[arg(long, default_value_t = 0)]
    delays: usize,
    /// Another ring of the same size
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; the results do not depend on it [default: all cores]
    #[arg(long)]
    jobs: Option<usize>,
    /// Only what strikes at these steps, as in `12:kill,40:vanish`
    #[arg(long, value_name = "LIST")]
    choices: Option<Choices>,
    /// Shows every step on stderr; with --choices
    #[arg(long, requires = "choices")]
    trace: bool,
    /// A mistake that every node makes: a name that `sim mutants` prints
    #[arg(long, value_name = "NAME", value_parser = mutants::bug)]
    planted: Option<PlantedBug>,
}

/// One subject, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Subjects {
    All,
    One(Subject),
}

fn parse_subject(wanted: &str) -> Result<Subjects, String> {
    let mut all = Subject::ALL.into_iter();
    match all.find(|subject| subject.name() == wanted) {
        Some(subject) => Ok(Subjects::One(subject)),
        None if wanted == "all" => Ok(Subjects::All),
        None => Err("unknown subject; expected election, join, repair, merge or all".into()),
    }
}

impl ExploreArgs {
    /// Runs all searches, or the one run of `--choices`; returns true if no invariant was violated.
    pub(crate) fn run(&self) -> Result<bool> {
        if let Some(choices) = &self.choices {
            return self.repeat(choices);
        }
        let mut clean = true;
        for search in self.searches() {
            clean &= self.search(&search)?.violations == 0;
        }
        Ok(clean)
    }

    /// Runs one list of choices.
    fn repeat(&self, choices: &Choices) -> Result<bool> {
        let (&[Subjects::One(subject)], Some(nodes)) = (self.subject.as_slice(), self.nodes) else {
            bail!(
                "--choices needs exactly one --subject, and --nodes: step numbers belong to one ring"
            );
        };
        match self.new_search(subject, nodes).repeat(choices) {
            Ok(trace) => println!("no invariant is violated\ntrace: {trace:016x}"),
            Err(finding) => {
                println!("{finding}");
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn search(&self, search: &Search) -> Result<Findings> {
        let begun = Instant::now();
        let jobs = self.jobs.unwrap_or_else(all_cores);
        let progress = Progress::new(0, "first choices");
        let findings = search.run(jobs, |done, all| {
            progress.set_position(done as u64, all as u64);
        });
        drop(progress);
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{} of {} nodes: {} runs, {} of them distinct, {} choice points, {} choices skipped, {:.1} s, {} violations; whole after {} ms at most ({})",
            search.subject.name(),
            search.nodes,
            findings.runs,
            findings.distinct(),
            findings.points,
            findings.skipped,
            begun.elapsed().as_secs_f64(),
            findings.violations,
            findings.longest.0.as_millis(),
            findings.longest.1,
        )?;
        for finding in findings.found.values() {
            writeln!(out, "{finding}")?;
        }
        out.flush()?;
        Ok(findings)
    }

    fn searches(&self) -> impl Iterator<Item = Search> {
        let sizes = self.nodes.map_or(3..=5, |nodes| nodes..=nodes);
        let chosen = |subject: &Subject| {
            let is_chosen = |wanted| self.subject.contains(&wanted);
            is_chosen(Subjects::All) || is_chosen(Subjects::One(*subject))
        };
        let subjects = Subject::ALL.into_iter().filter(chosen);
        subjects.flat_map(move |subject| {
            let sizes = sizes.clone();
            sizes.map(move |nodes| self.new_search(subject, nodes))
        })
    }

    fn new_search(&self, subject: Subject, nodes: u64) -> Search {
        Search {
            subject,
            nodes,
            seed: self.seed,
            failures: self.failures,
            delays: self.delays,
            options: Options {
                trace: self.trace,
                planted: self.planted,
                ..Options::default()
            },
        }
    }
}
