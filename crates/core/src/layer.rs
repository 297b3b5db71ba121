//! The layers of a model that methods can look at, by name.

use std::str::FromStr;

/// A layer of a model: what it gives for each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A hidden layer of the extractor, from 0: `extractor.0`.
    Extractor(usize),
    /// The features that methods align, after the bottleneck.
    Features,
    /// The classifier's outputs.
    Logits,
}

impl Layer {
    /// All layers of a model whose extractor gives `hidden` hidden layers, in their order.
    pub fn all(hidden: usize) -> Vec<Self> {
        let last = [Self::Features, Self::Logits];
        (0..hidden).map(Self::Extractor).chain(last).collect()
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Extractor(index) => write!(f, "extractor.{index}"),
            Self::Features => f.write_str("features"),
            Self::Logits => f.write_str("logits"),
        }
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let hidden = || name.strip_prefix("extractor.")?.parse().ok();
        match name {
            "features" => Ok(Self::Features),
            "logits" => Ok(Self::Logits),
            _ => hidden().map(Self::Extractor).ok_or_else(|| {
                format!(
                    "`{name}` is no layer; layers are `features`, `logits`, and the extractor's \
                     hidden ones from `extractor.0` on"
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for layer in Layer::all(3) {
            assert_eq!(layer.to_string().parse(), Ok(layer));
        }
        assert_eq!(Layer::all(2).len(), 4);
        let error = "extractor.last".parse::<Layer>().unwrap_err();
        assert!(error.contains("from `extractor.0` on"), "{error}");
    }
}
