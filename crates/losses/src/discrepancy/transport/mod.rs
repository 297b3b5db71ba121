//! Optimal transport between the rows of two domains.
//!
//! Plans are found on the host in 64-bit arithmetic and are constants of the losses: by the
//! envelope theorem the gradient of the best value is that of the cost under the best plan.

mod cost;
mod divergence;
mod exact;
mod graph_matching;
mod joint;
mod sinkhorn;

pub use cost::{mean_squared_distance, transport_cost, wasserstein};
pub use divergence::{entropic_transport, sinkhorn_divergence};
pub use exact::exact_plan;
pub use graph_matching::{fused_gromov_wasserstein, graph_edge_cost, graph_matching_plan};
pub use joint::{joint_costs, joint_transport};
pub use sinkhorn::{EntropicPlan, Sinkhorn, sinkhorn_plan};

/// A matrix of costs or masses on the host, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct HostMatrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The entries.
    pub values: Vec<f64>,
}

impl HostMatrix {
    /// The entries of a tensor.
    pub fn of(tensor: &burn::tensor::Tensor<2>) -> Self {
        let [rows, columns] = tensor.dims();
        Self { rows, columns, values: tensor.to_data().iter::<f64>().collect() }
    }

    /// The same entries as a tensor off the tape.
    pub fn to_tensor(&self, device: &burn::tensor::Device) -> burn::tensor::Tensor<2> {
        let values: Vec<f32> = self.values.iter().map(|value| *value as f32).collect();
        let data = burn::tensor::TensorData::new(values, [self.rows, self.columns]);
        burn::tensor::Tensor::from_data(data, device)
    }
}
