//! What is wrong with a command or its data is said in a line, with exit code 2, before anything is written.

use std::fs;

use crate::common::{Place, SMALL, gzip, idx, write_idx};

/// Twenty rows with a column of numbers, one of texts, and two classes, one row a line.
fn rows() -> Vec<String> {
    (0..20).map(|i| format!("{i}.5,{},{}", ["red", "green"][i / 2 % 2], ["no", "yes"][i % 2])).collect()
}

/// A CSV file of `rows` below the header `size,colour,class`.
fn csv(rows: &[String]) -> String {
    format!("size,colour,class\n{}\n", rows.join("\n"))
}

const LOGISTIC: &str = "train logistic --data t.csv --target class";

#[test]
fn the_small_table_of_these_tests_is_sound() {
    let place = Place::new();
    place.write("t.csv", csv(&rows()));
    place.exits(0, &format!("{LOGISTIC} --l2 0.1 --standardize --out out"));
}

#[test]
fn a_missing_csv_file_is_named() {
    Place::new().refused_to_start("train logistic --data absent.csv --target y", &["absent.csv", "does not exist"]);
}

#[test]
fn a_text_among_numbers_is_found_by_line_and_column() {
    let place = Place::new();
    let mut rows = rows();
    rows[6] = "tall,red,no".into();
    place.write("t.csv", csv(&rows));
    place.refused_to_start(LOGISTIC, &["t.csv", "'tall'", "'size'", "line 8"]);
}

#[test]
fn a_missing_value_is_found_by_line_and_column() {
    let place = Place::new();
    for cell in ["", "NA", "nan", "?"] {
        let mut rows = rows();
        rows[3] = format!("{cell},red,no");
        place.write("t.csv", csv(&rows));
        place.refused_to_start(&format!("{LOGISTIC} --missing error"), &["t.csv", "line 5", "'size'"]);
        let done = place.ok(LOGISTIC);
        assert!(done.stderr.contains("dropped 1 of 20 rows with missing values (size 1)"), "{}", done.stderr);
    }
}

/// The beginnings of a new workbook and of an old one.
#[test]
fn a_spreadsheet_is_to_be_exported() {
    let place = Place::new();
    let new = [&b"PK\x03\x04"[..], &[0; 22], &[19, 0, 0, 0], b"[Content_Types].xml", &[7; 100]].concat();
    let old = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 100]].concat();
    for (name, bytes) in [("t.xlsx", new), ("t.xls", old)] {
        place.write(name, bytes);
        for command in ["train glm", "train logistic"] {
            place.refused_to_start(&format!("{command} --target y --data {name}"), &[name, "spreadsheet", "CSV"]);
        }
        place.refused(&format!("describe {name}"), &[name, "spreadsheet", "CSV"]);
    }
}

#[test]
fn a_parquet_file_without_its_end_is_to_be_copied_again() {
    let place = Place::new();
    place.write("t.parquet", [&b"PAR1"[..], &[1; 200]].concat());
    place.refused_to_start("train glm --target y --data t.parquet", &["t.parquet", "truncated", "again"]);
}

#[test]
fn an_empty_folder_has_no_table() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    for model in ["glm", "logistic"] {
        place.refused_to_start(&format!("train {model} --target y --data empty"), &["empty", "no table file"]);
    }
}

#[test]
fn a_formula_without_a_response_is_shown_with_one() {
    let place = Place::new();
    place.write("t.csv", csv(&rows()));
    place.refused_to_start("train glm --data t.csv --formula ~size", &["'y ~ size'"]);
}

#[test]
fn a_ragged_line_is_found() {
    let place = Place::new();
    let mut rows = rows();
    rows[9] = "1,red,no,more".into();
    place.write("t.csv", csv(&rows));
    place.refused_to_start(LOGISTIC, &["t.csv", "line 11"]);
}

#[test]
fn a_target_that_is_not_there_or_not_given_is_answered_with_the_columns() {
    let place = Place::new();
    place.write("t.csv", csv(&rows()));
    place.refused_to_start("train logistic --data t.csv --target clas", &["'clas'", "'class'", "size, colour, class"]);
    place.refused_to_start("train logistic --data t.csv", &["--target", "size, colour, class"]);
}

#[test]
fn one_class_is_too_few() {
    let place = Place::new();
    place.write("t.csv", csv(&rows()).replace("no", "yes"));
    place.refused_to_start(LOGISTIC, &["t.csv", "'yes'", "two classes"]);
}

#[test]
fn an_empty_csv_file_or_one_without_rows_is_refused() {
    let place = Place::new();
    place.write("t.csv", "");
    place.refused_to_start(LOGISTIC, &["t.csv", "empty"]);
    place.write("t.csv", "size,colour,class\n");
    place.refused_to_start(LOGISTIC, &["t.csv", "no rows"]);
}

#[test]
fn damaged_idx_files_are_refused() {
    let (images, labels) = ("d/train-images-idx3-ubyte", "d/train-labels-idx1-ubyte");
    let refused = |damage: &dyn Fn(&Place), words: &[&str]| {
        let place = Place::new();
        write_idx(&place, "d", 12, 3);
        damage(&place);
        place.refused_to_start("train vae --data d", words);
        place.refused_to_start("train logistic --data d", words);
        place.refused_to_start("train vae --data mnist --data-dir d", words);
    };
    refused(
        &|place| {
            let packed = gzip(&place.read(images));
            place.write(&format!("{images}.gz"), &packed[..packed.len() / 2]);
            fs::remove_file(place.path(images)).unwrap();
        },
        &["train-images-idx3-ubyte.gz", "truncated"],
    );
    refused(
        &|place| place.write(images, idx(&[0x801, 12, 2, 2], &[0; 48])),
        &["train-images-idx3-ubyte", "0x00000801", "0x00000803"],
    );
    refused(
        &|place| place.write(images, idx(&[0x803, 13, 2, 2], &[0; 48])),
        &["train-images-idx3-ubyte", "13 images", "12 labels"],
    );
    refused(
        &|place| place.write(images, idx(&[0x803, 11, 2, 2], &[0; 48])),
        &["train-images-idx3-ubyte", "11 images", "12 labels"],
    );
    refused(&|place| place.write(labels, idx(&[0x801, 11], &[0; 11])), &["12 images", "11 labels"]);
    refused(&|place| fs::remove_file(place.path(labels)).unwrap(), &["train-labels-idx1-ubyte"]);
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    let place = Place::new();
    for (flags, word) in [
        ("--lr -1", "-1"),
        ("--lr 0", "0"),
        ("--lr nan", "NaN"),
        ("--lr inf", "inf"),
        ("--batch-size 0", "--batch-size"),
        ("--epochs 0", "--epochs"),
        ("--log-every 0", "--log-every"),
        ("--keep 0", "--keep"),
        ("--threads 0", "--threads"),
        ("--hidden-dim 0", "0"),
        ("--latent-dim 0", "0"),
        ("--beta -1", "--beta"),
        ("--optimizer momentum --momentum 1", "momentum"),
        ("--momentum 0.5", "--momentum"),
        ("--schedule linear:steps=0", "horizon must be at least 1 step"),
        ("--schedule inverse-time:kappa=10,power=0.5", "(1/2, 1]"),
        ("--optimizer momentum --momentum-schedule exponential:factor=1.1,every=10", "momentum must be in [0, 1)"),
        ("--momentum-schedule sutskever", "--momentum-schedule is for --optimizer momentum, nesterov only"),
        ("--optimizer torch-nesterov --dampening 0.1", "--dampening is for --optimizer torch-sgd only"),
        ("--optimizer torch-sgd --dampening 1", "dampening must be in [0, 1)"),
        (
            "--optimizer sgd --weight-decay 0.1",
            "--weight-decay is for --optimizer torch-sgd, torch-nesterov, adamw only",
        ),
        ("--optimizer torch-sgd --weight-decay -1", "weight_decay must be finite and not negative"),
        ("--batch-schedule linear", "--batch-schedule linear:last=0.01 needs steps="),
        ("--clip-norm 0", "clip_norm must be positive"),
        ("--accumulate 0", "--accumulate must be at least 1"),
        ("--average ema:decay=1", "decay must be in [0, 1)"),
        ("--schedule plateau:factor=2", "factor must be in (0, 1)"),
        ("--particles 0", "--particles must be at least 1"),
        ("--test-fraction 1", "1"),
        ("--test-fraction -0.1", "-0"),
    ] {
        place.refused_to_start(&format!("train vae {flags}"), &[word]);
    }
    for (flags, word) in [
        ("--lr -1", "-1"),
        ("--batch-size 0", "--batch-size"),
        ("--epochs 0", "--epochs"),
        ("--l2 -1", "--l2"),
        ("--gtol -1", "--gtol"),
        ("--gtol 1e-3 --batch-size 32", "--gtol"),
        ("--test-fraction 1", "1"),
    ] {
        place.refused_to_start(&format!("train logistic {flags}"), &[word]);
    }
}

#[test]
fn words_that_mean_nothing_are_refused() {
    let place = Place::new();
    for (flags, word) in [
        ("--optimizer sdg", "sdg"),
        ("--schedule cosin", "expected one of constant, linear"),
        ("--schedule step", "'step' needs factor=…"),
        ("--average mean", "expected one of uniform, polynomial, ema"),
        ("--schedule plateau:patients=3", "'plateau' has no key 'patients'"),
        ("--lr fast", "fast"),
        ("--epochs -1", "-1"),
        ("--epochs 1.5", "1.5"),
        ("--binarize maybe", "maybe"),
        ("--dtype f16", "f16"),
        ("--learning-rate 1", "--learning-rate"),
    ] {
        place.refused_to_start(&format!("train vae {flags}"), &[word]);
    }
    place.refused("tarin vae", &["tarin"]);
    assert!(place.exits(2, "train").stderr.contains("Usage: kiln train"), "a model is needed");
}

#[test]
fn an_unknown_dataset_is_answered_with_the_known_ones() {
    let place = Place::new();
    place.refused_to_start("train vae --data minst", &["'minst'", "digits", "mnist", "fashion-mnist"]);
    place.refused_to_start("train logistic --data brest-cancer", &["'brest-cancer'", "breast-cancer", "digits"]);
    place.refused_to_start("train vae --data ./absent", &["absent"]);
}

#[test]
fn a_dataset_that_is_not_where_data_dir_says_is_not_downloaded() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    for train in ["train vae", "train logistic"] {
        place.refused_to_start(
            &format!("{train} --data mnist --data-dir empty"),
            &["empty lacks", "train-images-idx3-ubyte"],
        );
    }
    assert!(!place.exists("cache") && !place.exists("home"));
}

#[test]
fn what_is_for_gpus_is_refused_on_a_cpu() {
    let place = Place::new();
    place.refused_to_start("train vae --device cpu --matmul tf32", &["--matmul tf32", "flex is a CPU"]);
    place.refused_to_start("train vae --device cpu --dtype bf16", &["--dtype bf16", "GPU"]);
    place.refused_to_start("train vae --matmul tf32 --dtype bf16", &["short for --matmul bf16", "tf32"]);
    place.refused_to_start("train vae --matmul half", &["half", "f32, tf32, bf16"]);
    place.refused("warm-up vae --device cpu", &["compiles no kernels", "--device"]);
    let run = place.ok("train vae --epochs 1 --matmul f32 --device cpu --out run --quiet");
    assert!(run.stderr.is_empty(), "{run:?}");
    assert!(place.json("run/run.json").get("matmul").is_none(), "a CPU has no choice");
    // A run that was trained on a GPU in TF32 is used on a CPU.
    let config = std::fs::read_to_string(place.path("run/config.toml")).unwrap();
    let on_gpu = config.replace("matmul = \"f32\"", "matmul = \"tf32\"");
    assert_ne!(on_gpu, config);
    std::fs::write(place.path("run/config.toml"), on_gpu).unwrap();
    place.ok("eval run");
    place.ok("resume run --epochs 2");
}

#[test]
fn an_unknown_device_is_refused() {
    let place = Place::new();
    for device in ["tpu", "cuda:x", "flex:0"] {
        place.refused_to_start(&format!("train vae --device {device}"), &[device, "auto, cpu, gpu"]);
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_compiled_in_is_answered_with_its_feature() {
    let place = Place::new();
    for device in ["cuda", "cuda:1"] {
        place.refused_to_start(&format!("train vae --device {device}"), &["not compiled in", "--features cuda"]);
    }
}

#[test]
fn an_existing_run_is_not_overwritten() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    let before = place.snapshot("run");
    place.refused(&format!("{SMALL} --epochs 1 --seed 1 --out run"), &["run exists", "--force"]);
    place.refused("train logistic --out run", &["run exists", "--force"]);
    // Even with --force not before the new run can start.
    place.refused("train vae --data absent --force --out run", &["absent"]);
    place.refused("train vae --lr -1 --force --out run", &["-1"]);
    assert!(place.snapshot("run") == before, "the run was changed");
}

#[test]
fn a_folder_that_is_not_a_run_is_never_replaced() {
    let place = Place::new();
    place.write("thesis/chapter.tex", "years of work");
    let before = place.snapshot("thesis");
    for force in ["", "--force"] {
        place.refused(&format!("{SMALL} --epochs 1 {force} --out thesis"), &["thesis", "not only a run"]);
        place.refused(&format!("{SMALL} --epochs 1 {force} --out thesis/chapter.tex"), &["chapter.tex"]);
    }
    assert!(place.snapshot("thesis") == before, "the folder was changed");
}

#[test]
fn a_command_for_another_model_is_refused() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out vae"));
    place.exits(3, "train logistic --epochs 2 --out logistic");
    place.write("t.csv", csv(&rows()));
    place.refused("sample logistic", &["logistic", "kiln sample", "vae"]);
    place.refused("reconstruct logistic", &["logistic", "kiln reconstruct", "vae"]);
    place.refused("predict vae --data t.csv --output p.csv", &["vae", "kiln predict", "logistic"]);
    assert!(!place.exists("p.csv"));
}

#[test]
fn a_folder_that_is_not_a_run_cannot_be_used() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    for command in ["eval", "resume", "sample", "reconstruct", "predict --data x.csv --output y.csv"] {
        place.refused(&format!("{command} empty"), &["empty is not a run", "config.toml"]);
        place.refused(&format!("{command} absent"), &["absent is not a run"]);
    }
}

#[test]
fn weights_of_another_model_are_refused() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    place.ok("train vae --hidden-dim 17 --latent-dim 2 --batch-size 128 --epochs 1 --out other");
    fs::copy(place.path("other/model.safetensors"), place.path("run/model.safetensors")).unwrap();
    for command in ["eval run", "sample run --output s.png", "reconstruct run --output r.png"] {
        place.refused(command, &["model.safetensors", "another model"]);
    }
    assert!(!place.exists("s.png") && !place.exists("r.png"));
    let bytes = place.weights("other");
    place.write("run/model.safetensors", &bytes[..bytes.len() - 5]);
    place.refused("eval run", &["model.safetensors", "damaged"]);
}

#[test]
fn a_damaged_encoder_is_refused() {
    let place = Place::new();
    place.exits(3, "train logistic --epochs 2 --out run");
    place.write("run/encoder.json", "{");
    place.refused("eval run", &["encoder.json", "damaged"]);
}

#[test]
fn a_settings_file_is_checked() {
    let place = Place::new();
    for (text, words) in [
        ("[method]\nlearning-rate = 0.5\n", ["c.toml", "learning-rate"]),
        ("[method]\nschedule = \"cosin\"\n", ["c.toml", "expected one of constant"]),
        ("[training]\nlr = 0.5\n", ["c.toml", "training"]),
        ("[method]\nlr = \"fast\"\n", ["c.toml", "string"]),
        ("[train\n", ["c.toml", "bad settings"]),
        ("kind = \"logistic\"\n", ["logistic", "vae"]),
        ("[method]\nlr = -1.0\n", ["-1", "--lr must be positive"]),
    ] {
        place.write("c.toml", text);
        place.refused_to_start("train vae --config c.toml", &words);
    }
    place.refused_to_start("train vae --config absent.toml", &["absent.toml"]);
}

/// Otherwise every process would train the same model.
#[cfg(not(feature = "mpi"))]
#[test]
fn several_processes_need_a_build_with_mpi() {
    let place = Place::new();
    for (variable, by) in [("OMPI_COMM_WORLD_SIZE", "mpirun"), ("PMI_SIZE", "mpirun"), ("SLURM_STEP_NUM_TASKS", "srun")]
    {
        let output = place.command(SMALL).env(variable, "4").output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with(&format!("kiln: {by} has started 4 processes")), "{message}");
        assert!(message.contains("--features mpi") && !place.exists("runs"), "{message}");
    }
}
