//! The domain-aware batch normalisation.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;
use isthmus_core::context::{
    Context, DomainRole, Grouping, NormPolicy, Statistics, StatisticsUpdate,
};
use isthmus_core::network::{Network, UpdateRule, independent_copy};
use isthmus_core::parameter::Parameter;
use isthmus_core::sample_check::SampleCheck;
use isthmus_layers::DomainBatchNorm;
use isthmus_layers::reset_population;
use isthmus_layers::testing::{build_context, close, device, normal, state, training, values};

const SOURCE: DomainRole = DomainRole::SOURCE;
const TARGET: DomainRole = DomainRole::Target;
const POPULATION: NormPolicy =
    NormPolicy { update: StatisticsUpdate::Population, ..NormPolicy::TRAIN };

fn layer(channels: usize) -> DomainBatchNorm {
    let mut layer = DomainBatchNorm::new(channels, &build_context(2));
    layer.weight = layer.weight.map(|old| {
        let scale = normal([old.dims()[0]], 100).add_scalar(2.0);
        scale.set_require_grad(true)
    });
    layer
}

/// Mean and biased variance of the columns of rows.
fn moments(rows: &[f32], columns: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (rows.len() / columns) as f64;
    let of = |column: usize| rows.iter().skip(column).step_by(columns).map(|&x| f64::from(x));
    let means: Vec<f64> = (0..columns).map(|column| of(column).sum::<f64>() / count).collect();
    let variances = (0..columns)
        .map(|column| {
            let squares = of(column).map(|x| (x - means[column]).powi(2)).sum::<f64>();
            (squares / count) as f32
        })
        .collect();
    (means.into_iter().map(|mean| mean as f32).collect(), variances)
}

/// Output and gradients of input, scale and shift of `sum(weights * f(input))`.
fn differentiate<const D: usize>(
    input: &Tensor<D>,
    weights: &Tensor<D>,
    layer: &DomainBatchNorm,
    f: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> [Vec<f32>; 4] {
    let input = input.clone().detach().require_grad();
    let output = f(input.clone());
    let gradients = (output.clone() * weights.clone()).sum().backward();
    [
        values(&output),
        values(&input.grad(&gradients).unwrap()),
        values(&layer.weight.val().grad(&gradients).unwrap()),
        values(&layer.bias.val().grad(&gradients).unwrap()),
    ]
}

fn agrees_with_burn<const D: usize>(shape: [usize; D]) {
    let mut layer = layer(shape[1]);
    let input = normal(shape, 1).mul_scalar(2.0).add_scalar(3.0);
    let weights = normal(shape, 2);
    let fixed = layer.clone();
    let want = differentiate(&input, &weights, &fixed, |x| {
        batch_norm_train(x, fixed.weight.val(), fixed.bias.val(), 1e-5).output
    });
    let context = training(&[(SOURCE, shape[0])]);
    let got = differentiate(&input, &weights, &fixed, |x| layer.forward(x, &context));
    for (got, want) in got.iter().zip(&want) {
        let largest = want.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        close(got, want, 2e-5 * largest);
    }
}

#[test]
fn values_and_gradients_agree_with_burns_own_in_every_rank() {
    agrees_with_burn([9, 5]);
    agrees_with_burn([4, 3, 7]);
    agrees_with_burn([4, 3, 5, 6]);
}

#[test]
fn the_running_variance_moves_towards_the_unbiased_one() {
    let mut layer = layer(3);
    let input = normal([6, 3], 1);
    layer.forward(input.clone(), &training(&[(SOURCE, 6)]));
    let (means, variances) = moments(&values(&input), 3);
    let mean: Vec<f32> = means.iter().map(|mean| 0.1 * mean).collect();
    let variance: Vec<f32> = variances.iter().map(|var| 0.9 + 0.1 * var * 6.0 / 5.0).collect();
    close(&values(&layer.shared.mean.val()), &mean, 1e-6);
    close(&values(&layer.shared.variance.val()), &variance, 1e-6);
}

#[test]
fn copies_keep_statistics_of_their_own() {
    let mut original = layer(3);
    let before = state(&original);
    let mut copies = [original.clone(), original.valid(), independent_copy(&original)];
    for copy in &mut copies {
        let context = training(&[(SOURCE, 4), (TARGET, 4)]);
        copy.forward(normal([8, 3], 1), &context);
        let per_domain = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
        copy.forward(normal([8, 3], 2), &context.with_norm(per_domain));
        assert_ne!(state(copy), before);
    }
    assert_eq!(state(&original), before);
    let copied = state(&copies[0]);
    original.forward(normal([8, 3], 3), &training(&[(SOURCE, 8)]));
    assert_eq!(state(&copies[0]), copied);
}

#[test]
fn the_state_goes_round_bit_by_bit() {
    let mut trained = layer(3);
    for seed in 0..4 {
        for grouping in [Grouping::Shared, Grouping::PerDomain, Grouping::Mixed] {
            let policy = NormPolicy::TRAIN.grouped(grouping);
            let context = training(&[(SOURCE, 5), (TARGET, 3)]).with_norm(policy);
            trained.forward(normal([8, 3], seed), &context);
        }
        let context = training(&[(TARGET, 8)]).with_norm(POPULATION);
        trained.forward(normal([8, 3], seed + 9), &context);
    }
    let tensors: BTreeMap<_, _> =
        trained.tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
    let mut loaded = DomainBatchNorm::new(3, &build_context(2));
    loaded.load_tensors(&tensors).unwrap();
    assert_eq!(state(&loaded), state(&trained));
    let context = || training(&[(SOURCE, 8)]);
    let input = normal([8, 3], 20);
    let (a, b) = (trained.forward(input.clone(), &context()), loaded.forward(input, &context()));
    assert_eq!(values(&a), values(&b));
    assert_eq!(state(&loaded), state(&trained));
    assert_eq!(loaded.parameter_count(), 3 + 3 + 1, "statistics are not trained");
}

#[test]
fn evaluation_changes_nothing() {
    let mut layer = layer(3);
    layer.forward(normal([8, 3], 1), &training(&[(SOURCE, 8)]));
    let before = state(&layer);
    for grouping in [Grouping::Shared, Grouping::PerDomain, Grouping::Mixed] {
        let policy = NormPolicy::EVALUATE.grouped(grouping);
        layer.forward(normal([5, 3], 2), &Context::evaluate(TARGET, 5).with_norm(policy));
    }
    let batch = NormPolicy { update: StatisticsUpdate::Keep, ..NormPolicy::TRAIN };
    layer.forward(normal([5, 3], 2), &Context::evaluate(TARGET, 5).with_norm(batch));
    assert_eq!(state(&layer), before);
}

#[test]
fn running_statistics_normalise_by_themselves() {
    let mut layer = layer(2);
    for seed in 0..50 {
        layer.forward(normal([64, 2], seed).add_scalar(4.0), &training(&[(SOURCE, 64)]));
    }
    let row =
        layer.forward(Tensor::<2>::full([1, 2], 4.0, &device()), &Context::evaluate(TARGET, 1));
    close(&values(&row), &[0.0, 0.0], 0.2);
}

#[test]
fn domains_are_normalised_apart() {
    let mut layer = layer(3);
    let input = Tensor::cat(
        vec![
            normal([4, 3], 1),
            normal([5, 3], 2).add_scalar(10.0),
            normal([6, 3], 3).sub_scalar(5.0),
        ],
        0,
    );
    let policy = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
    let rows = [(SOURCE, 4), (DomainRole::Source(1), 5), (TARGET, 6)];
    let joint = layer.clone().forward(input.clone(), &training(&rows).with_norm(policy));
    let mut apart = Vec::new();
    for (start, row) in [0, 4, 9].into_iter().zip(rows) {
        let part = input.clone().narrow(0, start, row.1);
        apart.push(layer.forward(part, &training(&[row]).with_norm(policy)));
    }
    close(&values(&joint), &values(&Tensor::cat(apart, 0)), 1e-6);
    let mean = |slot: usize| values(&layer.domains[slot].mean.val())[0];
    assert!(mean(2) > 0.8 && mean(0) < -0.3 && mean(1).abs() < 0.2);
    assert_eq!(values(&layer.shared.mean.val()), vec![0.0; 3], "shared statistics are not touched");
    let evaluation = NormPolicy::EVALUATE.grouped(Grouping::PerDomain);
    let row = || Tensor::<2>::zeros([1, 3], &device());
    let as_target = Context::evaluate(TARGET, 1).with_norm(evaluation);
    let as_source = Context::evaluate(SOURCE, 1).with_norm(evaluation);
    assert_ne!(
        values(&layer.forward(row(), &as_target)),
        values(&layer.forward(row(), &as_source))
    );
}

#[test]
fn rows_of_a_domain_need_not_be_neighbours() {
    let input = normal([7, 2], 1);
    let policy = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
    let mixed = training(&[(SOURCE, 2), (TARGET, 3), (SOURCE, 2)]).with_norm(policy);
    let got = layer(2).forward(input.clone(), &mixed);
    let part = |start, rows| input.clone().narrow(0, start, rows);
    let ordered = Tensor::cat(vec![part(0, 2), part(5, 2), part(2, 3)], 0);
    let want = layer(2).forward(ordered, &training(&[(SOURCE, 4), (TARGET, 3)]).with_norm(policy));
    let part = |start, rows| want.clone().narrow(0, start, rows);
    let want = Tensor::cat(vec![part(0, 2), part(4, 3), part(2, 2)], 0);
    close(&values(&got), &values(&want), 1e-6);
}

#[test]
fn a_pass_over_batches_gives_the_population() {
    let mut layer = layer(3);
    layer.forward(normal([16, 3], 50).add_scalar(9.0), &training(&[(SOURCE, 16)]));
    let input = normal([15, 3], 1).mul_scalar(3.0).sub_scalar(2.0);
    let pass = |layer: &mut DomainBatchNorm| {
        for (start, rows) in [(0, 7), (7, 5), (12, 3)] {
            let batch = input.clone().narrow(0, start, rows);
            layer.forward(batch, &training(&[(TARGET, rows)]).with_norm(POPULATION));
        }
    };
    pass(&mut layer);
    let (mean, variance) = moments(&values(&input), 3);
    close(&values(&layer.shared.mean.val()), &mean, 1e-5);
    close(&values(&layer.shared.variance.val()), &variance, 1e-4);
    assert_eq!(values(&layer.shared.population_rows.val()), [15.0]);

    reset_population(&mut layer);
    close(&values(&layer.shared.mean.val()), &mean, 1e-5);
    let other = normal([4, 3], 60).add_scalar(1.0);
    layer.forward(other.clone(), &training(&[(TARGET, 4)]).with_norm(POPULATION));
    let (mean, _) = moments(&values(&other), 3);
    close(&values(&layer.shared.mean.val()), &mean, 1e-6);
}

#[test]
fn statistics_can_be_gathered_while_running_ones_normalise() {
    let policy = NormPolicy { statistics: Statistics::Running, ..POPULATION };
    let mut layer = layer(3);
    let input = normal([6, 3], 1).add_scalar(5.0);
    let output = layer.forward(input.clone(), &training(&[(TARGET, 6)]).with_norm(policy));
    let weight = values(&layer.weight.val());
    let first: Vec<f32> = values(&input)[..3].iter().zip(&weight).map(|(x, w)| x * w).collect();
    close(&values(&output)[..3], &first, 1e-3);
    let (mean, _) = moments(&values(&input), 3);
    close(&values(&layer.shared.mean.val()), &mean, 1e-5);
}

#[test]
fn one_row_does_not_spoil_the_statistics_and_is_told() {
    let mut layer = layer(3);
    let samples = SampleCheck::default();
    let context = training(&[(SOURCE, 1)]).with_check(&samples);
    let output = layer.forward(normal([1, 3], 1), &context);
    assert_eq!(values(&output), vec![0.0; 3]);
    assert!(state(&layer).iter().all(|(_, values)| values.iter().all(|value| value.is_finite())));
    assert_eq!(values(&layer.shared.variance.val()), vec![1.0; 3]);
    let text = samples.result().unwrap_err().to_string();
    assert!(
        text.contains("over 3 channels would take its statistics of a single sample"),
        "{text}"
    );
}

#[test]
fn a_single_row_of_a_domain_is_told_where_domains_are_apart() {
    for (grouping, told) in [
        (Grouping::Shared, None),
        (Grouping::Separate, Some("sample of the target")),
        (Grouping::PerDomain, Some("sample of the target")),
        (Grouping::Mixed, Some("sample of the target")),
    ] {
        let samples = SampleCheck::default();
        let policy = NormPolicy::TRAIN.grouped(grouping);
        let context = training(&[(SOURCE, 4), (TARGET, 1)]).with_norm(policy);
        layer(3).forward(normal([5, 3], 1), &context.with_check(&samples));
        let text = samples.result().err().map(|error| error.to_string());
        assert_eq!(text.is_some(), told.is_some(), "{grouping:?}: {text:?}");
        assert!(told.is_none_or(|told| text.unwrap().contains(told)));
    }
    // One image has many positions, and running statistics need no samples.
    let samples = SampleCheck::default();
    let one = || training(&[(SOURCE, 1)]).with_check(&samples);
    layer(3).forward(normal([1, 3, 4, 4], 1), &one());
    layer(3).forward(normal([1, 3], 1), &one().with_norm(NormPolicy::EVALUATE));
    assert_eq!(samples.result(), Ok(()));
}

/// As an ordinary network that is given one domain after the other.
#[test]
fn separate_domains_share_running_statistics() {
    let policy = NormPolicy::TRAIN.grouped(Grouping::Separate);
    let input = Tensor::cat(vec![normal([4, 3], 1), normal([6, 3], 2).add_scalar(5.0)], 0);
    let mut separate = layer(3);
    let output =
        separate.forward(input.clone(), &training(&[(SOURCE, 4), (TARGET, 6)]).with_norm(policy));
    let mut ordinary = layer(3);
    let source = ordinary.forward(input.clone().narrow(0, 0, 4), &training(&[(SOURCE, 4)]));
    let target = ordinary.forward(input.narrow(0, 4, 6), &training(&[(TARGET, 6)]));
    close(&values(&output), &values(&Tensor::cat(vec![source, target], 0)), 1e-6);
    assert_eq!(state(&separate), state(&ordinary));
    let row = || Tensor::<2>::ones([1, 3], &device());
    let evaluation = NormPolicy::EVALUATE.grouped(Grouping::Separate);
    let apart = separate.forward(row(), &Context::evaluate(TARGET, 1).with_norm(evaluation));
    let want = ordinary.forward(row(), &Context::evaluate(TARGET, 1));
    assert_eq!(values(&apart), values(&want));
}

/// What a layer makes of one row of zeros of a domain when evaluated.
fn evaluated(layer: &mut DomainBatchNorm, domain: DomainRole, grouping: Grouping) -> Vec<f32> {
    let context = Context::evaluate(domain, 1).with_norm(NormPolicy::EVALUATE.grouped(grouping));
    values(&layer.forward(Tensor::<2>::zeros([1, 3], &device()), &context))
}

#[test]
fn statistics_that_nobody_set_are_those_of_the_domains_that_were_seen() {
    let per_domain = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
    let (mut of_source, mut ordinary) = (layer(3), layer(3));
    for seed in 0..30 {
        let rows = normal([16, 3], seed).add_scalar(4.0);
        let context = training(&[(SOURCE, 16)]);
        ordinary.forward(rows.clone(), &context);
        of_source.forward(rows, &context.with_norm(per_domain));
    }
    // The source's are the only ones: the same, bit for bit, whoever asks.
    let want = evaluated(&mut ordinary, TARGET, Grouping::Shared);
    for grouping in [Grouping::PerDomain, Grouping::Mixed, Grouping::Shared] {
        for domain in [SOURCE, DomainRole::Source(1), TARGET] {
            assert_eq!(
                evaluated(&mut of_source, domain, grouping),
                want,
                "{domain:?}, {grouping:?}"
            );
        }
    }
    // Of two sources, the target takes the mixture.
    let mut pooled = layer(3);
    let policy = NormPolicy { update: StatisticsUpdate::Population, ..per_domain };
    let rows = Tensor::cat(vec![normal([50, 3], 1), normal([50, 3], 2).add_scalar(3.0)], 0);
    let sources = training(&[(SOURCE, 50), (DomainRole::Source(1), 50)]);
    pooled.forward(rows.clone(), &sources.with_norm(policy));
    let mut all = layer(3);
    all.forward(rows, &training(&[(SOURCE, 100)]).with_norm(POPULATION));
    let want = evaluated(&mut all, TARGET, Grouping::Shared);
    close(&evaluated(&mut pooled, TARGET, Grouping::PerDomain), &want, 1e-4);
    // Its own, once it has any.
    let target = normal([50, 3], 3).sub_scalar(2.0);
    pooled.forward(target.clone(), &training(&[(TARGET, 50)]).with_norm(policy));
    let mut own = layer(3);
    own.forward(target, &training(&[(TARGET, 50)]).with_norm(POPULATION));
    let want = evaluated(&mut own, TARGET, Grouping::Shared);
    close(&evaluated(&mut pooled, TARGET, Grouping::PerDomain), &want, 1e-4);
}

#[test]
fn domains_of_a_later_stage_begin_with_the_statistics_of_all_rows() {
    let mut layer = layer(3);
    for seed in 0..60 {
        layer.forward(normal([32, 3], seed).add_scalar(4.0), &training(&[(SOURCE, 32)]));
    }
    let shared = evaluated(&mut layer, TARGET, Grouping::Shared);
    assert_eq!(evaluated(&mut layer, TARGET, Grouping::PerDomain), shared);
    let policy = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
    let rows = normal([32, 3], 99).add_scalar(4.0);
    layer.forward(rows, &training(&[(TARGET, 32)]).with_norm(policy));
    // One batch moves them by a tenth; from mean 0 and variance 1 they would be far away.
    close(&values(&layer.domains[0].mean.val()), &[4.0; 3], 0.1);
    // A layer that has seen nothing normalises by what it was made or loaded with.
    let mut fresh = self::layer(3);
    assert_eq!(evaluated(&mut fresh, TARGET, Grouping::PerDomain), vec![0.0; 3]);
}

fn mixed() -> Context {
    training(&[(SOURCE, 4), (TARGET, 6)]).with_norm(NormPolicy::TRAIN.grouped(Grouping::Mixed))
}

fn set_alpha(layer: &mut DomainBatchNorm, value: f32) {
    layer.alpha = layer
        .alpha
        .clone()
        .map(|old| Tensor::from_floats([value], &old.device()).set_require_grad(true));
}

#[test]
fn alpha_goes_from_apart_to_alike() {
    let input = normal([10, 3], 1);
    let mut layer = layer(3);
    let apart = values(&layer.forward(input.clone(), &mixed()));
    let per_domain = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
    let want = layer.forward(input.clone(), &mixed().with_norm(per_domain));
    close(&apart, &values(&want), 1e-5);
    set_alpha(&mut layer, 0.5);
    let halves = Tensor::cat(vec![input.clone().narrow(0, 0, 4); 2], 0);
    let rows = training(&[(SOURCE, 4), (TARGET, 4)]);
    let want = layer.forward(halves.clone(), &rows);
    let alike = layer.forward(halves, &rows.with_norm(NormPolicy::TRAIN.grouped(Grouping::Mixed)));
    close(&values(&alike), &values(&want), 1e-5);
}

/// Sets every parameter to a value.
struct Set(f32);

impl UpdateRule for Set {
    fn update_host(&mut self, _parameter: &Parameter<'_>, value: &mut [f32], _gradient: &[f32]) {
        value.fill(self.0);
    }

    fn update_device(
        &mut self,
        _parameter: &Parameter<'_>,
        value: Tensor<1>,
        _gradient: Tensor<1>,
    ) -> Tensor<1> {
        value.mul_scalar(0.0).add_scalar(self.0)
    }
}

#[test]
fn updates_keep_alpha_in_its_range_and_its_gradient_adds_up() {
    let weights = normal([10, 3], 2);
    let pass = |layer: &mut DomainBatchNorm, seed| {
        (layer.forward(normal([10, 3], seed), &mixed()) * weights.clone()).sum()
    };
    let original = layer(3);
    for mut layer in [original.clone(), independent_copy(&original)] {
        for (set, kept) in [(1.3, 1.0), (0.2, 0.5), (0.7, 0.7)] {
            let mut gradients = pass(&mut layer, 1).backward();
            layer.update(&mut gradients, &mut Set(set));
            assert_eq!(values(&layer.alpha.val()), [kept], "{set}");
            assert_eq!(values(&layer.bias.val()), [set; 3], "others are as the rule says");
        }
        let gradient = |loss: Tensor<1>, layer: &DomainBatchNorm| {
            values(&layer.alpha.val().grad(&loss.backward()).unwrap())[0]
        };
        let loss = pass(&mut layer, 1) + pass(&mut layer, 3);
        let both = gradient(loss, &layer);
        let sum: f32 = [1, 3]
            .map(|seed| {
                let loss = pass(&mut layer, seed);
                gradient(loss, &layer)
            })
            .iter()
            .sum();
        assert!(both != 0.0 && (both - sum).abs() < 1e-4, "{both} is not {sum}");
    }
}

#[test]
fn a_pass_over_one_domain_needs_no_mixture() {
    let mut layer = layer(3);
    let context = training(&[(TARGET, 6)]).with_norm(NormPolicy::TRAIN.grouped(Grouping::Mixed));
    let input = normal([6, 3], 1);
    let output = layer.forward(input.clone(), &context);
    let want = layer.forward(input, &training(&[(TARGET, 6)]));
    close(&values(&output), &values(&want), 1e-6);
}
