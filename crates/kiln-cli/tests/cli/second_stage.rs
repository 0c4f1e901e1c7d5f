//! Two stages: a VAE, and then a prior for its codes.

use kiln_testkit::assert_close;

use crate::common::{Place, number};

const FIRST: &str = "train vae --latent-dim 4 --hidden-dim 48 --seed 3";

/// The tensors of a run's weights, by name.
fn tensors(place: &Place, run: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = place.weights(run);
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let entries = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    let part = |entry: &serde_json::Value| {
        let at = |i: usize| 8 + length + usize::try_from(entry["data_offsets"][i].as_u64().unwrap()).unwrap();
        bytes[at(0)..at(1)].to_vec()
    };
    entries.map(|(name, entry)| (name.clone(), part(entry))).collect()
}

#[test]
fn a_prior_is_fitted_to_a_model_that_stays_as_it_is() {
    let place = Place::new();
    place.ok(&format!("{FIRST} --epochs 5 --out first"));
    let elbo = |run: &str| number(&place.json(&format!("{run}/result.json"))["test"]["elbo"]);
    let reconstruction = |run: &str| number(&place.json(&format!("{run}/result.json"))["test"]["reconstruction"]);
    for prior in ["flow", "vamp"] {
        place.ok(&format!("train vae --fit-prior first --prior {prior} --epochs 8 --out {prior}"));
        let gain = elbo(prior) - elbo("first");
        // Both priors gain 0.15 nats on 4 dimensions; N(0, I) gains nothing.
        assert!(gain > 0.08, "a prior of its own is worth {gain} nats");
        // The noise of the evaluation is the same.
        assert_close(&[reconstruction(prior)], &[reconstruction("first")], 1e-6, 0.0, "the decoder is the same");
        let (first, second) = (tensors(&place, "first"), tensors(&place, prior));
        let (of_prior, others): (Vec<_>, Vec<_>) = second.into_iter().partition(|(name, _)| name.starts_with(prior));
        assert_eq!(others, first, "{prior}");
        assert!(!of_prior.is_empty());
        let config = place.toml(&format!("{prior}/config.toml"));
        assert_eq!(config["model"]["latent-dim"].as_integer(), Some(4));
        assert_eq!(config["run"]["seed"].as_integer(), Some(3), "the same test images");
        place.ok(&format!("sample {prior} -n 4"));
    }
    // The standard deviation is a part of the model that stays, also where it follows the minibatches in the first stage.
    place.ok(&format!(
        "{FIRST} --likelihood gaussian --scale optimal --prior vamp --pseudo-inputs 9 --epochs 2 --out best"
    ));
    place.ok("train vae --fit-prior best --prior flow --epochs 1 --out fitted");
    let others = tensors(&place, "fitted").into_iter().filter(|(name, _)| !name.starts_with("flow"));
    let expected = tensors(&place, "best").into_iter().filter(|(name, _)| !name.starts_with("vamp"));
    assert_eq!(others.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    // The first run is not needed any more.
    place.ok("train vae --fit-prior first --prior flow --epochs 4 --out half");
    std::fs::remove_dir_all(place.path("first")).unwrap();
    place.ok("resume half --epochs 8");
    assert_eq!(place.weights("half"), place.weights("flow"));
}

#[test]
fn what_a_second_stage_cannot_change_is_refused() {
    let place = Place::new();
    place.ok(&format!("{FIRST} --epochs 1 --out first"));
    place.ok("train logistic --l2 0.01 --out other");
    let second = "train vae --fit-prior first --epochs 1 --out second";
    place.refused(second, &["--prior vamp or flow"]);
    for change in ["--hidden-dim 50", "--seed 4", "--test-fraction 0.3", "--train-images 900"] {
        let words = ["keeps the images, the seed and the networks", "first"];
        place.refused(&format!("{second} --prior flow {change}"), &words);
    }
    place.refused(&format!("{second} --prior flow --recipe iwae"), &["--recipe", "--fit-prior"]);
    place.refused("train vae --fit-prior other --prior flow --out second", &["other", "logistic"]);
    place.refused("train vae --fit-prior first --prior flow --out first --force", &["--fit-prior", "another folder"]);
    assert!(place.exists("first/model.safetensors"));
    place.refused("lr-find vae --fit-prior first --prior flow", &["--fit-prior"]);
    place.refused("train vae --fit-prior nowhere --prior flow --out second", &["nowhere"]);
}
