//! Links the plugins.
//!
//! The linker drops a crate that nobody names, and with it the plugins that it registers: each
//! crate with plugins is named here once.

use isthmus_adversarial as _;
use isthmus_augmentations as _;
use isthmus_baseline as _;
use isthmus_closed_form as _;
use isthmus_data as _;
use isthmus_discrepancy as _;
use isthmus_engine as _;
use isthmus_feature_transforms as _;
use isthmus_generative as _;
use isthmus_launchers as _;
use isthmus_nn as _;
use isthmus_normalization as _;
use isthmus_objectives as _;
use isthmus_reweighting as _;
use isthmus_self_supervision as _;
use isthmus_self_training as _;
use isthmus_target_structure as _;
use isthmus_trackers as _;
use isthmus_validators as _;
