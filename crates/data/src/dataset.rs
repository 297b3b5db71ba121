//! From a descriptor to domains: files found, read, checked against each other, split.

use isthmus_core::dataset::{Domain, LabelledSource};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::spec::{DataSpec, Protocol, Transform};

use crate::class_sets::ChosenClasses;
use crate::descriptor::{Descriptor, SetReaders};
use crate::identity::DatasetIdentity;
use crate::loaded::{DomainSets, DomainUse, LoadedDomain, LoadedSet, rows_of};
use crate::loading::{Loading, ReadSet, Wanted, domains_of};
use crate::roots::Roots;
use crate::shapes::check_shapes;
use crate::splits;
use crate::views::Views;

/// The domains of an experiment, which all have the same classes.
#[derive(Clone)]
pub struct Dataset {
    /// Name of the data set.
    pub name: String,
    /// Names of the classes in label order: those of the sources, where an experiment says that
    /// targets have others. Of targets that are numbers, the names of these.
    pub classes: Vec<String>,
    /// What is kept of sources and targets, where they differ in classes.
    pub(crate) chosen: Option<ChosenClasses>,
    /// The domains that the tasks name, those of streams among them, in the order in which they
    /// first appear.
    pub domains: Vec<LoadedDomain>,
    /// What identifies its content.
    pub identity: DatasetIdentity,
    /// What users should know, such as files that were left out.
    pub warnings: Vec<String>,
}

/// Reads the data that `spec` names and applies its protocol, every domain used as a source:
/// [`Dataset::load`], then [`Dataset::domains`]. Returns the data set with its domains ready for use.
///
/// # Errors
/// As of the two functions.
pub fn load_domains(
    spec: &DataSpec,
    roots: &Roots,
    key: &Key,
) -> Result<(Dataset, Vec<Domain>), DataError> {
    let dataset = Dataset::load(spec, roots)?;
    let domains = dataset.domains(spec.protocol, DomainUse::Source, key)?;
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
        let views = Views::new(spec.views.as_ref())?;
        let wanted = Wanted::by_tasks(spec);
        let names = domains_of(spec);
        let transform = spec.transform.as_ref();
        let mut dataset =
            Self::load_wanted(&descriptor, &names, &wanted, transform, &views, roots)?;
        if let Some(sets) = &spec.classes {
            let chosen = ChosenClasses::new(&dataset.classes, sets)?;
            dataset.classes.clone_from(&chosen.known);
            dataset.chosen = Some(chosen);
        }
        Ok(dataset)
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
        let wanted: Vec<Wanted<'_>> = names.iter().map(|name| Wanted::plain(name)).collect();
        Self::load_wanted(descriptor, names, &wanted, transform, views, roots)
    }

    /// Reads the named domains of a data set once, and makes of them those that are wanted.
    fn load_wanted(
        descriptor: &Descriptor,
        names: &[&str],
        wanted: &[Wanted<'_>],
        transform: Option<&Transform>,
        views: &Views,
        roots: &Roots,
    ) -> Result<Self, DataError> {
        let loading = Loading::new(descriptor, transform, roots);
        let mut sets = Vec::new();
        let mut identities = Vec::new();
        let mut warnings = Vec::new();
        for (domain, spec) in loading.sets(names)? {
            let (set, identity, told) = loading.read(domain, spec)?;
            sets.push(set);
            identities.push((domain.name.as_str(), identity));
            warnings.extend(told);
        }
        let (identity, agreement) = loading.agree(&identities, wanted)?;
        warnings.extend(agreement.warnings);
        warnings.extend(loading.warning());
        let mut sets = sets.into_iter().zip(agreement.maps).map(|(mut set, map)| {
            if let Some(map) = map {
                set.targets = set.targets.map_classes(|label| map[&label]);
            }
            set
        });
        let mut read: Vec<(&str, Vec<ReadSet>)> = Vec::new();
        for &name in names {
            let readers = &descriptor.domain(name)?.readers;
            read.push((name, sets.by_ref().take(readers.all().len()).collect()));
        }
        let mut domains = Vec::new();
        for Wanted { name, domain, corruption } in wanted {
            let readers = &descriptor.domain(domain)?.readers;
            let own = read.iter().filter(|(name, _)| name == domain).flat_map(|(_, sets)| sets);
            let own = own.enumerate().map(|(place, set)| set.load(*corruption, place, views));
            let mut own = own.collect::<Result<Vec<_>, _>>()?.into_iter();
            let mut next = || own.next().expect("every set of every domain was read");
            let sets = match readers {
                SetReaders::All(_) => DomainSets::All(next()),
                SetReaders::Given { .. } => DomainSets::Given { train: next(), test: next() },
            };
            let origin = (*domain).to_owned();
            domains.push(LoadedDomain { name: name.clone(), origin, sets });
        }
        check_shapes(domains.iter().flat_map(|domain| {
            let sets = domain.sets().into_iter();
            sets.map(|set| (domain.name.as_str(), set.source.samples.shape()))
        }))?;
        let classes = agreement.classes;
        let name = descriptor.name.clone();
        Ok(Self { name, classes, chosen: None, domains, identity, warnings })
    }

    /// What identifies the data that `spec` names. Where its files are as they were when they were
    /// read last, they are not read again.
    ///
    /// # Errors
    /// As [`Dataset::load`], as far as it shows.
    pub fn identify(spec: &DataSpec, roots: &Roots) -> Result<DatasetIdentity, DataError> {
        let descriptor = Descriptor::find(&spec.dataset, roots)?;
        let loading = Loading::new(&descriptor, spec.transform.as_ref(), roots);
        let mut identities = Vec::new();
        for (domain, spec) in loading.sets(&domains_of(spec))? {
            let identity = loading.identify(domain, spec)?;
            identities.push((domain.name.as_str(), identity));
        }
        Ok(loading.agree(&identities, &Wanted::by_tasks(spec))?.0)
    }

    /// Says what is trained and what is tested on.
    ///
    /// - `transductive`: all samples of a domain are both; its own training and test sets, where
    ///   it has them, are joined, training samples first.
    /// - `given`: its own training and test sets; a domain with one set is trained and tested on
    ///   that.
    /// - `split`: a share of all its samples is held out; which rows, `key` and the domain's name
    ///   (before it was corrupted) decide ([`Dataset::split_key`]): of a source the same share of each class
    ///   ([`stratified_split`](crate::stratified_split)), of a target whatever the classes
    ///   ([`plain_split`](crate::plain_split)), so that its labels decide nothing.
    ///
    /// # Errors
    /// If a split is impossible.
    pub fn domains(
        &self,
        protocol: Protocol,
        used_as: DomainUse,
        key: &Key,
    ) -> Result<Vec<Domain>, DataError> {
        let chosen = |set: &LabelledSource| match &self.chosen {
            Some(chosen) => chosen.select(set, used_as),
            None => set.clone(),
        };
        self.domains
            .iter()
            .map(|domain| {
                let (train, test) = match (protocol, &domain.sets) {
                    (Protocol::Given, DomainSets::Given { train, test }) => {
                        (chosen(&train.source), chosen(&test.source))
                    }
                    (Protocol::Given | Protocol::Transductive, _) => {
                        let all = chosen(&domain.all()?);
                        (all.clone(), all)
                    }
                    (Protocol::Split { test_share }, _) => {
                        let all = chosen(&domain.all()?);
                        let key = Self::split_key(key, &domain.origin);
                        let rows = match used_as {
                            DomainUse::Source => {
                                splits::stratified_split(&all.targets.strata(), test_share, &key)
                            }
                            DomainUse::Target => {
                                splits::plain_split(all.samples.rows(), test_share, &key)
                            }
                        };
                        let rows = rows.map_err(|error| {
                            DataError::Mismatch(format!("domain `{}`: {error}", domain.name))
                        })?;
                        (rows_of(&all, rows.train), rows_of(&all, rows.test))
                    }
                };
                Ok(Domain { name: domain.name.clone(), train, validation: None, test })
            })
            .collect()
    }

    /// Whether a target has classes that the sources have not.
    pub fn has_unknown_classes(&self) -> bool {
        self.chosen.as_ref().is_some_and(ChosenClasses::has_unknown)
    }

    /// Number of classes that a target may have, those that the sources have not counted as one,
    /// where an experiment states the target's.
    pub fn target_classes(&self) -> Option<usize> {
        self.chosen.as_ref().map(ChosenClasses::target_classes)
    }

    /// Identifies the content of some domains, whatever others were loaded beside them.
    pub fn fingerprint_of<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        self.identity.fingerprint_of(names)
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
