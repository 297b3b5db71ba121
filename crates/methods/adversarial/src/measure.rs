//! How well a discriminator tells domains apart.

use burn::tensor::Tensor;
use isthmus_core::context::Segment;

/// Mean over the domains of the share of their rows that the discriminator assigns to them: 1
/// when it tells all apart, `1 / domains` at chance, whatever the numbers of rows.
///
/// `logits` are `[batch, 1]` (positive: source) or `[batch, domains]` (columns by
/// [`DomainRole::slot`](isthmus_core::context::DomainRole::slot)).
pub(crate) fn balanced_accuracy(logits: &Tensor<2>, segments: &[Segment]) -> f64 {
    let [_, columns] = logits.dims();
    let values: Vec<f32> = logits.to_data().iter::<f32>().collect();
    let mut predictions = values.chunks(columns.max(1)).map(|row| match row {
        [logit] => usize::from(*logit > 0.0),
        logits => {
            let largest = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            largest.map_or(0, |(column, _)| column)
        }
    });

    let mut domains = std::collections::BTreeMap::<usize, (usize, usize)>::new();
    for segment in segments {
        let slot = segment.domain.slot();
        let (right, rows) = domains.entry(slot).or_default();
        *right += predictions.by_ref().take(segment.rows).filter(|&found| found == slot).count();
        *rows += segment.rows;
    }
    let shares: Vec<f64> = domains
        .values()
        .filter(|(_, rows)| *rows > 0)
        .map(|&(right, rows)| right as f64 / rows as f64)
        .collect();
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use isthmus_core::context::DomainRole;

    use super::*;

    fn segment(domain: DomainRole, rows: usize) -> Segment {
        Segment { domain, rows }
    }

    #[test]
    fn domains_count_alike_whatever_their_size() {
        // All rows called source: right for four of four, and for none of the one target row.
        let logits = Tensor::from_data([[1.0], [2.0], [1.0], [0.5], [3.0]], &Device::flex());
        let segments = [segment(DomainRole::SOURCE, 4), segment(DomainRole::Target, 1)];
        assert_eq!(balanced_accuracy(&logits, &segments), 0.5);
    }

    #[test]
    fn columns_of_several_domains_are_their_slots() {
        let logits = Tensor::from_data(
            [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]],
            &Device::flex(),
        );
        let segments = [
            segment(DomainRole::Source(0), 1),
            segment(DomainRole::Source(1), 1),
            segment(DomainRole::Target, 2),
        ];
        let accuracy = balanced_accuracy(&logits, &segments);
        assert!((accuracy - (1.0 + 1.0 + 0.5) / 3.0).abs() < 1e-12, "{accuracy}");
    }
}
