//! From a descriptor to domains: files found, read, checked against each other, split.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isthmus_core::dataset::{Domain, LabelledSource, Reader};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Build, Kind};
use isthmus_core::spec::{DataSpec, PluginSpec, Protocol, Transform};

use crate::agreement::{self, FoundClasses};
use crate::descriptor::{Descriptor, DomainDescriptor, SetReaders};
use crate::fingerprint::{self, Fingerprints};
use crate::roots::Roots;
use crate::sources::{self, Joined, RowsOf};
use crate::splits;
use crate::views::Views;

/// One set of samples and what identifies its content.
#[derive(Clone)]
pub struct LoadedSet {
    /// The samples and their classes.
    pub source: LabelledSource,
    /// A hash of the files, how they are read and how they are transformed.
    pub fingerprint: String,
}

/// The sets of a domain.
#[derive(Clone)]
pub enum DomainSets {
    /// One set.
    All(LoadedSet),
    /// The data set's own training and test sets.
    Given {
        /// The training set.
        train: LoadedSet,
        /// The test set.
        test: LoadedSet,
    },
}

/// One domain, read and transformed, before a protocol says what is trained and tested on.
#[derive(Clone)]
pub struct LoadedDomain {
    /// Its name.
    pub name: String,
    /// Its samples.
    pub sets: DomainSets,
}

/// The domains of an experiment, which all have the same classes.
#[derive(Clone)]
pub struct Dataset {
    /// Name of the data set.
    pub name: String,
    /// Names of the classes in label order.
    pub classes: Vec<String>,
    /// The domains that the tasks name, in the order in which they first appear.
    pub domains: Vec<LoadedDomain>,
}

/// Reads the data that `spec` names and applies its protocol: [`Dataset::load`], then
/// [`Dataset::domains`]. Returns the data set with its domains ready for use.
///
/// # Errors
/// As of the two functions.
pub fn load_domains(
    spec: &DataSpec,
    roots: &Roots,
    key: &Key,
) -> Result<(Dataset, Vec<Domain>), DataError> {
    let dataset = Dataset::load(spec, roots)?;
    let domains = dataset.domains(spec.protocol, key)?;
    Ok((dataset, domains))
}

impl Dataset {
    /// Reads every domain that the tasks of `spec` name.
    ///
    /// # Errors
    /// If the data set or its files are not found, a file is damaged, a transform cannot be
    /// used, or the domains differ in classes or shape.
    pub fn load(spec: &DataSpec, roots: &Roots) -> Result<Self, DataError> {
        let descriptor = Descriptor::find(&spec.dataset, roots)?;
        let mut names: Vec<&str> = Vec::new();
        for task in &spec.tasks {
            for name in task.sources.iter().chain([&task.target]) {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        let views = Views::new(spec.views.as_ref())?;
        Self::load_named(&descriptor, &names, spec.transform.as_ref(), &views, roots)
    }

    /// Reads the named domains of a data set.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn load_named(
        descriptor: &Descriptor,
        names: &[&str],
        transform: Option<&Transform>,
        views: &Views,
        roots: &Roots,
    ) -> Result<Self, DataError> {
        let mut loading =
            Loading { descriptor, roots, transform, views, fingerprints: Fingerprints::default() };
        let mut domains = Vec::new();
        let mut classes = Vec::new();
        for name in names {
            let (domain, found) = loading.domain(descriptor.domain(name)?)?;
            domains.push(domain);
            classes.push(found);
        }
        let classes = agreement::classes(descriptor, &domains, &classes)?;
        agreement::check_shapes(&domains)?;
        Ok(Self { name: descriptor.name.clone(), classes, domains })
    }

    /// Says what is trained and what is tested on.
    ///
    /// - `transductive`: all samples of a domain are both; its own training and test sets, where
    ///   it has them, are joined, training samples first.
    /// - `given`: its own training and test sets; a domain with one set is trained and tested on
    ///   that.
    /// - `split`: a share of all its samples is held out, stratified; which rows, `key` and the
    ///   domain's name decide ([`Dataset::split_key`] and
    ///   [`stratified_split`](crate::stratified_split) give them again).
    ///
    /// # Errors
    /// If a split is impossible.
    pub fn domains(&self, protocol: Protocol, key: &Key) -> Result<Vec<Domain>, DataError> {
        self.domains
            .iter()
            .map(|domain| {
                let (train, test) = match (protocol, &domain.sets) {
                    (Protocol::Given, DomainSets::Given { train, test }) => {
                        (train.source.clone(), test.source.clone())
                    }
                    (Protocol::Given | Protocol::Transductive, _) => {
                        let all = domain.all()?;
                        (all.clone(), all)
                    }
                    (Protocol::Split { test_share }, _) => {
                        let all = domain.all()?;
                        let key = Self::split_key(key, &domain.name);
                        let rows = splits::stratified_split(&all.labels, test_share, &key)
                            .map_err(|error| {
                                DataError::Mismatch(format!("domain `{}`: {error}", domain.name))
                            })?;
                        (rows_of(&all, rows.train), rows_of(&all, rows.test))
                    }
                };
                Ok(Domain { name: domain.name.clone(), train, validation: None, test })
            })
            .collect()
    }

    /// Identifies the content of some domains, whatever others were loaded beside them.
    pub fn fingerprint_of<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        let mut parts = vec![self.name.as_str()];
        for name in names {
            parts.push(name);
            let domain = self.domains.iter().filter(|domain| domain.name == name);
            parts.extend(domain.flat_map(LoadedDomain::sets).map(|set| set.fingerprint.as_str()));
        }
        fingerprint::of_texts(parts)
    }

    /// Names the random split of a domain.
    pub fn split_key(key: &Key, domain: &str) -> Key {
        key.named("split").named(domain)
    }

    /// The same data set with every set replaced, for instance by its features. `replace` is
    /// told the domain's name.
    ///
    /// # Errors
    /// Those of `replace`.
    pub fn map_sets<E>(
        &self,
        mut replace: impl FnMut(&str, &LoadedSet) -> Result<LoadedSet, E>,
    ) -> Result<Self, E> {
        let mut dataset = self.clone();
        for domain in &mut dataset.domains {
            domain.sets = match &domain.sets {
                DomainSets::All(set) => DomainSets::All(replace(&domain.name, set)?),
                DomainSets::Given { train, test } => DomainSets::Given {
                    train: replace(&domain.name, train)?,
                    test: replace(&domain.name, test)?,
                },
            };
        }
        Ok(dataset)
    }
}

impl LoadedDomain {
    /// Its sets: one, or the training and the test set.
    pub fn sets(&self) -> Vec<&LoadedSet> {
        match &self.sets {
            DomainSets::All(set) => vec![set],
            DomainSets::Given { train, test } => vec![train, test],
        }
    }

    /// All its samples.
    fn all(&self) -> Result<LabelledSource, DataError> {
        Ok(match &self.sets {
            DomainSets::All(set) => set.source.clone(),
            DomainSets::Given { train, test } => {
                let (train, test) = (&train.source, &test.source);
                let samples = Joined::new(Arc::clone(&train.samples), Arc::clone(&test.samples))?;
                let labels = train.labels.iter().chain(test.labels.iter()).copied().collect();
                LabelledSource { samples: Arc::new(samples), labels }
            }
        })
    }
}

pub(crate) fn rows_of(source: &LabelledSource, rows: Vec<usize>) -> LabelledSource {
    let labels = rows.iter().map(|&row| source.labels[row]).collect();
    let samples = Arc::new(RowsOf::new(Arc::clone(&source.samples), rows));
    LabelledSource { samples, labels }
}

/// Builds the reader that a descriptor names.
pub(crate) fn reader_of(spec: &PluginSpec) -> Box<dyn Reader> {
    let plugin = registry::find(Kind::Reader, &spec.name)
        .expect("a descriptor's readers were found when it was read");
    match plugin.build {
        Build::Reader(build) => build(&spec.config),
        _ => unreachable!("plugins of kind reader are built as readers"),
    }
}

struct Loading<'a> {
    descriptor: &'a Descriptor,
    roots: &'a Roots,
    transform: Option<&'a Transform>,
    views: &'a Views,
    fingerprints: Fingerprints,
}

impl Loading<'_> {
    fn domain(
        &mut self,
        domain: &DomainDescriptor,
    ) -> Result<(LoadedDomain, FoundClasses), DataError> {
        let (sets, classes) = match &domain.readers {
            SetReaders::All(spec) => {
                let (set, classes) = self.set(domain, spec)?;
                (DomainSets::All(set), classes)
            }
            SetReaders::Given { train, test } => {
                let (train, mut classes) = self.set(domain, train)?;
                let (test, of_test) = self.set(domain, test)?;
                if classes.names.is_some() && classes.names != of_test.names {
                    return Err(DataError::Mismatch(format!(
                        "domain `{}`: its training and test sets have different classes",
                        domain.name
                    )));
                }
                classes.count = classes.count.max(of_test.count);
                (DomainSets::Given { train, test }, classes)
            }
        };
        Ok((LoadedDomain { name: domain.name.clone(), sets }, classes))
    }

    fn set(
        &mut self,
        domain: &DomainDescriptor,
        spec: &PluginSpec,
    ) -> Result<(LoadedSet, FoundClasses), DataError> {
        let reader = reader_of(spec);
        let folder = self.folder(domain, reader.as_ref())?;
        let samples = reader.read(&folder)?;
        let data = self.fingerprints.of_set(
            spec,
            reader.as_ref(),
            &folder,
            &samples,
            &self.descriptor.checksums,
        )?;
        let transform = self.transform.map(to_text).unwrap_or_default();
        let fingerprint = fingerprint::of_texts([data.as_str(), &transform]);
        let classes = FoundClasses {
            names: samples.class_names,
            count: samples.labels.iter().max().map_or(0, |&last| last as usize + 1),
        };
        let labels: Arc<[u32]> = samples.labels.into();
        let samples = sources::source_of(samples.samples, self.transform, self.views)?;
        Ok((LoadedSet { source: LabelledSource { samples, labels }, fingerprint }, classes))
    }

    /// The first place that has the files of a reader.
    fn folder(&self, domain: &DomainDescriptor, reader: &dyn Reader) -> Result<PathBuf, DataError> {
        let groups = reader.files();
        if groups.is_empty() {
            return Ok(PathBuf::new());
        }
        let folder = domain.folder.as_ref().unwrap_or(&self.descriptor.folder);
        let places = self.roots.places(&self.descriptor.name, folder, domain.folder.is_some());
        let mut searched = Vec::new();
        for place in places {
            match missing(&place, &groups) {
                None => return Ok(place),
                Some(files) => searched.push(format!("{} ({files})", place.display())),
            }
        }
        Err(DataError::NotFound {
            dataset: self.descriptor.name.clone(),
            searched,
            layout: self.descriptor.layout.clone(),
            how_to_get: self.descriptor.how_to_get.clone(),
        })
    }
}

fn to_text(transform: &Transform) -> String {
    serde_json::to_string(transform).expect("a transform is plain data")
}

/// What a place lacks, in words.
fn missing(place: &Path, groups: &[Vec<PathBuf>]) -> Option<String> {
    if !place.is_dir() {
        return Some("no such folder".to_owned());
    }
    let absent: Vec<String> = groups
        .iter()
        .filter(|group| !group.iter().any(|path| place.join(path).exists()))
        .map(|group| {
            let choices: Vec<_> = group.iter().map(|path| path.display().to_string()).collect();
            choices.join(" or ")
        })
        .collect();
    (!absent.is_empty()).then(|| format!("has no {}", absent.join(", no ")))
}
