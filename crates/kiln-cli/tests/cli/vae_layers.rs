//! Convolutions, several stochastic layers, grey levels; and `kiln latent`.

use kiln_testkit::{assert_close, numbers};

use crate::common::{Place, number};

fn elbo(place: &Place, run: &str) -> f64 {
    let test = &place.json(&format!("{run}/result.json"))["test"];
    number(&test["elbo"])
}

/// The mean of z is used, and by it the bound is above that of the mean image, −27.06.
#[test]
fn convolutions_and_deep_networks_learn_from_the_digits() {
    let place = Place::new();
    place.ok("train vae --latent-dim 4 --channels 8,16 --hidden-dim 32 --epochs 4 --out conv");
    place.ok("train vae --latent-dim 4 --hidden-dim 64,64 --epochs 4 --out deep");
    place.ok("train vae --latent-dim 6,3 --hidden-dim 64 --upper-hidden-dim 32 --epochs 4 --out layers");
    for run in ["conv", "deep", "layers"] {
        let bound = elbo(&place, run);
        assert!(bound > -26.3, "{run}: {bound}");
    }
    let marginal = &place.json_of("eval layers --samples 200 --images 50 --json")["marginal"];
    assert_eq!(marginal["latent_dim"], 9);
    let active = number(&marginal["active_units"]);
    assert!((1.0..=9.0).contains(&active), "{marginal}");
    // Resumed, evaluated, drawn from: by what config.toml says.
    place.ok("resume conv --epochs 5");
    let evaluated = &place.json_of("eval conv --samples 0 --json")["test"];
    assert_close(&[number(&evaluated["elbo"])], &[elbo(&place, "conv")], 1e-12, 0.0, "the same again");
    place.ok("sample layers -n 4");
    place.ok("reconstruct conv -n 4");
}

/// A digit has 17 grey levels, of which a uniform guess gives 64·ln 17 nats.
#[test]
fn grey_levels_are_learned() {
    let place = Place::new();
    place.ok("train vae --likelihood categorical --levels 17 --latent-dim 4 --hidden-dim 64 --epochs 3 --out grey");
    let (bound, uniform) = (elbo(&place, "grey"), -64.0 * 17f64.ln());
    assert!(bound > 0.65 * uniform, "{bound} beside {uniform}");
    assert_eq!(place.toml("grey/config.toml")["model"]["levels"].as_integer(), Some(17));
    let evaluated = &place.json_of("eval grey --samples 100 --images 20 --json")["test"];
    assert_eq!(evaluated, &place.json("grey/result.json")["test"], "to the last digit");
    let size = place.picture_size("grey/samples.png");
    assert!(size.0 > 100 && size.1 > 100, "{size:?}");
}

/// The standard deviation is no weight: its average is kept beside them.
#[test]
fn the_standard_deviation_can_be_the_best_one() {
    let place = Place::new();
    let train = "train vae --likelihood gaussian --latent-dim 4 --hidden-dim 64";
    let optimal = format!("{train} --scale optimal");
    place.ok(&format!("{train} --epochs 4 --out learned"));
    place.ok(&format!("{optimal} --epochs 4 --out whole"));
    place.ok(&format!("{optimal} --epochs 2 --out half"));
    place.ok("resume half --epochs 4");
    assert_eq!(place.weights("half"), place.weights("whole"));
    let kept = |run: &str, name: &str| String::from_utf8_lossy(&place.weights(run)).contains(&format!("\"{name}\""));
    assert!(kept("whole", "running_scale.log_scale") && !kept("whole", "log_scale"), "it is no weight");
    assert!(kept("learned", "log_scale") && !kept("learned", "running_scale.log_scale"), "it is one");
    let gain = elbo(&place, "whole") - elbo(&place, "learned");
    assert!(gain > -1.0, "of some tens of nats: {gain}");
    let evaluated = &place.json_of("eval whole --samples 0 --json")["test"];
    assert_eq!(evaluated, &place.json("whole/result.json")["test"], "to the last digit");
    place.ok(&format!("{optimal} --scale-per-channel --condition class --epochs 1 --out classes"));
    place.refused("train vae --scale optimal --likelihood logistic --out x", &["--likelihood gaussian"]);
    place.refused(&format!("{optimal} --objective iwae --out x"), &["--objective elbo"]);
}

#[test]
fn the_latent_space_is_shown() {
    let place = Place::new();
    place.ok("train vae --latent-dim 3 --hidden-dim 64 --epochs 3 --out run");
    let traversal = place.json_of("latent traverse run --dims 2 -n 7 --image 1 --json");
    let sd = numbers(&traversal["sd"]);
    assert_eq!((traversal["dims"].as_array().unwrap().len(), sd.len()), (2, 2));
    assert!(sd[0] >= sd[1] && sd[0] > 0.3, "{traversal}");
    // Images of 48 pixels with 2 between.
    assert_eq!(place.picture_size("run/traversal.png"), (7 * 50 + 2, 2 * 50 + 2));
    place.ok("latent interpolate run --pairs 3 -n 5");
    assert_eq!(place.picture_size("run/interpolation.png"), ((5 + 2) * 50 + 2, 3 * 50 + 2));
    let map = place.json_of("latent map run -n 200 --output map.png --json");
    assert_eq!(map["images"], 200);
    assert!((0.66..1.0).contains(&number(&map["variance_shown"])), "two of three components: {map}");
    assert_eq!(place.picture_size("map.png"), (800, 720));
    place.refused("latent traverse run --range 0", &["--range"]);
    place.refused("latent traverse run --image 5000", &["--image", "below 359"]);
    place.refused("latent interpolate run --pairs 100 -n 101", &["from 2 to 100"]);
    place.refused("latent interpolate run -n 1", &[" -n must be", "from 2"]);
    place.ok("train vae --latent-dim 1 --hidden-dim 8 --epochs 1 --out line");
    place.refused("latent map line", &["one dimension"]);
    place.ok("train logistic --l2 0.1 --out other");
    place.refused("latent map other", &["kiln latent", "vae"]);
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let place = Place::new();
    place.refused_to_start("train vae --channels 4,4,4,4", &["8×8", "4 times"]);
    place.refused_to_start("train vae --levels 4", &["--levels", "categorical"]);
    place.refused_to_start("train vae --likelihood categorical --levels 1", &["--levels", "from 2 to 256"]);
    place.refused_to_start("train vae --upper-hidden-dim 4", &["--upper-hidden-dim", "--latent-dim"]);
    place.refused_to_start("train vae --latent-dim 3,0", &["latent_dim"]);
}
