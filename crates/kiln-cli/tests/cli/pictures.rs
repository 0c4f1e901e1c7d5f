//! Images from files of people's own: folders and archives of pictures, arrays, tables of pixels.

use std::{fs, path::Path};

use crate::common::Place;

/// A file of `kiln-data`'s tests.
fn picture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kiln-data/tests/data/pictures");
    fs::read(folder.join(name)).unwrap()
}

/// A folder with 30 pictures in two classes.
fn photos(place: &Place) {
    for i in 0..30 {
        let class = if i % 3 == 0 { "disc" } else { "square" };
        let pixel = |x: u32, y: u32| {
            let (dx, dy, r) = (x.abs_diff(6 + i % 4), y.abs_diff(6 + i % 3), 3 + i % 3);
            let inside = if class == "disc" { dx * dx + dy * dy < r * r } else { dx.max(dy) < r };
            image::Rgb(if inside { [200, (8 * i) as u8, 90] } else { [20, 40, 10] })
        };
        let path = place.path(&format!("photos/{class}/{i:02}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_fn(14, 12, pixel).save(path).unwrap();
    }
}

const SMALL: &str = "--hidden-dim 8 --latent-dim 2 --epochs 2";

#[test]
fn a_folder_of_pictures_is_trained_on_in_colour() {
    let place = Place::new();
    photos(&place);
    for likelihood in ["bernoulli", "gaussian", "categorical"] {
        place.ok(&format!(
            "train vae --data photos {SMALL} --channels 3,4 --likelihood {likelihood} --out {likelihood}"
        ));
        let run = place.json(&format!("{likelihood}/run.json"));
        assert_eq!((&run["data"]["n_train"], &run["data"]["n_test"]), (&24.into(), &6.into()));
        assert_eq!((&run["data"]["image_size"], &run["data"]["image_channels"]), (&[12, 14].into(), &3.into()));
        let samples = image::open(place.path(&format!("{likelihood}/samples.png"))).unwrap();
        assert_eq!(samples.color(), image::ColorType::Rgb8);
    }
    for command in ["eval bernoulli --samples 10", "sample bernoulli -n 4 --force", "reconstruct bernoulli --force"] {
        place.ok(command);
    }
    place.ok("latent traverse bernoulli");
    place.ok("latent map bernoulli");
    // Another size, and grey.
    place.ok(&format!("train vae --data photos {SMALL} --size 8x10 --fit pad --color grey --out grey"));
    let data = &place.json("grey/run.json")["data"];
    assert_eq!((&data["image_size"], data.get("image_channels")), (&[8, 10].into(), None));
    assert_eq!(place.toml("grey/config.toml")["data"]["size"].as_str(), Some("8x10"));
    place.ok("resume grey --epochs 3");
    // The pictures of a run are checked when it goes on.
    fs::write(place.path("photos/disc/00.png"), picture("noise.png")).unwrap();
    place.refused("eval grey", &["not the data that the run was trained on"]);
}

#[test]
fn files_that_cannot_be_used_are_refused_or_left_out() {
    let place = Place::new();
    photos(&place);
    for bad in ["truncated.png", "empty.png", "text.png", "hundred_megapixels.png"] {
        fs::write(place.path(&format!("photos/disc/{bad}")), picture(bad)).unwrap();
    }
    let train = format!("train vae --data photos {SMALL}");
    let named = ["4 of 34 files", "'disc/empty.png' is empty", "'disc/text.png' is not a picture", "--skip-bad"];
    place.refused_to_start(&train, &named);
    let run = place.ok(&format!("{train} --skip-bad --out run"));
    assert!(run.stderr.contains("left out: 'disc/hundred_megapixels.png' has 10000×10000 pixels"), "{}", run.stderr);
    assert_eq!(place.json("run/run.json")["data"]["n_train"], 24);
    fs::write(place.path("photos/disc/other.png"), picture("noise.png")).unwrap();
    place.refused_to_start(&format!("{train} --skip-bad"), &["12×14 (30); 20×30 (1)", "--size"]);
    place.refused_to_start("train vae --data photos --size big", &["such as 64x64"]);
    place.refused_to_start("train vae --data photos --fit wide", &["crop, pad, stretch"]);
    fs::create_dir(place.path("nothing")).unwrap();
    place.refused_to_start("train vae --data nothing", &["nothing", "no picture"]);
}

#[test]
fn arrays_and_tables_of_pixels_are_images() {
    let place = Place::new();
    // 40 images of 3×4 pixels, and their classes.
    let pixel = |image: usize, at: usize| (image * 7 + at * 19) % 256;
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{:<117}\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 3, 4), }");
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    npy.extend((0..40).flat_map(|image| (0..12).map(move |at| pixel(image, at) as u8)));
    fs::write(place.path("images.npy"), npy).unwrap();
    let names: Vec<String> = (0..12).map(|at| format!("p{at}")).collect();
    let mut text = format!("label,{}\n", names.join(","));
    for image in 0..40 {
        let cells: Vec<String> = (0..12).map(|at| pixel(image, at).to_string()).collect();
        text += &format!("{},{}\n", if image % 2 == 0 { "even" } else { "odd" }, cells.join(","));
    }
    fs::write(place.path("pixels.csv"), text).unwrap();
    place.ok(&format!("train vae --data images.npy {SMALL} --test-fraction 0 --out array"));
    place.refused_to_start(&format!("train vae --data pixels.csv {SMALL}"), &["12 columns of pixels", "--size"]);
    place.ok(&format!("train vae --data pixels.csv --size 3x4 {SMALL} --test-fraction 0 --out table"));
    assert_eq!(place.weights("array"), place.weights("table"));
    place.refused_to_start("train vae --data images.npy --size 5x5", &["3×4", "5×5"]);
}

#[test]
fn images_are_described_with_a_contact_sheet() {
    let place = Place::new();
    photos(&place);
    fs::write(place.path("photos/disc/empty.png"), picture("empty.png")).unwrap();
    let text = place.ok("describe photos --sheet sheet.png").stdout;
    for said in [
        "30 images of 12×14 pixels in colour",
        "disc (10), square (20)",
        "not used 'disc/empty.png' is empty",
        "sheet.png",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let sheet = image::open(place.path("sheet.png")).unwrap();
    assert_eq!((sheet.color(), sheet.width()), (image::ColorType::Rgb8, 6 * (4 * 14 + 2) + 2));
    place.refused("describe photos --sheet sheet.png", &["sheet.png", "--force"]);
    fs::write(place.path("photos/disc/other.png"), picture("noise.png")).unwrap();
    let text = place.ok("describe photos --sheet sheet.png --force --sheet-images 4").stdout;
    assert!(text.contains("31 images of several sizes") && text.contains("12×14 (30), 20×30 (1)"), "{text}");
    let described: serde_json::Value = serde_json::from_str(&place.ok("describe digits --json").stdout).unwrap();
    assert_eq!((&described["train"], &described["max"]), (&1797.into(), &16.into()));
    fs::write(place.path("t.csv"), "a,b\n1,2\n").unwrap();
    place.refused("describe t.csv --sheet x.png", &["--sheet is for images"]);
}
