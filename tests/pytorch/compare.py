"""Loads an exported model by the code of docs/export.md and prints how far its outputs are from
those that isthmus recorded.

compare.py DOCUMENT FOLDER ARRAYS NAME RECORD PREDICTIONS

ARRAYS is the .npz with the target's samples, NAME the array; RECORD has `outputs.safetensors` with
the outputs of all of them, PREDICTIONS is what `isthmus predict` wrote of them.
"""

import csv
import json
import re
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file

document, folder, arrays, name, record, predictions = sys.argv[1:]
blocks = re.findall(r"```python\n(.*?)```", Path(document).read_text(), re.DOTALL)
exec(blocks[0])  # defines `Exported`

model = Exported(folder)
inputs = torch.from_numpy(numpy.load(arrays)[name])
if inputs.dtype == torch.uint8:
    if inputs.ndim == 3:
        inputs = inputs[..., None]
    inputs = inputs.permute(0, 3, 1, 2).float() / 255
    transform = model.about["transform"]
    mean, std = (torch.tensor(transform[key]).reshape(1, -1, 1, 1) for key in ("mean", "std"))
    inputs = ((inputs - mean) / std).float()
with torch.no_grad():
    outputs = model(inputs)

recorded = load_file(str(Path(record) / "outputs.safetensors"))["target_logits"]
with open(predictions, newline="") as file:
    rows = list(csv.reader(file))
shown = torch.tensor([[float(value) for value in row[2:]] for row in rows[1:]])
differences = {
    "rows": len(inputs),
    "spread": (recorded.max() - recorded.min()).item(),
    "logits": (outputs - recorded).abs().max().item(),
    "probabilities": (outputs.softmax(1) - shown).abs().max().item(),
}
print(json.dumps(differences))
