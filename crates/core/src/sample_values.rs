//! The values of samples on the host.

use crate::error::DataError;

/// The values of some samples, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValues {
    /// Samples of one shape.
    Dense(Vec<f32>),
    /// Series of different lengths.
    Series {
        /// Number of channels.
        channels: usize,
        /// Time steps of each series.
        lengths: Vec<usize>,
        /// The values of each series, `[channels, length]`.
        values: Vec<f32>,
    },
    /// Texts.
    Texts(Vec<String>),
}

impl From<Vec<f32>> for SampleValues {
    fn from(values: Vec<f32>) -> Self {
        Self::Dense(values)
    }
}

impl SampleValues {
    /// The values of samples of one shape, for what works on such samples only.
    ///
    /// # Errors
    /// If the samples are series of different lengths, or texts.
    pub fn into_dense(self) -> Result<Vec<f32>, DataError> {
        match self {
            Self::Dense(values) => Ok(values),
            Self::Series { .. } => Err(DataError::Mismatch(
                "series of different lengths have no common shape, and this needs one: cut them \
                 to one length"
                    .to_owned(),
            )),
            Self::Texts(_) => Err(DataError::Mismatch(
                "texts have no values, and this needs some: freeze the extractor, so that it works \
                 on its features"
                    .to_owned(),
            )),
        }
    }

    /// Adds the samples of `other` behind.
    ///
    /// # Errors
    /// If the samples are of different kinds.
    pub fn append(&mut self, other: Self) -> Result<(), DataError> {
        match (self, other) {
            (Self::Dense(values), Self::Dense(others)) => values.extend(others),
            (
                Self::Series { channels, lengths, values },
                Self::Series { channels: other, lengths: other_lengths, values: other_values },
            ) if *channels == other => {
                lengths.extend(other_lengths);
                values.extend(other_values);
            }
            (Self::Texts(texts), Self::Texts(others)) => texts.extend(others),
            _ => return Err(other_kind()),
        }
        Ok(())
    }

    /// The values of each sample, of which each has `size` where all have one shape; nothing for
    /// texts.
    pub fn rows(&self, size: usize) -> Vec<&[f32]> {
        match self {
            Self::Dense(values) => values.chunks_exact(size.max(1)).collect(),
            Self::Series { channels, lengths, values } => {
                let mut rest = values.as_slice();
                let row = |length: &usize| {
                    let (row, behind) = rest.split_at(channels * length);
                    rest = behind;
                    row
                };
                lengths.iter().map(row).collect()
            }
            Self::Texts(_) => Vec::new(),
        }
    }

    /// The values of each sample, of which each has `size` where all have one shape, to be changed
    /// in place; nothing for texts.
    pub fn rows_mut(&mut self, size: usize) -> Vec<&mut [f32]> {
        match self {
            Self::Dense(values) => values.chunks_exact_mut(size.max(1)).collect(),
            Self::Series { channels, lengths, values } => {
                let mut rest = values.as_mut_slice();
                let row = |length: &usize| {
                    let (row, behind) = std::mem::take(&mut rest).split_at_mut(*channels * length);
                    rest = behind;
                    row
                };
                lengths.iter().map(row).collect()
            }
            Self::Texts(_) => Vec::new(),
        }
    }

    /// The samples of several sources in turn: each turn takes the next one of the part with its
    /// number. Samples of one shape have `size` values each.
    ///
    /// # Errors
    /// If the samples are of different kinds.
    ///
    /// # Panics
    /// If a turn is of no part.
    pub fn interleave(
        parts: &[Self],
        turns: impl Iterator<Item = usize>,
        size: usize,
    ) -> Result<Self, DataError> {
        if let Some(Self::Texts(_)) = parts.first() {
            return Self::interleave_texts(parts, turns);
        }
        let mut all = match parts.first() {
            Some(Self::Series { channels, .. }) => {
                Self::Series { channels: *channels, lengths: Vec::new(), values: Vec::new() }
            }
            _ => Self::Dense(Vec::new()),
        };
        let alike = |part: &Self| match (&all, part) {
            (Self::Dense(_), Self::Dense(_)) => true,
            (Self::Series { channels, .. }, Self::Series { channels: other, .. }) => {
                channels == other
            }
            _ => false,
        };
        if !parts.iter().all(alike) {
            return Err(other_kind());
        }
        let mut parts: Vec<_> = parts.iter().map(|part| part.rows(size).into_iter()).collect();
        for row in turns.filter_map(|turn| parts[turn].next()) {
            match &mut all {
                Self::Dense(values) => values.extend_from_slice(row),
                Self::Series { channels, lengths, values } => {
                    lengths.push(row.len() / (*channels).max(1));
                    values.extend_from_slice(row);
                }
                // Parts of texts have been dealt with.
                Self::Texts(_) => return Err(other_kind()),
            }
        }
        Ok(all)
    }

    fn interleave_texts(
        parts: &[Self],
        turns: impl Iterator<Item = usize>,
    ) -> Result<Self, DataError> {
        fn texts_of(part: &SampleValues) -> Result<std::slice::Iter<'_, String>, DataError> {
            match part {
                SampleValues::Texts(texts) => Ok(texts.iter()),
                _ => Err(other_kind()),
            }
        }
        let mut parts = parts.iter().map(texts_of).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::Texts(turns.filter_map(|turn| parts[turn].next()).cloned().collect()))
    }
}

fn other_kind() -> DataError {
    DataError::Mismatch(
        "samples of different kinds cannot be in one batch: where series have different lengths, \
         name the array of `lengths` for every domain, or for none"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(lengths: &[usize], first: f32) -> SampleValues {
        let count = 2 * lengths.iter().sum::<usize>();
        let values = (0..count).map(|value| first + value as f32).collect();
        SampleValues::Series { channels: 2, lengths: lengths.to_vec(), values }
    }

    #[test]
    fn rows_have_their_own_lengths() {
        let mut values = series(&[1, 3, 2], 0.0);
        assert_eq!(
            values.rows(0),
            [&[0.0, 1.0][..], &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0], &[8.0, 9.0, 10.0, 11.0]]
        );
        values.rows_mut(0)[2].fill(-1.0);
        assert_eq!(values.rows(0)[2], [-1.0; 4]);
        values.append(series(&[2], 20.0)).unwrap();
        assert_eq!(values.rows(0)[3], [20.0, 21.0, 22.0, 23.0]);
    }

    #[test]
    fn parts_are_taken_in_turn() {
        let parts = [series(&[1, 2], 0.0), series(&[3], 10.0)];
        let turns = [0, 1, 0].into_iter();
        let both = SampleValues::interleave(&parts, turns, 0).unwrap();
        let SampleValues::Series { lengths, values, .. } = both else { panic!() };
        assert_eq!(lengths, [1, 3, 2]);
        assert_eq!(values, [0.0, 1.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn texts_are_taken_in_turn() {
        let texts = |texts: &[&str]| {
            SampleValues::Texts(texts.iter().map(|&text| text.to_owned()).collect())
        };
        let parts = [texts(&["a", "b"]), texts(&["c"])];
        let both = SampleValues::interleave(&parts, [1, 0, 0].into_iter(), 0).unwrap();
        assert_eq!(both, texts(&["c", "a", "b"]));
        let mixed = [texts(&["a"]), series(&[1], 0.0)];
        assert!(SampleValues::interleave(&mixed, [1, 0].into_iter(), 0).is_err());
        let mixed = [series(&[1], 0.0), texts(&["a"])];
        assert!(SampleValues::interleave(&mixed, [1, 0].into_iter(), 0).is_err());
        let mut all = texts(&["a"]);
        all.append(texts(&["b"])).unwrap();
        assert!(all.append(series(&[1], 0.0)).is_err());
        assert!(all.rows(1).is_empty() && all.rows_mut(1).is_empty());
        let error = all.into_dense().unwrap_err().to_string();
        assert!(error.contains("texts have no values"), "{error}");
    }

    #[test]
    fn kinds_are_not_mixed() {
        let mut dense = SampleValues::Dense(vec![1.0, 2.0]);
        let error = dense.append(series(&[1], 0.0)).unwrap_err().to_string();
        assert!(error.contains("name the array of `lengths` for every domain"), "{error}");
        let error = series(&[1], 0.0).into_dense().unwrap_err().to_string();
        assert!(error.contains("cut them to one length"), "{error}");
    }
}
