//! The folders where the files of a dataset may be.

use crate::collection::all_files;
use std::{env, path::PathBuf};

/// Where to look for the files of a dataset.
///
/// # Example
/// ```
/// use kiln_data::{DataError, HoldOut, Locate, load_images};
///
/// let here = Locate { data_dir: Some("no/such/folder".into()), offline: true };
/// let result = load_images("mnist", &here, HoldOut::default(), &mut |_| {});
/// assert!(matches!(result, Err(DataError::MissingIdxFiles { .. })));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locate {
    /// The only folder to look into, together with its subfolder of the dataset's name.
    ///
    /// With `None` (the default) Kiln looks into the folder that the environment variable `KILN_DATA_DIR` names, then into
    /// the user's cache directory (`kiln/<name>`), and finally downloads into the latter.
    pub data_dir: Option<PathBuf>,
    /// Whether downloads are forbidden. Default: `false`.
    pub offline: bool,
}

/// The folders where files are looked for.
pub(crate) struct Places {
    pub(crate) explicit: Option<PathBuf>,
    pub(crate) environment: Option<PathBuf>,
    /// Kiln's folder in the user's cache directory.
    pub(crate) cache: Option<PathBuf>,
}

impl Places {
    pub(crate) fn of(locate: &Locate) -> Self {
        Self {
            explicit: locate.data_dir.clone(),
            environment: env::var_os("KILN_DATA_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            cache: dirs::cache_dir().map(|dir| dir.join("kiln")),
        }
    }

    /// Returns the first folder with all four files of `name`, and these files.
    pub(crate) fn find(&self, name: &str) -> Option<(PathBuf, [PathBuf; 4])> {
        let own = |dir: &PathBuf| [dir.join(name), dir.clone()];
        // With an explicit folder no other is searched: a misspelt path must not give other files.
        let folders: Vec<PathBuf> = match &self.explicit {
            Some(dir) => own(dir).into(),
            None => {
                let environment = self.environment.iter().flat_map(own);
                environment.chain(self.cache.iter().map(|dir| dir.join(name))).collect()
            }
        };
        folders.into_iter().find_map(|dir| all_files(&dir).ok().map(|files| (dir, files)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::STEMS;
    use std::{fs, path::Path};

    fn fill(dir: &Path, suffix: &str) {
        fs::create_dir_all(dir).unwrap();
        STEMS.iter().for_each(|stem| fs::write(dir.join(format!("{stem}{suffix}")), "x").unwrap());
    }

    #[test]
    fn places_are_tried_in_order() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let places = |explicit: Option<&str>| Places {
            explicit: explicit.map(at),
            environment: Some(at("env")),
            cache: Some(at("cache")),
        };
        assert!(places(None).find("mnist").is_none());
        fill(&at("cache/mnist"), ".gz");
        assert_eq!(places(None).find("mnist").unwrap().0, at("cache/mnist"));
        fill(&at("env"), ".gz");
        assert_eq!(places(None).find("mnist").unwrap().0, at("env"));
        fill(&at("env/mnist"), "");
        assert_eq!(places(None).find("mnist").unwrap().0, at("env/mnist"));
        assert!(places(Some("explicit")).find("mnist").is_none());
        fill(&at("explicit"), "");
        assert_eq!(places(Some("explicit")).find("mnist").unwrap().0, at("explicit"));
    }
}
