//! Ranks that are killed, stopped or interrupted: the job ends, and the run can go on.

use std::{
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::{
    common::{Done, Place, SMALL, SMALL_STEPS},
    ranks::{mpirun, ok, own_lines, processes, start},
};

/// A run of many short epochs, each with a checkpoint.
fn long(out: &str) -> String {
    format!("{SMALL} --epochs 40 --out {out}")
}

/// A run that takes longer than any test waits: whatever ends it, it is not its last epoch.
fn endless(out: &str) -> String {
    format!("{SMALL} --epochs 100000 --out {out}")
}

/// Goes on with an endless run for one epoch.
#[track_caller]
fn one_more_epoch(place: &Place, run: &str) {
    let epochs = newest_step(place, run) / SMALL_STEPS + 1;
    ok(place, 2, &format!("resume {run} --epochs {epochs}"));
}

fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The step of a run's newest checkpoint, 0 without one. Its name counts the steps.
fn newest_step(place: &Place, run: &str) -> u64 {
    let step = |checkpoint: &PathBuf| checkpoint.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok();
    place.checkpoints(run).last().and_then(step).unwrap_or(0)
}

/// Waits until a run has a checkpoint of this step or a later one.
fn wait_for_steps(place: &Place, run: &str, steps: u64, child: &mut Child) {
    let start = Instant::now();
    while newest_step(place, run) < steps {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before its step {steps}");
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint");
        thread::sleep(Duration::from_millis(5));
    }
}

fn end(child: Child) -> (Done, Duration) {
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let done = Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    (done, start.elapsed())
}

/// How often a rank is killed; `KILN_KILLS` says otherwise.
fn kills() -> u64 {
    std::env::var("KILN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

#[test]
fn a_rank_that_is_killed_ends_the_job_and_the_run_goes_on() {
    let place = Place::new();
    ok(&place, 2, &long("whole"));
    for kill in 0..kills() {
        let run = format!("killed-{kill}");
        let mut child = start(mpirun(&place, 2, &long(&run)));
        // At a moment of its own each time.
        wait_for_steps(&place, &run, 12 * (1 + kill * 7 % 20), &mut child);
        thread::sleep(Duration::from_millis(kill * 37 % 50));
        let ranks = processes(&child);
        assert_eq!(ranks.len(), 2, "both ranks run");
        signal(ranks[kill as usize % 2], "KILL");
        let (done, took) = end(child);
        assert!(done.code != Some(0) && took < Duration::from_secs(30), "{took:?} {done:#?}");
        // Open MPI says which rank it was.
        assert_eq!(done.stderr.matches("exited on signal 9").count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains("process rank"), "{}", done.stderr);
        assert!(own_lines(&done.stderr).is_empty(), "{}", done.stderr);
        ok(&place, 2, &format!("resume {run}"));
        assert_eq!(place.weights(&run), place.weights("whole"), "kill {kill}");
    }
}

#[test]
fn a_rank_that_is_stopped_is_named() {
    let place = Place::new();
    for stopped in 0..2 {
        let run = format!("stopped-{stopped}");
        let mut command = mpirun(&place, 2, &endless(&run));
        command.env("KILN_RANK_TIMEOUT", "4");
        let mut child = start(command);
        wait_for_steps(&place, &run, 24, &mut child);
        let ranks = processes(&child);
        let rank_of = |id: &u32| {
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap();
            let text = String::from_utf8_lossy(&environment).into_owned();
            text.split('\0').find_map(|entry| entry.strip_prefix("OMPI_COMM_WORLD_RANK=").map(str::to_owned))
        };
        let id = ranks.iter().find(|id| rank_of(id) == Some(stopped.to_string())).expect("a rank");
        signal(*id, "STOP");
        let (done, took) = end(child);
        assert!(done.code != Some(0) && took < Duration::from_secs(30), "{took:?} {done:#?}");
        let lines = own_lines(&done.stderr);
        let expected = format!("rank {stopped} has not answered for 4 s");
        assert!(lines.len() == 1 && lines[0].contains(&expected), "{lines:?}");
        one_more_epoch(&place, &run);
    }
}

#[test]
fn an_interrupt_saves_on_all_ranks() {
    let place = Place::new();
    let mut child = start(mpirun(&place, 2, &long("run")));
    wait_for_steps(&place, "run", 24, &mut child);
    // Slurm sends the signal to every process.
    processes(&child).into_iter().for_each(|id| signal(id, "TERM"));
    let (done, took) = end(child);
    assert!(done.code == Some(130) && took < Duration::from_secs(30), "{took:?} {done:#?}");
    assert_eq!(place.json("run/result.json")["status"], "interrupted");
    ok(&place, 2, "resume run");
    ok(&place, 2, &long("whole"));
    assert_eq!(place.weights("run"), place.weights("whole"));
}

#[test]
fn a_signal_to_one_rank_stops_all_of_them() {
    let place = Place::new();
    let mut child = start(mpirun(&place, 2, &endless("run")));
    wait_for_steps(&place, "run", 24, &mut child);
    signal(processes(&child)[1], "TERM");
    let (done, _) = end(child);
    assert_eq!(done.code, Some(130), "{done:#?}");
    assert_eq!(place.json("run/result.json")["status"], "interrupted");
}

/// After Ctrl-C, Open MPI 4 waits for some seconds, sends SIGTERM, waits as long again, and kills what is left. It reads the output of the
/// ranks no longer, so that those who print much would wait until they are killed.
#[test]
fn an_interrupt_of_mpirun_saves() {
    let place = Place::new();
    let mut command = mpirun(&place, 2, &format!("{} --quiet", endless("run")));
    // As `--mca odls_base_sigkill_timeout 5`, which is 1 s without it.
    command.env("OMPI_MCA_odls_base_sigkill_timeout", "5");
    let mut child = start(command);
    wait_for_steps(&place, "run", 24, &mut child);
    signal(child.id(), "INT");
    let (done, _) = end(child);
    assert!(done.code.is_some_and(|code| code != 0), "{done:#?}");
    assert!(place.exists("run/result.json"), "{done:#?}");
    assert_eq!(place.json("run/result.json")["status"], "interrupted");
    one_more_epoch(&place, "run");
}
