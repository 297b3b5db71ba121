//! Where descriptors and data sets are looked for.

use std::path::{Path, PathBuf};

/// The environment variable that names the folder of data sets.
pub const DATA_VARIABLE: &str = "ISTHMUS_DATA";

/// Where data sets are, seen from the folder that holds `datasets/`, if the variable is not set.
const DEFAULT_DATA: &str = "../shared/data";
const DESCRIPTORS: &str = "datasets";

/// Where descriptors and data sets are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Folders with descriptors, the first having the first word. Each may also hold the data of
    /// a data set, in a folder of its name.
    pub descriptors: Vec<PathBuf>,
    /// The folder of data sets.
    pub data: PathBuf,
}

impl Roots {
    /// The usual places: `datasets/` in the current folder, then `datasets/` in the nearest
    /// folder above the experiment file that has one; data under `$ISTHMUS_DATA`, else under
    /// `../shared/data` beside the repository.
    pub fn discover(experiment_file: Option<&Path>) -> Self {
        let mut descriptors = vec![PathBuf::from(DESCRIPTORS)];
        let repository = experiment_file
            .and_then(Path::parent)
            .into_iter()
            .flat_map(Path::ancestors)
            .find(|folder| folder.join(DESCRIPTORS).is_dir());
        if let Some(folder) = repository {
            let found = folder.join(DESCRIPTORS);
            if !descriptors.contains(&found) {
                descriptors.push(found);
            }
        }
        let data = std::env::var_os(DATA_VARIABLE)
            .map_or_else(|| repository.unwrap_or(Path::new("")).join(DEFAULT_DATA), PathBuf::from);
        Self { descriptors, data }
    }

    /// The folders in which the files of a data set may lie, in the order in which they are
    /// searched. `folder` is what the descriptor states for the set or the domain; `own` is
    /// whether the domain states it.
    pub(crate) fn places(&self, dataset: &str, folder: &Path, own: bool) -> Vec<PathBuf> {
        let mut places = Vec::new();
        // An absolute folder is one place, not one below each root.
        if folder.is_relative() {
            for descriptors in &self.descriptors {
                let place = descriptors.join(dataset);
                places.push(if own { place.join(folder) } else { place });
            }
        }
        places.push(self.data.join(folder));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_of_the_experiment_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("datasets")).unwrap();
        std::fs::create_dir_all(folder.path().join("experiments/mine")).unwrap();
        let roots = Roots::discover(Some(&folder.path().join("experiments/mine/a.toml")));
        assert_eq!(roots.descriptors, [PathBuf::from("datasets"), folder.path().join("datasets")]);
    }

    #[test]
    fn places_are_searched_beside_the_descriptors_first() {
        let roots = Roots { descriptors: vec!["datasets".into()], data: "data".into() };
        let of = |folder: &str, own| roots.places("digits", Path::new(folder), own);
        assert_eq!(of("d", false), [PathBuf::from("datasets/digits"), "data/d".into()]);
        assert_eq!(
            of("mnist", true),
            [PathBuf::from("datasets/digits/mnist"), "data/mnist".into()]
        );
        assert_eq!(of("/elsewhere", false), [PathBuf::from("/elsewhere")]);
    }
}
