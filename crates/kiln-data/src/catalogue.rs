//! The datasets that Kiln knows by name, and which of them are on this machine.

use crate::{
    Locate,
    collection::{Collection, collections},
    locate::Places,
};
use std::path::PathBuf;

/// A dataset that Kiln knows by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInfo {
    /// The name.
    pub name: &'static str,
    /// A description in one line.
    pub description: &'static str,
    /// Number of rows: training and test together.
    pub rows: usize,
    /// Number of features.
    pub features: usize,
    /// Number of classes.
    pub classes: usize,
    /// The licence of the data.
    pub licence: &'static str,
    /// The publisher and the address.
    pub source: &'static str,
    /// Where the data are now.
    pub presence: Presence,
}

/// Where a dataset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Compiled into the program.
    Embedded,
    /// In a folder.
    Found(PathBuf),
    /// Not on this machine. The first use downloads it.
    Absent,
}

/// Returns the datasets that Kiln knows by name, and where [`load_images`](crate::load_images) would find them.
///
/// It opens no file and no connection.
///
/// # Example
///
/// ```
/// use kiln_data::{Locate, catalogue};
///
/// let names: Vec<_> = catalogue(&Locate::default()).iter().map(|dataset| dataset.name).collect();
/// assert_eq!(names, ["digits", "breast-cancer", "mnist", "fashion-mnist"]);
/// ```
pub fn catalogue(locate: &Locate) -> Vec<DatasetInfo> {
    list(&Places::of(locate), &collections())
}

fn list(places: &Places, collections: &[Collection; 2]) -> Vec<DatasetInfo> {
    let presence = |collection: &Collection| match places.find(collection.name) {
        Some((dir, _)) => Presence::Found(dir),
        None => Presence::Absent,
    };
    let [mnist, fashion] = collections;
    vec![
        DatasetInfo {
            name: "digits",
            description: "handwritten digits, 8×8 pixels, 16 grey levels",
            rows: 1797,
            features: 64,
            classes: 10,
            licence: "CC BY 4.0",
            source: "E. Alpaydin, C. Kaynak, UCI, https://doi.org/10.24432/C50P49",
            presence: Presence::Embedded,
        },
        DatasetInfo {
            name: "breast-cancer",
            description: "tumours, 30 measurements, benign or malignant",
            rows: 569,
            features: 30,
            classes: 2,
            licence: "CC BY 4.0",
            source: "W. Wolberg et al., UCI, https://doi.org/10.24432/C5DW2B",
            presence: Presence::Embedded,
        },
        DatasetInfo {
            name: mnist.name,
            description: "handwritten digits, 28×28 pixels, 256 grey levels",
            rows: 70_000,
            features: 784,
            classes: 10,
            licence: "CC BY-SA 3.0",
            source: "Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/",
            presence: presence(mnist),
        },
        DatasetInfo {
            name: fashion.name,
            description: "articles of clothing, 28×28 pixels, 256 grey levels",
            rows: 70_000,
            features: 784,
            classes: 10,
            licence: "MIT",
            source: "H. Xiao, K. Rasul, R. Vollgraf, https://github.com/zalandoresearch/fashion-mnist",
            presence: presence(fashion),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BREAST_CANCER_TARGET, Dataset, breast_cancer, collection::STEMS, digits};
    use std::fs;

    #[test]
    fn presence_follows_the_files() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("fashion-mnist");
        fs::create_dir(&dir).unwrap();
        STEMS.iter().for_each(|stem| fs::write(dir.join(stem), "").unwrap());
        let places = Places { explicit: Some(root.path().into()), environment: None, cache: None };
        let found: Vec<_> = list(&places, &collections()).into_iter().map(|info| (info.name, info.presence)).collect();
        assert_eq!(
            found,
            [
                ("digits", Presence::Embedded),
                ("breast-cancer", Presence::Embedded),
                ("mnist", Presence::Absent),
                ("fashion-mnist", Presence::Found(dir)),
            ]
        );
    }

    #[test]
    fn the_sizes_of_the_embedded_datasets_are_theirs() {
        let infos = catalogue(&Locate::default());
        let (digits, table) = (digits(), breast_cancer());
        assert_eq!(
            (infos[0].rows, infos[0].features, infos[0].classes),
            (digits.len(), digits.dims(), digits.classes())
        );
        assert_eq!((infos[1].rows, infos[1].features), (table.len(), table.columns().len() - 1));
        assert!(table.column(BREAST_CANCER_TARGET).is_some());
    }
}
