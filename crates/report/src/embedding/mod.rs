//! Lays out features in the plane.

mod pca;
mod tsne;

use std::fmt;
use std::str::FromStr;

/// How many-dimensional features are laid out in the plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Embedding {
    /// t-SNE (van der Maaten and Hinton 2008), from the principal components: neighbours stay
    /// neighbours; distances between groups mean nothing.
    #[default]
    Tsne,
    /// The two principal components: distances shrink, and keep their order on the whole.
    Pca,
}

impl Embedding {
    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsne => "tsne",
            Self::Pca => "pca",
        }
    }

    /// The name in titles.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tsne => "t-SNE",
            Self::Pca => "principal components",
        }
    }
}

impl fmt::Display for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Embedding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "tsne" => Ok(Self::Tsne),
            "pca" => Ok(Self::Pca),
            _ => Err(format!("`{text}` is not one of tsne, pca")),
        }
    }
}

/// The points' places in the plane, the same on every call, and the way that was gone: too few
/// points for t-SNE are laid out by their principal components. Points are finite and of one
/// length.
pub(crate) fn embed(points: &[&[f32]], embedding: Embedding) -> (Vec<[f64; 2]>, Embedding) {
    let components = pca::components(points);
    if embedding == Embedding::Tsne
        && let Some(places) = tsne::places(points, &components)
    {
        return (places, Embedding::Tsne);
    }
    (components, Embedding::Pca)
}
