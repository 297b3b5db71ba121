//! Reading the sets of a data set: where their files are, what they hold, what identifies them.

use std::path::{Path, PathBuf};

use isthmus_core::dataset::{LabelledSamples, LabelledSource, Reader, SampleOutline};
use isthmus_core::error::DataError;
use isthmus_core::spec::{CorruptionSpec, DataSpec, PluginSpec, Transform};
use isthmus_core::targets::RowTargets;

use crate::agreement::{self, Agreement};
use crate::corrupted::SetCorruption;
use crate::descriptor::{Descriptor, DomainDescriptor};
use crate::fingerprint::SetFiles;
use crate::found_classes::{ClassesOf, FoundClasses};
use crate::identity::{self, DatasetIdentity, Identity};
use crate::identity_cache::IdentityCache;
use crate::loaded::LoadedSet;
use crate::readers::reader_of;
use crate::roots::Roots;
use crate::sources::{Stored, Transformed};
use crate::views::Views;

/// The data set's domains that the tasks name, in the order in which they first appear.
pub(crate) fn domains_of(spec: &DataSpec) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for task in &spec.tasks {
        for name in task.sources.iter().map(String::as_str).chain(task.target_domains()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// A domain that is loaded: one of the data set as it is, or corrupted.
pub(crate) struct Wanted<'a> {
    /// Its name.
    pub name: String,
    /// The data set's domain.
    pub domain: &'a str,
    /// What is done to its samples.
    pub corruption: Option<&'a CorruptionSpec>,
}

impl<'a> Wanted<'a> {
    /// A domain of the data set as it is.
    pub fn plain(domain: &'a str) -> Self {
        Self { name: domain.to_owned(), domain, corruption: None }
    }

    /// The domains that the tasks name, those of streams among them, in the order in which they
    /// first appear.
    pub fn by_tasks(spec: &'a DataSpec) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for task in &spec.tasks {
            let sources = task.sources.iter().map(|name| Self::plain(name));
            let target = task.shifts.is_empty().then(|| Self::plain(&task.target));
            let shifts = task.shifts.iter().map(|shift| Self {
                name: shift.name(),
                domain: &shift.domain,
                corruption: shift.corruption.as_ref(),
            });
            for wanted in sources.chain(target).chain(shifts) {
                if !all.iter().any(|known| known.name == wanted.name) {
                    all.push(wanted);
                }
            }
        }
        all
    }
}

/// A set that was read and transformed.
pub(crate) struct ReadSet {
    samples: Transformed,
    /// What each sample is to be predicted as.
    pub targets: RowTargets,
    fingerprint: String,
}

impl ReadSet {
    /// The set ready for use; `position` is its place among the sets of its domain.
    pub fn load(
        &self,
        corruption: Option<&CorruptionSpec>,
        position: usize,
        views: &Views,
    ) -> Result<LoadedSet, DataError> {
        let done = corruption.map(|spec| SetCorruption::new(spec, position)).transpose()?;
        let source = LabelledSource {
            samples: self.samples.clone().source(done, views)?,
            targets: self.targets.clone(),
        };
        let fingerprint = match corruption {
            None => self.fingerprint.clone(),
            Some(spec) => fingerprint_of_corrupted(&self.fingerprint, spec),
        };
        Ok(LoadedSet { source, fingerprint })
    }
}

fn fingerprint_of_corrupted(fingerprint: &str, spec: &CorruptionSpec) -> String {
    let spec = serde_json::to_string(spec).expect("a corruption is plain data");
    identity::of_texts([fingerprint, &spec])
}

/// Reads sets of a data set.
pub(crate) struct Loading<'a> {
    descriptor: &'a Descriptor,
    roots: &'a Roots,
    transform: Option<&'a Transform>,
    cache: IdentityCache,
}

impl<'a> Loading<'a> {
    pub fn new(
        descriptor: &'a Descriptor,
        transform: Option<&'a Transform>,
        roots: &'a Roots,
    ) -> Self {
        let cache = IdentityCache::new(&roots.cache);
        Self { descriptor, roots, transform, cache }
    }

    /// The sets of the named domains and their readers.
    pub fn sets(
        &self,
        names: &[&str],
    ) -> Result<Vec<(&'a DomainDescriptor, &'a PluginSpec)>, DataError> {
        let mut sets = Vec::new();
        for name in names {
            let domain = self.descriptor.domain(name)?;
            sets.extend(domain.readers.all().into_iter().map(|spec| (domain, spec)));
        }
        Ok(sets)
    }

    /// Reads a set: its samples, what identifies it, what users should know.
    pub fn read(
        &self,
        domain: &DomainDescriptor,
        spec: &PluginSpec,
    ) -> Result<(ReadSet, Identity, Vec<String>), DataError> {
        let reader = reader_of(spec);
        let folder = self.folder(domain, reader.as_ref())?;
        let samples = reader.read(&folder)?;
        let identity =
            self.files(spec, reader.as_ref(), &folder).identity_of(&samples, &self.cache)?;
        let fingerprint = self.fingerprint_of_set(&identity);
        let stored = Stored::from(&samples);
        let set = ReadSet {
            samples: Transformed::new(samples.samples, stored, self.transform)?,
            targets: samples.targets,
            fingerprint,
        };
        Ok((set, identity, samples.warnings))
    }

    /// What users should know of where fingerprints are kept.
    pub fn warning(&self) -> Option<String> {
        self.cache.warning()
    }

    /// What identifies a set; it is read only where its files have changed.
    pub fn identify(
        &self,
        domain: &DomainDescriptor,
        spec: &PluginSpec,
    ) -> Result<Identity, DataError> {
        let reader = reader_of(spec);
        let folder = self.folder(domain, reader.as_ref())?;
        self.files(spec, reader.as_ref(), &folder).identify(&self.cache)
    }

    /// Reads a set for an inspection: images are not opened, nor is anything hashed that has no
    /// stated checksum.
    pub fn open(
        &self,
        domain: &DomainDescriptor,
        spec: &PluginSpec,
    ) -> Result<LabelledSamples, DataError> {
        let reader = reader_of(spec);
        let folder = self.folder(domain, reader.as_ref())?;
        let samples = reader.read(&folder)?;
        self.files(spec, reader.as_ref(), &folder).verify_checksums()?;
        Ok(samples)
    }

    /// What the headers and labels of a set tell.
    pub fn outline(
        &self,
        domain: &DomainDescriptor,
        spec: &PluginSpec,
    ) -> Result<SampleOutline, DataError> {
        let reader = reader_of(spec);
        let folder = self.folder(domain, reader.as_ref())?;
        reader.outline(&folder)
    }

    fn files<'f>(
        &'f self,
        spec: &'f PluginSpec,
        reader: &'f dyn Reader,
        folder: &'f Path,
    ) -> SetFiles<'f> {
        SetFiles { spec, reader, folder, checksums: &self.descriptor.checksums }
    }

    fn fingerprint_of_set(&self, identity: &Identity) -> String {
        let transform = self.transform.map(to_text).unwrap_or_default();
        identity::of_texts([identity.fingerprint.as_str(), &transform])
    }

    /// The classes of the sets of domains, and what identifies those that are wanted.
    pub fn agree(
        &self,
        sets: &[(&str, Identity)],
        wanted: &[Wanted<'_>],
    ) -> Result<(DatasetIdentity, Agreement), DataError> {
        let classes: Vec<(&str, &FoundClasses)> =
            sets.iter().map(|(domain, identity)| (*domain, &identity.classes)).collect();
        let agreement = self.classes(&classes)?;
        let mut domains: Vec<(String, Vec<String>)> = Vec::new();
        for ((domain, identity), map) in sets.iter().zip(&agreement.maps) {
            let map = map.as_ref().map(|map| format!("{map:?}")).unwrap_or_default();
            let set = identity::of_texts([self.fingerprint_of_set(identity).as_str(), &map]);
            match domains.last_mut() {
                Some((last, sets)) if last == domain => sets.push(set),
                _ => domains.push(((*domain).to_owned(), vec![set])),
            }
        }
        let of = |wanted: &Wanted<'_>| {
            let own = domains.iter().filter(|(domain, _)| domain == wanted.domain);
            let sets = own.flat_map(|(_, sets)| sets).map(|set| match wanted.corruption {
                None => set.clone(),
                Some(spec) => fingerprint_of_corrupted(set, spec),
            });
            (wanted.name.clone(), sets.collect())
        };
        let domains = wanted.iter().map(of).collect();
        let name = self.descriptor.name.clone();
        Ok((DatasetIdentity { name, classes: agreement.classes.clone(), domains }, agreement))
    }

    /// The classes of the sets.
    pub fn classes(&self, sets: &[(&str, &FoundClasses)]) -> Result<Agreement, DataError> {
        let sets: Vec<ClassesOf<'_>> =
            sets.iter().map(|&(domain, found)| ClassesOf { domain, found }).collect();
        agreement::classes(self.descriptor, &sets)
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
