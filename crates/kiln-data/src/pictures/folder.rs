//! The files of a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{BadPicture, DataError};

/// What a folder holds: names relative to it with `/` between their parts, in order, and what is not a file.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<(String, PathBuf)>,
    pub(super) bad: Vec<BadPicture>,
}

/// Lists all files in a folder and its subfolders, in the order of their names. Symbolic links are followed. Hidden files and those that
/// systems leave in folders are left out.
pub(super) fn list(folder: &Path) -> Result<Listing, DataError> {
    let failed = |cause| DataError::Io { action: "list", path: folder.into(), cause };
    let mut listing = Listing::default();
    let root = fs::canonicalize(folder).map_err(failed)?;
    walk(folder, "", &mut vec![root], &mut listing).map_err(failed)?;
    listing.files.sort();
    listing.bad.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(listing)
}

/// `above` has the folders that contain this one, without symbolic links.
fn walk(folder: &Path, prefix: &str, above: &mut Vec<PathBuf>, listing: &mut Listing) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if is_ignored(&name) {
            continue;
        }
        let name = format!("{prefix}{name}");
        let mut refuse = |reason: String| listing.bad.push(BadPicture { file: name.clone(), reason });
        // Of what a link leads to.
        match fs::metadata(&path) {
            Err(error) => refuse(format!("cannot be opened: {error}")),
            Ok(kind) if kind.is_file() => listing.files.push((name, path)),
            Ok(kind) if kind.is_dir() => match fs::canonicalize(&path) {
                Ok(real) if above.contains(&real) => {
                    refuse("is a symbolic link to a folder that contains it".into());
                }
                Ok(real) => {
                    above.push(real);
                    if let Err(error) = walk(&path, &format!("{name}/"), above, listing) {
                        listing.bad.push(BadPicture { file: name, reason: format!("cannot be listed: {error}") });
                    }
                    above.pop();
                }
                Err(error) => refuse(format!("cannot be opened: {error}")),
            },
            Ok(_) => refuse("is not a regular file".into()),
        }
    }
    Ok(())
}

/// Hidden files, and those of Windows and macOS.
pub(super) fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || ["Thumbs.db", "desktop.ini", "__MACOSX"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_order_and_hidden_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        for name in ["b/2.png", "b/10.png", "a/c/1.png", "0.png", ".DS_Store", "b/Thumbs.db", ".git/x.png"] {
            write(name);
        }
        let listing = list(folder.path()).unwrap();
        let names: Vec<&str> = listing.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0.png", "a/c/1.png", "b/10.png", "b/2.png"]);
        assert!(listing.bad.is_empty());
        assert!(list(&folder.path().join("none")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_are_named() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("data/inner")).unwrap();
        fs::create_dir(at("else")).unwrap();
        fs::write(at("else/1.png"), "x").unwrap();
        symlink(at("else"), at("data/linked")).unwrap();
        symlink(at("data"), at("data/inner/up")).unwrap();
        symlink(at("data/itself"), at("data/itself")).unwrap();
        symlink(at("nowhere"), at("data/lost.png")).unwrap();
        let listing = list(&at("data")).unwrap();
        assert_eq!(listing.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["linked/1.png"]);
        let bad: Vec<&str> = listing.bad.iter().map(|bad| bad.file.as_str()).collect();
        assert_eq!(bad, ["inner/up", "itself", "lost.png"]);
        assert!(listing.bad[0].reason.contains("folder that contains it"), "{:?}", listing.bad[0]);
    }
}
