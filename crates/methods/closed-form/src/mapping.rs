//! How features of both domains come to the space in which they are classified.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_linear::Rows;
use isthmus_linear::kernel::{gaussian_kernel, nearest};
use isthmus_linear::rows::add_scaled;

use crate::tensors::{Found, below, matrix, vector};

/// The map of one domain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Map {
    /// `x`, as it is.
    Identity,
    /// `x M + b`.
    Linear {
        /// `M`, `[features, mapped features]`.
        matrix: Rows,
        /// `b`.
        bias: Vec<f64>,
    },
    /// `x + d_r`, with `r` the nearest of the rows `R` and `D` their displacements.
    Displaced {
        /// `R`, `[rows, features]`.
        rows: Rows,
        /// `D`, `[rows, features]`.
        displacements: Rows,
    },
    /// `k(x, R) W` with `k(x, r) = exp(-gamma |x - r|^2)`.
    Kernel {
        /// `R`, `[rows, features]`.
        rows: Rows,
        /// `W`, `[rows, mapped features]`.
        weights: Rows,
        /// `gamma`.
        gamma: f64,
    },
}

impl Map {
    /// `x M`.
    pub(crate) fn linear(matrix: Rows) -> Self {
        let bias = vec![0.0; matrix.columns()];
        Self::Linear { matrix, bias }
    }

    /// `(x - centre) M`.
    pub(crate) fn centred(centre: &[f64], matrix: Rows) -> Self {
        let centre = Rows::new(centre.len(), centre.to_vec());
        let bias = centre.times(&matrix).values().iter().map(|value| -value).collect();
        Self::Linear { matrix, bias }
    }

    /// `(x - centre) M + end`.
    pub(crate) fn moved(centre: &[f64], matrix: Rows, end: &[f64]) -> Self {
        let mut map = Self::centred(centre, matrix);
        if let Self::Linear { bias, .. } = &mut map {
            add_scaled(bias, end, 1.0);
        }
        map
    }

    fn apply(&self, features: &Rows) -> Rows {
        match self {
            Self::Identity => features.clone(),
            Self::Linear { matrix, bias } => {
                let negative: Vec<f64> = bias.iter().map(|value| -value).collect();
                features.times(matrix).minus(&negative)
            }
            Self::Displaced { rows, displacements } => displaced(features, rows, displacements),
            Self::Kernel { rows, weights, gamma } => {
                gaussian_kernel(features, rows, *gamma).times(weights)
            }
        }
    }

    fn rounded(self) -> Self {
        let round = |value: f64| f64::from(value as f32);
        match self {
            Self::Identity => Self::Identity,
            Self::Linear { matrix, bias } => Self::Linear {
                matrix: matrix.rounded(),
                bias: bias.into_iter().map(round).collect(),
            },
            Self::Displaced { rows, displacements } => {
                Self::Displaced { rows: rows.rounded(), displacements: displacements.rounded() }
            }
            Self::Kernel { rows, weights, gamma } => Self::Kernel {
                rows: rows.rounded(),
                weights: weights.rounded(),
                gamma: round(gamma),
            },
        }
    }

    fn tensors(&self) -> Vec<NamedTensor> {
        match self {
            Self::Identity => Vec::new(),
            Self::Linear { matrix: own, bias } => {
                vec![matrix("matrix", own), vector("bias", bias.iter().copied())]
            }
            Self::Displaced { rows, displacements } => {
                vec![matrix("rows", rows), matrix("displacements", displacements)]
            }
            Self::Kernel { rows, weights, gamma } => {
                vec![matrix("rows", rows), matrix("weights", weights), vector("gamma", [*gamma])]
            }
        }
    }

    fn load(tensors: &BTreeMap<String, TensorData>) -> Result<Self, NetworkError> {
        let found = Found(tensors);
        if found.has("matrix") {
            let matrix = found.matrix("matrix", None)?;
            let bias = found.vector("bias", matrix.columns())?;
            return Ok(Self::Linear { matrix, bias });
        }
        if !found.has("rows") {
            return Ok(Self::Identity);
        }
        let rows = found.matrix("rows", None)?;
        let of_rows = |path: &str| {
            let values = found.matrix(path, None)?;
            match values.count() == rows.count() {
                true => Ok(values),
                false => Err(NetworkError::Shape {
                    path: path.to_owned(),
                    expected: vec![rows.count(), values.columns()],
                    found: vec![values.count(), values.columns()],
                }),
            }
        };
        if found.has("displacements") {
            let displacements = of_rows("displacements")?;
            return Ok(Self::Displaced { rows, displacements });
        }
        let weights = of_rows("weights")?;
        Ok(Self::Kernel { rows, weights, gamma: found.vector("gamma", 1)?[0] })
    }
}

/// Rows whose distances are held at once.
const CHUNK: usize = 256;

/// Each row of `features` and the displacement of the nearest of `rows`; of equally near ones, of the
/// first.
fn displaced(features: &Rows, rows: &Rows, displacements: &Rows) -> Rows {
    let all: Vec<usize> = (0..features.count()).collect();
    let mut values = features.values().to_vec();
    for chunk in all.chunks(CHUNK) {
        let nearest = nearest(&features.select(chunk), rows);
        for (&row, nearest) in chunk.iter().zip(nearest) {
            let start = row * features.columns();
            let own = &mut values[start..start + features.columns()];
            add_scaled(own, displacements.row(nearest), 1.0);
        }
    }
    Rows::new(features.columns(), values)
}

/// The columns of `matrix` divided by the deviations of what it maps rows to; a column that maps
/// all of them to one value stays.
pub(crate) fn to_unit_variance(matrix: &Rows, mapped: &Rows) -> Rows {
    let mut variance = vec![0.0; mapped.columns()];
    let count = mapped.count() as f64;
    for row in mapped.minus(&mapped.mean()).iter() {
        variance.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value / count);
    }
    let mut values = matrix.values().to_vec();
    for row in values.chunks_exact_mut(matrix.columns().max(1)) {
        for (value, variance) in row.iter_mut().zip(&variance) {
            let scaled = *value / variance.sqrt();
            // Far below what a number can hold, nothing varies.
            *value = if scaled.is_finite() { scaled } else { *value };
        }
    }
    Rows::new(matrix.columns(), values)
}

/// The maps of both domains.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapping {
    /// Whether rows are brought to unit length before their map.
    pub(crate) unit_before: bool,
    /// Whether rows are brought to unit length after it.
    pub(crate) unit_after: bool,
    /// The source's map; the target's where there is none.
    pub(crate) source: Option<Map>,
    /// The target's map.
    pub(crate) target: Map,
}

impl Mapping {
    /// One map for both domains.
    pub(crate) fn shared(map: Map) -> Self {
        Self { unit_before: false, unit_after: false, source: None, target: map }
    }

    /// A map for each domain.
    pub(crate) fn of_each(source: Map, target: Map) -> Self {
        Self { unit_before: false, unit_after: false, source: Some(source), target }
    }

    /// Source features, mapped.
    pub(crate) fn source(&self, features: &Rows) -> Rows {
        self.apply(self.source.as_ref().unwrap_or(&self.target), features)
    }

    /// Target features, mapped.
    pub(crate) fn target(&self, features: &Rows) -> Rows {
        self.apply(&self.target, features)
    }

    fn apply(&self, map: &Map, features: &Rows) -> Rows {
        let mapped = match self.unit_before {
            true => map.apply(&features.unit_length()),
            false => map.apply(features),
        };
        if self.unit_after { mapped.unit_length() } else { mapped }
    }

    /// The same with the 32-bit numbers of a record.
    pub(crate) fn rounded(self) -> Self {
        Self { source: self.source.map(Map::rounded), target: self.target.rounded(), ..self }
    }

    /// Everything, for a record.
    pub(crate) fn tensors(&self) -> Vec<NamedTensor> {
        let flag = |on: bool| f64::from(u8::from(on));
        let own_source = self.source.is_some();
        let flags = [self.unit_before, self.unit_after, own_source].map(flag);
        let mut tensors = vec![vector("flags", flags)];
        let source = self.source.iter().flat_map(Map::tensors);
        tensors.extend(source.map(|tensor| tensor.below("source")));
        tensors.extend(self.target.tensors().into_iter().map(|tensor| tensor.below("target")));
        tensors
    }

    /// Reads what [`tensors`](Self::tensors) gave.
    pub(crate) fn load(tensors: &BTreeMap<String, TensorData>) -> Result<Self, NetworkError> {
        let flags = Found(tensors).vector("flags", 3)?;
        let on = |position: usize| flags[position] != 0.0;
        let map = |domain: &str| Map::load(&below(tensors, domain));
        Ok(Self {
            unit_before: on(0),
            unit_after: on(1),
            source: on(2).then(|| map("source")).transpose()?,
            target: map("target")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_path(tensors: Vec<NamedTensor>) -> BTreeMap<String, TensorData> {
        tensors.into_iter().map(|tensor| (tensor.path, tensor.data)).collect()
    }

    #[test]
    fn a_mapping_is_read_back() {
        let rows = || Rows::new(2, vec![1.0, 2.0, 3.0, 4.0]);
        let kernel = Map::Kernel { rows: rows(), weights: rows(), gamma: 0.5 };
        for mapping in [
            Mapping::shared(Map::Identity),
            Mapping { unit_after: true, ..Mapping::shared(kernel) },
            Mapping::of_each(Map::centred(&[1.0, 1.0], rows()), Map::Identity),
            Mapping::of_each(Map::Displaced { rows: rows(), displacements: rows() }, Map::Identity),
            Mapping { unit_before: true, ..Mapping::of_each(Map::Identity, Map::linear(rows())) },
        ] {
            assert_eq!(Mapping::load(&by_path(mapping.tensors())).unwrap(), mapping);
        }
    }

    #[test]
    fn tensors_that_do_not_fit_are_refused() {
        let map = Map::linear(Rows::new(2, vec![1.0, 2.0, 3.0, 4.0]));
        let mut tensors = by_path(Mapping::shared(map).tensors());
        tensors.insert("target.bias".to_owned(), vector("", [1.0]).data);
        let error = Mapping::load(&tensors).unwrap_err().to_string();
        assert!(error.contains("`bias` has shape [1]"), "{error}");
        assert!(Mapping::load(&BTreeMap::new()).unwrap_err().to_string().contains("`flags`"));
    }

    #[test]
    fn more_rows_than_are_compared_at_once_go_with_their_own_displacement() {
        let count = 2 * CHUNK + 9;
        let values: Vec<f64> = (0..count).map(|row| row as f64).collect();
        let rows = Rows::new(1, values.clone());
        let displacements = Rows::new(1, values.iter().map(|value| value * value).collect());
        let map = Map::Displaced { rows: rows.clone(), displacements };
        let found = Mapping::shared(map).target(&rows);
        assert!(found.values().iter().zip(values).all(|(found, x)| *found == x + x * x));
    }

    #[test]
    fn columns_are_scaled_to_unit_variance() {
        let matrix = Rows::new(2, vec![2.0, 0.0, 0.0, 3.0]);
        let rows = Rows::new(2, vec![-1.0, 5.0, 1.0, 5.0]);
        let scaled = to_unit_variance(&matrix, &rows.times(&matrix));
        assert_eq!(scaled.values(), [1.0, 0.0, 0.0, 3.0]);
    }

    #[test]
    fn maps_by_hand() {
        let x = Rows::new(2, vec![1.0, 2.0]);
        let turn = Rows::new(2, vec![0.0, 1.0, -1.0, 0.0]);
        let turned = Mapping::shared(Map::centred(&[1.0, 1.0], turn.clone()));
        assert_eq!(turned.target(&x).values(), [-1.0, 0.0]);
        let apart = Mapping::of_each(Map::Identity, Map::linear(turn));
        assert_eq!(apart.source(&x), x);
        assert_eq!(apart.target(&x).values(), [-2.0, 1.0]);
        let displaced = Map::Displaced {
            rows: Rows::new(2, vec![5.0, 5.0, 0.0, 0.0]),
            displacements: Rows::new(2, vec![9.0, 9.0, 10.0, -10.0]),
        };
        assert_eq!(Mapping::shared(displaced).target(&x).values(), [11.0, -8.0]);
        let kernel = Map::Kernel {
            rows: Rows::new(2, vec![1.0, 2.0, 1.0, 3.0]),
            weights: Rows::new(1, vec![1.0, 10.0]),
            gamma: 2.0,
        };
        let mapped = Mapping::shared(kernel).target(&x);
        assert!((mapped.values()[0] - (1.0 + 10.0 * (-2.0_f64).exp())).abs() < 1e-12);
    }
}
