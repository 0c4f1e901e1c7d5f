//! What `run.py` and a peer say to each other: a peer makes its work ready, says so, and then times as much of it as it is
//! asked for, until its input ends.

use std::{
    io::{BufRead, Write},
    time::Instant,
};

/// `--name value` pairs of the command line.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    pub(crate) fn of_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|a| a.strip_prefix("--") == Some(name))?;
        self.0.get(at + 1).map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str, default: usize) -> usize {
        self.text(name).map_or(default, |text| text.parse().expect("a number"))
    }

    #[allow(dead_code, reason = "each peer is a program of its own, and Burn's has no such flag")]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|a| a.strip_prefix("--") == Some(name))
    }
}

/// Answers `run N` with the seconds that N units of `work` take, after `warm_up` units that nobody counts.
pub(crate) fn serve(warm_up: usize, mut work: impl FnMut()) {
    (0..warm_up).for_each(|_| work());
    say("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("readable input");
        let units: usize = line.strip_prefix("run ").expect("`run N`").parse().expect("a number");
        let start = Instant::now();
        (0..units).for_each(|_| work());
        say(&format!("{}", start.elapsed().as_secs_f64()));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("someone listens");
}
