"""Prints PyTorch's CTC loss and the start of its gradient for the case of the test
`the_loss_is_that_of_pytorch` in crates/losses/src/classification/ctc.rs.

    python3 bench/peers/ctc.py
"""

import torch

STEPS, OUTPUTS, TARGET = 12, 6, [1, 3, 3, 0]

step, output = torch.meshgrid(torch.arange(STEPS), torch.arange(OUTPUTS), indexing="ij")
logits = (2.0 * torch.sin(1.7 * step.double() + 0.9 * output.double())).requires_grad_()
loss = torch.nn.functional.ctc_loss(
    logits.log_softmax(1).unsqueeze(1),
    torch.tensor([TARGET]),
    torch.tensor([STEPS]),
    torch.tensor([len(TARGET)]),
    blank=OUTPUTS - 1,
    reduction="sum",
)
loss.backward()
print(f"torch {torch.__version__}: {loss.item():.6f}")
print([round(value, 6) for value in logits.grad.flatten()[:OUTPUTS].tolist()])
print([round(value, 6) for value in logits.grad.flatten()[-OUTPUTS:].tolist()])
