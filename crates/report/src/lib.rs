//! A page that shows the results of experiments, and figures for papers.
#![cfg_attr(test, allow(clippy::unwrap_used))]
