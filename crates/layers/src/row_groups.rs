//! The rows of a batch that are normalised together.

use std::ops::Range;

use burn::tensor::Tensor;
use isthmus_core::context::{DomainRole, Segment};

/// The slot of a row where the grouping is mixed: all sources are one.
pub(crate) fn mixed_slot(domain: DomainRole) -> usize {
    domain.slot().min(1)
}

/// What messages call the domains of a slot.
pub(crate) fn domain_name(slot: usize) -> &'static str {
    if slot == DomainRole::Target.slot() { "target" } else { "source" }
}

/// Rows that are normalised together.
pub(crate) struct Group {
    /// Position of their domain's running statistics.
    pub(crate) slot: usize,
    ranges: Vec<Range<usize>>,
}

impl Group {
    /// The rows.
    pub(crate) fn take<const D: usize>(&self, input: &Tensor<D>) -> Tensor<D> {
        let parts: Vec<Tensor<D>> = self
            .ranges
            .iter()
            .map(|range| input.clone().narrow(0, range.start, range.len()))
            .collect();
        cat(parts)
    }
}

/// The rows by slot, in the order in which the slots come up.
pub(crate) fn groups(
    segments: &[Segment],
    slot: fn(DomainRole) -> usize,
    batch: usize,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut start = 0;
    for segment in segments.iter().filter(|segment| segment.rows > 0) {
        let range = start..start + segment.rows;
        start = range.end;
        let slot = slot(segment.domain);
        match groups.iter_mut().find(|group| group.slot == slot) {
            None => groups.push(Group { slot, ranges: vec![range] }),
            Some(group) => match group.ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => group.ranges.push(range),
            },
        }
    }
    assert_eq!(start, batch, "the context tells of {start} rows, the batch has {batch}");
    groups
}

/// Puts the rows of groups back into their places.
pub(crate) fn join<const D: usize>(groups: &[Group], outputs: Vec<Tensor<D>>) -> Tensor<D> {
    let mut pieces = Vec::new();
    for (group, output) in groups.iter().zip(outputs) {
        let mut start = 0;
        for range in &group.ranges {
            pieces.push((range.start, output.clone().narrow(0, start, range.len())));
            start += range.len();
        }
    }
    pieces.sort_by_key(|(start, _)| *start);
    cat(pieces.into_iter().map(|(_, piece)| piece).collect())
}

fn cat<const D: usize>(mut parts: Vec<Tensor<D>>) -> Tensor<D> {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            Tensor::cat(parts, 0)
        }
    }
}
