//! Commands that `mpirun` starts.

use std::process::{Child, Command, Stdio};

use crate::common::{Done, Place};

/// The command of `line` on several processes.
pub(crate) fn mpirun(place: &Place, ranks: usize, line: &str) -> Command {
    let alone = place.command(line);
    let mut command = Command::new("mpirun");
    // Tests run as root in a container, with more ranks than cores.
    command.args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()]);
    command.arg(alone.get_program()).args(alone.get_args());
    command.current_dir(place.path("")).stdin(Stdio::null());
    for (name, value) in alone.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Open MPI keeps its sockets below this folder, and a test's own name is too long for them.
    command.env("TMPDIR", "/tmp").env("RAYON_NUM_THREADS", "1");
    command
}

pub(crate) fn run(place: &Place, ranks: usize, line: &str) -> Done {
    done(mpirun(place, ranks, line))
}

pub(crate) fn done(mut command: Command) -> Done {
    let output = command.output().expect("mpirun is installed");
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
pub(crate) fn ok(place: &Place, ranks: usize, line: &str) -> Done {
    let done = run(place, ranks, line);
    assert_eq!(done.code, Some(0), "{ranks} ranks: kiln {line}\n{done:#?}");
    done
}

/// Starts a command whose output is read at its end.
pub(crate) fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mpirun is installed")
}

/// The processes of the ranks below `mpirun`, in no order.
pub(crate) fn processes(mpirun: &Child) -> Vec<u32> {
    let children = |parent: u32| -> Vec<u32> {
        let text = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
    };
    let name = |id: u32| std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    children(mpirun.id()).into_iter().filter(|id| name(*id).trim() == "kiln").collect()
}

/// The lines that Kiln has printed on standard error; Open MPI prints its own.
pub(crate) fn own_lines(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("kiln: ")).collect()
}
