//! Model selection without target labels: one file a validator.
#![cfg_attr(test, allow(clippy::unwrap_used))]
