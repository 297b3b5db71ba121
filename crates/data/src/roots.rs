//! Where descriptors and data sets are looked for.

use std::path::{Path, PathBuf};

/// The environment variable that names the folder of data sets.
pub const DATA_VARIABLE: &str = "ISTHMUS_DATA";

/// The environment variable that names the folder of caches.
pub const CACHE_VARIABLE: &str = "ISTHMUS_CACHE";

/// The folder of caches where the variable is not set.
const DEFAULT_CACHE: &str = ".isthmus/features";
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
    /// The folder of caches: features of frozen extractors, fingerprints of data.
    pub cache: PathBuf,
}

impl Roots {
    /// The usual places: `datasets/` in the current folder, then `datasets/` in the nearest
    /// folder above the experiment file that has one; data under `$ISTHMUS_DATA`, else under
    /// `../shared/data` beside the repository; caches under `$ISTHMUS_CACHE`, else under
    /// `.isthmus/features` in the current folder.
    pub fn discover(experiment_file: Option<&Path>) -> Self {
        Self::discover_above(experiment_file)
    }

    /// As [`discover`](Self::discover), with `datasets/` above each of several files.
    pub fn discover_above<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut descriptors = vec![PathBuf::from(DESCRIPTORS)];
        let mut data = Vec::new();
        for repository in files.into_iter().filter_map(repository_above) {
            let found = repository.join(DESCRIPTORS);
            if !descriptors.contains(&found) {
                descriptors.push(found);
            }
            data.push(repository.join(DEFAULT_DATA));
        }
        let here = || PathBuf::from(DEFAULT_DATA);
        let default = || data.iter().find(|folder| folder.is_dir()).or(data.first()).cloned();
        let data = std::env::var_os(DATA_VARIABLE)
            .map_or_else(|| default().unwrap_or_else(here), PathBuf::from);
        Self { descriptors, data, cache: cache_folder() }
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
                // A folder that is stated may lie beside its descriptor, too.
                let beside = descriptors.join(folder);
                if !places.contains(&beside) {
                    places.push(beside);
                }
            }
        }
        places.push(self.data.join(folder));
        places
    }
}

/// The folder of caches where nothing else is said.
pub(crate) fn cache_folder() -> PathBuf {
    std::env::var_os(CACHE_VARIABLE).map_or_else(|| PathBuf::from(DEFAULT_CACHE), PathBuf::from)
}

/// The nearest folder above a file that has a folder of descriptors.
fn repository_above(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    let has = |folder: &Path| folder.join(DESCRIPTORS).is_dir();
    if let Some(found) = folder.ancestors().find(|folder| has(folder)) {
        return Some(found.to_owned());
    }
    // The parents of a relative name are not in it.
    let here = std::env::current_dir().ok()?.canonicalize().ok()?;
    let folder = here.join(folder).canonicalize().ok()?;
    let found = folder.ancestors().find(|folder| has(folder))?;
    Some(match here.strip_prefix(found) {
        Ok(down) => down.components().map(|_| "..").collect(),
        Err(_) => found.to_owned(),
    })
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
        let roots = Roots {
            descriptors: vec!["datasets".into()],
            data: "data".into(),
            cache: "cache".into(),
        };
        let of = |folder: &str, own| roots.places("digits", Path::new(folder), own);
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(of("d", false), paths(&["datasets/digits", "datasets/d", "data/d"]));
        assert_eq!(of("digits", false), paths(&["datasets/digits", "data/digits"]));
        assert_eq!(
            of("mnist", true),
            paths(&["datasets/digits/mnist", "datasets/mnist", "data/mnist"])
        );
        assert_eq!(of("/elsewhere", false), [PathBuf::from("/elsewhere")]);
    }
}
