//! The datasets that have a name.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ureq::Agent;

use super::splits::{HoldOut, ImageSplits};
use crate::{
    DIGITS_SHA256, DataError, DownloadProgress,
    collection::{Check, Collection, all_files},
    digits,
    download::{archive_digest, download},
    idx,
    locate::Places,
    stratified_split,
};

pub(super) fn load_digits(hold_out: HoldOut) -> Result<ImageSplits, DataError> {
    let images = digits();
    let split = stratified_split(&images.targets(), hold_out.test_fraction, hold_out.seed)?;
    Ok(ImageSplits {
        name: "digits".into(),
        sha256: OnceLock::from(DIGITS_SHA256.to_owned()),
        published: Some(true),
        train: images.subset(&split.train),
        test: images.subset(&split.test),
        notes: Vec::new(),
        skipped: Vec::new(),
        sizes: Vec::new(),
    })
}

/// Returns the folder and files of `collection`, and downloads them if necessary and allowed.
pub(super) fn resolve(
    collection: &Collection,
    places: &Places,
    offline: bool,
    agent: &Agent,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<(PathBuf, [PathBuf; 4]), DataError> {
    if let Some(found) = places.find(collection.name) {
        return Ok(found);
    }
    if let Some(dir) = &places.explicit {
        return all_files(dir).map(|files| (dir.clone(), files));
    }
    let cache = places.cache.as_ref().map(|dir| dir.join(collection.name));
    let unavailable = |reason: &str| DataError::Unavailable {
        name: collection.name.into(),
        reason: reason.into(),
        place: cache.as_ref().map_or("a folder of your own".into(), |dir| dir.display().to_string()),
    };
    match &cache {
        _ if offline => Err(unavailable("downloads are switched off")),
        None => Err(unavailable("there is no cache directory to download it into")),
        Some(dir) => {
            download(agent, collection, dir, progress)?;
            all_files(dir).map(|files| (dir.clone(), files))
        }
    }
}

pub(super) fn read(
    name: &str,
    [train_images, train_labels, test_images, test_labels]: &[PathBuf; 4],
) -> Result<ImageSplits, DataError> {
    let (train, test) = rayon::join(|| idx::read(train_images, train_labels), || idx::read(test_images, test_labels));
    let (train, test) = (train?, test?);
    if train.shape() != test.shape() {
        return Err(DataError::Length { what: "pixels of a test image", expected: train.dims(), found: test.dims() });
    }
    let classes = train.classes().max(test.classes());
    Ok(ImageSplits {
        name: name.into(),
        sha256: OnceLock::new(),
        published: None,
        train: train.with_classes(classes)?,
        test: test.with_classes(classes)?,
        notes: Vec::new(),
        skipped: Vec::new(),
        sizes: Vec::new(),
    })
}

/// Returns an error if the first labels are those of another known collection, because several share their file names.
pub(super) fn check_identity(splits: &ImageSplits, dir: &Path, known: &[Collection]) -> Result<(), DataError> {
    let opening = |collection: &&Collection| splits.train.labels().starts_with(&collection.opening.map(u32::from));
    match known.iter().find(opening) {
        Some(other) if other.name != splits.name => {
            Err(DataError::WrongDataset { dir: dir.into(), asked: splits.name.clone(), found: other.name.into() })
        }
        _ => Ok(()),
    }
}

/// Compares the files with the published ones. In the cache they must be the same, because Kiln put them there; a folder
/// that the user named may contain others.
pub(super) fn check_published(
    splits: &mut ImageSplits,
    collection: &Collection,
    places: &Places,
    dir: &Path,
    files: &[PathBuf; 4],
) -> Result<(), DataError> {
    let in_cache = places.cache.as_ref().is_some_and(|cache| dir == cache.join(collection.name));
    if let Some(sha256) = collection.sha256 {
        splits.published = Some(splits.sha256() == sha256);
    } else if in_cache {
        let same = files.iter().zip(&collection.checks).map(|(file, check)| match check {
            Check::Archive(sha256) if file.extension().is_some_and(|extension| extension == "gz") => {
                archive_digest(file).map(|found| Some(found == *sha256))
            }
            _ => Ok(None),
        });
        let same = same.collect::<Result<Vec<_>, _>>()?;
        splits.published = same.into_iter().try_fold(true, |all, one| Some(all && one?));
    }
    if in_cache && splits.published == Some(false) {
        let (name, found) = (splits.name.clone(), splits.sha256().to_owned());
        return Err(DataError::CachedDigest { name, dir: dir.into(), found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{
        Dataset, Images, Locate,
        collection::{STEMS, collections},
        content::hex,
        download::tests::{direct, serve},
        idx::fixtures::{gzip, images_file, labels_file},
        load_images,
    };
    use std::{collections::HashMap, env, fs};

    const OPENING: [u8; 10] = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4];

    /// Twelve training images and three test images of 2×2 pixels.
    fn contents() -> [Vec<u8>; 4] {
        let pixels: Vec<u8> = (0..48).collect();
        [
            images_file(12, 2, 2, &pixels),
            labels_file(&[&OPENING[..], &[0, 0]].concat()),
            images_file(3, 2, 2, &pixels[..12]),
            labels_file(&[7, 2, 1]),
        ]
    }

    fn fill(dir: &Path, contents: &[Vec<u8>; 4]) {
        fs::create_dir_all(dir).unwrap();
        STEMS.iter().zip(contents).for_each(|(stem, content)| fs::write(dir.join(stem), content).unwrap());
    }

    fn collection(base_url: String) -> Collection {
        let checks = contents().map(|content| Check::Content(hex(&Sha256::digest(content))));
        Collection { name: "mnist", base_url, checks, sha256: None, opening: OPENING }
    }

    fn load(name: &str, data_dir: Option<&Path>) -> Result<ImageSplits, DataError> {
        let locate = Locate { data_dir: data_dir.map(Path::to_path_buf), offline: true };
        load_images(name, &locate, HoldOut::default(), &mut |_| {})
    }

    #[test]
    fn a_folder_is_a_dataset() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), &contents());
        let splits = load(dir.path().to_str().unwrap(), None).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (12, 3));
        assert_eq!((splits.train.classes(), splits.test.classes()), (10, 10));
        assert_eq!(splits.test.labels(), [7, 2, 1]);
        assert_eq!(splits.sha256(), hex(&Sha256::digest(contents().concat())));
    }

    #[test]
    fn an_explicit_folder_is_never_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let error = load("mnist", Some(dir.path())).unwrap_err();
        assert!(matches!(&error, DataError::MissingIdxFiles { missing, .. } if *missing == STEMS.join(", ")));
        fill(&dir.path().join("mnist"), &contents());
        assert_eq!(load("mnist", Some(dir.path())).unwrap().train.len(), 12);
    }

    #[test]
    fn the_files_of_another_dataset_are_told_by_their_labels() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), &contents());
        let error = load("fashion-mnist", Some(dir.path())).unwrap_err();
        assert!(matches!(error, DataError::WrongDataset { found, .. } if found == "mnist"));
    }

    #[test]
    fn parts_of_different_sizes_do_not_belong_together() {
        let dir = tempfile::tempdir().unwrap();
        let mut contents = contents();
        contents[2] = images_file(3, 1, 4, &[0; 12]);
        fill(dir.path(), &contents);
        assert!(matches!(load(dir.path().to_str().unwrap(), None), Err(DataError::Length { .. })));
    }

    #[test]
    fn the_digits_are_divided_by_class() {
        let splits = load("digits", None).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (1438, 359));
        let zeros = |images: &Images| images.labels().iter().filter(|label| **label == 0).count();
        assert!((35..=36).contains(&zeros(&splits.test)), "a fifth of 178");
        assert_eq!(zeros(&splits.train) + zeros(&splits.test), 178);
        let wrong = HoldOut { test_fraction: 1.0, seed: 0 };
        let result = load_images("digits", &Locate::default(), wrong, &mut |_| {});
        assert!(matches!(result, Err(DataError::TestFraction { .. })));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let message = load("fashion_mnist", None).unwrap_err().to_string();
        assert!(message.contains("did you mean 'fashion-mnist'?"), "{message}");
        assert!(message.contains("known datasets: digits, mnist, fashion-mnist"), "{message}");
    }

    #[test]
    fn offline_says_where_to_put_the_files() {
        let cache = tempfile::tempdir().unwrap();
        let places = Places { explicit: None, environment: None, cache: Some(cache.path().into()) };
        // A connection would fail with another message.
        let result = resolve(&collection("http://127.0.0.1:9/".into()), &places, true, &direct(), &mut |_| {});
        let message = result.unwrap_err().to_string();
        let place = cache.path().join("mnist").display().to_string();
        assert!(STEMS.iter().all(|stem| message.contains(&format!("{stem}.gz"))), "{message}");
        assert!(message.contains("downloads are switched off") && message.contains(&place), "{message}");
    }

    #[test]
    fn what_is_nowhere_is_downloaded_once() {
        let cache = tempfile::tempdir().unwrap();
        let places = Places { explicit: None, environment: None, cache: Some(cache.path().into()) };
        let archives: HashMap<_, _> =
            STEMS.iter().zip(contents()).map(|(stem, content)| (format!("{stem}.gz"), gzip(&content))).collect();
        let collection = collection(serve(archives, 4));
        // The second time the server is gone.
        for _ in 0..2 {
            let (dir, files) = resolve(&collection, &places, false, &direct(), &mut |_| {}).unwrap();
            assert_eq!(dir, cache.path().join("mnist"));
            assert_eq!(read("mnist", &files).unwrap().sha256(), hex(&Sha256::digest(contents().concat())));
        }
    }

    /// Files in the cache must be the published ones; those in a folder of the user's may be others.
    #[test]
    fn the_cache_is_compared_with_the_published_digests() {
        let cache = tempfile::tempdir().unwrap();
        let dir = cache.path().join("mnist");
        fill(&dir, &contents());
        let places = Places { explicit: None, environment: None, cache: Some(cache.path().into()) };
        let elsewhere = Places { explicit: Some(cache.path().into()), environment: None, cache: None };
        let files = all_files(&dir).unwrap();
        let check = |collection: &Collection, places: &Places, files: &[PathBuf; 4]| {
            let mut splits = read("mnist", files).unwrap();
            check_published(&mut splits, collection, places, &dir, files).map(|()| splits.published)
        };
        let [mnist, fashion] = collections();
        let error = check(&mnist, &places, &files).unwrap_err();
        assert!(matches!(error, DataError::CachedDigest { .. }), "{error}");
        assert_eq!(check(&mnist, &elsewhere, &files).unwrap(), Some(false));
        // Plain files cannot be compared with digests of archives.
        assert_eq!(check(&Collection { name: "mnist", ..fashion }, &places, &files).unwrap(), None);

        STEMS.iter().zip(contents()).for_each(|(stem, content)| {
            fs::write(dir.join(format!("{stem}.gz")), gzip(&content)).unwrap();
            fs::remove_file(dir.join(stem)).unwrap();
        });
        let archives = all_files(&dir).unwrap();
        let checks = contents().map(|content| Check::Archive(hex(&Sha256::digest(gzip(&content)))));
        let right = Collection { checks, ..collection(String::new()) };
        assert_eq!(check(&right, &places, &archives).unwrap(), Some(true));
        let checks = contents().map(|content| Check::Archive(hex(&Sha256::digest(content))));
        let wrong = Collection { checks, ..collection(String::new()) };
        assert!(matches!(check(&wrong, &places, &archives), Err(DataError::CachedDigest { .. })));
    }

    #[test]
    fn the_real_mnist_reads_where_it_is() {
        let places =
            Places { explicit: None, environment: env::var_os("KILN_DATA_DIR").map(PathBuf::from), cache: None };
        let Some((_, files)) = places.find("mnist") else {
            #[allow(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: KILN_DATA_DIR names no folder with the MNIST files");
            }
            return;
        };
        let splits = read("mnist", &files).unwrap();
        assert_eq!((splits.train.len(), splits.test.len(), splits.train.dims()), (60_000, 10_000, 784));
        assert_eq!(splits.train.labels()[..10], OPENING.map(u32::from));
        assert_eq!(Some(splits.sha256()), collections()[0].sha256);
        let images = idx::read_images(&files[0]).unwrap();
        let content = images_file(60_000, 28, 28, &images.pixels);
        let published = |check: &Check| matches!(check, Check::Content(sha) if *sha == hex(&Sha256::digest(&content)));
        assert!(published(&collections()[0].checks[0]));
    }
}
