"""A small random vision transformer of Hugging Face's, with its features and gradients.

Writes what `crates/nn/tests/vit.rs` holds the extractor `vit` against: weights as
`ViTForImageClassification` saves them, and outputs computed in double precision. Needs PyTorch,
transformers (4.30 works with PyTorch 1.13) and safetensors.

    python3 bench/peers/vit.py crates/nn/tests/vit
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import ViTConfig, ViTForImageClassification

CONFIG = dict(
    image_size=16, patch_size=4, num_channels=3, hidden_size=16, num_hidden_layers=2,
    num_attention_heads=2, intermediate_size=24, hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0, num_labels=3,
)
GRADIENTS = [
    "embeddings.cls_token",
    "embeddings.position_embeddings",
    "embeddings.patch_embeddings.projection.bias",
    "encoder.layer.0.layernorm_before.weight",
    "encoder.layer.0.attention.attention.query.weight",
    "encoder.layer.1.intermediate.dense.weight",
    "layernorm.bias",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(1)
    model = ViTForImageClassification(ViTConfig(**CONFIG)).eval()
    for parameter in model.parameters():
        # Larger than what training starts with, so that attention and GELU leave their linear parts.
        parameter.data = torch.randn_like(parameter) * 0.3
    weights = {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")

    model = model.double()
    encoder = model.vit
    images = torch.randn(2, 3, 16, 16)
    direction = torch.randn(2, 16)
    found = encoder(images.double(), output_hidden_states=True)
    features = found.last_hidden_state[:, 0]
    (features * direction.double()).sum().backward()
    outputs = {
        "images": images,
        "direction": direction,
        "features": features,
        "first_layer": found.hidden_states[1][:, 0],
    }
    parameters = dict(encoder.named_parameters())
    outputs |= {f"gradient.{name}": parameters[name].grad for name in GRADIENTS}

    # Images of 24 x 20 pixels: positions brought to 6 x 5 patches, as transformers does since 4.45.
    with torch.no_grad():
        positions = encoder.embeddings.position_embeddings
        grid = positions[:, 1:].reshape(1, 4, 4, 16).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(6, 5), mode="bicubic", align_corners=False)
        grid = grid.permute(0, 2, 3, 1).reshape(1, 30, 16)
        wide = torch.randn(2, 3, 24, 20)
        patches = encoder.embeddings.patch_embeddings.projection(wide.double())
        patches = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([encoder.embeddings.cls_token.expand(2, -1, -1), patches], 1)
        tokens = tokens + torch.cat([positions[:, :1], grid], 1)
        tokens = encoder.encoder(tokens).last_hidden_state
        outputs["wide_images"] = wide
        outputs["wide_features"] = encoder.layernorm(tokens)[:, 0]
    outputs = {name: value.detach().float().contiguous() for name, value in outputs.items()}
    save_file(outputs, folder / "outputs.safetensors")


if __name__ == "__main__":
    main()
