//! What datasets there are, and which of them are on this machine.

use crate::{
    Locate,
    collection::{Collection, Places, collections},
};
use std::path::PathBuf;

/// A dataset that Kiln knows by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInfo {
    /// The name to ask for.
    pub name: &'static str,
    /// One line about the content.
    pub description: &'static str,
    /// Rows in all: training and test.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// The licence of the data.
    pub licence: &'static str,
    /// Who published it, and where.
    pub source: &'static str,
    /// Where it is now.
    pub presence: Presence,
}

/// Where a dataset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In the program itself.
    Embedded,
    /// In a folder.
    Found(PathBuf),
    /// Not on this machine: its first use downloads it.
    Absent,
}

/// The datasets known by name, looked for as [`load_images`](crate::load_images) would; opens no file and no
/// connection.
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
