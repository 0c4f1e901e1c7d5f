//! What all models share: the way from the flags to a run, and back from a run.

use std::{path::Path, time::Instant};

use kiln::tensor::device::compiles_kernels;

use super::model::{Common, Losses, Model, TrainFlags, WarmUpFlags};
use crate::{
    base::{
        Console, ENCODER, Exit, Failure, Lock, Output, OwnFiles, Place, RUN, Result, RunDir, Section, file_stem,
        ranks::{scratch, world},
    },
    context::{Compute, Opened, RunRecord, Session, Start, check_data, kernel_folder},
    flags::{EvalFlags, ExportFlags, MachineFlags, PredictFlags, ResumeFlags, RunAccess, VerifyFlags},
    names::Dtype,
    settings::{layered, located},
};

/// The settings of the defaults, a file and the flags, and a title for the run.
fn asked<M: Model>(flags: &M::Flags, file: Option<&Path>) -> Result<(M::Settings, String)> {
    let mut settings: M::Settings = layered(M::base(flags, file)?, M::KIND, file, flags)?;
    let Common { data, data_dir, .. } = M::common(&mut settings);
    let title = format!("{}-{}", M::KIND, file_stem(data));
    located(data, data_dir)?;
    M::complete(&mut settings);
    M::check(&settings)?;
    Ok((settings, title))
}

/// The plan of a new run, its record, and what a user is told of the data.
fn planned<M: Model>(
    mut settings: M::Settings,
    compute: Compute,
    console: Console,
) -> Result<(M::Plan, RunRecord, Vec<String>)> {
    let data = M::load(&settings, None, console)?;
    let run = M::common(&mut settings).run;
    run.dtype = Some(compute.dtype);
    run.matmul = compute.matmul.unwrap_or(run.matmul);
    let record = RunRecord::new(M::record(&data).clone(), &compute, run.seed);
    let notes = M::notes(&data).to_vec();
    let plan = M::plan(settings, data, compute)?;
    M::memory(&plan).check()?;
    Ok((plan, record, notes))
}

/// `kiln train`.
pub(super) fn train<M: Model>(flags: TrainFlags<M::Flags>, own: OwnFiles<'_>, console: Console) -> Result<Exit> {
    let TrainFlags { place, config } = flags;
    let (mut settings, title) = asked::<M>(&config, place.config.as_deref())?;
    check_ranks::<M>(&settings)?;
    let place = match world().is_root() {
        true => Place::choose(place.out, &title, place.force, own)?,
        false => Place::Scratch,
    };

    let compute = Compute::start(M::common(&mut settings).run, M::DTYPE)?;
    let (plan, record, notes) = planned::<M>(settings, compute, console)?;

    let run = place.create(own)?;
    notes.iter().for_each(|note| console.note(note));
    let session = session::<M>(run.dir(), &plan, record, Start::Fresh, console);
    let finished = match M::fit(&plan, &session) {
        Ok(finished) => finished,
        Err(failure) => {
            // Something was saved from which the run can go on.
            if run.dir().has_checkpoint() {
                run.keep()?;
            }
            return Err(failure);
        }
    };
    run.keep()?;
    session.end(finished)
}

/// Refuses a fit by several processes where only one can do it.
fn check_ranks<M: Model>(settings: &M::Settings) -> Result<()> {
    if world().is_alone() || M::can_be_distributed(settings) {
        return Ok(());
    }
    Err(Failure::usage(format!("{}: this fit runs in one process: start it without mpirun", M::KIND)))
}

/// `kiln warm-up`: the run of `kiln train` up to the end of its first epoch, in a folder that is deleted.
pub(super) fn warm_up<M: Model>(flags: &WarmUpFlags<M::Flags>, console: Console) -> Result<Exit> {
    let started = Instant::now();
    let (mut settings, _) = asked::<M>(&flags.config, flags.file.as_deref())?;
    let compute = Compute::start(M::common(&mut settings).run, M::DTYPE)?;
    let device = compute.name.clone();
    if !compiles_kernels(&compute.device) {
        return Err(Failure::usage(format!(
            "{device} compiles no kernels, so there is nothing to warm up: choose a GPU by --device"
        )));
    }
    let (plan, record, _) = planned::<M>(settings, compute, console)?;
    let folder = scratch()?;
    let dir = RunDir::at(folder.path().to_owned());
    let session = session::<M>(&dir, &plan, record, Start::Fresh, console).of_one_epoch();
    M::fit(&plan, &session)?;
    let (seconds, kept) = (started.elapsed().as_secs_f64(), kernel_folder());
    console.result(&serde_json::json!({ "device": device, "wall_s": seconds, "folder": kept }), || {
        let kept = kept.map_or_else(String::new, |folder| format!(" and kept in {}", folder.display()));
        format!("the kernels of this run are compiled and tuned for {device}{kept}, in {seconds:.1} s")
    })?;
    Ok(Exit::Done)
}

/// `kiln resume`.
pub(super) fn resume<M: Model>(
    dir: &RunDir,
    settings: M::Settings,
    flags: &ResumeFlags,
    console: Console,
) -> Result<Exit> {
    let _lock = Lock::acquire(dir.path())?;
    let mut record: RunRecord = dir.read_json(RUN)?;
    let mut settings = M::resumed(settings, &record, flags)?;
    moved::<M>(&mut settings, flags.data.as_deref(), &flags.machine)?;
    M::check(&settings)?;
    check_ranks::<M>(&settings)?;
    let compute = Compute::again(M::common(&mut settings).run, &flags.machine)?;
    let encoder = if dir.file(ENCODER).is_file() { Some(dir.read_json(ENCODER)?) } else { None };
    let data = M::load(&settings, encoder, console)?;
    check_data(&mut record, M::record(&data), flags.allow_changed_data, console)?;
    let [before, now] = [&record.data.classes, &M::record(&data).classes].map(|classes| classes.join(", "));
    if before != now {
        return Err(Failure::usage(format!("the run was trained on the classes {before}, and the data have {now}")));
    }
    let record = record.resumed(M::record(&data).clone(), &compute);
    let notes = M::notes(&data).to_vec();
    let plan = M::plan(settings, data, compute)?;
    M::memory(&plan).check()?;
    notes.iter().for_each(|note| console.note(note));
    let session = session::<M>(dir, &plan, record, Start::Again, console);
    let finished = M::fit(&plan, &session)?;
    session.end(finished)
}

/// `kiln eval`.
pub(super) fn eval<M: Model>(dir: RunDir, settings: M::Settings, flags: &EvalFlags, console: Console) -> Result<Exit> {
    M::eval(open::<M>(dir, settings, &flags.access, console)?, flags)
}

/// `kiln predict`.
pub(super) fn predict<M: Model>(
    dir: RunDir,
    settings: M::Settings,
    flags: &PredictFlags,
    console: Console,
) -> Result<Exit> {
    M::predict(open::<M>(dir, settings, &flags.access, console)?, flags)
}

/// `kiln export`.
pub(super) fn export<M: Model>(
    dir: RunDir,
    settings: M::Settings,
    flags: &ExportFlags,
    console: Console,
) -> Result<Exit> {
    let output = Output::new(&flags.output, flags.force)?;
    let bytes = M::export(&open::<M>(dir, settings, &flags.access, console)?)?;
    output.write(&bytes)?;
    let size = bytes.len();
    console.result(&serde_json::json!({ "output": output.shown(), "bytes": size }), || {
        format!("{size} bytes in {}", output.shown())
    })?;
    Ok(Exit::Done)
}

/// The part of `kiln report` that needs the model.
pub(super) fn report<M: Model>(
    dir: RunDir,
    settings: M::Settings,
    access: &RunAccess,
    console: Console,
) -> Result<Vec<Section>> {
    M::report(&mut open::<M>(dir, settings, access, console)?, access.allow_changed_data)
}

/// The losses of the test examples of a run.
pub(super) fn losses<M: Model>(
    dir: RunDir,
    settings: M::Settings,
    access: &RunAccess,
    console: Console,
) -> Result<Option<Losses>> {
    M::losses(&mut open::<M>(dir, settings, access, console)?, access.allow_changed_data)
}

/// `kiln verify` of a run. It computes in f64, whatever the run's float type.
pub(super) fn verify<M: Model>(
    dir: RunDir,
    mut settings: M::Settings,
    certificate: &Path,
    flags: &VerifyFlags,
    console: Console,
) -> Result<Exit> {
    moved::<M>(&mut settings, flags.data.as_deref(), &flags.machine)?;
    M::check(&settings)?;
    M::common(&mut settings).run.dtype = Some(Dtype::F64);
    let run = M::common(&mut settings).run.clone();
    let opened = Opened::new(dir, settings, &run, (&flags.machine, None), console)?;
    M::verify(opened, certificate, flags)
}

/// Opens a run for a command that reads it.
pub(crate) fn open<M: Model>(
    dir: RunDir,
    mut settings: M::Settings,
    access: &RunAccess,
    console: Console,
) -> Result<Opened<M::Settings>> {
    moved::<M>(&mut settings, None, &access.machine)?;
    M::check(&settings)?;
    let run = M::common(&mut settings).run.clone();
    Opened::new(dir, settings, &run, (&access.machine, access.checkpoint), console)
}

/// The content of a run's `config.toml`.
pub(super) fn config_text<M: Model>(settings: &M::Settings) -> String {
    let tables = toml::to_string_pretty(settings).expect("settings are tables of plain values");
    format!("kind = \"{}\"\n\n{tables}", M::KIND)
}

/// Names a run's data anew.
fn moved<M: Model>(settings: &mut M::Settings, name: Option<&str>, machine: &MachineFlags) -> Result<()> {
    let Common { data, data_dir, .. } = M::common(settings);
    if let Some(name) = name {
        name.clone_into(data);
    }
    if machine.data_dir.is_some() {
        data_dir.clone_from(&machine.data_dir);
    }
    located(data, data_dir)
}

fn session<'a, M: Model>(
    dir: &'a RunDir,
    plan: &M::Plan,
    record: RunRecord,
    start: Start,
    console: Console,
) -> Session<'a> {
    let encoder = M::encoder(plan).map(|encoder| {
        let mut json = serde_json::to_vec_pretty(encoder).expect("an encoder has string keys only");
        json.push(b'\n');
        json
    });
    Session::new(dir, config_text::<M>(M::settings(plan)), encoder, record, start, console)
}
