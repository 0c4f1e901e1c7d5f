//! The parsers of Kiln's libraries. No input may make one of them panic, take more than 1 GiB or 10 seconds, or return a value
//! that breaks its own rules.

use std::{fmt::Debug, fs, path::Path};

use flate2::{Compression, write::GzEncoder};
use kiln::{
    burn::{module::Module, tensor::Device},
    data::{Encoder, Table, idx},
    optim::{
        AdamConfig, Average, PlateauConfig, ReduceOnPlateau, ScheduleSpec,
        solver::{self, Minimization, Snapshot, Stop},
    },
    prelude::*,
    tensor::{init, params, weights},
    train::{Checkpoints, TrainError},
};
use kiln_fuzz::{Check, Random, Session, memory::Counting, mutate, session::scratch};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The name of an error's variant, which is what an outcome is called.
fn variant(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '(').collect()
}

fn ensure(holds: bool, sentence: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(sentence()) }
}

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a temporary file");
    path
}

/// A table, and encoders fitted to it: once with its last column as the target, once without a target.
#[test]
fn table() {
    let folder = scratch();
    const WORDS: &[&str] = &["NA", "?", ",,", "\"\"", "1e308", "-1.7e308", "yes", "no"];
    Session::new("table").mutated_by(|random, input| mutate::csv(random, input, WORDS)).run(|input| {
        let table = match std::str::from_utf8(input) {
            Ok(text) => Table::parse("fuzz.csv", text),
            Err(_) => Table::read(&file(&folder, "fuzz.csv", input)),
        };
        let table = match table {
            Ok(table) => table,
            Err(error) => return Ok(variant(&error)),
        };
        let (rows, columns) = (table.len(), table.columns());
        ensure(rows > 0 && columns.iter().all(|column| column.cells().len() == rows), || {
            "columns differ in length".into()
        })?;
        ensure((1..rows).all(|row| table.line(row) > table.line(row - 1)), || "line numbers do not grow".into())?;
        let all: Vec<usize> = (0..rows).collect();
        let last = columns[columns.len() - 1].name();
        let mut outcome = format!("{} columns", columns.len().min(4));
        for (target, standardize) in [(Some(last), true), (None, false)] {
            let encoder = match Encoder::fit(&table, target, &all, standardize) {
                Ok(encoder) => encoder,
                Err(error) => {
                    outcome += &variant(&error);
                    continue;
                }
            };
            match encoder.encode_inputs(&table) {
                Ok(inputs) => {
                    ensure(inputs.len() == rows * encoder.features(), || "the inputs have a wrong length".into())?;
                    ensure(inputs.iter().all(|value| value.is_finite()), || "an input is not finite".into())?;
                }
                Err(error) => outcome += &variant(&error),
            }
            if let (Some(_), Ok(examples)) = (target, encoder.encode(&table)) {
                ensure(examples.targets().iter().all(|class| *class < examples.classes()), || {
                    "a class is out of range".into()
                })?;
            }
            let text = serde_json::to_string(&encoder).map_err(|e| format!("an encoder cannot be written: {e}"))?;
            let again: Encoder =
                serde_json::from_str(&text).map_err(|e| format!("an encoder cannot be read again: {e}"))?;
            ensure(again == encoder, || "an encoder changes when it is written and read".into())?;
        }
        let first = columns[0].name().to_owned();
        if let Ok((rest, weights)) = table.clone().split_weights(&first) {
            ensure(weights.len() == rest.len(), || "weights and rows differ in number".into())?;
            ensure(weights.iter().all(|w| w.is_finite() && *w >= 0.0), || "a weight is negative or not finite".into())?;
        }
        Ok(outcome)
    });
}

/// Both kinds of IDX files.
fn read_idx(folder: &TempDir, input: &[u8]) -> Check {
    let path = file(folder, "idx", input);
    let images = match idx::read_images(&path) {
        Ok(images) => {
            let pixels = images.count * images.height * images.width;
            ensure(pixels > 0 && images.pixels.len() == pixels, || {
                "the number of pixels is not that of the sizes".into()
            })?;
            "images".to_owned()
        }
        Err(error) => variant(&error),
    };
    let labels = match idx::read_labels(&path) {
        Ok(labels) => format!("labels{}", labels.is_empty()),
        Err(error) => variant(&error),
    };
    if let Err(error) = idx::read(&path, &path) {
        ensure(!error.to_string().is_empty(), || "an error without a message".into())?;
    }
    Ok(format!("{images} {labels}"))
}

/// Big-endian words, then bytes.
fn idx_file(words: &[u32], bytes: &[u8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[test]
fn idx_files() {
    let folder = scratch();
    Session::new("idx_files")
        .seed(idx_file(&[0x803, 2, 3, 2], &[7; 12]))
        .seed(idx_file(&[0x801, 5], &[0, 1, 2, 3, 4]))
        .seed(idx_file(&[0x803, u32::MAX, u32::MAX, u32::MAX], &[0; 4]))
        .run(|input| read_idx(&folder, input));
}

#[test]
fn gzip_files() {
    let folder = scratch();
    let noise: Vec<u8> = (0..600u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    // 64 MB of zeros behind the header of 40 labels.
    let bomb = gzip(&idx_file(&[0x801, 40], &vec![0; 64 << 20]));
    Session::new("gzip_files")
        .seed(gzip(&idx_file(&[0x803, 6, 10, 10], &noise)))
        .seed([gzip(&idx_file(&[0x801, 600], &noise[..300])), gzip(&noise[300..])].concat())
        .seed(bomb)
        .run(|input| read_idx(&folder, input));
}

/// `encoder.json` of a run, then a new table.
#[test]
fn encoder() {
    let text = "weight,colour,kind\n4,red,cat\n6,grey,cat\n20,red,dog\n1e308,grey,dog\n";
    let table = Table::parse("pets.csv", text).expect("a table");
    Session::new("encoder")
        .mutated_by(|random, input| {
            mutate::json(random, input, &["numeric", "categorical", "weight", "colour", "kind"])
        })
        .run(|input| {
            let encoder: Encoder = match serde_json::from_slice(input) {
                Ok(encoder) => encoder,
                Err(error) => return Ok(format!("{:?}", error.classify())),
            };
            ensure(encoder.feature_names().len() == encoder.features(), || {
                "features and their names differ in number".into()
            })?;
            ensure(encoder.scaling().len() == encoder.features(), || "features and scales differ in number".into())?;
            let inputs = match encoder.encode_inputs(&table) {
                Ok(inputs) => {
                    ensure(inputs.len() == table.len() * encoder.features(), || {
                        "the inputs have a wrong length".into()
                    })?;
                    ensure(inputs.iter().all(|value| value.is_finite()), || "an input is not finite".into())?;
                    "inputs".to_owned()
                }
                Err(error) => variant(&error),
            };
            let examples = match encoder.encode(&table) {
                Ok(examples) => {
                    let in_range = examples.targets().iter().all(|class| *class < examples.classes());
                    ensure(in_range, || "a class is out of range".into())?;
                    "examples".to_owned()
                }
                Err(error) => variant(&error),
            };
            Ok(format!("{inputs} {examples}"))
        });
}

/// A classifier with one layer.
#[derive(Module, Debug)]
struct Layer {
    linear: burn::nn::Linear,
}

impl ConditionalModel for Layer {
    type Output = Categorical<2>;

    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(self.linear.forward(inputs))
    }
}

fn layer(device: &Device) -> Layer {
    Layer { linear: init::linear(2, 2, &mut Stream::new(0, "init", 0, 0), device) }
}

/// A run of four epochs over six rows, which was stopped after two.
struct Run {
    folder: TempDir,
    device: Device,
    data: Examples,
}

impl Run {
    fn new() -> Self {
        let names = |prefix: &str| (0..2).map(|i| format!("{prefix}{i}")).collect();
        let inputs = vec![0.1, 0.2, 1.0, -1.0, 0.3, 0.7, -0.4, 0.2, 0.9, 0.8, -0.1, -0.6];
        let data = Examples::new(inputs, vec![0, 1, 0, 1, 1, 0], names("x"), names("c")).expect("sound examples");
        let folder = scratch();
        let device = DeviceChoice::Cpu.resolve().expect("a CPU").device();
        let run = Self { folder, device, data };
        run.trainer(2)
            .fit(layer(&run.device.clone().autodiff()), &MaximumLikelihood::new(), &run.data, None)
            .expect("it trains");
        run
    }

    fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.folder.path(), 1)
    }

    fn trainer(&self, epochs: u64) -> Trainer<'_, Layer> {
        let config = TrainConfig { epochs, batch_size: 4, ..TrainConfig::default() };
        Trainer::new(config, AdamConfig::new().init().expect("sound settings")).checkpoint_to(self.checkpoints())
    }

    /// The three files of the newest checkpoint.
    fn files(&self) -> [Vec<u8>; 3] {
        let checkpoint = self.checkpoints().latest().expect("a checkpoint");
        ["state.json", "model.bpk", "optimizer.bpk"]
            .map(|name| fs::read(checkpoint.path().join(name)).expect("a file of the checkpoint"))
    }

    /// Loads a checkpoint of these three files and trains on.
    fn go_on(&self, [state, model, optimizer]: [&[u8]; 3]) -> Check {
        for entry in fs::read_dir(self.folder.path()).expect("the folder").flatten() {
            fs::remove_dir_all(entry.path()).expect("a checkpoint that can be removed");
        }
        let place = self.folder.path().join("step-000000004");
        fs::create_dir(&place).expect("a folder");
        for (name, bytes) in [("state.json", state), ("model.bpk", model), ("optimizer.bpk", optimizer)] {
            fs::write(place.join(name), bytes).expect("a file");
        }
        let start = layer(&self.device.clone().autodiff());
        let parameters = start.num_params();
        let loaded = match self.trainer(4).load(start) {
            Ok(loaded) => loaded,
            Err(TrainError::Checkpoint(error)) => return Ok(variant(&error)),
            Err(error) => return Ok(variant(&error)),
        };
        match loaded.fit(&MaximumLikelihood::new(), &self.data, None) {
            Ok(outcome) => {
                ensure(outcome.model.num_params() == parameters, || "the model has another size".into())?;
                Ok(format!("{:?}", outcome.status))
            }
            Err(error) => Ok(variant(&error)),
        }
    }
}

/// The text of a `state.json` with the checksums of these files, and of itself.
fn with_checksums(file: &[u8], model: &[u8], optimizer: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut file: serde_json::Value = serde_json::from_slice(file).expect("a sound state");
    file["state"]["model_sha256"] = hex(model).into();
    file["state"]["optimizer_sha256"] = hex(optimizer).into();
    file["sha256"] = hex(file["state"].to_string().as_bytes()).into();
    serde_json::to_vec(&file).expect("it has string keys only")
}

#[test]
fn checkpoint_state() {
    let run = Run::new();
    let [state, model, optimizer] = run.files();
    Session::new("checkpoint_state").seed(state).mutated_by(|random, input| mutate::json(random, input, &[])).run(
        |state| {
            // The checksums of this process's files, so that a state of another process is the same input.
            let whole = |file: &serde_json::Value| {
                ["model_sha256", "optimizer_sha256"]
                    .iter()
                    .all(|name| file["state"][name].as_str().is_some_and(|sum| sum.len() == 64))
            };
            let sound = serde_json::from_slice(state).is_ok_and(|state| whole(&state));
            let state = if sound { with_checksums(state, &model, &optimizer) } else { state.to_vec() };
            run.go_on([&state, &model, &optimizer])
        },
    );
}

#[test]
fn checkpoint_model() {
    let run = Run::new();
    let [state, model, optimizer] = run.files();
    Session::new("checkpoint_model")
        .seed(model)
        .run(|model| run.go_on([&with_checksums(&state, model, &optimizer), model, &optimizer]));
}

#[test]
fn checkpoint_optimizer() {
    let run = Run::new();
    let [state, model, optimizer] = run.files();
    Session::new("checkpoint_optimizer")
        .seed(optimizer)
        .run(|optimizer| run.go_on([&with_checksums(&state, &model, optimizer), &model, optimizer]));
}

/// `model.safetensors`: decoded, encoded again, and loaded into a module.
#[test]
fn safetensors() {
    let folder = scratch();
    let device = DeviceChoice::Cpu.resolve().expect("a CPU").device();
    let module = layer(&device);
    Session::new("safetensors")
        .seed(weights::to_bytes(&module).expect("float parameters"))
        .mutated_by(mutate::safetensors)
        .run(|input| {
            let decoded = match weights::decode(input) {
                Ok(tensors) => tensors,
                Err(reason) => return Ok(reason.chars().filter(|c| c.is_alphabetic()).take(30).collect()),
            };
            for tensor in &decoded {
                let elements: usize = tensor.data.shape().iter().product();
                let size = tensor.data.dtype().size();
                ensure(tensor.data.bytes().len() == elements * size, || "a tensor has a wrong number of bytes".into())?;
            }
            let bytes = weights::encode(&decoded).map_err(|e| format!("what was decoded cannot be encoded: {e}"))?;
            let again = weights::decode(&bytes).map_err(|e| format!("what was encoded cannot be decoded: {e}"))?;
            ensure(again.len() == decoded.len(), || "a tensor was lost".into())?;
            match weights::load(layer(&device), &file(&folder, "model.safetensors", input)) {
                Ok(loaded) => {
                    ensure(params::named(&loaded).len() == 2, || "the module lost a parameter".into())?;
                    Ok("loaded".into())
                }
                Err(error) => Ok(variant(&error)),
            }
        });
}

/// A solver's snapshot, and three more iterations from there.
#[test]
fn snapshot() {
    let device = DeviceChoice::Cpu.resolve().expect("a CPU").device();
    let start = Tensor::<1>::from_data([-1.2, 1.0], &device);
    let valley = Function::of_vector(start.clone(), |x: Tensor<1>| {
        let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
        (y - x.clone().square()).square() * 100.0 + (x - 1.0).square()
    });
    let stop = |max_iter| Stop { max_iter, gtol: 1e-3, ..Stop::default() };
    let mut session = Session::new("snapshot").mutated_by(mutate::safetensors);
    macro_rules! seed {
        ($solver:expr) => {{
            let solver = $solver;
            let mut run = Minimization::new(&valley, start.clone(), &solver, stop(5)).expect("sound settings");
            run.run(|_| std::ops::ControlFlow::Continue(())).expect("a function without faults");
            session = session.seed(run.save().to_bytes());
        }};
    }
    seed!(solver::lbfgs());
    seed!(solver::bfgs());
    seed!(solver::nonlinear_cg());
    seed!(solver::trust_ncg());
    session.run(|input| {
        let snapshot = match Snapshot::from_bytes(input) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(error.to_string().chars().filter(|c| c.is_alphabetic()).take(60).collect()),
        };
        let mut outcomes = String::new();
        macro_rules! resume {
            ($solver:expr) => {{
                let solver = $solver;
                match Minimization::resume(&valley, &snapshot, &solver, stop(8), &device) {
                    Ok(mut run) => {
                        let outcome = run
                            .run(|_| std::ops::ControlFlow::Continue(()))
                            .map_err(|e| format!("a function without faults failed: {e}"))?;
                        ensure(!outcome.success || outcome.value.is_finite(), || {
                            "success without a finite value".into()
                        })?;
                        outcomes += &format!("{:?} ", outcome.status);
                    }
                    Err(error) => {
                        let text = error.to_string();
                        outcomes.extend(text.chars().filter(|c| c.is_alphabetic()).take(60));
                    }
                }
            }};
        }
        resume!(solver::lbfgs());
        resume!(solver::bfgs());
        resume!(solver::nonlinear_cg());
        resume!(solver::trust_ncg());
        Ok(outcomes)
    });
}

/// The texts of schedules, of the plateau rule and of averages.
#[test]
fn schedule() {
    const WORDS: &[&str] = &[
        "constant",
        "linear",
        "polynomial:",
        "inverse-time:",
        "inverse-sqrt",
        "exponential:",
        "step:",
        "multi-step:",
        "cosine",
        "cosine-restarts:",
        "one-cycle",
        "sutskever",
        "nesterov",
        "plateau:",
        "uniform",
        "ema:",
        "decay=",
        "eta=",
        "last=",
        "steps=",
        "power=",
        "kappa=",
        "factor=",
        "every=",
        "at=",
        "period=",
        "growth=",
        "start=",
        "rise=",
        "warm-up=",
        "from=",
        "patience=",
        "least=",
        "cooldown=",
        "threshold=",
        "unchecked=true",
        ",",
        "/",
        ":",
    ];
    let steps = [0, 1, 2, 7, 100, 12_345, 1 << 32, 1 << 53, (1 << 53) + 1, u64::MAX - 1, u64::MAX];
    Session::new("schedule").words(WORDS).run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return Ok("not UTF-8".into()) };
        let mut outcome = String::new();
        match text.parse::<ScheduleSpec>() {
            Ok(spec) => {
                let again = spec.to_string();
                ensure(again.parse() == Ok(spec.clone()), || {
                    format!("the schedule is written as '{again}', which differs")
                })?;
                for (base, total) in [(1.0, 1000), (0.9, 1), (1e-300, u64::MAX), (1e300, 0), (0.5, 1 << 53)] {
                    let _ = spec.clone().with_steps(total);
                    let Ok(schedule) = spec.build(base, total) else { continue };
                    let (lowest, highest) = schedule.bounds();
                    for step in steps {
                        let value = schedule.at(step);
                        let slack = 1e-9 * highest.abs();
                        let within = (lowest - slack..=highest + slack).contains(&value);
                        ensure(within, || {
                            format!("at step {step} of {total}: {value} is not in [{lowest}, {highest}]")
                        })?;
                    }
                }
                outcome += text.split(':').next().unwrap_or_default();
            }
            Err(error) => outcome += &variant(&error),
        }
        match text.parse::<PlateauConfig>() {
            Ok(config) => {
                ensure(config.to_string().parse() == Ok(config), || "the plateau rule is written as another".into())?;
                let mut plateau = ReduceOnPlateau::new(config).map_err(|e| format!("parsed, but not accepted: {e}"))?;
                for loss in [3.0, f64::NAN, -1e308, 1e308, f64::INFINITY, 0.0, 1.0, 1.0, 1.0] {
                    let multiple = plateau.observe(loss);
                    ensure((0.0..=1.0).contains(&multiple), || format!("a multiple of {multiple}"))?;
                }
                outcome += "plateau";
            }
            Err(error) => outcome += &variant(&error),
        }
        match text.parse::<Average>() {
            Ok(average) => {
                let again = average.to_string();
                ensure(again.parse() == Ok(average), || format!("the average is written as '{again}', which differs"))?;
                outcome += "average";
            }
            Err(error) => outcome += &variant(&error),
        }
        Ok(outcome)
    });
}

#[test]
fn device_name() {
    const WORDS: &[&str] = &["auto", "cpu", "gpu", "flex", "ndarray", "wgpu", "vulkan", "cuda", ":", "0"];
    Session::new("device_name")
        .seed("auto")
        .seed("wgpu:1")
        .seed("flex")
        .seed("cuda:18446744073709551615")
        .words(WORDS)
        .run(|input| {
            let Ok(text) = std::str::from_utf8(input) else { return Ok("not UTF-8".into()) };
            let choice = match text.parse::<DeviceChoice>() {
                Ok(choice) => choice,
                Err(error) => return Ok(variant(&error)),
            };
            ensure(choice.to_string().parse::<DeviceChoice>().is_ok_and(|again| again == choice), || {
                format!("the device is written as '{choice}', which differs")
            })?;
            match choice.resolve() {
                Ok(info) => Ok(info.name),
                Err(error) => Ok(variant(&error)),
            }
        });
}

/// The fuzzer finds what is there to be found: a panic three bytes away from the seed.
#[test]
fn the_fuzzer_finds_a_planted_fault() {
    let found = std::panic::catch_unwind(|| {
        Session::new("planted").seconds(1.0).seed("schedule: 12").words(&["fault"]).run(|input| {
            assert!(!input.windows(5).any(|word| word == b"fault"), "the planted fault");
            Ok("no fault".into())
        });
    });
    let report = *found.expect_err("it is found").downcast::<String>().expect("a message");
    assert!(report.contains("the planted fault") && report.contains("failures/planted/"), "{report}");
    let folder = kiln_fuzz::session::home().join("failures/planted");
    let kept: Vec<Vec<u8>> =
        fs::read_dir(&folder).expect("the folder").flatten().map(|e| fs::read(e.path()).expect("a file")).collect();
    assert!(kept.contains(&b"fault".to_vec()), "the input is made as small as it can be: {kept:?}");
    fs::remove_dir_all(Path::new(&folder)).expect("a folder that can be removed");
}

/// Mutations depend on the seed alone.
#[test]
fn mutations_repeat() {
    let mutations = |seed| {
        let mut random = Random::new(seed);
        (0..50).map(|_| mutate::bytes(&mut random, b"a,b\n1,2\n", &["NA"])).collect::<Vec<_>>()
    };
    assert!(mutations(1) == mutations(1) && mutations(1) != mutations(2));
}
