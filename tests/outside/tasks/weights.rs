//! Weights to a file and back, and training resumed from a checkpoint.

use kiln::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("kiln-task-weights-{}", std::process::id()));
    let device = device::auto()?;
    let digits = Labelled::new(kiln::data::digits())?;
    let fresh = || SoftmaxRegression::new(64, 10, &device);
    let objective = MaximumLikelihood::new();
    let trainer = |epochs| -> Result<_, Box<dyn std::error::Error>> {
        let config = TrainConfig { epochs, schedule: Schedule::constant(0.01)?, ..TrainConfig::default() };
        let checkpoints = Checkpoints::new(folder.join("checkpoints"), 1);
        Ok(Trainer::new(config, AdamConfig::new().build()?).checkpoint_to(checkpoints))
    };
    let trained = trainer(5)?.fit(fresh(), &objective, &digits, None)?.model;

    let path = folder.join("model.safetensors");
    weights::save(&trained, &path)?;
    let loaded = weights::load(fresh(), &path)?;
    let rows: Vec<usize> = (0..digits.len()).collect();
    let x = digits.batch(&rows, &device).inputs;
    let same = loaded.forward(x.clone()).most_likely().equal(trained.forward(x).most_likely()).all();
    println!("same predictions: {}", same.into_scalar::<bool>());

    let outcome = trainer(10)?.load(fresh())?.fit(&objective, &digits, None)?;
    println!("loss {:.4} after {} epochs", outcome.train.loss, outcome.epochs);

    // Checks of this test, not of the task.
    std::fs::remove_dir_all(&folder)?;
    let once = trainer(10)?.fit(fresh(), &objective, &digits, None)?;
    assert_eq!(weights::to_bytes(&once.model)?, weights::to_bytes(&outcome.model)?);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
