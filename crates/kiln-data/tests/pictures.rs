//! Picture files, compared with what Pillow reads from them. `tests/reference/gen/make_pictures.py` makes the files.
#![cfg(feature = "pictures")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kiln_data::{ColorMode, DataError, Dataset, Fit, ImageShape, Images, PictureSet, Pictures};
use serde::Deserialize;
use tempfile::TempDir;

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures")
}

#[derive(Deserialize)]
struct Expected {
    pictures: BTreeMap<String, Picture>,
    bad: Vec<String>,
}

#[derive(Deserialize)]
struct Picture {
    height: usize,
    width: usize,
    rgb: Vec<u8>,
    grey: Vec<u8>,
    stretch: Vec<u8>,
    crop: Vec<u8>,
    pad: Vec<u8>,
}

fn expected() -> Expected {
    serde_json::from_str(&fs::read_to_string(files().join("expected.json")).unwrap()).unwrap()
}

/// A folder with copies of some of the files: their names there, and here.
fn folder<'a>(copies: impl IntoIterator<Item = (&'a str, &'a str)>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in copies {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(files().join(file), path).unwrap();
    }
    folder
}

fn read(pictures: &Pictures) -> Result<PictureSet, DataError> {
    pictures.read(&mut |_, _| {})
}

fn one(file: &str, set: impl FnOnce(Pictures) -> Pictures) -> Images {
    let folder = folder([(file, file)]);
    read(&set(Pictures::new(folder.path()))).unwrap().images
}

/// How far two lists of bytes are apart: at most, and on average.
fn distance(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let each = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (each.clone().max().unwrap_or(0), each.map(f64::from).sum::<f64>() / a.len() as f64)
}

#[test]
fn every_format_is_read_as_pillow_reads_it() {
    for (file, expected) in expected().pictures {
        let colour = one(&file, |pictures| pictures.color(ColorMode::Rgb));
        assert_eq!(colour.shape(), ImageShape::rgb(expected.height, expected.width), "{file}");
        let grey = one(&file, |pictures| pictures.color(ColorMode::Grey));
        assert_eq!(grey.shape(), ImageShape::grey(expected.height, expected.width), "{file}");
        // Two decoders of JPEG round the cosine transform and the change of colours differently. Blending with white rounds differently in
        // Pillow, too. CMYK is converted by multiplication here, and with other rounding there.
        let most = match file.as_str() {
            "cmyk.jpg" => (6, 1.5),
            "colour.jpg" | "grey.jpg" => (3, 0.6),
            "transparent.png" => (1, 0.5),
            _ => (0, 0.0),
        };
        for (found, expected) in [(&colour, &expected.rgb), (&grey, &expected.grey)] {
            let (furthest, mean) = distance(&found.bytes(), expected);
            assert!(furthest <= most.0 && mean <= most.1, "{file}: {furthest}, {mean} on average");
        }
    }
}

#[test]
fn pictures_are_resized_as_pillow_resizes_them() {
    for (file, expected) in expected().pictures {
        for (fit, expected) in
            [(Fit::Stretch, &expected.stretch), (Fit::Crop, &expected.crop), (Fit::Pad, &expected.pad)]
        {
            let images = one(&file, |pictures| pictures.color(ColorMode::Rgb).size(16, 12).fit(fit));
            assert_eq!(images.shape(), ImageShape::rgb(16, 12));
            let (furthest, mean) = distance(&images.bytes(), expected);
            // As above, and one more for the rounding of the scaled values.
            let most = match file.as_str() {
                "cmyk.jpg" => (6, 1.5),
                "colour.jpg" | "grey.jpg" | "transparent.png" => (3, 0.6),
                _ => (1, 0.3),
            };
            assert!(furthest <= most.0 && mean <= most.1, "{file}, {fit}: {furthest}, {mean} on average");
        }
    }
}

#[test]
fn the_channels_are_those_of_the_pictures() {
    assert_eq!(one("grey_as_rgb.png", |p| p).shape(), ImageShape::grey(24, 40));
    assert_eq!(one("noise.png", |p| p).shape(), ImageShape::rgb(20, 30));
    let both = folder([("a.png", "grey_as_rgb.png"), ("b.jpg", "colour.jpg")]);
    let images = read(&Pictures::new(both.path())).unwrap().images;
    let [grey, colour] = [one("grey_as_rgb.png", |p| p), one("colour.jpg", |p| p)];
    assert_eq!(images.shape(), colour.shape());
    assert_eq!(images.image(1), colour.image(0));
    let tripled: Vec<u8> = grey.image(0).iter().flat_map(|value| [*value; 3]).collect();
    assert_eq!(images.image(0), tripled);
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_reason() {
    let Expected { bad, .. } = expected();
    let names = bad.iter().map(|name| (name.as_str(), name.as_str()));
    let some = folder(names.chain([("good.png", "noise.png"), ("good.gif", "animated.gif")]));
    let pictures = Pictures::new(some.path()).size(8, 8);
    let message = read(&pictures).unwrap_err().to_string();
    assert!(message.starts_with("5 of 7 files in ") && message.contains("--skip-bad"), "{message}");
    for said in [
        "'empty.png' is empty",
        "'text.png' is not a picture in the format PNG",
        "'hundred_megapixels.png' has 10000×10000 pixels, more than 89 million",
        "'truncated.png' is damaged: ",
        "'truncated.jpg' is damaged: ",
    ] {
        assert!(message.contains(said), "{message}");
    }
    let set = read(&pictures.skip_bad(true)).unwrap();
    assert_eq!((set.files.join(" "), set.images.len()), ("good.gif good.png".into(), 2));
    let names: Vec<&str> = set.bad.iter().map(|bad| bad.file.as_str()).collect();
    assert_eq!(names, ["empty.png", "hundred_megapixels.png", "text.png", "truncated.jpg", "truncated.png"]);

    let none = folder([("empty.png", "empty.png")]);
    let message = read(&Pictures::new(none.path()).skip_bad(true)).unwrap_err().to_string();
    assert!(message.contains("no picture that can be used: 'empty.png' is empty"), "{message}");
    assert!(matches!(read(&Pictures::new(folder([]).path())), Err(DataError::NoPictures { .. })));
    assert!(matches!(read(&Pictures::new(none.path().join("empty.png"))), Err(DataError::NotPictures { .. })));
    assert!(matches!(read(&Pictures::new("no/such/folder")), Err(DataError::MissingFile { .. })));
    assert!(matches!(read(&Pictures::new(none.path()).size(0, 4)), Err(DataError::ImageShape { .. })));
}

#[test]
fn pictures_of_several_sizes_need_a_size() {
    let some = folder([("a.png", "noise.png"), ("b.png", "one_pixel.png"), ("c.bmp", "noise.bmp")]);
    let message = read(&Pictures::new(some.path())).unwrap_err().to_string();
    assert!(message.contains("20×30 (2); 1×1 (1); give the size of the images (--size HEIGHTxWIDTH)"), "{message}");
    let set = read(&Pictures::new(some.path()).size(4, 6)).unwrap();
    assert_eq!((set.sizes, set.images.shape()), (vec![([20, 30], 2), ([1, 1], 1)], ImageShape::rgb(4, 6)));
}

#[test]
fn folders_are_parts_and_classes() {
    let some = folder([("cat/1.png", "noise.png"), ("dog/x/2.png", "noise.tiff"), ("cat/3.png", "noise.bmp")]);
    let set = read(&Pictures::new(some.path())).unwrap();
    assert_eq!((set.images.labels(), set.images.class_names()), (&[0, 0, 1][..], vec!["cat".into(), "dog".into()]));
    assert!(set.parts.is_none());
    // A picture beside the folders of the classes has none.
    fs::copy(files().join("noise.png"), some.path().join("0.png")).unwrap();
    let message = read(&Pictures::new(some.path())).unwrap_err().to_string();
    assert!(
        message.contains("1 of 4 files") && message.contains("'0.png' is not in the folder of a class"),
        "{message}"
    );
    let set = read(&Pictures::new(some.path()).skip_bad(true)).unwrap();
    assert_eq!((set.images.len(), set.bad[0].file.as_str()), (3, "0.png"));

    let divided = folder([
        ("test/b/1.png", "noise.png"),
        ("train/a/2.png", "noise.png"),
        ("train/b/3.png", "noise.png"),
        ("val/a/4.png", "noise.png"),
    ]);
    let set = read(&Pictures::new(divided.path())).unwrap();
    let parts = set.parts.unwrap();
    assert_eq!((parts.train, parts.test, set.unused), (vec![1, 2], vec![0], 1));
    assert_eq!((set.files.len(), set.images.labels()), (3, &[1, 0, 1][..]));
}

#[test]
fn an_archive_is_read_as_its_folder() {
    let copies = [("cat/1.png", "noise.png"), ("dog/2.jpg", "colour.jpg"), ("dog/3.png", "empty.png")];
    let source = folder(copies);
    let pictures = |path: &Path| Pictures::new(path).size(10, 10).skip_bad(true);
    let expected = read(&pictures(source.path())).unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    for (name, file) in copies {
        tar.append_path_with_name(files().join(file), format!("./{name}")).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::copy(&mut &tar[..], &mut gzip).unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, file) in copies {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::copy(&mut fs::File::open(files().join(file)).unwrap(), &mut zip).unwrap();
    }
    let archives = [
        ("a.tar", tar.clone()),
        ("a.tgz", gzip.finish().unwrap()),
        ("a.tar.zst", zstd::encode_all(&tar[..], 1).unwrap()),
        ("a.zip", zip.finish().unwrap().into_inner()),
    ];
    for (name, bytes) in archives {
        let path = place.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let set = read(&pictures(&path)).unwrap();
        assert_eq!((&set.images, &set.files, &set.bad), (&expected.images, &expected.files, &expected.bad), "{name}");
        // A part of an archive is an error, and not fewer pictures.
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(read(&pictures(&path)), Err(DataError::Io { .. })), "{name}");
    }
}

#[test]
fn decoded_pictures_are_kept() {
    let (some, cache) = (folder([("a.png", "noise.png"), ("b.png", "palette.png")]), tempfile::tempdir().unwrap());
    let kept = || fs::read_dir(cache.path()).unwrap().count();
    let pictures = |side| Pictures::new(some.path()).size(side, side).cache(Some(cache.path().into()));
    let small = read(&pictures(100)).unwrap();
    assert_eq!(kept(), 0);
    let first = read(&pictures(2000)).unwrap();
    assert_eq!((kept(), first.images.is_in_memory()), (2, true));
    let mut decoded = 0;
    let second = pictures(2000).read(&mut |_, _| decoded += 1).unwrap();
    assert_eq!((decoded, second.images.is_in_memory()), (0, false));
    assert_eq!(first, second);
    // Another way to read them, and other contents.
    let stretched = read(&pictures(2000).fit(Fit::Stretch)).unwrap();
    assert_eq!((kept(), stretched.images == first.images), (4, false));
    fs::copy(files().join("noise.bmp"), some.path().join("b.png")).unwrap();
    let changed = read(&pictures(2000)).unwrap();
    assert_ne!((&changed.images, &changed.sha256), (&first.images, &first.sha256));
    assert_eq!(small.sha256, first.sha256);
    // A file that was cut is not believed.
    for entry in fs::read_dir(cache.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pixels") {
            fs::File::options().write(true).open(path).unwrap().set_len(1000).unwrap();
        }
    }
    assert_eq!(read(&pictures(2000)).unwrap(), changed);
}
