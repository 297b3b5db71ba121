//! Texts in memory, as their readers have them: networks of texts make numbers of them.

use std::sync::Arc;

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;

/// Texts of any length. Every view is the same.
#[derive(Clone)]
pub struct TextSource {
    texts: Arc<[String]>,
}

impl TextSource {
    /// These texts.
    pub fn new(texts: impl Into<Arc<[String]>>) -> Self {
        Self { texts: texts.into() }
    }
}

impl SampleSource for TextSource {
    fn rows(&self) -> usize {
        self.texts.len()
    }

    fn shape(&self) -> InputShape {
        InputShape::Text
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        Ok(SampleValues::Texts(indices.iter().map(|&row| self.texts[row].clone()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_the_order_asked_for() {
        let source = TextSource::new(vec!["one".to_owned(), "two".to_owned(), String::new()]);
        assert_eq!((source.rows(), source.shape()), (3, InputShape::Text));
        let read = source.values(&[2, 0], SampleView::Plain).unwrap();
        assert_eq!(read, SampleValues::Texts(vec![String::new(), "one".to_owned()]));
    }
}
