//! Images in arrays, tables and binary files. `tests/reference/gen/make_image_arrays.py` makes the arrays.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kiln_data::{DataError, Dataset, HoldOut, ImageLoader, ImageShape, ImageSplits, Images, digits};
use serde::Deserialize;

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/images")
}

#[derive(Deserialize)]
struct Expected {
    arrays: BTreeMap<String, Array>,
    grey: Vec<u8>,
    colour: Vec<u8>,
    labels: Vec<u32>,
}

#[derive(Deserialize)]
struct Array {
    shape: [usize; 3],
    max: u8,
    bytes: Vec<u8>,
}

fn expected() -> Expected {
    serde_json::from_str(&fs::read_to_string(files().join("expected.json")).unwrap()).unwrap()
}

fn loader(path: impl AsRef<Path>) -> ImageLoader {
    let whole = HoldOut { test_fraction: 0.0, seed: 0 };
    ImageLoader::new(path.as_ref().to_str().unwrap()).hold_out(whole).cache(None)
}

fn load(path: impl AsRef<Path>) -> Result<ImageSplits, DataError> {
    loader(path).load(&mut |_| {})
}

fn refused(name: &str) -> String {
    load(files().join(name)).unwrap_err().to_string()
}

#[test]
fn arrays_of_all_types_and_shapes_are_images() {
    for (name, Array { shape: [height, width, channels], max, bytes }) in expected().arrays {
        let path = files().join(format!("{name}.npy"));
        let splits = load(&path).unwrap();
        let images = &splits.train;
        assert_eq!(images.shape(), ImageShape { height, width, channels }, "{name}");
        assert_eq!((images.max(), &*images.bytes(), splits.test.len()), (max, &bytes[..], 0), "{name}");
        assert!(!images.has_labels() && splits.sha256().len() == 64);
        // A vector of labels or a table of numbers is none.
        assert_eq!(ImageLoader::are_images(path.to_str().unwrap()), !name.ends_with("squares"), "{name}");
    }
    let rows = loader(files().join("squares.npy")).size(1, 9).load(&mut |_| {}).unwrap();
    assert_eq!(rows.train.shape(), ImageShape::grey(1, 9));
    // Every fifth image is for testing, unless others are asked for.
    let divided = ImageLoader::new(files().join("grey.npy").to_str().unwrap()).load(&mut |_| {}).unwrap();
    assert_eq!((divided.train.len(), divided.test.len()), (4, 1));
}

#[test]
fn archives_have_labels_and_test_images() {
    let Expected { grey, colour, labels, .. } = expected();
    let keras = load(files().join("keras.npz")).unwrap();
    assert_eq!((&*keras.train.bytes(), keras.train.labels()), (&grey[..], &labels[..]));
    assert_eq!((&*keras.test.bytes(), keras.test.labels(), keras.test.classes()), (&grey[..24], &labels[..2], 3));
    // The part for validation is left out.
    let medmnist = load(files().join("medmnist.npz")).unwrap();
    assert_eq!((medmnist.train.len(), medmnist.train.labels()), (3, &labels[..3]));
    assert_eq!((&*medmnist.test.bytes(), medmnist.test.labels()), (&colour[4 * 72..], &labels[4..]));
    let scikit = load(files().join("scikit.npz")).unwrap();
    assert_eq!((scikit.train.labels(), scikit.test.len()), (&labels[..], 0));
    let signs = load(files().join("signs.npz")).unwrap();
    assert_eq!(
        (signs.train.labels(), signs.train.class_names()),
        (&[0, 1, 1, 0, 1][..], vec!["-1".into(), "1".into()])
    );
}

#[test]
fn arrays_that_are_no_images_are_refused_with_the_reason() {
    for (name, reason) in [
        ("fortran.npy", "np.ascontiguousarray"),
        ("negative.npy", "scale them to numbers from 0 to 1"),
        ("nan.npy", "NaN or infinite"),
        ("cube.npy", "no array of images"),
        ("five_values.npy", "no square: give the size (--size HEIGHTxWIDTH)"),
        ("two.npz", "several arrays of images: a, b"),
    ] {
        let message = refused(name);
        assert!(message.contains(reason), "{name}: {message}");
    }
    let size = loader(files().join("grey.npy")).size(8, 8).load(&mut |_| {}).unwrap_err().to_string();
    assert!(size.contains("only picture files are resized"), "{size}");
    let cut = tempfile::tempdir().unwrap();
    let path = cut.path().join("cut.npy");
    let bytes = fs::read(files().join("grey.npy")).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("copy or download it again"));
}

/// The table of the digits is that of scikit-learn.
#[test]
fn a_table_of_pixels_is_images() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv.gz");
    let splits = load(path).unwrap();
    assert_eq!(splits.train, digits());
    assert!(splits.notes[0].contains("16 is taken for white"), "{:?}", splits.notes);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let named = load(write("named.csv", "a,b,c,d,Label\n0,9,255,3,cat\n1,2,3,4,dog\n5,6,7,8,cat\n")).unwrap().train;
    assert_eq!((named.labels(), named.class_names()), (&[0, 1, 0][..], vec!["cat".into(), "dog".into()]));
    assert_eq!((named.shape(), named.image(0)), (ImageShape::grey(2, 2), &[0, 9, 255, 3][..]));
    for (text, reason) in [
        ("a,b,c\n1,2,3\n", "3 columns of pixels, which is no square"),
        ("a,b,c,d\n1,2,x,3\n", "column 'c' is no column of numbers"),
        ("a,b,c,d\n1,2,,3\n1,2,3,4\n", "column 'c' has 1 missing"),
    ] {
        let message = load(write("wrong.csv", text)).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
}

/// The first image of the first file is 0, 1, 2, … in each channel.
fn cifar(records: usize, labels: usize) -> Vec<u8> {
    let record = |i: usize| {
        let label = std::iter::repeat_n((i % 10) as u8, labels);
        let planes = (0..3).flat_map(move |channel| (0..1024).map(move |at| ((at + i) % 256) as u8 / (channel + 1)));
        label.chain(planes).collect::<Vec<u8>>()
    };
    (0..records).flat_map(record).collect()
}

#[test]
fn the_binary_files_of_cifar_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    for batch in 1..=5 {
        write(&format!("data_batch_{batch}.bin"), &cifar(4, 1));
    }
    write("test_batch.bin", &cifar(3, 1));
    write("batches.meta.txt", b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    let ten = load(folder.path()).unwrap();
    assert_eq!((ten.train.len(), ten.test.len(), ten.train.shape()), (20, 3, ImageShape::rgb(32, 32)));
    assert_eq!((ten.train.labels()[..5].to_vec(), ten.train.class_names()[9].as_str()), (vec![0, 1, 2, 3, 0], "truck"));
    assert_eq!(ten.train.image(0)[..9], [0, 0, 0, 1, 0, 0, 2, 1, 0]);
    write("test_batch.bin", &cifar(3, 1)[1..]);
    assert!(load(folder.path()).unwrap_err().to_string().contains("CIFAR's files have 3073"));
    fs::remove_file(folder.path().join("test_batch.bin")).unwrap();
    write("train.bin", &cifar(6, 2));
    write("test.bin", &cifar(2, 2));
    let hundred = load(folder.path()).unwrap();
    assert_eq!((hundred.train.len(), hundred.test.labels()), (6, &[0, 1][..]));
}

fn idx(header: &[u32], bytes: &[u8]) -> Vec<u8> {
    header.iter().flat_map(|word| word.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

#[test]
fn an_idx_file_may_be_alone_and_in_colour() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    let bytes: Vec<u8> = (0..36).collect();
    let of = |header: &[u32]| {
        fs::write(&path, idx(header, &bytes)).unwrap();
        load(&path).unwrap().train
    };
    assert!(ImageLoader::are_images(files().join("grey.npy").to_str().unwrap()));
    assert_eq!(of(&[0x803, 3, 2, 6]), Images::unlabelled(bytes.clone(), 2, 6, 255).unwrap());
    let interleaved = of(&[0x804, 2, 2, 3, 3]);
    assert_eq!((interleaved.shape(), interleaved.image(1)), (ImageShape::rgb(2, 3), &bytes[18..]));
    let planar = of(&[0x804, 2, 3, 3, 2]);
    assert_eq!((planar.shape(), &planar.image(0)[..6]), (ImageShape::rgb(3, 2), &[0, 6, 12, 1, 7, 13][..]));
    fs::write(&path, idx(&[0x804, 1, 4, 3, 2], &bytes)).unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("neither the last nor the second"));
    // In a folder like MNIST's.
    for (name, header, length) in [
        ("train-images-idx4-ubyte", &[0x804, 2, 2, 3, 3][..], 36),
        ("train-labels-idx1-ubyte", &[0x801, 2], 2),
        ("t10k-images-idx4-ubyte", &[0x804, 1, 2, 3, 3], 18),
        ("t10k-labels-idx1-ubyte", &[0x801, 1], 1),
    ] {
        fs::write(folder.path().join(name), idx(header, &bytes[..length])).unwrap();
    }
    let splits = load(folder.path()).unwrap();
    assert_eq!((splits.train.labels(), splits.test.image(0)), (&[0, 1][..], &bytes[..18]));
    assert_eq!(splits.train.shape(), ImageShape::rgb(2, 3));
}
